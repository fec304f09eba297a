"""Precision: does training in bfloat16, or through torch.compile, change the error? (Not in the paper.)

    python -m experiments run precision --profile demo

Each optimizer near the best of its grid in figure 2, twenty seeds (`cpu`: five): float32 against bfloat16 autocast,
eager and compiled. Expect differences smaller than those between seeds. Compilation needs a C++ compiler and takes
half a minute once.
"""

from experiments.declare import Experiment
from experiments.paper.fig2 import near_best

COMPILED = (("fp32", False), ("bf16", False), ("bf16", True))
VARIANTS = [{"precision": precision, "compile": compiled} for precision, compiled in COMPILED]

EXPERIMENT = Experiment(
    name="precision",
    title="Test error in float32, in bfloat16 and compiled",
    figure="seeds",
    profiles={"demo": near_best("demo", VARIANTS, 20), "cpu": near_best("cpu", VARIANTS, 5)},
    swept=("seed",),
)
