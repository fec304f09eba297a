"""Batch size: how the best decay depends on it, for SGDW and AdamW. (The paper always used 128.)

    python -m experiments run batch_size --profile demo

Three predictions for the best decay per update stand against each other: it grows as the square root of the batch size
(the paper's normalization, appendix B.1), it grows in proportion to it (the view that decay sets the time over which
weights average their updates, Wang & Aitchison, arXiv:2405.13698), and "the larger the batch, the smaller the best
decay". Six batch sizes, a factor of 32 apart in all, are trained with the same number of epochs and with the same
number of updates.

The learning rate is fixed: figure 2's best decoupled decay hardly depends on it. A best decay on the grid boundary
is drawn as such. The decays of `gpu` and `gpu_short` hold what figure 2's power law gives for a batch of 128
(docs/experiments.md), less and more in proportion to the smallest and the largest batch. Cost: 11 x 9 cells for each of
two optimizers; on two cores of an AMD EPYC a seed of `cpu` took 0.95 core-hours.
"""

from collections.abc import Sequence

from experiments.declare import Experiment, Profile, grid, halvings
from experiments.scales import CPU, DEMO, GPU, GPU_SHORT, NETS, NOTES, images
from paper_repro.cell import Cell

SIZES = (16, 32, 64, 128, 256, 512)


def _cells(
    base: Cell, epochs: int, at: int, alphas: dict[str, float], decays: Sequence[float], sizes: Sequence[int] = SIZES
) -> tuple[Cell, ...]:
    """Every size for `epochs`, and for as many updates as size `at` makes in them."""
    plans = [(size, epochs) for size in sizes] + [(size, epochs * size // at) for size in sizes if size != at]
    return tuple(
        cell
        for optimizer, alpha in alphas.items()
        for size, length in plans
        for cell in grid(
            base.replace(batch_size=size, epochs=length, evaluate_every=length), [optimizer], [alpha], decays
        )
    )


EXPERIMENT = Experiment(
    name="batch_size",
    title="The best decay against batch size",
    figure="batch_sizes",
    profiles={
        "demo": Profile(
            _cells(DEMO.replace(train_examples=1024), 8, 64, {"sgdw": 0.2, "adamw": 0.01}, halvings(0.256, 8)),
            f"{NOTES['demo']}; 8 epochs, or 128 updates",
        ),
        "cpu": Profile(
            _cells(CPU.replace(train_examples=4096), 16, 128, {"sgdw": 0.1, "adamw": 0.01}, halvings(0.128, 9)),
            f"{images(CPU.replace(train_examples=4096))}, a plain 8-layer ResNet; 16 epochs, or 512 updates",
            seeds=3,
        ),
        "gpu_short": Profile(
            _cells(GPU_SHORT.replace(train_examples=44_032), 8, 128, {"sgdw": 0.1, "adamw": 0.002}, halvings(0.032, 8)),
            f"{NETS['gpu_short']}; 8 epochs, or 2,752 updates",
        ),
        "gpu": Profile(
            _cells(
                GPU.replace(train_examples=44_032), 16, 128, {"sgdw": 0.1, "adamw": 0.002}, halvings(0.032, 9),
                sizes=(32, 64, 128, 256, 512, 1024),
            ),
            f"{NETS['gpu']}; 16 epochs, or 5,504 updates",
        ),
    },
    facets=("batch_size", "epochs"),
)  # fmt: skip
