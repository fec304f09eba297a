"""How many seeds would decide a claim that is open, if the present estimates were the truth; and what runs cost.

With n seeds in place of the m there are, estimates would scatter about the present ones by s sqrt(m / n), s being their
present standard error, and their intervals would be as much narrower. The claim's own rule is asked about many such
simulated results. n is the smallest number for which it decides, as it would decide about the present estimates without
any noise, in 4 of 5 of them. For one difference d against one threshold t, and a deviation of single differences that
is known, that is the textbook's n = ((1.96 + 0.84) deviation / (d - t))^2.

Simplifications: estimates of one claim are drawn as if independent; intervals keep their skewness; a fit's own error (a
grid too coarse, a law that does not hold) is in no interval and so not in n; and the present estimate, which is what n
hangs on most, is itself as uncertain as its interval says.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from analysis.claims.rules import Interval, Rule, intervals
from analysis.results.table import cell_of
from analysis.results.words import Estimate
from analysis.statistics.estimate import LEVEL, MOST, POWER
from experiments.declare import PROFILES, Experiment, Profile
from paper_repro.cell import Cell
from paper_repro.records import Record, provenance

DRAWS = 200
NEVER = "never measured"
SAME = ("model", "image_size", "train_examples", "precision", "batch_size", "augment")  # what makes an epoch long


def format_hours(hours: Mapping[str, float]) -> str:
    """Of hours by unit those that are not 0: "1.7 core-hours and 0.25 GPU-hours"."""
    spent = [(hours.get(unit, 0.0), unit) for unit in ("core", "GPU")]
    texts = [f"{each:.2g} {unit}-hours" if each < 1 else f"{each:.1f} {unit}-hours" for each, unit in spent if each]
    return " and ".join(texts) or "nothing"


def hours(records: Iterable[Record]) -> str:
    """Their training time in words, all attempts counted."""
    spent: Counter[str] = Counter()
    for record in records:
        spent[unit(record["provenance"])] += record["seconds"] / 3600
    return format_hours(spent)


def unit(origin: Mapping[str, Any]) -> str:
    """A cell takes one core of a processor, or (a share of) one GPU."""
    return "GPU" if provenance.is_of_gpu(origin) else "core"


@dataclass(frozen=True)
class Price:
    """Of so many cells (0: of what is no cells): hours of a core or of a GPU."""

    cells: int
    hours: float
    unit: str = "core"

    def times(self, count: int) -> Price:
        return Price(count * self.cells, count * self.hours, self.unit)

    def text(self) -> str:
        """12 cells, 0.3 core-hours."""
        hours = format_hours({self.unit: self.hours})
        return f"{self.cells:,} cell{'s' * (self.cells != 1)}, {hours}" if self.cells else hours


def seed_price(records: Iterable[Record]) -> Price:
    """One more seed of all of these cells: each takes as long as the median of its seeds, as one that ran beside other
    work may have taken many times as long."""
    seconds: dict[Cell, list[float]] = {}
    units: set[str] = set()
    for record in records:
        seconds.setdefault(cell_of(record), []).append(record["seconds"])
        units.add(unit(record["provenance"]))
    return Price(len(seconds), sum(map(statistics.median, seconds.values())) / 3600, max(units, default="core"))


def first_run_price(experiment: Experiment, records: Sequence[Record]) -> str:
    """What the experiment costs at each scale but the demo's, in words: what was not recorded yet of it."""
    if experiment.study is not None:
        return f"a study of minutes; its time was {NEVER}"
    profiles = experiment.profiles
    texts = [_profile_price(name, profiles[name], records) for name in PROFILES[1:] if name in profiles]
    return "; ".join(sorted(texts, key=lambda text: text.endswith(NEVER)))


