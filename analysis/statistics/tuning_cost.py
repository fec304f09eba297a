"""What a practitioner pays who tunes one at a time, and how large a target the basin is.

Tuning by turns: from one learning rate choose the best decay, then the best learning rate at that decay (or the other
way round). Regret is the error lost against the pair that is chosen jointly.

What is estimated. A practitioner has one run of each setting, as noisy as one of ours, and chooses by its validation
error. Both choices, by turns and jointly, are made from the same noisy errors, and what they are worth is read off the
noise-free test surface. Regret is their difference, expected over that noise. (The regret of choices made without noise
is what nobody pays, and it jumps when two tiles change places: no interval holds such a number as often as it says.)
Noise costs the joint choice as well: on a separable surface regret is small beside it, and not quite 0. Of the
validation errors only the noise is used: that their surface is that of the test errors, but for a constant, is assumed.

How. The noise-free surface is drawn from those that the test runs could have come from (smooth_surfaces.py), the
deviation of the noise from those that the runs leave open, and each draw has its regret: noise counts once. The number
shown is the median of the draws.

In 60 simulations for each of 28 combinations of surface, noise (0.3 to 1.5 points), runs and grid, the intervals of
95 % held the truth in 94 to 97 % (with 200 draws). Of single combinations in 92 to 100 % on bowls and straight
valleys, from 82 % between walls and from 80 % in a narrow trough; at a kink as sharp as the noise is large, which these
smooth surfaces cannot have, down to 58 %: there they are too low.
"""

from dataclasses import dataclass

import numpy as np

from analysis.results.words import Estimate
from analysis.statistics.smooth_surfaces import noise_free
from analysis.statistics.surface import LEAST, Floats, Surface

WITHIN = 1.1  # times the best error: a tile of the basin
DRAWS = 1000  # of the noise-free surface
TRIES = 30  # of a practitioner on each


@dataclass(frozen=True)
class TuningCost:
    """Regret in points of error, expected: the mean over all starts for both orders of tuning, and the worst of all
    starts; and the share of the grid's tiles whose noise-free test error is within 10 % of the lowest. Diverged ones
    count as tiles; what was not run does not."""

    regret_alpha_first: Estimate  # a decay is given: choose alpha, then decay
    regret_decay_first: Estimate  # a learning rate is given: choose decay, then alpha
    regret_worst: Estimate
    basin_size: Estimate


def tuning_cost(selection: Surface, test: Surface, seed: int = 0) -> TuningCost | None:
    """From every start on the grid; None where too little is measured, or where the noise is not known."""
    sigma, selection_sigma, rng = test.sigma, selection.sigma, np.random.default_rng(seed)
    if sigma is None or selection_sigma is None or np.isfinite(test.means).sum() < LEAST:
        return None
    surfaces = noise_free(test, sigma, rng, DRAWS)
    regrets = _expected(surfaces, _sigmas(selection, selection_sigma, rng), rng)
    run = np.isfinite(test.means) | test.clipped
    sizes = (surfaces <= WITHIN * surfaces.min((1, 2), keepdims=True)).sum((1, 2)) / run.sum()
    return TuningCost(*(Estimate.of(float(np.median(drawn)), drawn) for drawn in (*regrets.T, sizes)))


def _sigmas(surface: Surface, sigma: float, rng: np.random.Generator) -> Floats:
    """Deviations of one run that those measured may have come from; where it is known, that."""
    counts = surface.counts[surface.basin]
    free = int((counts[counts > 1] - 1).sum())
    return np.asarray(sigma * np.sqrt(free / rng.chisquare(free, DRAWS))) if free else np.full(DRAWS, sigma)


def _expected(drawn: Floats, sigmas: Floats, rng: np.random.Generator) -> Floats:
    """The regrets of each drawn surface, [draws, 3], without what the finite number of tries adds to their spread."""
    noise = rng.standard_normal((len(drawn), TRIES, *drawn.shape[1:]), dtype=np.float32)
    tries = _regrets(drawn, drawn[:, None] + noise * sigmas[:, None, None, None].astype(np.float32))
    means = tries.mean(1)
    apart, added = means.var(0), tries.var(1).mean(0) / TRIES
    kept = np.sqrt((1 - added / np.maximum(apart, 1e-12)).clip(0))
    return np.asarray(means.mean(0) + (means - means.mean(0)) * kept)


def _regrets(worth: Floats, errors: Floats) -> Floats:
    """Of choices by errors [draws, tries, A, L], worth [draws, A, L]: mean with alpha chosen first, mean with decay
    first, and the worst of all, [draws, tries, 3]."""
    draws, tries, _, columns = errors.shape
    decays, alphas = errors.argmin(3), errors.argmin(2)  # the best decay of each alpha, the best alpha of each decay
    jointly = errors.reshape(draws, tries, -1).argmin(2)[:, :, None]
    turns = {
        "alpha first": alphas * columns + np.take_along_axis(decays, alphas, 2),
        "decay first": np.take_along_axis(alphas, decays, 2) * columns + decays,
    }
    starts = {"alpha first": np.isfinite(worth[0]).any(0), "decay first": np.isfinite(worth[0]).any(1)}
    cells = worth.reshape(draws, 1, -1)
    lost = [
        (np.take_along_axis(cells, places, 2) - np.take_along_axis(cells, jointly, 2))[:, :, starts[order]]
        for order, places in turns.items()
    ]
    return np.stack([*(part.mean(2) for part in lost), np.maximum(*(part.max(2) for part in lost))], 2)
