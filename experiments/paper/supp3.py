"""Supplementary figure 3: the best decay across budgets, on the raw axis and on the normalized one.

    python -m experiments run supp3 --profile demo     # or supp3_imagenet32: the lower half, top-5 error

Expect (the paper's claims): on the raw axis the best decay moves towards smaller values as the budget grows (by 4 for a
factor of 16), on the normalized axis it stays where it is, near 0.05; on ImageNet32x32, where the paper shows that axis
alone, at 0.025 to 0.05 after 1, 16 and 64 epochs, for AdamW and SGDW alike. On CIFAR-10 the paper shows AdamW (25, 100
and 400 epochs); `demo` and `cpu` have SGDW as well. The decays of `gpu` and `gpu_short` hold what figure 2's power law
gives for their budgets (docs/experiments.md). Cost of `paper`: 180 and 252 cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.declare import Experiment, Profile, grid, halvings, zero_and
from experiments.scales import CPU, DEMO, GPU, GPU_SHORT, IMAGENET32, IMAGENET32_GPU, NETS, NOTES, PAPER
from paper_repro.cell import Cell

Axes = Mapping[str, list[float]]  # by optimizer or unit of the decay


def _budgets(base: Cell, budgets: Sequence[int], alphas: Axes, decays: Axes) -> tuple[Cell, ...]:
    """The grids of each optimizer: raw decays, then normalized ones, each at every budget."""
    return tuple(
        cell
        for optimizer, rates in alphas.items()
        for unit, axis in decays.items()
        for epochs in budgets
        for cell in grid(base.replace(epochs=epochs, decay_unit=unit), [optimizer], rates, axis)
    )


SHORT_RATES = {"adamw": [0.02, 0.01, 0.005], "sgdw": [0.2, 0.1, 0.05]}
SHORT_DECAYS = {"step": halvings(0.064, 5), "normalized": halvings(1.6, 5)}
GPU_RATES = {"adamw": halvings(0.004, 3)}
ADAMW, SGDW = halvings(0.005, 6), halvings(0.5, 6)
RAW = [0.001 / 16, 0.001 / 8, 0.001 / 4, 0.001 / 2, 0.001]
DECAYS_32 = {"normalized": zero_and(0.2, 6)}

EXPERIMENT = Experiment(
    name="supp3",
    title="The best decay across budgets, raw and normalized",
    figure="heat_maps",
    profiles={
        "demo": Profile(
            _budgets(DEMO.replace(evaluate_every=32), (2, 8, 32), SHORT_RATES, SHORT_DECAYS),
            f"{NOTES['demo']}; 2, 8 and 32 epochs",
        ),
        "cpu": Profile(
            _budgets(CPU.replace(evaluate_every=80), (5, 20, 80), SHORT_RATES, SHORT_DECAYS),
            f"{NOTES['cpu']}; 5, 20 and 80 epochs",
            seeds=3,
        ),
        "gpu_short": Profile(
            _budgets(GPU_SHORT, (2, 8, 32), GPU_RATES, {"step": halvings(0.032, 8), "normalized": halvings(0.8, 7)}),
            f"{NETS['gpu_short']}; 2, 8 and 32 epochs instead of 25, 100 and 400",
        ),
        "gpu": Profile(
            _budgets(GPU, (4, 16, 64), GPU_RATES, {"step": halvings(0.016, 8), "normalized": halvings(0.8, 7)}),
            f"{NETS['gpu']}; 4, 16 and 64 epochs instead of 25, 100 and 400",
        ),
        "paper": Profile(
            _budgets(PAPER, (25, 100, 400), {"adamw": ADAMW}, {"step": RAW, "normalized": halvings(0.2, 5)}),
            NOTES["paper"],
        ),
    },
    facets=("epochs", "decay_unit"),
)
SUPP3_IMAGENET32 = replace(
    EXPERIMENT,
    name="supp3_imagenet32",
    title="The best normalized decay across budgets on ImageNet32x32",
    profiles={
        "demo": Profile(
            _budgets(DEMO, (1, 4, 16), SHORT_RATES, {"normalized": zero_and(1.6, 5)}),
            f"{NOTES['demo']}, in place of ImageNet32x32; 1, 4 and 16 epochs",
        ),
        "gpu": Profile(
            _budgets(IMAGENET32_GPU, (1, 4), {"adamw": ADAMW[1:4], "sgdw": SGDW[1:4]}, DECAYS_32),
            f"{NETS['gpu']}; 1 and 4 epochs instead of 1, 16 and 64",
        ),
        "paper": Profile(_budgets(IMAGENET32, (1, 16, 64), {"adamw": ADAMW, "sgdw": SGDW}, DECAYS_32), NOTES["paper"]),
    },
    measure="top5_error",
    facets=("epochs",),
)
