"""What a surface may look like without its noise: draws of smooth surfaces that its runs could have come from.

A Gaussian process: a quadratic with free coefficients plus a smooth remainder (Matern 3/2), whose size and lengths
along two axes are drawn as well, by how well each explains the errors. The axes are alpha and lambda, or the diagonals
of the grid, along which basins of L2 lie. The noise of a tile is known, so a draw adds none: it takes some away.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.surface import Floats, Surface

LENGTHS = (1.0, 2.0, 4.0, 8.0)  # tiles over which the remainder changes
TURNS = (0.0, np.pi / 4)  # of the axes
SIZES = 2.0 ** np.arange(-7, 2)  # of the remainder, as shares of what the quadratic leaves
LEAST_SIGMA = 1e-3  # points: errors are no more exact than that


def noise_free(surface: Surface, sigma: float, rng: np.random.Generator, draws: int) -> Floats:
    """[draws, A, L]; infinite where nothing is known. sigma: the standard deviation of one run.

    The errors are scaled to noise of 1 and turned into what no quadratic explains, z; what the quadratic may take up
    has noise of its own, whatever it is.
    """
    known = np.isfinite(surface.means)
    axes = [axis / np.median(np.diff(axis)) if len(axis) > 1 else axis for axis in (surface.u, surface.v)]  # in tiles
    places = np.stack([axis[place] for axis, place in zip(axes, np.nonzero(known), strict=True)], 1)
    u, v = (places - places.mean(0)).T
    quadratic = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], 1)
    scale = np.sqrt(surface.counts[known]) / max(sigma, LEAST_SIGMA)
    errors = surface.means[known] * scale
    directions = np.linalg.qr(quadratic * scale[:, None], mode="complete").Q
    free = min(len(errors), 6)
    taken, left = directions[:, :free], directions[:, free:]
    noise = rng.standard_normal((draws, len(errors))) @ taken @ taken.T
    for chosen, basis, kept in _remainders(places, scale, left, left.T @ errors, rng, draws):
        noise[chosen] += kept @ (left @ basis).T
    surfaces = np.full((draws, *known.shape), np.inf)
    surfaces[:, known] = (errors - noise) / scale
    return surfaces


def _remainders(
    places: Floats, scale: Floats, left: Floats, z: Floats, rng: np.random.Generator, draws: int
) -> Iterator[tuple[NDArray[np.intp], Floats, Floats]]:
    """Which draws have one pair of lengths, the basis in which their noise is independent, and that noise in it.

    Where the remainder has the variance s in a direction, z = remainder + noise: the noise is z / (1 + s) on average,
    with the variance s / (1 + s). What is random is drawn for the tiles and turned into that basis, since libraries
    differ in which basis they choose, by signs at least: the draws must not.
    """
    fits = []
    sizes = SIZES * max(1.0, float(np.sqrt(np.mean(z**2))) if len(z) else 1.0)
    for kernel in _kernels(places):
        values, basis = np.linalg.eigh(left.T @ (kernel * scale[:, None] * scale / np.mean(scale**2)) @ left)
        variances = sizes[:, None] ** 2 * values.clip(0)
        fits.append((variances, basis, basis.T @ z))
    evidence = np.array([-0.5 * (x**2 / (1 + s) + np.log1p(s)).sum(1) for s, _, x in fits])
    weights = np.exp(evidence - evidence.max()).ravel()
    picks = rng.choice(len(weights), draws, p=weights / weights.sum())
    for place, (variances, basis, x) in enumerate(fits):
        chosen = np.nonzero(picks // len(sizes) == place)[0]
        s = variances[picks[chosen] % len(sizes)]
        drawn = rng.standard_normal((len(chosen), len(places))) @ left @ basis
        yield chosen, basis, x / (1 + s) + np.sqrt(s / (1 + s)) * drawn


def _kernels(places: Floats) -> Iterator[Floats]:
    """Correlations of the remainder, [tiles, tiles], for each turn and pair of lengths."""
    for turn in TURNS:
        along = places @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        apart = np.sqrt(3) * np.abs(along[:, None] - along)
        for lengths in ((first, second) for first in LENGTHS for second in LENGTHS):
            scaled = apart / np.array(lengths)
            yield ((1 + scaled) * np.exp(-scaled)).prod(2)
