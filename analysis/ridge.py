"""How the best decay of each learning rate moves with it: the ridge, row by row.

Unlike the tilt of a quadratic (tilt.py) this needs no best learning rate inside the grid, only best decays inside its
rows. For each row of one alpha the lowest point v* = log2 lambda* of a parabola through its lowest tiles is found, and
a line v* = offset + slope u laid through those of all rows. A slope of 0 is what decoupling promises, -1 what L2 in
SGD has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.surfaces import RESAMPLES, Estimate, Floats, Surface

AROUND = 2  # tiles on each side of a row's lowest that the parabola rests on
ROWS = 4  # with a best decay inside them: fewer make no line


@dataclass(frozen=True)
class Ridge:
    """slope: of log2 best lambda over log2 alpha; None where too few rows hold their best decay.

    u, best: log2 alpha and log2 lambda* of each row with errors, best NaN where it is at the edge. at_edge: how many.
    """

    slope: Estimate | None
    u: Floats
    best: Floats
    at_edge: int


def ridge(surface: Surface, seed: int = 0) -> Ridge:
    """The ridge of a surface, its interval from resampled noise."""
    means = surface.means
    rows = np.isfinite(means).sum(1) >= 3
    found = lowest(means[None], surface.v, surface.clipped)[0]
    inside = np.isfinite(found) & rows
    places = surface.u[rows], found[rows], int((rows & ~inside).sum())
    if inside.sum() < ROWS:
        return Ridge(None, *places)
    value = _slope(surface.u[inside], found[inside])
    noise = surface.noise(lower_half(means), np.random.default_rng(seed), RESAMPLES)
    if noise is None:
        return Ridge(Estimate.of(value, None), *places)
    slopes = [_slope(surface.u[inside], row[inside]) for row in lowest(means + noise, surface.v, surface.clipped)]
    return Ridge(Estimate.of(value, np.array(slopes)), *places)


def lowest(means: Floats, v: Floats, clipped: NDArray[np.bool_]) -> Floats:
    """log2 lambda* of each row of means [samples, A, L], [samples, A]; NaN where the lowest tile has no measured or
    clipped neighbour on a side.

    A parabola by least squares through the lowest tile and AROUND on each side; its vertex counts a tile away at most.
    """
    step = float(np.median(np.diff(v)))
    filled = np.where(np.isfinite(means), means, np.where(clipped, np.inf, np.nan))
    blank = np.isnan(filled)
    place = np.where(blank, np.inf, filled).argmin(2)
    offsets = np.arange(-AROUND, AROUND + 1)
    columns = place[..., None] + offsets
    valid = (columns >= 0) & (columns < len(v))
    columns = columns.clip(0, len(v) - 1)
    near = np.take_along_axis(filled, columns, 2)
    usable = valid & np.isfinite(near)
    known = valid & ~np.isnan(near)
    sides = known[..., AROUND - 1] & known[..., AROUND + 1]
    x = np.where(usable, v[columns] - v[place][..., None], 0.0)
    y = np.where(usable, near, 0.0)
    vertex = _vertex(x, y, usable.astype(float)).clip(-step, step)
    return np.where(sides & np.isfinite(vertex), v[place] + np.nan_to_num(vertex), np.nan)


def _vertex(x: Floats, y: Floats, weight: Floats) -> Floats:
    """The lowest point of the parabola through the weighted points of each last axis; 0 (the lowest tile itself) where
    it has none."""
    powers = np.stack([weight * x**k for k in range(5)]).sum(-1)  # sums of x^k
    moments = np.stack([(weight * y * x**k).sum(-1) for k in range(3)], -1)
    matrix = np.stack([np.stack([powers[i + j] for j in range(3)], -1) for i in range(3)], -2)
    enough = (weight > 0).sum(-1) >= 3
    matrix = np.where(enough[..., None, None], matrix, np.eye(3))
    _, linear, square = np.moveaxis(np.linalg.solve(matrix, moments[..., None])[..., 0], -1, 0)
    with np.errstate(all="ignore"):
        return np.where(enough & (square > 0), -linear / (2 * square), 0.0)


def _slope(u: Floats, v: Floats) -> float:
    known = np.isfinite(v)
    if known.sum() < ROWS - 1:
        return float("nan")
    x = u[known] - u[known].mean()
    return float(x @ v[known] / (x @ x))


def lower_half(means: Floats) -> NDArray[np.bool_]:
    """Of each row the tiles that are not above its median."""
    known = np.isfinite(means)
    middle = np.array(
        [np.median(row[there]) if there.any() else np.nan for row, there in zip(means, known, strict=True)]
    )
    return np.asarray(known & (means <= middle[:, None]))
