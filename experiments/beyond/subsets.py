"""Subsets: do the results hang on which images are trained on? (Not in the paper.)

    python -m experiments run subsets --profile cpu

All seeds of figure 2 share one subset of 4,000 images and one validation split (split_seed 0): seeds differ in initial
weights and the order of images alone. Here each optimizer near the best of its grid in figure 2 is trained on five
subsets. Expect the differences between optimizers to be the same on all. Cost: 20 cells a seed.
"""

from experiments.declare import Experiment
from experiments.paper.fig2 import near_best

VARIANTS = [{"split_seed": seed} for seed in range(5)]

EXPERIMENT = Experiment(
    name="subsets",
    title="Test error on five subsets of the training images",
    figure="seeds",
    profiles={"demo": near_best("demo", VARIANTS, 3), "cpu": near_best("cpu", VARIANTS, 3)},
    swept=("seed",),
)
