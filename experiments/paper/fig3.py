"""Figure 3: long runs of Adam and AdamW: learning curves, final error against decay, and generalisation.

    python -m experiments run fig3 --profile demo
    python -m analysis figures fig3

Expect (the paper's claims): AdamW ends with lower training loss and test error than Adam for every reasonable decay; in
the first half of training the curves coincide; at equal training loss AdamW has the lower test error. The best of each
ended at 3.55 % (Adam) and 3.12 % (AdamW) in the paper's plot.

Adam has L2 factors, 0.001/2 to 0.001/2^11 and a last one near 0; AdamW normalized decays. Cost: 19 cells, each as long
as the rest of a map (`paper`: 1800 epochs).
"""

from __future__ import annotations

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, grid, halvings
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

NEAR_ZERO = 1.95e-7  # read off the paper's figure, which does not say what it stands for


def long_runs(base: Cell, alpha: float, factors: list[float], normalized: list[float]) -> tuple[Cell, ...]:
    """Adam at each L2 factor and AdamW at each normalized decay."""
    return (
        *grid(base, ["adam"], [alpha], factors),
        *grid(base.replace(decay_unit="normalized"), ["adamw"], [alpha], normalized),
    )


PAPER_FACTORS = [*halvings(0.0005, 11), NEAR_ZERO]
PAPER_NORMALIZED = halvings(0.4, 7)

EXPERIMENT = Experiment(
    name="fig3",
    title="Long runs of Adam and AdamW",
    figure="long_runs",
    profiles={
        "demo": Profile(
            long_runs(LONG_DEMO.replace(epochs=48, evaluate_every=2), 0.01, halvings(0.064, 12), halvings(4.0, 7)),
            f"{LONG_DEMO_NOTE}; four times figure 2's epochs",
        ),
        "cpu": Profile(
            long_runs(LONG_CPU.replace(epochs=100, evaluate_every=4), 0.01, halvings(0.064, 12), halvings(3.2, 7)),
            f"{LONG_CPU_NOTE}; five times figure 2's epochs",
        ),
        "gpu": Profile(
            long_runs(GPU.replace(epochs=100), 0.001, PAPER_FACTORS, PAPER_NORMALIZED),
            f"{GPU_NET_OF_WIDE}, 100 epochs instead of 1800",
        ),
        "paper": Profile(long_runs(WIDE, 0.001, PAPER_FACTORS, PAPER_NORMALIZED), PAPER_NOTE),
    },
    swept=EACH_ITS_OWN,
)
