"""Supplementary figure 1: the schedule multiplier with warm restarts, beside the other schedules. Nothing is trained.

    python -m experiments run supp1 --profile demo

The paper's restarts: a first cycle of 100 epochs, each cycle twice as long as the one before, up to epoch 1500.
"""

from experiments.declare import Experiment, Profile
from experiments.paper.fig1 import step_drop


def _profile(epochs: int, first: int, note: str = "figure 4's budget at this profile") -> Profile:
    names = [f"warm_restarts:{first}:2", "cosine", step_drop(epochs), "fixed"]
    return Profile((), note, settings={"epochs": epochs, "schedules": names})


EXPERIMENT = Experiment(
    name="supp1",
    title="The schedule multiplier",
    figure="schedules",
    profiles={
        "demo": _profile(60, 4),
        "cpu": _profile(75, 5),
        "gpu": _profile(75, 5),
        "paper": _profile(1500, 100, "as published"),
    },
    study="",
)
