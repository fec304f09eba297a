"""Is one optimizer better than another? Each at the cell that was selected on validation, compared on test errors.

Runs of one seed share their initial weights and their order of images, so differences are taken seed by seed. With
three common seeds or more their own scatter gives the interval (Student); with fewer, the deviation of single runs
pooled over the basin does (normal), which ignores that pairs are alike and is rather too wide. Many pairs are tested at
once: their p-values are corrected by Holm's step-down rule. That cells were selected by noisy errors is not in them:
the runs that selected a cell are compared as well (experiments/ranking.py). So are seeds that it alone has, which were
no part of the selection.

Differences that are all equal show no deviation: then that of single runs decides, as with few seeds, and without one
nothing is decided. Seeds that diverged cannot be compared. Where they are of the optimizer that is ahead, the pair is
not decided, since only its survivors are ahead; where they are of the other, they add to what is seen, and it may be.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import special

from analysis.results.markdown import Table
from analysis.results.panels import Panel
from analysis.results.series import Variant
from analysis.results.words import Estimate, panel_name
from analysis.statistics.surface import EQUAL, Floats, panel_surface

LEVEL = 0.05
POWER = 0.8
MOST = 1000  # seeds: more are as good as none
PAIRED_FROM = 3  # common seeds: the deviation of the differences is used
STUDENT_FROM = 2  # seeds: student() gives an interval
SMALLEST = 1e-99  # smaller p-values may have become 0 by rounding
NO_SCATTER = "scatter not measurable"


def around(value: float, half: float) -> Estimate:
    """With this half of an interval."""
    return Estimate(value, value - half, value + half)


def deviation(values: Sequence[float] | Floats) -> float | None:
    """The standard deviation (n - 1); None where the values do not tell it: fewer than two, or all equal."""
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.ptp(values) > EQUAL else None


def student(values: Sequence[float]) -> Estimate:
    """The mean with its 95 % interval by Student's t; without one for a single value, or where all are equal."""
    return _mean(values, deviation(values), len(values) - 1)


def _mean(values: Sequence[float] | Floats, scatter: float | None, freedom: float) -> Estimate:
    mean = float(np.mean(values))
    if scatter is None:
        return Estimate(mean, None, None)
    return around(mean, float(special.stdtrit(freedom, 1 - LEVEL / 2)) * scatter / math.sqrt(len(values)))


@dataclass(frozen=True)
class Comparison:
    """first − second, in points of test error, over the seeds that both finished. deviation: of one difference. p:
    corrected by compare().

    Without an interval, deviation and p where the scatter could not be measured. seeds_text: how many are compared, and
    what became of others: 4 of 7; 3 of AdamW diverged. survivors_ahead: seeds of the better one diverged, so that not
    all of its runs are compared.
    """

    first: str
    second: str
    difference: Estimate
    deviation: float | None
    p: float | None
    seeds: int
    seeds_text: str
    survivors_ahead: bool
    freedom: float = math.inf

    def beyond(self, margin: float) -> "Comparison":
        """Of the difference less a margin, p with it."""
        part = self.difference.moved(-margin)
        return replace(self, difference=part, p=_p(part.value, self.deviation, self.freedom, self.seeds))

    def widening(self, p: float) -> float:
        """Of the 95 % interval, so that it holds 0 unless p, corrected for several, is below LEVEL."""
        times = p / self.p if self.p else 1.0
        return float(
            special.stdtrit(self.freedom, 1 - LEVEL / 2 / times) / special.stdtrit(self.freedom, 1 - LEVEL / 2)
        )

    @property
    def effect(self) -> float | None:
        """difference / deviation."""
        return self.difference.value / self.deviation if self.deviation else None

    @property
    def seeds_needed(self) -> int | None:
        """Of each, to find a difference of this size alone with 80 % power; None where it is decided, 0, or where more
        seeds of this kind would not decide it."""
        if self.p is None or self.is_decided or self.survivors_ahead:
            return None
        if not self.effect or abs(self.difference.value) <= EQUAL:
            return None
        quantiles = float(special.ndtri(1 - LEVEL / 2) + special.ndtri(POWER))
        return max(self.seeds + 1, math.ceil((quantiles / self.effect) ** 2))

    @property
    def is_decided(self) -> bool:
        return self.p is not None and self.p < LEVEL and not self.survivors_ahead

    @property
    def judged(self) -> Estimate | None:
        """The difference as a rule may judge it; None where survivors are ahead."""
        return None if self.survivors_ahead else self.difference


