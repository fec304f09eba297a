"""How many seeds would decide a claim that is undecided, if what was measured so far were the truth.

With n seeds in place of the m there are, estimates would scatter about the present ones by s sqrt(m / n), s being their
present standard error, and their intervals would be as much narrower. The claim's own rule is asked about many such
made results. n is the smallest number for which it decides, as it would decide about the present estimates without any
noise, in ENOUGH of them. For one difference d against one threshold t, and a deviation of single differences that is
known, that is the textbook's

    n = ((1.96 + 0.84) deviation / (d - t))^2.

Four simplifications: estimates of one claim are drawn as if independent; intervals keep their skewness; a fit's own
error (a grid too coarse, a law that does not hold) is in no interval and so not in n; and the present estimate, which
is what n hangs on most, is itself as uncertain as its interval says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.claims.prices import Price
from analysis.results.words import INTERVAL, Estimate
from analysis.statistics.estimate import MOST

Rule = Callable[[Sequence[Estimate]], str]
ENOUGH = 0.8  # of the made results: the power that comparisons of optimizers are told with as well
DRAWS = 200


@dataclass(frozen=True)
class Doubt:
    """What a verdict hangs on: rule(estimates) gives its outcome.

    estimates: None for what could not be measured. runs: seeds behind them. seed: what one more of all cells costs.
    own_from: seeds from which their own scatter gives the interval (Student); with fewer a known deviation does
    (normal).
    """

    estimates: tuple[Estimate | None, ...]
    rule: Rule
    runs: int
    seed: Price
    own_from: float = math.inf

    def freedom(self, seeds: int) -> float:
        return seeds - 1 if seeds >= self.own_from else math.inf


@dataclass(frozen=True)
class Needed:
    """What would decide a claim, in words; seeds: of all its cells, in place of those there are; hours and unit: of the
    additional ones."""

    words: str
    seeds: int | None = None
    hours: float | None = None
    unit: str = ""


def needed(doubt: Doubt | None) -> Needed:
    """Of an undecided claim. None: its rule compares numbers that have no intervals."""
    if doubt is None:
        return Needed("no number of seeds: the rule compares numbers without intervals, and leaves these open")
    known = [part for part in doubt.estimates if part is not None]
    if len(known) < len(doubt.estimates):
        return Needed("no number of seeds: what the rule compares could not be measured")
    if any(part.low is None or part.high is None for part in known):
        more = doubt.seed
        seed = "a second seed" if doubt.runs < 2 else "one more seed"  # those there are tell no scatter
        return Needed(f"first {seed}, for the noise: {more.words()}", None, more.hours, more.unit)
    if _outcome_without_noise(doubt, known) == doubt.rule(known):
        return Needed("no number of seeds: the rule leaves these very numbers open, however exact they are")
    count = seeds(doubt)
    if count is None:
        return Needed(f"no number of seeds up to {MOST:,}: too near a bound of the rule")
    more = doubt.seed.times(count - doubt.runs)
    return Needed(f"{count} seeds in place of {doubt.runs}: {more.words()} more", count, more.hours, more.unit)


def seeds(doubt: Doubt) -> int | None:
    """The smallest number that is enough, one more than there are at least; None where MOST are not. Every estimate
    has its interval."""
    known = [part for part in doubt.estimates if part is not None]
    wanted = _outcome_without_noise(doubt, known)
    few, many = doubt.runs, doubt.runs + 1
    while share(doubt, many, wanted) < ENOUGH:
        if many >= MOST:
            return None
        few, many = many, min(2 * many, MOST)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if share(doubt, middle, wanted) >= ENOUGH else (middle, many)
    return many


def share(doubt: Doubt, count: int, wanted: str) -> float:
    """In how many of the made results with so many seeds the rule says what is wanted."""
    rng, width = np.random.default_rng(0), math.sqrt(doubt.runs / count)
    now, then = _quantile(doubt.freedom(doubt.runs)), _quantile(doubt.freedom(count))
    parts = [_interval(part) for part in doubt.estimates if part is not None]
    said = []
    for moves in rng.normal(size=(DRAWS, len(parts))):
        made = []
        for (value, low, high), move in zip(parts, moves, strict=True):
            centre = value + move * width * (high - low) / 2 / now
            factor = width * then / now
            made.append(Estimate(centre, centre - factor * (value - low), centre + factor * (high - value)))
        said.append(doubt.rule(made))
    return said.count(wanted) / DRAWS


def _outcome_without_noise(doubt: Doubt, known: Sequence[Estimate]) -> str:
    return doubt.rule([Estimate(part.value, part.value, part.value) for part in known])


def _interval(part: Estimate) -> tuple[float, float, float]:
    assert part.low is not None
    assert part.high is not None
    return part.value, part.low, part.high


def _quantile(freedom: float) -> float:
    return float(special.stdtrit(freedom, INTERVAL[1] / 100))
