"""Propositions 1 to 3: shown as equalities, and Proposition 2 as what is left over by the best L2 factor.

    python -m experiments run propositions --profile demo

Expect: plain SGD with L2 factor lambda / alpha is SGD with decay lambda, to rounding; no L2 factor makes Adam into
AdamW; for a fixed preconditioner the penalty of the paper's appendix is the decay, to rounding, while the one in the
statement, with a second 1 / alpha, is not unless alpha is 1. Some texts call AdamW's decay an L2 penalty: for Adam it
is none. Cost: seconds.
"""

from experiments.declare import Experiment, Profile

SETTINGS = {"dimension": 20, "steps": 100, "decay": 0.001, "alphas": [0.05, 0.1, 0.2, 1.0], "seed": 0}
EXPERIMENT = Experiment(
    name="propositions",
    title="Propositions 1 to 3 on a random quadratic",
    figure="propositions",
    profiles={"demo": Profile((), "a quadratic in 20 dimensions, 100 steps, float64", settings=SETTINGS)},
    study="propositions",
)
