"""What rules are made of: an outcome from numbers with their intervals, whether of our records or of the paper's."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from analysis.results.words import Estimate

OUTCOMES = HOLDS, FAILS, OPEN, NOT_RUN = "supported", "contradicted", "undecided", "not run"


class Interval(NamedTuple):
    """An Estimate that has both ends: without them no rule is asked."""

    value: float
    low: float
    high: float


Rule = Callable[[Sequence[Interval]], str]


def intervals(estimates: Iterable[Estimate | None]) -> list[Interval]:
    """Of those that have one."""
    ends = [(part.value, part.low, part.high) for part in estimates if part is not None]
    return [Interval(value, low, high) for value, low, high in ends if low is not None and high is not None]


def sign(part: Interval) -> int:
    """1 or -1 where the interval lies above or below 0, 0 where it holds 0."""
    return int(part.low > 0) - int(part.high < 0)


def all_above(parts: Sequence[Interval]) -> str:
    """Supported when all lie significantly above 0, contradicted when one lies significantly below."""
    signs = set(map(sign, parts))
    return FAILS if -1 in signs else HOLDS if signs == {1} else OPEN


def all_below(parts: Sequence[Interval]) -> str:
    """Supported when all lie significantly below 0, contradicted when one lies significantly above."""
    return all_above([Interval(-part.value, -part.high, -part.low) for part in parts])


def not_on_side(side: int) -> Rule:
    """Of one number: contradicted when it lies significantly above 0 (side 1) or below (-1)."""
    return lambda parts: FAILS if sign(parts[0]) == side else HOLDS
