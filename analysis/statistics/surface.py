"""Errors over log2 alpha x log2 lambda, from records or from the paper's figures: what the statistics work on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analysis.results.panels import Panel
from analysis.results.published import RUN_SIGMA, Reading
from analysis.results.words import INTERVAL
from paper_repro.cli import UsageError

Floats = NDArray[np.float64]
FEW = 12  # deviations of runs from which noise can be drawn
MANY = 30  # runs of a tile: more are not drawn one by one
RESAMPLES = 2000
SHARE = 1 / 2  # of the grid's tiles, those with the lowest errors: the basin
LEAST = 12  # tiles of a basin: fewer say too little of it
EQUAL = 1e-6  # numbers that differ by less do so by rounding: no test set is large enough to tell errors so near apart


def deviation(values: Sequence[float] | Floats) -> float | None:
    """The standard deviation (n - 1); None where the values do not tell it: fewer than two, or all equal."""
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.ptp(values) > EQUAL else None


def moving(resampled: Floats | None) -> Floats | None:
    """The same; None where hardly any differ: a grid too coarse for the noise to show, which is no exact result."""
    known = None if resampled is None else resampled[np.isfinite(resampled)]
    return resampled if known is not None and len(known) and np.ptp(np.percentile(known, INTERVAL)) > EQUAL else None


@dataclass(frozen=True)
class Surface:
    """One optimizer's grid without its column lambda = 0, which has no logarithm.

    u, v: log2 alpha [A] and log2 lambda [L], ascending. runs: errors in percent [A, L, K], NaN where there is none.
    clipped: [A, L], true where the error is only known to be large: diverged, or beyond a figure's colour scale.
    known_sigma: the standard deviation of one run where that is known from elsewhere.
    """

    name: str
    u: Floats
    v: Floats
    runs: Floats
    clipped: NDArray[np.bool_]
    known_sigma: float | None = None

    @property
    def means(self) -> Floats:
        """Mean over the runs [A, L]; NaN where there is none or where it is clipped."""
        counts = np.isfinite(self.runs).sum(2)
        sums = np.nansum(self.runs, 2)
        return np.where((counts > 0) & ~self.clipped, sums / np.maximum(counts, 1), np.nan)

    def deviations(self, chosen: NDArray[np.bool_]) -> Floats:
        """Of the chosen tiles' runs from their tile's mean, widened to what single runs of a population have; of tiles
        with one run none, nor where the runs of every tile are equal. Runs scatter more where errors are high, so these
        are for the basin alone."""
        counts = np.isfinite(self.runs).sum(2, keepdims=True)
        apart = np.where(chosen[:, :, None], self.runs - self.means[:, :, None], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = apart * np.sqrt(counts / (counts - 1))
        found = scaled[np.isfinite(scaled)]
        return np.asarray(found if np.abs(found).max(initial=0.0) > EQUAL else found[:0])

    def sigma(self, chosen: NDArray[np.bool_]) -> float | None:
        """The standard deviation of one run, pooled over these tiles; where none has two runs, what is known."""
        found = self.deviations(chosen)
        return float(np.sqrt(np.mean(found**2))) if len(found) else self.known_sigma

    def noise(self, chosen: NDArray[np.bool_], rng: np.random.Generator, resamples: int) -> Floats | None:
        """Noise of all tiles' means, [resamples, A, L], drawn from the deviations of the chosen tiles' runs; where none
        has two, from a normal distribution with the known standard deviation; None where that is not known either. The
        mean of more than MANY runs is as good as normal, and drawing each of them would take minutes."""
        counts = np.maximum(np.isfinite(self.runs).sum(2), 1)
        shape = (resamples, *counts.shape)
        deviations = self.deviations(chosen)
        if len(deviations) >= FEW and counts.max() <= MANY:
            drawn = [rng.choice(deviations, shape) * (counts > run) for run in range(int(counts.max()))]
            return np.asarray(np.sum(drawn, 0) / counts)
        sigma = self.sigma(chosen) if len(deviations) >= FEW else self.known_sigma
        return None if sigma is None else np.asarray(rng.normal(0, sigma, shape) / np.sqrt(counts))


def of_panel(panel: Panel, split: str) -> Surface:
    """A panel's errors of a split ("validation", "test") on a grid of what was run with lambda > 0."""
    alphas = sorted({alpha for alpha, _ in panel.tiles})
    decays = sorted({decay for _, decay in panel.tiles if decay > 0})
    errors = {place: tile.errors(split) for place, tile in panel.tiles.items()}
    diverged = {place for place, tile in panel.tiles.items() if tile.diverged}
    return gridded(panel.optimizer, alphas, decays, errors, diverged)


def gridded(
    name: str,
    alphas: Sequence[float],
    decays: Sequence[float],
    errors: Mapping[tuple[float, float], Sequence[float]],
    clipped: set[tuple[float, float]],
    known_sigma: float | None = None,
) -> Surface:
    """The Surface of errors by (alpha, decay)."""
    depth = max((len(runs) for runs in errors.values()), default=1) or 1
    runs = np.full((len(alphas), len(decays), depth), np.nan)
    is_clipped = np.zeros(runs.shape[:2], bool)
    for row, alpha in enumerate(alphas):
        for column, decay in enumerate(decays):
            found = errors.get((alpha, decay), ())
            runs[row, column, : len(found)] = found
            is_clipped[row, column] = (alpha, decay) in clipped
    return Surface(name, np.log2(alphas), np.log2(decays), runs, is_clipped, known_sigma)


def of_readings(readings: Sequence[Reading], figure: str, panel: str) -> Surface:
    """A heat map of the paper; its known_sigma holds the run's own deviation and the reading error together."""
    own = [r for r in readings if (r.figure, r.panel) == (figure, panel) and r.alpha and r.decay]
    if not own:
        raise UsageError(f"the paper's figures have no panel {panel} in {figure}")
    places = {(r.alpha, r.decay): r for r in own if r.alpha and r.decay}
    error = float(np.median([r.reading_error for r in own if r.reading_error is not None and not r.clipped] or [0.2]))
    return gridded(
        f"{figure} {panel}",
        sorted({alpha for alpha, _ in places}),
        sorted({decay for _, decay in places}),
        {place: [reading.value] for place, reading in places.items()},
        {place for place, reading in places.items() if reading.clipped},
        math.hypot(RUN_SIGMA, error),
    )


def basin(surface: Surface) -> NDArray[np.bool_]:
    """The tiles with the lowest errors, [A, L]: SHARE of the grid, but LEAST at least.

    Chosen by errors averaged over neighbours, so that a single lucky run does not choose itself. Clipped tiles count as
    high and are never chosen.
    """
    means = surface.means
    known = np.isfinite(means)
    high = np.nanmax(means, initial=0.0)
    kernel = np.outer([1, 2, 1], [1, 2, 1]).astype(float)
    weights = ndimage.convolve((known | surface.clipped).astype(float), kernel, mode="constant")
    filled = np.where(known, means, np.where(surface.clipped, high, 0.0))
    smooth = ndimage.convolve(filled, kernel, mode="constant") / np.maximum(weights, 1)
    order = np.argsort(np.where(known, smooth, np.inf), axis=None)
    count = min(max(LEAST, math.ceil(SHARE * known.size)), int(known.sum()))
    chosen = np.zeros(known.size, bool)
    chosen[order[:count]] = True
    return chosen.reshape(known.shape)
