"""Errors over log2 alpha x log2 lambda, from records or from the paper's figures: what the statistics work on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analysis.results.panels import Panel
from analysis.results.published import RUN_SIGMA, Reading
from analysis.results.words import INTERVAL, Estimate
from paper_repro.cli import UsageError

Floats = NDArray[np.float64]
FEW = 12  # deviations of runs from which noise can be drawn
MANY = 30  # runs of a tile: more are not drawn one by one
RESAMPLES = 2000
SHARE = 1 / 2  # of the grid's tiles, those with the lowest errors: the basin
LEAST = 12  # tiles of a basin: fewer say too little of it
EQUAL = 1e-6  # numbers that differ by less do so by rounding: no test set is large enough to separate errors so near


@dataclass(frozen=True)
class Surface:
    """One optimizer's grid without its column lambda = 0, which has no logarithm.

    u, v: log2 alpha [A] and log2 lambda [L], ascending. runs: errors in percent [A, L, K], NaN where there is none.
    clipped: [A, L], true where the error is only known to be large: diverged, or beyond a figure's colour scale.
    known_sigma: the standard deviation of one run where that is known from elsewhere.
    """

    u: Floats
    v: Floats
    runs: Floats
    clipped: NDArray[np.bool_]
    known_sigma: float | None = None

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Runs of each tile [A, L]."""
        return np.asarray(np.isfinite(self.runs).sum(2))

    @cached_property
    def means(self) -> Floats:
        """Mean over the runs [A, L]; NaN where there is none or where it is clipped."""
        known = (self.counts > 0) & ~self.clipped
        return np.where(known, np.nansum(self.runs, 2) / np.maximum(self.counts, 1), np.nan)

    @cached_property
    def basin(self) -> NDArray[np.bool_]:
        """The tiles with the lowest errors, [A, L]: SHARE of the grid, but LEAST at least.

        Chosen by errors averaged over neighbours, so that a single lucky run does not choose itself. Clipped tiles
        count as high and are never chosen.
        """
        known = np.isfinite(self.means)
        high = np.nanmax(self.means, initial=0.0)
        kernel = np.outer([1, 2, 1], [1, 2, 1]).astype(float)
        weights = ndimage.convolve((known | self.clipped).astype(float), kernel, mode="constant")
        filled = np.where(known, self.means, np.where(self.clipped, high, 0.0))
        smooth = ndimage.convolve(filled, kernel, mode="constant") / np.maximum(weights, 1)
        order = np.argsort(np.where(known, smooth, np.inf), axis=None)
        count = min(max(LEAST, math.ceil(SHARE * known.size)), int(known.sum()))
        chosen = np.zeros(known.size, bool)
        chosen[order[:count]] = True
        return chosen.reshape(known.shape)

    @property
    def sigma(self) -> float | None:
        """The standard deviation of one run, pooled over the basin; where none of its tiles has two, what is known."""
        return self._pooled(self._deviations(self.basin))

    def resampled(self, chosen: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
        """The means and, behind them, RESAMPLES of them with noise of their own; the means alone where the noise is not
        known, [1 + RESAMPLES, A, L].

        Drawn from the deviations of the chosen tiles' runs; where these are few, from a normal distribution with the
        known standard deviation. The mean of more than MANY runs is as good as normal, and drawing each of them would
        take minutes.
        """
        counts = np.maximum(self.counts, 1)
        shape = (RESAMPLES, *counts.shape)
        deviations = self._deviations(chosen)
        if len(deviations) >= FEW and counts.max() <= MANY:
            runs = [rng.choice(deviations, shape) * (counts > run) for run in range(int(counts.max()))]
            noise = np.sum(runs, 0) / counts
        else:
            sigma = self._pooled(deviations) if len(deviations) >= FEW else self.known_sigma
            if sigma is None:
                return self.means[None]
            noise = rng.normal(0, sigma, shape) / np.sqrt(counts)
        return np.concatenate([self.means[None], self.means + noise])

    def _deviations(self, chosen: NDArray[np.bool_]) -> Floats:
        """Of the chosen tiles' runs from their tile's mean, widened to what single runs of a population have; of tiles
        with one run none, nor where the runs of every tile are equal. Runs scatter more where errors are high, so these
        are for tiles with low errors alone."""
        counts = self.counts[:, :, None]
        apart = np.where(chosen[:, :, None], self.runs - self.means[:, :, None], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = apart * np.sqrt(counts / (counts - 1))
        known = scaled[np.isfinite(scaled)]
        return np.asarray(known if np.abs(known).max(initial=0.0) > EQUAL else known[:0])

    def _pooled(self, deviations: Floats) -> float | None:
        return float(np.sqrt(np.mean(deviations**2))) if len(deviations) else self.known_sigma


def estimate(samples: Floats) -> Estimate:
    """The first value with the interval of the others, which are of resampled noise; without one where hardly any of
    them differ: a grid too coarse for the noise to show, which is no exact result."""
    resampled = samples[1:][np.isfinite(samples[1:])]
    moves = len(resampled) and np.ptp(np.percentile(resampled, INTERVAL)) > EQUAL
    return Estimate.of(samples[0], resampled if moves else None)


def panel_surface(panel: Panel, split: str) -> Surface:
    """A panel's errors of a split ("validation", "test") on a grid of what was run with lambda > 0 (Panel.judged)."""
    errors = {place: tile.errors(split) for place, tile in panel.judged.items()}
    return _gridded(errors, {place for place, tile in panel.judged.items() if tile.diverged})


def sigmas(panels: Iterable[Panel], split: str) -> dict[str, float]:
    """The standard deviation of single runs' errors, of each optimizer of which it is known."""
    pooled = {panel.optimizer: panel_surface(panel, split).sigma for panel in panels}
    return {optimizer: sigma for optimizer, sigma in pooled.items() if sigma is not None}


def published_surface(readings: Sequence[Reading], figure: str, panel: str) -> Surface:
    """A heat map of the paper; its known_sigma holds the run's own deviation and the reading error together."""
    tiles = [r for r in readings if (r.figure, r.panel) == (figure, panel) and r.alpha and r.decay]
    if not tiles:
        raise UsageError(f"the paper's figures have no panel {panel} in {figure}")
    errors = {(r.alpha or 0.0, r.decay or 0.0): [r.value] for r in tiles}
    clipped = {(r.alpha or 0.0, r.decay or 0.0) for r in tiles if r.clipped}
    of_reading = [r.reading_error for r in tiles if r.reading_error is not None and not r.clipped]
    return _gridded(errors, clipped, math.hypot(RUN_SIGMA, float(np.median(of_reading or [0.2]))))


def _gridded(
    errors: Mapping[tuple[float, float], Sequence[float]],
    clipped: set[tuple[float, float]],
    known_sigma: float | None = None,
) -> Surface:
    """The Surface of errors by (alpha, decay)."""
    alphas, decays = sorted({alpha for alpha, _ in errors}), sorted({decay for _, decay in errors if decay})
    runs = np.full((len(alphas), len(decays), max(map(len, errors.values()), default=1) or 1), np.nan)
    is_clipped = np.zeros(runs.shape[:2], bool)
    for (alpha, decay), values in errors.items():
        if decay:
            place = alphas.index(alpha), decays.index(decay)
            runs[place][: len(values)] = values
            is_clipped[place] = (alpha, decay) in clipped
    return Surface(np.log2(alphas), np.log2(decays), runs, is_clipped, known_sigma)
