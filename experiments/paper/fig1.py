"""Figure 1: error over learning rate x decay for Adam and AdamW: fixed rate, step drops and cosine annealing.

    python -m experiments run fig1 --profile demo
    python -m analysis figures fig1

Expect (the paper's claims): cosine is better than step drops, and those than a fixed rate, for Adam too; decoupled
decay beats L2 under each, the more the better the schedule. Read off the paper's own panels, nothing is gained under a
fixed rate: both are best without decay there.

The rate drops by 0.1 after 30, 60 and 80 % of the epochs; the paper prints the epochs, not the factor. The cosine
panels are those of figure 2: its cells are not trained again. Cost: three times figure 2's lower half.
"""

from __future__ import annotations

from collections.abc import Iterable

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, grid, halvings
from experiments.paper import fig2
from experiments.scales import CPU_NOTE, DEMO_NOTE, GPU_NOTE, GPU_SHORT_NOTE, PAPER, PAPER_NOTE
from paper_repro.cell import Cell

DROPS = (0.3, 0.6, 0.8)  # of the epochs


def _under_each(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells of Adam and AdamW under each schedule."""
    own = [cell for cell in cells if cell.optimizer in ("adam", "adamw")]
    return tuple(
        cell.replace(schedule=schedule) for cell in own for schedule in ("fixed", _step_drop(cell.epochs), "cosine")
    )


def _step_drop(epochs: int) -> str:
    return f"step_drop:{','.join(f'{share * epochs:g}' for share in DROPS)}:0.1"


# Eight decays here, eleven in figure 2.
PAPER_CELLS = grid(PAPER, ["adam", "adamw"], halvings(0.1, 11), [0.0, *reversed(halvings(0.002, 7))])

EXPERIMENT = Experiment(
    name="fig1",
    title="Test error over learning rate and decay under three schedules",
    figure="heat_maps",
    profiles={
        "demo": Profile(_under_each(c for c in fig2.DEMO_CELLS if 0.0025 <= c.alpha <= 0.04), DEMO_NOTE),
        "cpu": Profile(_under_each(fig2.CPU_CELLS), CPU_NOTE),
        "gpu_short": Profile(_under_each(fig2.GPU_SHORT_CELLS), GPU_SHORT_NOTE),
        "gpu": Profile(_under_each(fig2.GPU_CELLS), GPU_NOTE),
        "paper": Profile(_under_each(PAPER_CELLS), PAPER_NOTE),
    },
    facets=("schedule",),
    swept=EACH_ITS_OWN,  # figure 2's SGD and SGDW, under cosine as well, are not part of it
)
