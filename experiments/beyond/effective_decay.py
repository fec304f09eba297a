"""Effective decay: what decay takes off each weight of a net in training, against the scale of its gradients.

    python -m experiments run effective_decay --profile demo
    python -m analysis figures effective_decay

Expect (the paper's section 3, and others after it): with L2 in Adam, a weight with large gradients is decayed less, in
proportion to 1 / sqrt(v); decoupled, all weights are decayed by the same share. The effective learning rate alpha /
(sqrt(v) + eps) differs as much. Cost: two half runs.
"""

from __future__ import annotations

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.paper import fig2
from experiments.scales import NOTES


def _settings(scale: str) -> dict[str, Any]:
    base = fig2.EXPERIMENT.profiles[scale].cells[0].replace(optimizer="adam")
    near = fig2.NEAR_BEST.get(scale, {"adam": (0.002, 0.001), "adamw": (0.002, 0.001)})
    optimizers = [[name, *near[name]] for name in ("adam", "adamw")]
    return {"cell": base.to_dict(), "optimizers": optimizers, "quick": {"cell": {**base.to_dict(), "epochs": 2}}}


EXPERIMENT = Experiment(
    name="effective_decay",
    title="What decay takes off each weight in one update",
    figure="effective_decay",
    profiles={
        "demo": Profile((), NOTES["demo"], settings=_settings("demo")),
        "cpu": Profile((), NOTES["cpu"], settings=_settings("cpu")),
        "gpu": Profile((), NOTES["gpu"], settings=_settings("gpu")),
    },
    study="effective_decay",
)
