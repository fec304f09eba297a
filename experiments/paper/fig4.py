"""Figure 4, left, and supplementary figure 5: warm restarts on CIFAR-10: error and training loss at any time.

    python -m experiments run fig4 --profile demo
    python -m analysis figures fig4

Five curves: Adam, AdamW and SGDW under one cosine over the whole budget; AdamWR and SGDWR restarted, each cycle twice
as long as the one before. Expect (the paper's claims): the restarted ones have good results long before the others (up
to ten times sooner at the end of the first cycle) and end about as well. A restarted run's results are those at the
ends of its cycles, marked in the figure.

The decays are not printed in the paper; 0.025 (normalized) and an L2 factor of 0.001/2^8 fit its curves. The reduced
profiles use what is near the best of their figure 2. Cost: five cells a seed.
"""

from __future__ import annotations

from experiments.declare import EACH_ITS_OWN, Experiment, Profile
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

Point = tuple[float, float]  # learning rate and decay


def five(
    base: Cell, restarts: str, adam: Point, adamw: Point, sgdw: Point, restarted: int | None = None
) -> tuple[Cell, ...]:
    """Adam, AdamW and SGDW, and the latter two with restarts (for `restarted` epochs, if not as long)."""
    normalized = base.replace(decay_unit="normalized")
    again = normalized.replace(schedule=restarts, epochs=restarted or base.epochs)
    return (
        base.replace(optimizer="adam", alpha=adam[0], decay=adam[1]),
        *(cell.replace(optimizer="adamw", alpha=adamw[0], decay=adamw[1]) for cell in (normalized, again)),
        *(cell.replace(optimizer="sgdw", alpha=sgdw[0], decay=sgdw[1]) for cell in (normalized, again)),
    )


EXPERIMENT = Experiment(
    name="fig4",
    title="Warm restarts: error and loss at any time",
    figure="curves",
    profiles={
        "demo": Profile(
            five(
                LONG_DEMO.replace(epochs=60, evaluate_every=2),
                "warm_restarts:4:2",
                (0.01, 0.016),
                (0.01, 0.35),
                (0.2, 0.35),
            ),
            f"{LONG_DEMO_NOTE}; 60 epochs, cycles of 4, 8, 16 and 32",
            seeds=3,
        ),
        "cpu": Profile(
            five(
                LONG_CPU.replace(epochs=75, evaluate_every=3),
                "warm_restarts:5:2",
                (0.005, 0.004),
                (0.01, 0.2),
                (0.1, 0.2),
            ),
            f"{LONG_CPU_NOTE}; 75 epochs, cycles of 5, 10, 20 and 40",
            seeds=3,
        ),
        "gpu": Profile(
            five(GPU.replace(epochs=75), "warm_restarts:5:2", (0.001, 0.001 / 2**8), (0.001, 0.025), (0.05, 0.025)),
            f"{GPU_NET_OF_WIDE}, 75 epochs instead of 1800, cycles of 5, 10, 20 and 40",
        ),
        "paper": Profile(
            five(WIDE, "warm_restarts:100:2", (0.001, 0.001 / 2**8), (0.001, 0.025), (0.05, 0.025), restarted=1500),
            PAPER_NOTE,
        ),
    },
    swept=EACH_ITS_OWN,
    facets=("schedule",),
)