def _profile_price(name: str, profile: Profile, records: Sequence[Record]) -> str:
    """The median epoch of similar recorded cells gives the time."""
    recorded = {cell.replace(dataset="any") for cell in set(map(cell_of, records))}
    missing = [
        cell for cell in profile.with_seeds(profile.seeds) if cell.replace(dataset="any", seed=0) not in recorded
    ]
    if not missing:
        return f"{name}: its cells are recorded; others that the rule needs (the noise is figure 2's) are not"
    epochs, first = sum(cell.epochs for cell in missing), missing[0].to_dict()
    alike = [r for r in records if r["status"] == "finished" and all(r["cell"][key] == first[key] for key in SAME)]
    if not alike:
        return f"{name}: {len(missing)} cells, {epochs:,} epochs in all, {NEVER}"
    epoch = statistics.median(record["seconds"] / record["cell"]["epochs"] for record in alike)
    price = Price(len(missing), epoch * epochs / 3600, unit(alike[0]["provenance"]))
    return f"{name}: about {price.text()}"


@dataclass(frozen=True)
class PowerInput:
    """What a verdict hangs on: rule(estimates) gives its outcome.

    estimates: None for what could not be measured. runs: seeds behind them. seed: what one more of all cells costs.
    student_from: seeds from which their own scatter gives the interval (Student); with fewer a known deviation does
    (normal).
    """

    estimates: tuple[Estimate | None, ...]
    rule: Rule
    runs: int
    seed: Price
    student_from: float = math.inf

    @property
    def known(self) -> list[Interval]:
        """Those with an interval."""
        return intervals(self.estimates)

    @property
    def noise_free(self) -> str:
        """The outcome if the estimates were exact."""
        return self.rule([Interval(value, value, value) for value, _, _ in self.known])

    def quantile(self, seeds: int) -> float:
        """Half of a 95 % interval in standard errors."""
        return float(special.stdtrit(seeds - 1 if seeds >= self.student_from else math.inf, 1 - LEVEL / 2))


@dataclass(frozen=True)
class SeedsNeeded:
    """What would decide a claim, in words; seeds: of all its cells, in place of those there are; hours and unit: of the
    additional ones."""

    words: str
    seeds: int | None = None
    hours: float | None = None
    unit: str = ""


def seeds_needed(hangs_on: PowerInput | None) -> SeedsNeeded:
    """Of an open claim. None: its rule compares numbers that have no intervals."""
    if hangs_on is None:
        return SeedsNeeded("no number of seeds: the rule compares numbers without intervals, and leaves these open")
    known, more, runs = hangs_on.known, hangs_on.seed, hangs_on.runs
    if None in hangs_on.estimates:
        return SeedsNeeded("no number of seeds: what the rule compares could not be measured")
    if len(known) < len(hangs_on.estimates):
        seed = "a second seed" if runs < 2 else "one more seed"  # those there are show no scatter
        return SeedsNeeded(f"first {seed}, for the noise: {more.text()}", None, more.hours, more.unit)
    if hangs_on.noise_free == hangs_on.rule(known):
        return SeedsNeeded("no number of seeds: the rule leaves these very numbers open, however exact they are")
    count = seeds(hangs_on)
    if count is None:
        return SeedsNeeded(f"no number of seeds up to {MOST:,}: too near a bound of the rule")
    more = more.times(count - runs)
    return SeedsNeeded(f"{count} seeds in place of {runs}: {more.text()} more", count, more.hours, more.unit)


def seeds(hangs_on: PowerInput) -> int | None:
    """The smallest number that is enough, one more than there are at least; None where MOST are not. Every estimate
    has its interval."""
    counts = range(hangs_on.runs + 1, MOST + 1)
    place = bisect_left(counts, POWER, key=lambda count: _power(hangs_on, count))
    return counts[place] if place < len(counts) else None


def _power(hangs_on: PowerInput, count: int) -> float:
    """In how many of the simulated results with so many seeds the rule decides as it would without noise."""
    width, now = math.sqrt(hangs_on.runs / count), hangs_on.quantile(hangs_on.runs)
    factor = width * hangs_on.quantile(count) / now
    outcomes = []
    for moves in np.random.default_rng(0).normal(size=(DRAWS, len(hangs_on.known))):
        results = []
        for (value, low, high), move in zip(hangs_on.known, moves, strict=True):
            centre = value + move * width * (high - low) / 2 / now
            results.append(Interval(centre, centre - factor * (value - low), centre + factor * (high - value)))
        outcomes.append(hangs_on.rule(results))
    return outcomes.count(hangs_on.noise_free) / DRAWS
