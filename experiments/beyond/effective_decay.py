"""Effective decay: what decay takes off each weight of a network in training, against the scale of its gradients.

    python -m experiments run effective_decay --profile demo

Expect (the paper's section 3, and others after it): with L2 in Adam, a weight with large gradients is decayed less, in
proportion to 1 / sqrt(v); decoupled, all weights are decayed by the same share. The effective learning rate alpha /
(sqrt(v) + eps) differs as much. Cost: two half runs.
"""

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.paper.fig2 import CELLS, NEAR_BEST
from experiments.scales import NOTES


def _settings(scale: str) -> dict[str, Any]:
    cell = CELLS[scale][0].replace(optimizer="adam").to_dict()
    optimizers = [[name, *NEAR_BEST[scale][name]] for name in ("adam", "adamw")]
    return {"cell": cell, "optimizers": optimizers, "quick": {"cell": {**cell, "epochs": 2}}}


EXPERIMENT = Experiment(
    name="effective_decay",
    title="What decay takes off each weight in one update",
    figure="effective_decay",
    profiles={scale: Profile((), NOTES[scale], settings=_settings(scale)) for scale in ("demo", "cpu", "gpu")},
    study="effective_decay",
)
