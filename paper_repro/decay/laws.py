"""A decay in another run: its timescale, and what each law in print makes of it when batch, epochs or data change.

lambda is the decay per update at the full learning rate (eta = 1), b the batch size, D the number of training examples
and T the epochs, so that a run has D T / b updates. Each law is lambda' = lambda (b'/b)^p (T'/T)^q (D'/D)^r.

Of arXiv:2405.13698 and 2505.13738 the abstracts were read, not the equations. The second has a power law in tokens per
parameter where the data grow; its exponent was not found, so "linear in batch" says nothing there. nanochat's D is that
of the whole run, D T here: one with the timescale's where a run has one epoch, as its own runs have.
"""

import math
from typing import NamedTuple

from paper_repro.decay import normalized


class Run(NamedTuple):
    """A training run; with warm restarts its current cycle."""

    batch_size: int
    num_examples: int
    epochs: float


class Timescale(NamedTuple):
    """tau = 1 / lambda, over which AdamW's weights average its steps (arXiv:2405.13698: 1 / (lr * weight_decay))."""

    updates: float
    epochs: float
    share: float  # of the run


class Law(NamedTuple):
    """The exponents of batch size, epochs and examples; None where the source says nothing.

    lr: the exponent of the batch size that the law gives the learning rate. Without --to-lr it is followed.
    """

    name: str
    source: str
    batch: float
    epochs: float | None
    examples: float | None
    lr: float = 0.0


LAWS = (
    Law("square root", "arXiv:1711.05101, appendix B.1: the normalized decay is kept", 0.5, -0.5, -0.5),
    Law("constant timescale", "arXiv:2405.13698: the best tau in epochs is about constant", 1.0, 0.0, -1.0),
    Law("linear in batch", "arXiv:2505.13738: at fixed model and data the best decay goes as b", 1.0, None, None),
    Law(
        "nanochat", "karpathy/nanochat@00255c1, scripts/base_train.py: lr ~ sqrt(b), weight_decay ~ sqrt(b) / (D T)",
        1.0, -1.0, -1.0, 0.5,
    ),
    Law("no change", "lambda per update is kept; AdamW to Lion or Muon, too", 0.0, 0.0, 0.0),
)  # fmt: skip

# Exponents of the best decay per update in our records, with 95 % intervals: the tables in
# docs/experiments-batch-and-budget.md, which tests/core/test_laws.py compares with these. In no record of ours does the
# number of examples vary.
MEASURED: dict[str, dict[str, tuple[float, float, float]]] = {
    "b": {"SGDW": (0.44, -0.26, 1.40), "AdamW": (0.77, 0.56, 0.98)},
    "T": {"SGDW": (0.59, 0.23, 0.75), "AdamW": (0.27, -2.34, 0.46)},
}
# No single exponent is the whole of it: what the table of best decays on that page says beside.
BENT = "AdamW's best decay grows 16-fold from b = 16 to 256, in proportion, and falls at 512"


def timescale(decay: float, run: Run) -> Timescale:
    """tau of a decay per update. Raises ValueError for what is not positive (a decay of 0 has an infinite one)."""
    normalized(decay, *run)  # refuses what makes no run
    updates = 1 / decay if decay else math.inf
    epochs = updates * run.batch_size / run.num_examples
    return Timescale(updates, epochs, epochs / run.epochs)


def move(decay: float, now: Run, there: Run) -> list[float | None]:
    """By each of LAWS the decay per update for another run; None where the law says nothing.

    Raises ValueError for a negative decay or a quantity that is not positive.
    """
    for run in (now, there):
        normalized(decay, *run)  # refuses what makes no run
    moved = []
    for law in LAWS:
        value: float | None = decay
        for old, new, exponent in zip(now, there, (law.batch, law.examples, law.epochs), strict=True):
            if new != old:
                value = None if value is None or exponent is None else value * (new / old) ** exponent
        moved.append(value)
    return moved


def held_by_records(law: Law, quantity: str) -> str:
    """Whose measured interval of "b" or "T" holds the law's exponent: "b: SGDW yes, AdamW no"."""
    exponent = law.batch if quantity == "b" else law.epochs
    if exponent is None:
        return f"{quantity}: -"
    words = (f"{who} {'yes' if low <= exponent <= up else 'no'}" for who, (_, low, up) in MEASURED[quantity].items())
    return f"{quantity}: {', '.join(words)}"
