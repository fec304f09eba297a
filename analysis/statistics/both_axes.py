"""Laws of the best decay on both axes, per update and normalized: lambda_norm = lambda sqrt(updates).

Where decays were swept on one axis only, the law on the other is computed: each best decay moves by a known factor,
its interval with it, and the exponent by half the exponent with which the number of updates grows.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.words import Estimate
from analysis.statistics import predictions
from analysis.statistics.power_laws import Line
from analysis.statistics.scaling import Law

RAW, NORMALIZED = "per update", "normalized"
YES = {True: "yes", False: "no"}
COLUMNS = (
    "best_decay_of", "unit", "computed", "in", "x", "at_edge", "value", "low", "high", "exponent", "exponent_low",
    "exponent_high",
)  # fmt: skip


@dataclass(frozen=True)
class OnAxis:
    """A law on one of the axes. computed: from the other, on which its decays were swept."""

    line: Line
    computed: bool


def on_both_axes(lines: Sequence[Line]) -> list[OnAxis]:
    """Each law on both axes; on its own only where the number of updates is not known."""
    swept = {(line.who, line.quantity, line.unit) for line in lines}
    found = []
    for line in lines:
        found.append(OnAxis(line, line.computed))
        other = RAW if line.unit == NORMALIZED else NORMALIZED
        if line.updates and (line.who, line.quantity, other) not in swept:
            found.append(OnAxis(replace(line, unit=other, law=_converted(line, other)), True))
    return found


def predicted(line: Line) -> dict[str, float]:
    """The exponents that stand against each other, on the line's own axis and with what it holds fixed."""
    (quantity,) = line.exponents
    shift = predictions.NORMALIZED[quantity] if line.unit == NORMALIZED else 0.0
    return {name: low + shift for name, (low, high) in predictions.PREDICTED[quantity].items() if low == high}


def slope(logs: Mapping[float, float]) -> float:
    """Of a line through log2 values by x, over log2 x."""
    x, y = np.log2(list(logs)), np.array(list(logs.values()))
    centred = x - x.mean()
    return float(y @ centred / (centred @ centred)) if len(logs) > 1 else 0.0


def table(lines: Sequence[Line]) -> str:
    """The numbers as CSV: a line for each law, axis and x; value empty where the best decay is at the edge."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for shown in on_both_axes(lines):
        line = shown.line
        for x, best in line.law.best.items():
            decay = [None if log is None else 2**log for log in _numbers(best)]
            place = (line.who, line.unit, YES[shown.computed], line.quantity, x, YES[best is None])
            writer.writerow((*place, *decay, *_numbers(line.law.exponent)))
    return text.getvalue()


def _converted(line: Line, unit: str) -> Law:
    sign = 1 if unit == NORMALIZED else -1
    shifts = {x: sign * math.log2(count) / 2 for x, count in line.updates.items()}
    best = {x: None if found is None else _moved(found, shifts[x]) for x, found in line.law.best.items()}
    exponent = line.law.exponent
    if exponent is not None:
        exponent = _moved(exponent, slope({x: shifts[x] for x, found in best.items() if found is not None}))
    return replace(line.law, exponent=exponent, best=best)


def _moved(estimate: Estimate, by: float) -> Estimate:
    value, low, high = _numbers(estimate)
    assert value is not None
    return Estimate(value + by, None if low is None else low + by, None if high is None else high + by)


def _numbers(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
