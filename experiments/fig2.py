"""Figure 2: test error over learning rate x decay for SGD, SGDW, Adam and AdamW under cosine annealing.

    python -m experiments run fig2 --profile demo
    python -m analysis figures fig2

Expect (the paper's claims): with L2 the low-error basin lies diagonally, decoupled it is aligned with the axes, so that
the best decay is the same in every row; Adam with L2 has the highest best error of the four.

The paper's learning rates are 1, 1/2, ..., 1/1024 for SGD and SGDW and a tenth of that for Adam and AdamW; decay is the
same raw axis in all four panels. The reduced profiles keep that form on shorter axes, placed where pilots found the
valley: a shorter run needs a larger decay. Their training labels are noisy and their pictures not augmented, because a
small net trained for minutes on clean ones underfits, and then no decay helps.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.declare import Experiment, Profile, grid, halvings
from paper_repro.cell import Cell


def _four(base: Cell, sgd: Sequence[float], adam: Sequence[float], decays: Sequence[float]) -> tuple[Cell, ...]:
    return tuple(grid(base, ["sgd", "sgdw"], sgd, decays) + grid(base, ["adam", "adamw"], adam, decays))


def _decays(top: float, count: int) -> list[float]:
    """0 and `count` values, each twice the one before, up to top."""
    return [0.0, *reversed(halvings(top, count))]


def _demo() -> Profile:
    base = Cell(
        dataset="synthetic", model="resnet-8-w8", optimizer="sgd", alpha=0.1, decay=0.0, epochs=12, batch_size=64,
        validation_examples=500, train_examples=1500, label_noise=0.3, augment=False, evaluate_every=4,
    )  # fmt: skip
    cells = _four(base, halvings(1.6, 7), halvings(0.08, 7), _decays(0.064, 6))
    return Profile(cells, "embedded synthetic pictures, 30 % of the training labels drawn at random")


def _cpu() -> Profile:
    base = Cell(
        dataset="cifar10", model="resnet-8-w16", optimizer="sgd", alpha=0.1, decay=0.0, epochs=20,
        validation_examples=2000, train_examples=4000, image_size=16, label_noise=0.3, augment=False,
        precision="bf16", evaluate_every=10,
    )  # fmt: skip
    cells = _four(base, halvings(1.6, 7), halvings(0.08, 7), _decays(0.064, 7))
    cells += tuple(grid(base, ["adam"], halvings(0.08, 7), [0.128, 0.256]))  # its valley runs on at small alpha
    note = "4,000 pictures averaged to 16 x 16, 30 % of the training labels drawn at random, a plain 8-layer ResNet"
    return Profile(cells, note, seeds=2)


def _gpu() -> Profile:
    base = Cell(
        dataset="cifar10", model="shake_shake-26-2x16d", optimizer="sgd", alpha=0.1, decay=0.0, epochs=15,
        precision="bf16",
    )  # fmt: skip
    cells = _four(base, halvings(0.5, 7), halvings(0.1 / 8, 7), _decays(0.004, 6))
    return Profile(cells, "a quarter of the paper's width, 15 epochs instead of 100")


def _paper() -> Profile:
    base = Cell(
        dataset="cifar10", model="shake_shake-26-2x64d", optimizer="sgd", alpha=1.0, decay=0.0, epochs=100,
        validation_examples=0,
    )  # fmt: skip
    cells = _four(base, halvings(1.0, 11), halvings(0.1, 11), _decays(0.016, 10))
    return Profile(cells, "as published: trained on all training pictures, selected and reported on the test set")


EXPERIMENT = Experiment(
    name="fig2",
    title="Test error over learning rate and decay, cosine annealing",
    figure="heat_maps",
    profiles={"demo": _demo(), "cpu": _cpu(), "gpu": _gpu(), "paper": _paper()},
)
