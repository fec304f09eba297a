"""Groups: decay on all parameters, as in the paper's code, against none on biases and normalisations.

    python -m experiments run groups --profile demo

A common recipe exempts biases and normalisations from decay. With less to decay another decay may be best, so both ways
have the same five, from a quarter to four times what is near the best of figure 2, at its learning rate. The best of
each is selected on validation images, and compared with the other's by seed. The other use of groups, a low learning
rate for a pretrained body under a new head, is fine_tuning's. Cost: 40 cells a seed.
"""

from experiments.declare import Experiment, Profile, grid
from experiments.paper.fig2 import CELLS, NEAR_BEST
from experiments.scales import NOTES
from paper_repro.cell import Cell

TIMES = (0.25, 0.5, 1, 2, 4)


def _cells(scale: str) -> tuple[Cell, ...]:
    return tuple(
        cell
        for optimizer, (alpha, decay) in NEAR_BEST[scale].items()
        for part in ("all", "matrices")
        for cell in grid(
            CELLS[scale][0].replace(decay_on=part), [optimizer], [alpha], [times * decay for times in TIMES]
        )
    )


EXPERIMENT = Experiment(
    name="groups",
    title="Test error with decay on all parameters and on weight matrices only",
    figure="heat_maps",
    profiles={
        "demo": Profile(_cells("demo"), NOTES["demo"], 5),
        "cpu": Profile(_cells("cpu"), NOTES["cpu"], 5),
    },
    swept=("seed",),
    facets=("decay_on",),
)
