"""How far the basin of low error is tilted: whether learning rate and decay can be tuned one at a time.

In u = log2 alpha and v = log2 lambda a quadratic E = c + g x + x H x / 2 is fitted to the basin. Then

    rho    = H_uv / sqrt(H_uu H_vv)       correlation of the two: 0 separable, near -1 or 1 a diagonal valley
    slope  = d v* / d u = -H_uv / H_vv    how the best log lambda moves with log alpha: the ridge

A slope of 0 says that the best decay does not depend on the learning rate. The forms predict, in the paper's lambda:

    L2 with SGD          -1   (Proposition 1: the factor is lambda / alpha)
    decoupled             0   (the claim under test)
    torch's weight_decay      its slope is that of lambda less 1, because it is lambda / alpha
    L2 with Adam              none (Proposition 2)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from analysis.surfaces import LEAST, RESAMPLES, Estimate, Floats, Surface, basin

SETTLED = 0.95  # of the resamples must find the optimum inside the grid, else it is called at the edge


@dataclass(frozen=True)
class Tilt:
    """rho and slope with intervals, and where the fit has its minimum (log2); None where it is at the edge.

    tiles: how many the fit rests on. at_edge: no minimum of the fit inside the grid, or not in enough resamples: then
    the grid does not hold the basin and no number is given.
    """

    rho: Estimate | None
    slope: Estimate | None
    alpha: Estimate | None
    decay: Estimate | None
    tiles: int
    at_edge: bool


def tilt(surface: Surface, seed: int = 0) -> Tilt | None:
    """The tilt of a surface's basin, intervals from resampled noise; None where too little is measured.

    It is said to be at the edge when the fit, or too many of those to resampled errors, have no minimum in the grid.
    """
    chosen = basin(surface)
    if chosen.sum() < LEAST or min(len(set(axis)) for axis in np.nonzero(chosen)) < 3:
        return None
    rows, columns = np.nonzero(chosen)
    solve = linalg.pinv(_design(surface.u[rows], surface.v[columns]))
    means = surface.means[chosen]
    point = _Points.of(solve @ means[:, None], surface)
    noise = surface.noise(chosen, np.random.default_rng(seed), RESAMPLES)
    resampled = None if noise is None else _Points.of(solve @ (means + noise[:, chosen]).T, surface)
    if not point.inside[0] or (resampled is not None and resampled.inside.mean() < SETTLED):
        return Tilt(None, None, None, None, len(means), True)

    def estimate(name: str) -> Estimate:
        others = None if resampled is None else getattr(resampled, name)[resampled.inside]
        return Estimate.of(getattr(point, name)[0], others)

    return Tilt(estimate("rho"), estimate("slope"), estimate("u"), estimate("v"), len(means), False)


def _design(u: Floats, v: Floats) -> Floats:
    """One row a tile: 1, u, v, u^2 / 2, v^2 / 2, u v."""
    return np.stack([np.ones_like(u), u, v, u * u / 2, v * v / 2, u * v], 1)


@dataclass(frozen=True)
class _Points:
    """What quadratics say, one of each for every column of coefficients. inside: it has a minimum, within the grid."""

    rho: Floats
    slope: Floats
    u: Floats
    v: Floats
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, coefficients: Floats, surface: Surface) -> _Points:
        _, gu, gv, huu, hvv, huv = coefficients
        with np.errstate(all="ignore"):
            determinant = huu * hvv - huv**2
            u, v = (huv * gv - hvv * gu) / determinant, (huv * gu - huu * gv) / determinant
            rho, slope = huv / np.sqrt(huu * hvv), -huv / hvv
        bowl = (huu > 0) & (hvv > 0) & (determinant > 0)
        inside = bowl & (surface.u[0] <= u) & (u <= surface.u[-1]) & (surface.v[0] <= v) & (v <= surface.v[-1])
        return cls(rho, slope, u, v, inside)
