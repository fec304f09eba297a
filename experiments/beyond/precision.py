"""Precision: does training in bfloat16, or through torch.compile, change the error? (Not in the paper.)

    python -m experiments run precision --profile demo
    python -m analysis figures precision

Each optimizer near the best of its grid in figure 2, twenty seeds (`cpu`: five): float32 against bfloat16 autocast,
eager and compiled. Expect differences smaller than those between seeds. Compilation needs a C++ compiler and takes
half a minute once.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.declare import Experiment, Profile
from experiments.paper import fig2
from paper_repro.cell import Cell

VARIANTS: list[dict[str, str | bool]] = [
    {"precision": "fp32"},
    {"precision": "bf16"},
    {"precision": "bf16", "compile": True},
]


def _profile(scale: str, at: Mapping[str, tuple[float, float]]) -> Profile:
    base: Cell = fig2.EXPERIMENT.profiles[scale].cells[0]
    cells = tuple(
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay, **variant)
        for optimizer, (alpha, decay) in at.items()
        for variant in VARIANTS
    )
    return Profile(cells, fig2.EXPERIMENT.profiles[scale].note, seeds={"demo": 20, "cpu": 5}[scale])


EXPERIMENT = Experiment(
    name="precision",
    title="Test error in float32, in bfloat16 and compiled",
    figure="seeds",
    profiles={scale: _profile(scale, at) for scale, at in fig2.NEAR_BEST.items()},
    swept=("seed",),
)
