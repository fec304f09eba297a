"""Supplementary figure 2: 'standard Adam', with L2 and a fixed learning rate, for a long budget.

    python -m experiments run supp2 --profile demo
    python -m analysis figures supp2

Expect (the paper's claim): at its best no better than AdamW with cosine annealing, a smaller net and an eighteenth of
the epochs. The paper's best of sixteen was 4.47 % at a learning rate and L2 factor of 1e-4. Cost: 16 cells.
"""

from __future__ import annotations

from experiments.declare import Experiment, Profile, grid
from experiments.scales import (
    GPU,
    GPU_NET_OF_WIDE,
    LONG_CPU,
    LONG_CPU_NOTE,
    LONG_DEMO,
    LONG_DEMO_NOTE,
    PAPER_NOTE,
    WIDE,
)
from paper_repro.cell import Cell

RATES = [1e-2, 1e-3, 1e-4, 1e-5]
FACTORS = [1e-6, 1e-5, 1e-4, 1e-3]
HIGHER, STRONGER = [1e-1, 1e-2, 1e-3, 1e-4], [1e-4, 1e-3, 1e-2, 1e-1]  # a short run needs more


def _fixed(base: Cell, alphas: list[float], decays: list[float]) -> tuple[Cell, ...]:
    return tuple(grid(base.replace(schedule="fixed"), ["adam"], alphas, decays))


EXPERIMENT = Experiment(
    name="supp2",
    title="Standard Adam: L2 regularisation and a fixed learning rate",
    figure="heat_maps",
    profiles={
        "demo": Profile(_fixed(LONG_DEMO.replace(epochs=48, evaluate_every=48), HIGHER, STRONGER), LONG_DEMO_NOTE),
        "cpu": Profile(_fixed(LONG_CPU.replace(epochs=100, evaluate_every=100), HIGHER, STRONGER), LONG_CPU_NOTE),
        "gpu": Profile(
            _fixed(GPU.replace(epochs=100), RATES, FACTORS),
            f"{GPU_NET_OF_WIDE}, 100 epochs instead of 1800",
        ),
        "paper": Profile(_fixed(WIDE, RATES, FACTORS), PAPER_NOTE),
    },
)
