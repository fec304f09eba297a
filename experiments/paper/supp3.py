"""Supplementary figure 3: the best decay across budgets, on the raw axis and on the normalized one.

    python -m experiments run supp3 --profile demo
    python -m analysis figures supp3

Expect (the paper's claims): on the raw axis the best decay moves towards smaller values as the budget grows (by 4 for a
factor of 16), on the normalized axis it stays where it is, near 0.05. The paper shows AdamW on CIFAR-10 (25, 100 and
400 epochs) on both axes; supp3_imagenet32 has the rest. `demo` and `cpu` have SGDW as well. The decays of `gpu` and
`gpu_short` hold what figure 2's power law gives for their budgets (fig2.py). Cost of `paper`: 180 cells.
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
    GPU_NET,
    GPU_SHORT,
    GPU_SHORT_NET,
    PAPER,
    PAPER_NOTE,
)
from paper_repro.cell import Cell


def both_axes(
    base: Cell, optimizer: str, budgets: Sequence[int], alphas: list[float], raw: list[float], normalized: list[float]
) -> list[Cell]:
    """The grids of one optimizer: raw decays, then normalized ones, each at every budget."""
    return [
        cell
        for unit, decays in (("step", raw), ("normalized", normalized))
        for epochs in budgets
        for cell in grid(base.replace(epochs=epochs, decay_unit=unit), [optimizer], alphas, decays)
    ]


def _reduced(base: Cell, budgets: Sequence[int]) -> tuple[Cell, ...]:
    base = base.replace(evaluate_every=max(budgets))
    raw, normalized = halvings(0.064, 5), halvings(1.6, 5)
    return (
        *both_axes(base, "adamw", budgets, [0.02, 0.01, 0.005], raw, normalized),
        *both_axes(base, "sgdw", budgets, [0.2, 0.1, 0.05], raw, normalized),
    )


RATES = halvings(0.005, 6)
GPU_RATES = halvings(0.004, 3)
RAW = [0.001 / 16, 0.001 / 8, 0.001 / 4, 0.001 / 2, 0.001]
NORMALIZED = halvings(0.2, 5)

EXPERIMENT = Experiment(
    name="supp3",
    title="The best decay across budgets, raw and normalized",
    figure="heat_maps",
    profiles={
        "demo": Profile(_reduced(DEMO, (2, 8, 32)), f"{DEMO_NOTE}; 2, 8 and 32 epochs"),
        "cpu": Profile(_reduced(CPU, (5, 20, 80)), f"{CPU_NOTE}; 5, 20 and 80 epochs"),
        "gpu_short": Profile(
            tuple(both_axes(GPU_SHORT, "adamw", (2, 8, 32), GPU_RATES, halvings(0.032, 8), halvings(0.8, 7))),
            f"{GPU_SHORT_NET}; 2, 8 and 32 epochs instead of 25, 100 and 400",
        ),
        "gpu": Profile(
            tuple(both_axes(GPU, "adamw", (4, 16, 64), GPU_RATES, halvings(0.016, 8), halvings(0.8, 7))),
            f"{GPU_NET}; 4, 16 and 64 epochs instead of 25, 100 and 400",
        ),
        "paper": Profile(tuple(both_axes(PAPER, "adamw", (25, 100, 400), RATES, RAW, NORMALIZED)), PAPER_NOTE),
    },
    facets=("epochs", "decay_unit"),
)
