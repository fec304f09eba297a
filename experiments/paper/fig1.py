"""Figure 1: error over learning rate x decay for Adam and AdamW: fixed rate, step drops and cosine annealing.

    python -m experiments run fig1 --profile demo

Expect (the paper's claims): cosine is better than step drops, and those than a fixed rate, for Adam too; decoupled
decay beats L2 under each, the more the better the schedule. Read off the paper's own panels, nothing is gained under a
fixed rate: both are best without decay there.

The rate drops by 0.1 after 30, 60 and 80 % of the epochs; the paper prints the epochs, not the factor. The cosine
panels are those of figure 2: its cells are not trained again. Cost: three times figure 2's lower half.
"""

from experiments.declare import EACH_ITS_OWN, Experiment, Profile, grid, halvings, zero_and
from experiments.paper import fig2
from experiments.scales import NOTES, PAPER


def step_drop(epochs: int) -> str:
    """The schedule's name for a run of so many epochs."""
    return f"step_drop:{','.join(f'{share * epochs:g}' for share in (0.3, 0.6, 0.8))}:0.1"


CELLS = {
    **{scale: cells for scale, cells in fig2.CELLS.items() if scale != "cpu_long"},
    "demo": [cell for cell in fig2.CELLS["demo"] if 0.0025 <= cell.alpha <= 0.04],
    "paper": grid(PAPER, ["adam", "adamw"], halvings(0.1, 11), zero_and(0.002, 7)),  # eleven decays in figure 2
}
EXPERIMENT = Experiment(
    name="fig1",
    title="Test error over learning rate and decay under three schedules",
    figure="heat_maps",
    profiles={
        scale: Profile(
            tuple(
                cell.replace(schedule=schedule)
                for cell in cells
                if cell.optimizer in ("adam", "adamw")
                for schedule in ("fixed", step_drop(cell.epochs), "cosine")
            ),
            NOTES[scale],
            3 if scale == "cpu" else 1,
        )
        for scale, cells in CELLS.items()
    },
    facets=("schedule",),
    swept=EACH_ITS_OWN,  # figure 2's SGD and SGDW, under cosine as well, are not part of it
)
