"""Eight bits: AdamW with 8-bit moments against 32-bit: error, memory and step time. Needs a GPU and bitsandbytes.

    python -m experiments run eight_bit --profile demo

Expect a quarter of the optimizer's memory and an error that seeds hide. Where it cannot run, it says so in one line.
Cost: five short runs of each.
"""

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.paper.fig2 import CELLS, NEAR_BEST
from experiments.scales import NOTES


def _settings(scale: str) -> dict[str, Any]:
    alpha, decay = NEAR_BEST[scale]["adamw"]
    cell = CELLS[scale][0].replace(optimizer="adamw", alpha=alpha, decay=decay).to_dict()
    return {
        "cell": cell, "optimizers": ["adamw", "adamw_8bit"], "seeds": 5, "rounds": 50,
        "quick": {"cell": {**cell, "epochs": 1}, "seeds": 1, "rounds": 3},
    }  # fmt: skip


EXPERIMENT = Experiment(
    name="eight_bit",
    title="AdamW with moments of eight bits",
    figure="seed_dots",
    profiles={scale: Profile((), NOTES[scale], settings=_settings(scale)) for scale in ("demo", "gpu")},
    study="eight_bit",
)
