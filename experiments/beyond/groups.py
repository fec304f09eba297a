"""Groups: decay on all parameters, as in the paper's code, against none on biases and normalisations.

    python -m experiments run groups --profile demo

A common recipe exempts biases and normalisations from decay. With less to decay another decay may be best, so both ways
have the same five, from a quarter to four times what is near the best of figure 2, at its learning rate. The best of
each is selected on validation images, and compared with the other's by seed. The other use of groups, a low learning
rate for a pretrained body under a new head, is fine_tuning's. Cost: 40 cells a seed.
"""

from collections.abc import Mapping

from experiments.declare import Experiment, Profile
from experiments.paper.fig2 import CELLS, NEAR_BEST, near
from experiments.scales import NOTES
from paper_repro.cell import Cell

VARIANTS = [{"decay_on": "all"}, {"decay_on": "matrices"}]
TIMES = (0.25, 0.5, 1, 2, 4)


def decays(scale: str, points: Mapping[str, tuple[float, float]]) -> tuple[Cell, ...]:
    """Each variant of the scale's cell at each optimizer's learning rate, with the decays around its own."""
    return tuple(
        cell
        for times in TIMES
        for cell in near(
            CELLS[scale][0], {name: (alpha, times * decay) for name, (alpha, decay) in points.items()}, VARIANTS
        )
    )


EXPERIMENT = Experiment(
    name="groups",
    title="Test error with decay on all parameters and on weight matrices only",
    figure="heat_maps",
    profiles={
        scale: Profile(decays(scale, NEAR_BEST[scale]), NOTES[scale], seeds)
        for scale, seeds in (("demo", 2), ("cpu", 5))
    },
    swept=("seed",),
    facets=("decay_on",),
)
