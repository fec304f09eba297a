"""Supplementary figure 1: the schedule multiplier with warm restarts, beside the other schedules. Nothing is trained.

    python -m experiments run supp1 --profile demo
    python -m analysis figures supp1

The paper's restarts: a first cycle of 100 epochs, each cycle twice as long as the one before, up to epoch 1500. The
other profiles show their own schedules.
"""

from __future__ import annotations

from experiments.declare import Experiment, Profile


def _profile(epochs: int, first: int, note: str) -> Profile:
    drops = ",".join(f"{share * epochs:g}" for share in (0.3, 0.6, 0.8))
    names = (f"warm_restarts:{first}:2", "cosine", f"step_drop:{drops}:0.1", "fixed")
    return Profile((), note, settings={"epochs": epochs, "schedules": list(names)})


EXPERIMENT = Experiment(
    name="supp1",
    title="The schedule multiplier",
    figure="schedules",
    profiles={
        "demo": _profile(60, 4, "figure 4's budget at this profile"),
        "cpu": _profile(75, 5, "figure 4's budget at this profile"),
        "gpu": _profile(75, 5, "figure 4's budget at this profile"),
        "paper": _profile(1500, 100, "as published"),
    },
    study="",
)
