"""Figure 2: test error over learning rate x decay for SGD, SGDW, Adam and AdamW under cosine annealing.

    python -m experiments run fig2 --profile demo

Expect (the paper's claims): with L2 the low-error basin lies diagonally, decoupled it is aligned with the axes, so that
the best decay is the same in every row; Adam with L2 has the highest best error of the four.

The paper's learning rates are 1, 1/2, ..., 1/1024 for SGD and SGDW and a tenth of that for Adam and AdamW; decay is the
same raw axis in all four panels. The reduced profiles keep that form on shorter axes: a shorter run needs a larger
decay (docs/experiments.md says how the axes were placed). Cost: on two cores with AMX the demo took 3 minutes, `cpu`
1.7 core-hours. An H100 trained 17 cells of `gpu_short` a minute; `gpu` should take it half an hour (`--dry-run`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.declare import Experiment, Profile, grid, halvings, zero_and
from experiments.scales import CPU, DEMO, GPU, GPU_SHORT, NOTES, PAPER
from paper_repro.cell import Cell


def _four(base: Cell, sgd: Sequence[float], adam: Sequence[float], decays: Sequence[float]) -> tuple[Cell, ...]:
    return grid(base, ["sgd", "sgdw"], sgd, decays) + grid(base, ["adam", "adamw"], adam, decays)


CELLS = {
    "demo": _four(DEMO, halvings(1.6, 7), halvings(0.08, 7), zero_and(0.064, 6)),
    "cpu": (
        *_four(CPU, halvings(1.6, 7), halvings(0.08, 7), zero_and(0.064, 7)),
        *grid(CPU, ["adam"], halvings(0.08, 7), [0.128, 0.256]),  # its valley runs on at small alpha
    ),
    "gpu_short": _four(GPU_SHORT, halvings(0.8, 7), halvings(0.016, 7), zero_and(0.016, 6)),
    "gpu": _four(GPU, halvings(0.8, 7), halvings(0.016, 7), zero_and(0.008, 6)),
    "paper": _four(PAPER, halvings(1.0, 11), halvings(0.1, 11), zero_and(0.016, 10)),
}
NEAR_BEST = {  # learning rate and decay of each optimizer, for experiments that want one cell of each
    "demo": {"sgd": (0.4, 0.004), "sgdw": (0.2, 0.032), "adam": (0.01, 0.032), "adamw": (0.02, 0.016)},
    "cpu": {"sgd": (0.2, 0.008), "sgdw": (0.1, 0.016), "adam": (0.0025, 0.064), "adamw": (0.04, 0.008)},
    "gpu": {"adam": (0.002, 0.001), "adamw": (0.002, 0.001)},
}


def near_best(scale: str, variants: Sequence[Mapping[str, Any]], seeds: int) -> Profile:
    """A cell of each optimizer near the best of its grid at this scale, in each variant: fields that it changes."""
    base = CELLS[scale][0]
    cells = tuple(
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay, **variant)
        for optimizer, (alpha, decay) in NEAR_BEST[scale].items()
        for variant in variants
    )
    return Profile(cells, NOTES[scale], seeds)


EXPERIMENT = Experiment(
    name="fig2",
    title="Test error over learning rate and decay, cosine annealing",
    figure="heat_maps",
    profiles={scale: Profile(cells, NOTES[scale], 3 if scale == "cpu" else 1) for scale, cells in CELLS.items()},
)
