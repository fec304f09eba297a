"""Figure 2: test error over learning rate x decay for SGD, SGDW, Adam and AdamW under cosine annealing.

    python -m experiments run fig2 --profile demo
    python -m analysis figures fig2

Expect (the paper's claims): with L2 the low-error basin lies diagonally, decoupled it is aligned with the axes, so that
the best decay is the same in every row; Adam with L2 has the highest best error of the four.

The paper's learning rates are 1, 1/2, ..., 1/1024 for SGD and SGDW and a tenth of that for Adam and AdamW; decay is the
same raw axis in all four panels. The reduced profiles keep that form on shorter axes: a shorter run needs a larger
decay. Those of `demo` and `cpu` were placed where pilots found the valley.

Those of `gpu` and `gpu_short` were placed before any of their cells had run on a GPU, between what is known. (Then 92
of `gpu_short` were, and AdamW's best decay was 0.002, at learning rates of 0.001 to 0.004.) The best decoupled decay is
0.00025 to 0.0005 after the paper's 39,100 updates, 0.05 to 0.1 normalized, and 0.008 to 0.016 after the 640 of `cpu`,
0.2 to 0.4 normalized. A power law between them gives 0.0019 after the 5,280 updates of `gpu` and 0.0032 after the 2,816
of `gpu_short`; normalized decays of 0.05 to 0.4 are 0.0007 to 0.0055 and 0.0009 to 0.0075 there. L2's valley for SGD
crosses these decays where alpha is about 0.1. The best rates are 1/64 to 1/8 (SGD, SGDW) and 0.0004 to 0.0016 (Adam,
AdamW) in the paper, 0.05 to 0.4 and 0.0025 to 0.04 at `cpu`. A pilot on a CPU (wide_resnet-10-1, 15 epochs of 10,000
images of cifar10-jpeg averaged to 16 x 16: 1,185 updates; 16 cells) did best, of rates a factor of 4 apart, at 0.2
(SGDW), 0.008 (AdamW) and 0.004 (Adam, of two); of decays as far apart at 0.004 (AdamW, with 0.001 and 0.016 beside it)
and, at the lowest of three, at 0.0005 (SGD at 0.2, 0.002 little worse).

Cost: scales.py says what is trained; on two cores with AMX the demo took 3 minutes, `cpu` 1.7 core-hours. An
H100 trained 17 cells of `gpu_short` a minute; `gpu` should take it half an hour (`--dry-run`).
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.declare import Experiment, Profile, grid, halvings
from experiments.scales import (
    CPU,
    CPU_NOTE,
    DEMO,
    DEMO_NOTE,
    GPU,
    GPU_NOTE,
    GPU_SHORT,
    GPU_SHORT_NOTE,
    PAPER,
    PAPER_NOTE,
)
from paper_repro.cell import Cell


def _four(base: Cell, sgd: Sequence[float], adam: Sequence[float], decays: Sequence[float]) -> tuple[Cell, ...]:
    return tuple(grid(base, ["sgd", "sgdw"], sgd, decays) + grid(base, ["adam", "adamw"], adam, decays))


def _decays(top: float, count: int) -> list[float]:
    """0 and `count` values, each twice the one before, up to top."""
    return [0.0, *reversed(halvings(top, count))]


DEMO_CELLS = _four(DEMO, halvings(1.6, 7), halvings(0.08, 7), _decays(0.064, 6))
# Adam's valley runs on at small alpha.
CPU_CELLS = (
    *_four(CPU, halvings(1.6, 7), halvings(0.08, 7), _decays(0.064, 7)),
    *grid(CPU, ["adam"], halvings(0.08, 7), [0.128, 0.256]),
)
GPU_SHORT_CELLS = _four(GPU_SHORT, halvings(0.8, 7), halvings(0.016, 7), _decays(0.016, 6))
GPU_CELLS = _four(GPU, halvings(0.8, 7), halvings(0.016, 7), _decays(0.008, 6))
PAPER_CELLS = _four(PAPER, halvings(1.0, 11), halvings(0.1, 11), _decays(0.016, 10))
NEAR_BEST = {  # learning rate and decay, for experiments that want one cell of each
    "demo": {"sgd": (0.4, 0.004), "sgdw": (0.2, 0.032), "adam": (0.01, 0.032), "adamw": (0.02, 0.016)},
    "cpu": {"sgd": (0.2, 0.008), "sgdw": (0.1, 0.016), "adam": (0.0025, 0.064), "adamw": (0.04, 0.008)},
}

EXPERIMENT = Experiment(
    name="fig2",
    title="Test error over learning rate and decay, cosine annealing",
    figure="heat_maps",
    profiles={
        "demo": Profile(DEMO_CELLS, DEMO_NOTE),
        "cpu": Profile(CPU_CELLS, CPU_NOTE, seeds=3),
        "gpu_short": Profile(GPU_SHORT_CELLS, GPU_SHORT_NOTE),
        "gpu": Profile(GPU_CELLS, GPU_NOTE),
        "paper": Profile(PAPER_CELLS, PAPER_NOTE),
    },
)
