"""What rules are made of: an outcome from estimates and their intervals, whether of our records or of the paper's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.results.words import Estimate

OUTCOMES = SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "undecided", "not run"
Rule = Callable[[Sequence[Estimate]], str]


def interval(part: Estimate) -> tuple[float, float] | None:
    """Its two ends; None without them."""
    return None if part.low is None or part.high is None else (part.low, part.high)


def sign(part: Estimate) -> int:
    """1 or -1 where the interval lies above or below 0, 0 where it holds 0 or is not known."""
    low, high = interval(part) or (0.0, 0.0)
    return int(low > 0) - int(high < 0)


def all_above(estimates: Sequence[Estimate]) -> str:
    """Supported when all lie significantly above 0, contradicted when one lies significantly below."""
    return _all_on_side(1, estimates)


def all_below(estimates: Sequence[Estimate]) -> str:
    """Supported when all lie significantly below 0, contradicted when one lies significantly above."""
    return _all_on_side(-1, estimates)


def _all_on_side(side: int, estimates: Sequence[Estimate]) -> str:
    signs = {sign(part) for part in estimates}
    return CONTRADICTED if -side in signs else SUPPORTED if signs == {side} else UNDECIDED


def not_on_side(side: int) -> Rule:
    """Of one estimate: contradicted when it lies significantly above 0 (side 1) or below (-1), open without an
    interval."""

    def rule(estimates: Sequence[Estimate]) -> str:
        if interval(estimates[0]) is None:
            return UNDECIDED
        return CONTRADICTED if sign(estimates[0]) == side else SUPPORTED

    return rule
