"""Figure 2: test error over learning rate x decay for SGD, SGDW, Adam and AdamW under cosine annealing.

    python -m experiments run fig2 --profile demo
    python -m analysis figures fig2

Expect (the paper's claims 4 and 5): with L2 the low-error basin lies diagonally, decoupled it is aligned with the axes,
so that the best decay is the same in every row; Adam with L2 has the highest best error of the four.
"""

from experiments.declare import Experiment, Profile, grid, halvings
from paper_repro.cell import Cell

FAMILIES = {"sgd": ("sgd", "sgdw"), "adam": ("adam", "adamw")}


def _paper() -> Profile:
    """The authors' grid: 4 x 11 x 11. The tick 1 of the learning rate is 1 for SGD and SGDW, 0.1 for Adam and AdamW."""
    base = Cell(
        dataset="cifar10", model="shake_shake-26-2x64d", optimizer="sgd", alpha=1.0, decay=0.0,
        epochs=100, validation_examples=0,
    )  # fmt: skip
    decays = [0.0, *reversed([0.016 / 2**k for k in range(10)])]
    cells = grid(base, FAMILIES["sgd"], halvings(1.0, 11), decays)
    cells += grid(base, FAMILIES["adam"], halvings(0.1, 11), decays)
    return Profile(tuple(cells), "as published: selected and reported on the test set, all training pictures used")


def _demo() -> Profile:
    """Placeholder grid until the pilots are in."""
    base = Cell(
        dataset="synthetic", model="resnet-8-w8", optimizer="sgd", alpha=0.1, decay=0.0, epochs=12, batch_size=64,
        validation_examples=500, label_noise=0.3, augment=False,
    )  # fmt: skip
    cells = grid(base, ["sgd"], halvings(0.8, 7), [0.0, *reversed(halvings(0.064, 6))])
    cells += grid(base, ["sgdw"], halvings(0.8, 7), [0.0, *reversed(halvings(0.064, 6))])
    cells += grid(base, ["adam"], halvings(0.04, 7), [0.0, *reversed(halvings(0.064, 6))])
    cells += grid(base, ["adamw"], halvings(0.04, 7), [0.0, *reversed(halvings(0.064, 6))])
    return Profile(tuple(cells), "embedded synthetic pictures")


EXPERIMENT = Experiment(
    name="fig2",
    title="Test error over learning rate and decay, cosine annealing",
    figure="heat_maps",
    profiles={"demo": _demo(), "paper": _paper()},
)
