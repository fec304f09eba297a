"""What is predicted of the best decay's exponents, and what an interval says to it.

For lambda* ~ b^p T^q of the decay per update, b the batch size and T the epochs of B pictures (n = B T / b updates):

    the paper's square root    sqrt(b / (B T)):  p = 1/2, q = -1/2, that is n^(-1/2) whatever b and T
    constant per epoch         the timescale view (Wang & Aitchison, arXiv:2405.13698):  p = 1, q = 0
    smaller for larger batches one of our sources: p < 0

With the epochs fixed the exponent in b is p; with the updates fixed T grows with b, and it is p + q. With b fixed the
exponents in epochs and in updates are both q. The normalized decay is lambda sqrt(n): p less 1/2, q more by 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.results.words import Estimate

Range = tuple[float, float]
ROOT, EPOCH, SMALLER = "the paper's square root", "constant per epoch", "smaller for larger batches"
BATCH, BATCH_AT_UPDATES, EPOCHS, UPDATES = "batch size", "batch size, updates fixed", "epochs", "updates"
PREDICTED: Mapping[str, Mapping[str, Range]] = {  # per update
    BATCH: {ROOT: (0.5, 0.5), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    BATCH_AT_UPDATES: {ROOT: (0.0, 0.0), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    EPOCHS: {ROOT: (-0.5, -0.5), EPOCH: (0.0, 0.0)},
    UPDATES: {ROOT: (-0.5, -0.5)},  # over panels that differ in b and in T alike; with b fixed, those of epochs
}
NORMALIZED = {BATCH: -0.5, BATCH_AT_UPDATES: 0.0, EPOCHS: 0.5, UPDATES: 0.5}  # what it adds to an exponent


def within(exponent: Estimate | None, quantity: str, normalized: bool = False) -> dict[str, bool]:
    """For each prediction of this exponent, whether it lies in the interval; empty without an interval."""
    if exponent is None or exponent.low is None or exponent.high is None:
        return {}
    shift = NORMALIZED[quantity] if normalized else 0.0
    ranges = {name: (low + shift, high + shift) for name, (low, high) in PREDICTED[quantity].items()}
    return {name: exponent.low <= high and low <= exponent.high for name, (low, high) in ranges.items()}


def verdict(exponents: Mapping[str, Estimate | None], normalized: bool = False) -> str:
    """Which predictions stand. exponents: by the quantity that they are of; one outside its interval rules it out."""
    found = [within(exponent, quantity, normalized) for quantity, exponent in exponents.items()]
    if not all(found):
        return "undecided"
    names = dict.fromkeys(name for part in found for name in part)
    holds = {name: all(part.get(name, True) for part in found) for name in names}
    told = {"within": [name for name in names if holds[name]], "ruled out": [name for name in names if not holds[name]]}
    return "; ".join(f"{words}: {', '.join(named)}" for words, named in told.items() if named)