def compare(panels: Sequence[Panel], known: Mapping[str, float] = {}) -> list[Comparison]:
    """Every pair of panels that have a selected cell and a common seed (and a known deviation).

    known: the deviation of single runs of an optimizer, for panels that have one run of each cell.
    """
    selected = [panel for panel in panels if panel.best is not None]
    pairs = [pair for two in combinations(selected, 2) if (pair := _difference(*two, known)) is not None]
    corrected = iter(holm([pair.p for pair in pairs if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p=next(corrected)) for pair in pairs]


def _difference(first: Panel, second: Panel, known: Mapping[str, float]) -> Comparison | None:
    errors = [_by_seed(panel) for panel in (first, second)]
    common = [errors[0][seed] - errors[1][seed] for seed in sorted(errors[0].keys() & errors[1].keys())]
    differences = np.array([each for each in common if not math.isnan(each)])
    if not len(differences):
        return None
    count, freedom = len(differences), len(differences) - 1.0
    scatter = deviation(differences) if count >= PAIRED_FROM else None
    if scatter is None:
        single = [panel_surface(panel, "test").sigma or known.get(panel.optimizer) for panel in (first, second)]
        scatter, freedom = None if None in single else math.hypot(*filter(None, single)), math.inf
    if scatter is None and count < PAIRED_FROM and count == len(common):
        return None  # where seeds diverged, the row says so
    difference = _mean(differences, scatter, freedom)
    p = _p(difference.value, scatter, freedom, count)
    names = panel_name(first.optimizer, first.facets), panel_name(second.optimizer, second.facets)
    every = {*errors[0], *errors[1]}
    counts: Counter[str] = Counter()  # a sum where two cells of one optimizer are compared
    for name, by_seed in zip(names, errors, strict=True):
        counts[f"{name} diverged"] += sum(map(math.isnan, by_seed.values()))
        counts[f"{name} not run"] += len(every) - len(by_seed)
    lost = ", ".join(f"{count} of {what}" for what, count in counts.items() if count)
    seeds_text = f"{count} of {len(every)}; {lost}" if lost else str(count)
    survivors_ahead = any(map(math.isnan, errors[0 if difference.value < 0 else 1].values()))
    return Comparison(*names, difference, scatter, p, count, seeds_text, survivors_ahead, freedom)


def _p(mean: float, scatter: float | None, freedom: float, count: int) -> float | None:
    """Two-sided, that the mean of so many is 0."""
    return None if scatter is None else float(2 * special.stdtr(freedom, -abs(mean) / (scatter / math.sqrt(count))))


def _by_seed(panel: Panel) -> dict[int, float]:
    """The test error of each seed of the selected cell; NaN for one that diverged."""
    assert panel.best is not None
    best = panel.best.with_all_seeds()
    finished = [record["cell"]["seed"] for record in best.records if record["status"] == "finished"]
    return dict.fromkeys(best.seeds, math.nan) | dict(zip(finished, best.errors("test"), strict=True))


def paired_difference(first: Variant, other: Variant) -> tuple[float, float]:
    """Mean difference in test error, other − first, over the seeds both have, and half its 95 % interval (t); NaN where
    there is no difference, or where the differences do not show their scatter."""
    differences = [other.errors[seed] - first.errors[seed] for seed in first.errors if seed in other.errors]
    part = student(differences) if differences else Estimate(math.nan, None, None)
    return part.value, math.nan if part.high is None else part.high - part.value


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being several (Holm 1979), in the order given."""
    order = np.argsort(values)
    running = np.maximum.accumulate((len(values) - np.arange(len(values))) * np.array(values)[order])
    return list(np.minimum(1.0, running)[np.argsort(order)])


CAPTION = (
    "Optimizers compared at their selected cells, test error, paired by seed; effect: difference over the deviation of "
    "one; p: corrected for the number of pairs (Holm); brackets: 95 % intervals."
)


def table(pairs: Sequence[Comparison]) -> Table:
    """A row for each pair."""
    header = ("compared, test error", "difference, points", "effect", "p (Holm)", "seeds", "distinguishable")
    rows = []
    for pair in pairs:
        part = pair.difference
        ends = "" if part.low is None else f" [{part.low:+.2f}, {part.high:+.2f}]"
        p = "" if pair.p is None else f"{pair.p:.2g}" if pair.p > SMALLEST else f"< {SMALLEST:g}"
        rows.append((
            f"{pair.first} − {pair.second}", f"{_signed(part.value)}{ends}",
            "" if pair.effect is None else _signed(pair.effect), p, pair.seeds_text, _verdict(pair),
        ))  # fmt: skip
    return Table(header, tuple(rows), "comparisons", CAPTION)


def _signed(number: float) -> str:
    return f"{round(number, 2) + 0.0:+.2f}"  # never -0.00


def _verdict(pair: Comparison) -> str:
    if pair.is_decided:
        return "yes"
    needed = pair.seeds_needed or 0
    reasons = {
        NO_SCATTER: pair.p is None, "seeds of the better one diverged": pair.survivors_ahead,
        f"more than {MOST:,} seeds would be needed": needed > MOST, f"{needed} seeds would be needed": needed,
    }  # fmt: skip
    return ": ".join(["no", *[reason for reason, holds in reasons.items() if holds][:1]])
