"""Supplementary figure 3, lower half: the best normalized decay across budgets on ImageNet32x32 (top-5 error).

    python -m experiments run supp3_imagenet32 --profile demo
    python -m analysis figures supp3_imagenet32

Expect (the paper's claim): the best normalized decay is near CIFAR-10's, 0.025 to 0.05, after 1, 16 and 64 epochs, for
AdamW and SGDW alike. The demo stands in with embedded pictures. Cost of `paper`: 252 cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.declare import Experiment, Profile, grid, halvings
from experiments.scales import DEMO, DEMO_NOTE, GPU_NET, IMAGENET32, IMAGENET32_GPU, PAPER_NOTE
from paper_repro.cell import Cell


def _normalized(
    base: Cell, budgets: Sequence[int], adamw: list[float], sgdw: list[float], decays: list[float]
) -> tuple[Cell, ...]:
    return tuple(
        cell
        for optimizer, alphas in (("adamw", adamw), ("sgdw", sgdw))
        for epochs in budgets
        for cell in grid(base.replace(decay_unit="normalized", epochs=epochs), [optimizer], alphas, decays)
    )


ADAMW, SGDW = halvings(0.005, 6), halvings(0.5, 6)
DECAYS = [0.0, *reversed(halvings(0.2, 6))]

EXPERIMENT = Experiment(
    name="supp3_imagenet32",
    title="The best normalized decay across budgets on ImageNet32x32",
    figure="heat_maps",
    profiles={
        "demo": Profile(
            _normalized(DEMO, (1, 4, 16), [0.02, 0.01, 0.005], [0.2, 0.1, 0.05], [0.0, *reversed(halvings(1.6, 5))]),
            f"{DEMO_NOTE}, in place of ImageNet32x32; 1, 4 and 16 epochs",
        ),
        "gpu": Profile(
            _normalized(IMAGENET32_GPU, (1, 4), ADAMW[1:4], SGDW[1:4], DECAYS),
            f"{GPU_NET}; 1 and 4 epochs instead of 1, 16 and 64",
        ),
        "paper": Profile(_normalized(IMAGENET32, (1, 16, 64), ADAMW, SGDW, DECAYS), PAPER_NOTE),
    },
    measure="top5_error",
    facets=("epochs",),
)
