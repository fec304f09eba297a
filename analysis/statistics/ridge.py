"""How the best decay of each learning rate moves with it: the ridge, row by row.

It needs no best learning rate inside the grid, only best decays inside its rows. For each row of one alpha the lowest
point v* = log2 lambda* of the parabola through its lowest tile and that tile's neighbours is found, and a line
v* = offset + slope u laid through those of all rows. More tiles would hold walls, which drag a parabola off. A slope
of 0 is what decoupling promises, -1 what L2 in SGD has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.results.panels import beside
from analysis.results.words import Estimate
from analysis.statistics.surface import Floats, Surface, estimate

ROWS = 4  # with a best decay inside them: fewer make no line


@dataclass(frozen=True)
class Ridge:
    """slope: of log2 best lambda over log2 alpha; None where too few rows hold their best decay.

    u, best: log2 alpha and log2 lambda* of each row with errors, best NaN where it is on the grid boundary.
    """

    slope: Estimate | None
    u: Floats
    best: Floats

    @property
    def on_boundary(self) -> int:
        """How many rows."""
        return int(np.isnan(self.best).sum())


def ridge(surface: Surface, seed: int = 0) -> Ridge:
    """The ridge of a surface, its interval from noise resampled from the lower half of each row."""
    means = surface.means
    rows = np.isfinite(means).sum(1) >= 3
    medians = [np.median(known) if len(known := row[np.isfinite(row)]) else np.nan for row in means]
    lower_half = means <= np.array(medians)[:, None]
    best = lowest(surface.resampled(lower_half, np.random.default_rng(seed)), surface.v, surface.clipped)
    inside = np.isfinite(best[0]) & rows
    slope = None
    if inside.sum() >= ROWS:
        slope = estimate(np.array([_slope(surface.u[inside], row[inside]) for row in best]))
    return Ridge(slope, surface.u[rows], best[0, rows])


def lowest(means: Floats, v: Floats, clipped: NDArray[np.bool_]) -> Floats:
    """log2 lambda* of each row of means [samples, A, L], [samples, A]; NaN where nothing is measured on one side of the
    row's lowest tile.

    The lowest point of the parabola through the lowest tile and the next ones measured on its two sides. It lies within
    half a step of the lowest tile, whatever the steps are. Beside a wall, whose height is not known, there is no
    parabola: the lowest tile itself.
    """
    if len(v) < 3:  # a sweep under way: no tile has a neighbour on both sides
        return np.full(means.shape[:2], np.nan)
    known = np.isfinite(means)
    errors = np.where(known, means, np.inf)
    place = errors.argmin(2)[..., None]
    sides = [np.take_along_axis(np.broadcast_to(side, means.shape), place, 2) for side in _sides(known[0] | clipped, v)]
    here = np.take_along_axis(errors, place, 2)
    steps = [np.abs(v[side] - v[place]) for side in sides]
    with np.errstate(all="ignore"):
        left, right = (
            (np.take_along_axis(errors, side, 2) - here) / step for side, step in zip(sides, steps, strict=True)
        )
        vertex = (steps[0] + steps[1]) / 2 * left / (left + right) - steps[0] / 2  # where the slope -left .. right is 0
    best = v[place] + np.where(np.isfinite(left + right) & (left + right > 0), vertex, 0.0)
    return np.asarray(np.where(np.isfinite(here) & (sides[0] >= 0) & (sides[1] >= 0), best, np.nan)[..., 0])


def _sides(measured: NDArray[np.bool_], v: Floats) -> NDArray[np.intp]:
    """Of each measured tile the columns of the next ones measured in its row, [below and above, A, L]; -1 for none."""
    sides = np.full((2, *measured.shape), -1)
    for row, there in enumerate(measured):
        columns = np.flatnonzero(there)
        decays = [float(decay) for decay in 2.0 ** v[columns]]
        for column, decay in zip(columns, decays, strict=True):
            below, above = beside(decay, decays)
            sides[:, row, column] = [columns[side] if 0 <= side < len(columns) else -1 for side in (below, above)]
    return sides


def _slope(u: Floats, v: Floats) -> float:
    known = np.isfinite(v)
    if known.sum() < ROWS - 1:
        return float("nan")
    x = u[known] - u[known].mean()
    return float(x @ v[known] / (x @ x))
