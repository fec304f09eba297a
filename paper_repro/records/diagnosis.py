"""Anomalies of a run that went through: a loss spike, a blow-up of the gradient norm, training that is dead.

Seen in the curves of a record alone, without torch. The thresholds were set on the 1,636 records that were committed
then, of runs of 2 to 80 epochs at good and at hopeless settings (their counts stand beside each); tests/records/
test_diagnosis.py counts those of all that are committed now.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

Row = Mapping[str, Any]
Diagnosis = dict[str, Any]  # as schema.Diagnosis

SPIKE, BLOW_UP, DEAD, DIVERGED = "loss spike", "gradient blow-up", "dead training", "diverged"

# A loss of half as much again as the lowest so far, and by a tenth of the first epoch's. Both, because 0.009 to 0.015
# is a wobble of a network that knows its images by heart, and 2.2 to 2.3 one that learns nothing. 1 record of 1,636;
# the farthest of the others went from 0.15 to 0.29, by 0.06 of the first. After a restart (eta rises) the lowest is
# taken anew, because there the loss is meant to rise.
SPIKE_RATIO, SPIKE_SHARE = 1.5, 0.1

# Three times the largest mean norm of any epoch before. The norm grows by itself as decay shrinks the weights under a
# normalisation, 14-fold in 100 epochs, but slowly: never to more than 2.04 times the largest so far, except in the one
# record of a blow-up, 3.6 times.
BLOW_UP_RATIO = 3.0

# A loss that is never 1 % below that of a guess, ln(classes), and an error that is never 5 % below a guess's. The error
# alone wobbles by 1.5 points with the images; the loss alone is as high where a network is wrong but sure of itself.
# 52 of 1,636 records, all at the largest decays or learning rates of their grids.
DEAD_LOSS, DEAD_ERROR = 0.99, 0.95

REMEDIES = {
    DIVERGED: "a smaller α, a warm-up, or gradients clipped; where it is the first step, a look at the data",
    SPIKE: "a smaller α, a warm-up, or gradients clipped; for Adam a larger ε or a smaller β2",
    BLOW_UP: "gradients clipped, a smaller α, or fp32 for bf16; less decay where a normalisation follows the weights",
    DEAD: "less decay or a smaller α (weights vanish, units die); else a look at the labels and the initial weights",
}
CLASSES = {"synthetic": 10, "cifar10": 10, "cifar100": 100, "imagenet32": 1000}  # of records that do not say


def diagnose(epochs: Sequence[Row], classes: int | None = None, whole: bool = True) -> list[Diagnosis]:
    """All anomalies in a run's curves, each kind once. Without `classes`, or of a run that broke off, not whether it
    was dead."""
    each = [_spike(epochs), _blow_up(epochs), _dead(epochs, classes) if classes and whole else None]
    return [diagnosis for diagnosis in each if diagnosis]


def of(record: Mapping[str, Any]) -> list[Diagnosis]:
    """What a record says of itself; of an older one, what can be seen in it."""
    if "diagnoses" in record:
        return list(record["diagnoses"])
    classes = CLASSES.get(record["cell"]["dataset"].partition("-")[0])
    return diagnose(record["epochs"], classes, record["status"] == "finished")


def kinds(record: Mapping[str, Any]) -> list[str]:
    """The kinds of a record's anomalies."""
    return [each["kind"] for each in of(record)]


def groups(cells: Iterable[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """Cells (id, kinds) by kind, as plain values: kind, cells (how many), first (an id), remedy."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in REMEDIES}
    for name, anomalies in cells:
        for kind in anomalies:
            by_kind.setdefault(kind, []).append(name)
    rows = [(kind, names, REMEDIES.get(kind, "")) for kind, names in by_kind.items() if names]
    return [{"kind": kind, "cells": len(names), "first": names[0], "remedy": remedy} for kind, names, remedy in rows]


def _spike(epochs: Sequence[Row]) -> Diagnosis | None:
    losses = _curve(epochs, "train_loss")
    lowest = losses[0] if losses else math.inf
    for before, row, loss in zip(epochs, epochs[1:], losses[1:], strict=False):
        if row.get("eta", 0) > before.get("eta", 0):
            lowest = loss
        if loss >= SPIKE_RATIO * lowest and loss - lowest >= SPIKE_SHARE * losses[0]:
            return _diagnosis(SPIKE, row, loss, lowest)
        lowest = min(lowest, loss)
    return None


def _blow_up(epochs: Sequence[Row]) -> Diagnosis | None:
    norms = _curve(epochs, "gradient_norm")
    for row, (largest, _), norm in zip(epochs[1:], pairwise(accumulate(norms, max)), norms[1:], strict=False):
        if norm >= BLOW_UP_RATIO * largest > 0:
            return _diagnosis(BLOW_UP, row, norm, largest)
    return _diagnosis(BLOW_UP, epochs[0], math.inf, math.inf) if norms and math.isinf(norms[0]) else None


def _dead(epochs: Sequence[Row], classes: int) -> Diagnosis | None:
    losses, errors = _curve(epochs, "train_loss"), _curve(epochs, "train_error")
    if classes < 2 or not losses or not errors:
        return None
    loss, error = math.log(classes), 100 * (1 - 1 / classes)  # of a guess
    is_dead = min(losses) >= DEAD_LOSS * loss and min(errors) >= DEAD_ERROR * error
    return _diagnosis(DEAD, epochs[0], min(losses), loss) if is_dead else None


def _curve(epochs: Sequence[Row], name: str) -> list[float]:
    """Empty where an epoch lacks it. What overflowed is recorded as null."""
    if any(name not in row for row in epochs):
        return []
    return [math.inf if row[name] is None else row[name] for row in epochs]


def _diagnosis(kind: str, row: Row, value: float, usual: float) -> Diagnosis:
    finite = [number if math.isfinite(number) else None for number in (value, usual)]
    return {"kind": kind, "epoch": row["epoch"], "value": finite[0], "usual": finite[1]}
