"""Groups: decay on all parameters, as in the paper's code, against none on biases and normalisations.

    python -m experiments run groups --profile demo

A common recipe exempts biases and normalisations from decay. Each optimizer near the best of its grid in figure 2,
paired by seed. The other use of groups, a low learning rate for a pretrained body under a new head, is fine_tuning's.
Cost: 8 cells a seed.
"""

from experiments.declare import Experiment
from experiments.paper.fig2 import near_best

VARIANTS = [{"decay_on": "all"}, {"decay_on": "matrices"}]

EXPERIMENT = Experiment(
    name="groups",
    title="Test error with decay on all parameters and on weight matrices only",
    figure="seeds",
    profiles={"demo": near_best("demo", VARIANTS, 10), "cpu": near_best("cpu", VARIANTS, 5)},
    swept=("seed",),
)
