"""Groups: decay on all parameters, as in the paper's code, against none on biases and normalisations.

    python -m experiments run groups --profile demo
    python -m analysis figures groups

A common recipe exempts biases and normalisations from decay. Each optimizer near the best of its grid in figure 2,
paired by seed. The other use of groups, a low learning rate for a pretrained body under a new head, is fine_tuning's.
Cost: 8 cells a seed.
"""

from __future__ import annotations

from experiments.declare import Experiment, Profile
from experiments.paper import fig2
from paper_repro.cell import Cell


def _profile(scale: str, seeds: int) -> Profile:
    base: Cell = fig2.EXPERIMENT.profiles[scale].cells[0]
    cells = tuple(
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay, decay_on=decay_on)
        for optimizer, (alpha, decay) in fig2.NEAR_BEST[scale].items()
        for decay_on in ("all", "matrices")
    )
    return Profile(cells, fig2.EXPERIMENT.profiles[scale].note, seeds=seeds)


EXPERIMENT = Experiment(
    name="groups",
    title="Test error with decay on all parameters and on weight matrices only",
    figure="seeds",
    profiles={"demo": _profile("demo", 10), "cpu": _profile("cpu", 5)},
    swept=("seed",),
)
