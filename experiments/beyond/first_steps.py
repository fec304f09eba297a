"""First steps: SGD, Adam and AdamW for 100 updates, all at default settings, none tuned. (From a lesson on AdamW.)

    python -m experiments run first_steps --profile demo
    python -m analysis figures first_steps

Expect: Adam and AdamW can hardly be told apart at first, and untuned SGD lags. Cost: seconds.
"""

from __future__ import annotations

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.scales import CPU, DEMO, GPU, NOTES
from paper_repro.cell import Cell

# torch's defaults: 1e-3 and, for AdamW, weight_decay 0.01, which is 1e-5 in the paper's convention
OPTIMIZERS = [["sgd", 0.001, 0.0], ["adam", 0.001, 0.0], ["adamw", 0.001, 1e-5]]


def _settings(base: Cell) -> dict[str, Any]:
    cell = base.replace(schedule="fixed", epochs=1000)
    return {
        "cell": cell.to_dict(),
        "optimizers": OPTIMIZERS,
        "steps": 100,
        "seeds": 3,
        "quick": {"steps": 10, "seeds": 1},
    }


EXPERIMENT = Experiment(
    name="first_steps",
    title="The first 100 updates at default settings",
    figure="first_steps",
    profiles={
        "demo": Profile((), NOTES["demo"], settings=_settings(DEMO)),
        "cpu": Profile((), NOTES["cpu"], settings=_settings(CPU)),
        "gpu": Profile((), NOTES["gpu"], settings=_settings(GPU)),
    },
    study="first_steps",
)
