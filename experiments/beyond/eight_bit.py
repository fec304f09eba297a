"""Eight bits: AdamW with 8-bit moments against 32-bit: error, memory and step time. Needs a GPU and bitsandbytes.

    python -m experiments run eight_bit --profile demo
    python -m analysis figures eight_bit

Expect a quarter of the optimizer's memory and an error that seeds hide. Where it cannot run, it says so in one line.
Cost: five short runs of each.
"""

from __future__ import annotations

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.paper import fig2
from experiments.scales import NOTES
from paper_repro.cell import Cell


def _settings(base: Cell, alpha: float, decay: float) -> dict[str, Any]:
    cell = base.replace(optimizer="adamw", alpha=alpha, decay=decay)
    return {
        "cell": cell.to_dict(), "optimizers": ["adamw", "adamw_8bit"], "seeds": 5, "rounds": 50,
        "quick": {"cell": {**cell.to_dict(), "epochs": 1}, "seeds": 1, "rounds": 3},
    }  # fmt: skip


EXPERIMENT = Experiment(
    name="eight_bit",
    title="AdamW with moments of eight bits",
    figure="seed_dots",
    profiles={
        "demo": Profile((), NOTES["demo"], settings=_settings(fig2.CELLS["demo"][0], *fig2.NEAR_BEST["demo"]["adamw"])),
        "gpu": Profile((), NOTES["gpu"], settings=_settings(fig2.CELLS["gpu"][0], 0.002, 0.001)),
    },
    study="eight_bit",
)
