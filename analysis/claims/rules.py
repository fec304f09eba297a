"""What the rules of several claims measure with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from analysis.claims.ledger import CONTRADICTED, SUPPORTED, UNDECIDED, Evidence, Paper, Verdict
from analysis.results import published
from analysis.results.panels import Panel
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import NO_SCATTER, Comparison, compare
from analysis.statistics.surface import deviation

OF_STUDENT = 2  # seeds from which student() gives an interval
NOISE_UNKNOWN = Estimate(math.nan, None, None)
SINGLE = 1.96 * math.sqrt(2) * math.hypot(published.RUN_SIGMA, 0.1)  # half an interval of a difference of two readings


def pair(found: Sequence[Panel], first: str, second: str, evidence: Evidence) -> Comparison | None:
    """The comparison of the selected cells of two optimizers, if there is one."""
    own = [panel for panel in found if panel.optimizer in (first, second) and panel.best]
    own.sort(key=lambda panel: (first, second).index(panel.optimizer))
    pairs = compare(own, evidence.noise()) if len(own) == 2 else []
    return pairs[0] if pairs else None


def told(found: Comparison) -> str:
    """Its difference with the interval, or why it has none, and the seeds that it lacks."""
    remarks = [NO_SCATTER] * (found.p is None) + [f"seeds: {found.seeds_told}"] * bool(found.lacking)
    return format_estimate(found.difference) + (f" ({'; '.join(remarks)})" if remarks else "")


def lowest(figures: Paper, figure: str, panel: str, no_decay: bool = False) -> float:
    """The lowest reading of a panel of the paper's, of all or of those without decay."""
    return min(r.value for r in figures.values(figure, panel) if r.decay == 0 or not no_decay)


def by_difference(difference: float, wanted: int, words: str) -> Verdict:
    """Of two single readings: wanted 1, the difference should be positive; 0, too small to be seen."""
    told = f"{words}: {difference:+.2f} [{difference - SINGLE:+.2f}, {difference + SINGLE:+.2f}]"
    if wanted == 0:
        return Verdict(SUPPORTED if abs(difference) < SINGLE else CONTRADICTED, told)
    if abs(difference) < SINGLE:
        return Verdict(UNDECIDED, told)
    return Verdict(SUPPORTED if difference > 0 else CONTRADICTED, told)


def around(value: float, half: float) -> Estimate:
    """With this half of an interval."""
    return Estimate(value, value - half, value + half)


def student(values: Sequence[float]) -> Estimate:
    """The mean with its 95 % interval by Student's t; without one for a single value, or where all are equal."""
    mean, scatter = float(np.mean(values)), deviation(values)
    if scatter is None:
        return Estimate(mean, None, None)
    return around(mean, float(special.stdtrit(len(values) - 1, 0.975) * scatter / math.sqrt(len(values))))


def sign(part: Estimate) -> int:
    """1 or -1 where the interval lies above or below 0, 0 where it holds 0 or is not known."""
    if part.low is not None and part.low > 0:
        return 1
    return -1 if part.high is not None and part.high < 0 else 0


def all_above(estimates: Sequence[Estimate]) -> str:
    """Supported when all lie decidedly above 0, contradicted when one lies decidedly below."""
    signs = [sign(part) for part in estimates]
    return CONTRADICTED if -1 in signs else SUPPORTED if set(signs) == {1} else UNDECIDED


def all_below(estimates: Sequence[Estimate]) -> str:
    """Supported when all lie decidedly below 0, contradicted when one lies decidedly above."""
    signs = [sign(part) for part in estimates]
    return CONTRADICTED if 1 in signs else SUPPORTED if set(signs) == {-1} else UNDECIDED
