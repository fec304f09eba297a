"""What share of the errors' variance an additive model leaves: how much learning rate and decay interact.

Inside the basin E = a(alpha) + b(lambda) is fitted. Were the two fully separable, only noise would be left; the
variance that noise is expected to have is taken off, so that the share is 0 for separable errors however noisy, and 1
where rows and columns say nothing. The interval is that of the tiles that were chosen.
"""

import numpy as np
from scipy import linalg

from analysis.results.words import Estimate
from analysis.statistics.surface import LEAST, Floats, Surface


def interaction(surface: Surface, seed: int = 0) -> Estimate | None:
    """The share of variance, 0 to 1, that no a(alpha) + b(lambda) explains; None where too little is measured, or where
    the noise to take off is not known."""
    basin, sigma = surface.basin, surface.sigma
    rows, columns = np.nonzero(basin)
    if basin.sum() < LEAST or sigma is None:
        return None
    design = np.concatenate([rows[:, None] == np.unique(rows), columns[:, None] == np.unique(columns)], 1).astype(float)
    rest = np.eye(len(rows)) - design @ linalg.pinv(design)
    free = float(np.trace(rest))
    if free < 1:
        return None
    variance = sigma**2 / float(surface.counts[basin].mean())
    value = _share(surface.means[basin][None], rest, free, variance)[0]
    resampled = surface.resampled(basin, np.random.default_rng(seed))[1:, basin]
    # What is resampled has noise twice: that of the errors, and that drawn.
    return Estimate.of(value, _share(resampled, rest, free, 2 * variance))


def _share(means: Floats, rest: Floats, free: float, variance: float) -> Floats:
    """Of each sample [samples, tiles]."""
    left = ((means @ rest) ** 2).sum(1) - variance * free
    total = ((means - means.mean(1, keepdims=True)) ** 2).sum(1) - variance * (means.shape[1] - 1)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(total > 0, np.clip(left / total, 0, 1), np.nan))
