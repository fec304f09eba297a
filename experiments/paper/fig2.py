"""Figure 2: test error over learning rate x decay for SGD, SGDW, Adam and AdamW under cosine annealing.

    python -m experiments run fig2 --profile demo

Expect (the paper's claims): with L2 the low-error basin lies diagonally, decoupled it is aligned with the axes, so that
the best decay is the same in every row; Adam with L2 has the highest best error of the four.

The paper's learning rates are 1, 1/2, ..., 1/1024 for SGD and SGDW and a tenth of that for Adam and AdamW; decay is the
same raw axis in all four panels. The reduced profiles keep that form on shorter axes: a shorter run needs a larger
decay (docs/experiments.md says how the axes were placed).

`cpu_long` makes 2,400 updates where `cpu` makes 640. Between the best decoupled decays of `cpu`, 0.008 to 0.016, and
the paper's, 0.00025 to 0.0005 after 39,100 updates, a power law has the exponent -0.84: 0.0026 to 0.0053 after 2,400,
inside its axis; L2's valleys, at `cpu` 0.016 (SGD at 0.05) and 0.008 (Adam at 0.01), should move as far. Rates are half
those of `cpu`, whose largest do worst. In a pilot AdamW at 0.01 had 37.6 % test error without decay, 35.4 % at 0.004.

Cost: on two cores with AMX the demo took 3 minutes, `cpu` 0.9 core-hours a seed; a cell of `cpu_long` 136 s of a core,
which makes 8.5 core-hours a seed. An H100 trained 17 cells of `gpu_short` a minute; `gpu` should take it half an hour
(`--dry-run`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.declare import Experiment, Profile, grid, halvings, zero_and
from experiments.scales import CPU, CPU_LONG, DEMO, GPU, GPU_SHORT, NOTES, PAPER
from paper_repro.cell import Cell


def _four(base: Cell, sgd: Sequence[float], adam: Sequence[float], decays: Sequence[float]) -> tuple[Cell, ...]:
    return grid(base, ["sgd", "sgdw"], sgd, decays) + grid(base, ["adam", "adamw"], adam, decays)


CELLS = {
    "demo": _four(DEMO, halvings(1.6, 7), halvings(0.08, 7), zero_and(0.064, 6)),
    "cpu": (
        *_four(CPU, halvings(1.6, 7), halvings(0.08, 7), zero_and(0.064, 7)),
        *grid(CPU, ["adam"], halvings(0.08, 7), [0.128, 0.256]),  # its valley runs on at small alpha
    ),
    "cpu_long": _four(CPU_LONG, halvings(0.8, 7), halvings(0.04, 7), zero_and(0.032, 7)),
    "gpu_short": _four(GPU_SHORT, halvings(0.8, 7), halvings(0.016, 7), zero_and(0.016, 6)),
    "gpu": _four(GPU, halvings(0.8, 7), halvings(0.016, 7), zero_and(0.008, 6)),
    "paper": _four(PAPER, halvings(1.0, 11), halvings(0.1, 11), zero_and(0.016, 10)),
}
SEEDS = {"cpu": 5, "cpu_long": 3}  # of all others one
NEAR_BEST = {  # learning rate and decay of each optimizer, for experiments that want one cell of each
    "demo": {"sgd": (0.4, 0.004), "sgdw": (0.2, 0.032), "adam": (0.01, 0.032), "adamw": (0.02, 0.016)},
    "cpu": {"sgd": (0.05, 0.016), "sgdw": (0.05, 0.008), "adam": (0.01, 0.008), "adamw": (0.01, 0.016)},
    "gpu": {"adam": (0.002, 0.001), "adamw": (0.002, 0.001)},
}


def near_best(scale: str, variants: Sequence[Mapping[str, Any]], seeds: int) -> Profile:
    """A cell of each optimizer near the best of its grid at this scale, in each variant: fields that it changes."""
    return Profile(near(CELLS[scale][0], NEAR_BEST[scale], variants), NOTES[scale], seeds)


def near(
    base: Cell, points: Mapping[str, tuple[float, float]], variants: Sequence[Mapping[str, Any]]
) -> tuple[Cell, ...]:
    """The cell at each optimizer's learning rate and decay, in each variant."""
    return tuple(
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay, **variant)
        for optimizer, (alpha, decay) in points.items()
        for variant in variants
    )


EXPERIMENT = Experiment(
    name="fig2",
    title="Test error over learning rate and decay, cosine annealing",
    figure="heat_maps",
    profiles={scale: Profile(cells, NOTES[scale], SEEDS.get(scale, 1)) for scale, cells in CELLS.items()},
)
