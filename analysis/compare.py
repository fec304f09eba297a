"""Is one optimizer better than another? Each at the cell that was selected on validation, compared on test errors.

Runs of one seed share their initial weights and their order of pictures, so differences are taken seed by seed. With
three common seeds or more their own scatter gives the interval (Student); with fewer, the deviation of single runs
pooled over the basin does (normal), which ignores that pairs are alike and is rather too wide. Many pairs are tested at
once: their p-values are corrected by Holm's step-down rule. That cells were selected by noisy errors is not in them;
seeds that only selected cells have were no part of the selection, and are compared too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from analysis.document import Table
from analysis.heat_maps import NAMES, facet_words
from analysis.panels import Panel
from analysis.surfaces import Estimate, basin, of_panel

LEVEL = 0.05
POWER = 0.8
OWN_SCATTER = 3  # common seeds from which the differences' own deviation is used


@dataclass(frozen=True)
class Comparison:
    """first minus second, in points of test error. effect: difference / deviation of a difference. p: corrected.
    seeds_needed: of each, to find a difference of this size alone with 80 % power; None where it is decided or 0."""

    first: str
    second: str
    difference: Estimate
    effect: float | None
    p: float
    seeds: int
    seeds_needed: int | None

    @property
    def is_decided(self) -> bool:
        return self.p < LEVEL


def compare(panels: Sequence[Panel], known: Mapping[str, float] = {}) -> list[Comparison]:
    """Every pair of panels that have a selected cell and a common seed (and a known deviation).

    known: the deviation of single runs of an optimizer, for panels that have one run of each cell.
    """
    chosen = [panel for panel in panels if panel.best is not None]
    pairs = [found for pair in combinations(chosen, 2) if (found := _difference(*pair, known)) is not None]
    corrected = holm([test.p for test in pairs])
    return [_told(test, p) for test, p in zip(pairs, corrected, strict=True)]


@dataclass(frozen=True)
class _Test:
    names: tuple[str, str]
    mean: float
    deviation: float  # of one difference
    seeds: int
    freedom: float

    @property
    def error(self) -> float:
        return self.deviation / math.sqrt(self.seeds)

    @property
    def p(self) -> float:
        if not self.error:
            return float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.freedom))


def _difference(first: Panel, second: Panel, known: Mapping[str, float]) -> _Test | None:
    errors = [_by_seed(panel) for panel in (first, second)]
    common = sorted(errors[0].keys() & errors[1].keys())
    if not common:
        return None
    differences = np.array([errors[0][seed] - errors[1][seed] for seed in common])
    names = (_name(first), _name(second))
    if len(common) >= OWN_SCATTER:
        return _Test(names, float(differences.mean()), float(differences.std(ddof=1)), len(common), len(common) - 1)
    scatter = [_pooled(panel) or known.get(panel.optimizer) for panel in (first, second)]
    if scatter[0] is None or scatter[1] is None:
        return None
    return _Test(names, float(differences.mean()), math.hypot(*scatter), len(common), math.inf)  # type: ignore[arg-type]


def _told(test: _Test, p: float) -> Comparison:
    half = float(stats.t.ppf(1 - LEVEL / 2, test.freedom)) * test.error
    needed = None
    if p >= LEVEL and test.mean:
        quantiles = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER)
        needed = max(test.seeds + 1, math.ceil((quantiles * test.deviation / test.mean) ** 2))
    return Comparison(
        *test.names, Estimate(test.mean, test.mean - half, test.mean + half),
        test.mean / test.deviation if test.deviation else None, p, test.seeds, needed,
    )  # fmt: skip


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being several (Holm 1979), in the order given."""
    order, corrected, running = np.argsort(values), [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = running
    return corrected


def _by_seed(panel: Panel) -> dict[int, float]:
    assert panel.best is not None
    best = panel.with_all_seeds(panel.best)
    finished = [record["cell"]["seed"] for record in best.records if record["status"] == "finished"]
    return dict(zip(finished, best.errors("test"), strict=True))


def _pooled(panel: Panel) -> float | None:
    surface = of_panel(panel, "test")
    return surface.sigma(basin(surface))


def _name(panel: Panel) -> str:
    words = facet_words(panel.facets)
    return NAMES.get(panel.optimizer, panel.optimizer) + (f", {words}" if words else "")


CAPTION = (
    "Optimizers compared at their selected cells, test error, paired by seed; effect: difference over the deviation of "
    "one; p: corrected for the number of pairs (Holm); brackets: 95 % intervals."
)


def table(found: Sequence[Comparison]) -> Table:
    """A row for each pair."""
    header = ("compared, test error", "difference, points", "effect", "p (Holm)", "seeds", "told apart")
    rows = []
    for pair in found:
        more = f"no: {pair.seeds_needed} seeds would be needed" if pair.seeds_needed else "no"
        part = pair.difference
        rows.append((
            f"{pair.first} less {pair.second}", f"{part.value:+.2f} [{part.low:+.2f}, {part.high:+.2f}]",
            "" if pair.effect is None else f"{pair.effect:+.2f}", f"{pair.p:.2g}", str(pair.seeds),
            "yes" if pair.is_decided else more,
        ))  # fmt: skip
    return Table(header, tuple(rows), "comparisons", CAPTION)
