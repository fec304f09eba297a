"""What rules are made of: an outcome from numbers with their intervals, whether of our records or of the paper's.

    holds here             the interval decides for the claim
    does not hold here     what the claim assumes is there, and the interval decides against it
    open                   neither: because of noise, of selection or of the grid, or between the rule's two bounds
    premise absent         what the claim assumes is measured not to be there
    not run                there are no records
    true, slip             of what is algebra or code, and depends on no setting

A rule that asks for a difference decides when the interval lies on one side of 0. One that asks for none (rivals, does
not help, ends as well) decides when it lies on one side of a margin: lack of power never makes two things equal. The
margin is 2.5 % of the lower error, a sixth of the 15 % that the paper itself calls an improvement, and 0.1 points at
least, to which the paper's figures can be read.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from analysis.results.words import Estimate

HOLDS, FAILS, OPEN, ABSENT, NOT_RUN = "holds here", "does not hold here", "open", "premise absent", "not run"
TRUE, SLIP = "true", "slip"
NOISE, SELECTION, GRID, BETWEEN = "noise", "selection", "grid", "between"  # why one is open
MARGIN, LEAST = 0.025, 0.1  # of the lower error, and points


class Interval(NamedTuple):
    """An Estimate that has both ends: without them no rule is asked."""

    value: float
    low: float
    high: float


Rule = Callable[[Sequence[Interval]], str]


class Doubt(NamedTuple):
    """What a difference's 95 % interval leaves out. widening: of it, where Holm's rule asks more of one of several. An
    end is not known where a better cell may lie beyond the grid, of the first (low) or of the second (high). lower,
    higher: points by which an end moves, as another cell of the first or of the second looks better by so many."""

    widening: float = 1.0
    no_low: bool = False
    no_high: bool = False
    lower: float = 0.0
    higher: float = 0.0


def margin(lower: float) -> float:
    """In points, of two errors in percent of which this is the lower."""
    return max(MARGIN * lower, LEAST)


def intervals(estimates: Iterable[Estimate | None]) -> list[Interval]:
    """Of those that have one."""
    ends = [(part.value, part.low, part.high) for part in estimates if part is not None]
    return [Interval(value, low, high) for value, low, high in ends if low is not None and high is not None]


def sign(part: Interval) -> int:
    """1 or -1 where the interval lies above or below 0, 0 where it holds 0."""
    return int(part.low > 0) - int(part.high < 0)


def all_above(parts: Sequence[Interval]) -> str:
    """Holds when all lie above 0, does not when one lies below."""
    signs = set(map(sign, parts))
    return FAILS if -1 in signs else HOLDS if signs == {1} else OPEN


def all_below(parts: Sequence[Interval]) -> str:
    """Holds when all lie below 0, does not when one lies above."""
    return all_above([Interval(-part.value, -part.high, -part.low) for part in parts])


def within(low: float, high: float) -> Rule:
    """Of any number: holds when all lie between these, does not when one lies outside."""

    def rule(parts: Sequence[Interval]) -> str:
        if any(part.low > high or part.high < low for part in parts):
            return FAILS
        return HOLDS if all(low <= part.low and part.high <= high for part in parts) else OPEN

    return rule


def doubted(rule: Rule, doubts: Sequence[Doubt]) -> Rule:
    """The rule on intervals as wide as these doubts make them."""

    def doubting(parts: Sequence[Interval]) -> str:
        return rule([
            Interval(
                part.value,
                -math.inf if doubt.no_low else part.value - doubt.widening * (part.value - part.low) - doubt.lower,
                math.inf if doubt.no_high else part.value + doubt.widening * (part.high - part.value) + doubt.higher,
            )
            for part, doubt in zip(parts, doubts, strict=True)
        ])  # fmt: skip

    return doubting


def apart(first: Estimate, second: Estimate) -> Estimate:
    """first − second of independent numbers, with the interval that theirs give (Zou & Donner 2008, "MOVER")."""
    value, parts = first.value - second.value, intervals([first, second])
    if len(parts) < 2:
        return Estimate(value, None, None)
    one, other = parts
    low = math.hypot(one.value - one.low, other.high - other.value)
    return Estimate(value, value - low, value + math.hypot(one.high - one.value, other.value - other.low))


def exponential(part: Estimate) -> Estimate:
    """Of an estimate of a logarithm."""
    low, high = (None if end is None else math.exp(end) for end in (part.low, part.high))
    return Estimate(math.exp(part.value), low, high)
