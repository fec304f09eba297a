"""What a practitioner pays who tunes one at a time, and how large a target the basin is.

Tuning by turns: from one learning rate choose the best decay, then the best learning rate at that decay (or the other
way round). Regret is the error lost against the pair that was chosen jointly. Choices are made on validation errors,
and what they are worth is read off the test errors. The lowest of noisy numbers is not a smooth function of them: these
intervals are wider than 95 % (in simulations they held the truth 98 to 100 % of the time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.surfaces import RESAMPLES, Estimate, Floats, Surface, basin

WITHIN = 1.1  # times the best error: a tile of the basin


@dataclass(frozen=True)
class Regret:
    """In points of error, over all starts: mean and worst, for both orders of tuning."""

    alpha_first: Estimate  # a decay is given: choose alpha, then decay
    decay_first: Estimate  # a learning rate is given: choose decay, then alpha
    worst: Estimate


def regret(selection: Surface, test: Surface, seed: int = 0) -> Regret | None:
    """From every start on the grid; None where no tile has errors of both."""
    known = np.isfinite(selection.means) & np.isfinite(test.means)
    if not known.any():
        return None
    rng = np.random.default_rng(seed)
    noises = [surface.noise(basin(surface), rng, RESAMPLES) for surface in (selection, test)]
    value = _regrets(np.where(known, selection.means, np.inf), test.means)
    resampled = None
    if noises[0] is not None and noises[1] is not None:
        chosen = np.where(known, selection.means, np.inf) + noises[0]
        resampled = np.array([_regrets(c, t) for c, t in zip(chosen, test.means + noises[1], strict=True)])
    return Regret(*(Estimate.of(value[part], None if resampled is None else resampled[:, part]) for part in range(3)))


def _regrets(selection: Floats, test: Floats) -> tuple[float, float, float]:
    """Mean with alpha chosen first, mean with decay first, and the worst of all."""
    place = np.unravel_index(selection.argmin(), selection.shape)
    best = test[place]
    rows = [row for row in range(selection.shape[0]) if np.isfinite(selection[row]).any()]
    columns = [column for column in range(selection.shape[1]) if np.isfinite(selection[:, column]).any()]
    decays = [int(selection[row].argmin()) for row in rows]
    from_rows = [test[int(selection[:, decay].argmin()), decay] - best for decay in decays]
    alphas = [int(selection[:, column].argmin()) for column in columns]
    from_columns = [test[alpha, int(selection[alpha].argmin())] - best for alpha in alphas]
    return float(np.mean(from_columns)), float(np.mean(from_rows)), float(max(from_rows + from_columns))


def basin_size(selection: Surface, test: Surface, seed: int = 0) -> Estimate | None:
    """The share of the grid's tiles whose test error is within 10 % of that of the selected tile.

    Diverged ones count as tiles; what was not run does not.
    """
    known = np.isfinite(selection.means) & np.isfinite(test.means)
    run = known | test.clipped
    if not known.any():
        return None
    place = np.unravel_index(np.where(known, selection.means, np.inf).argmin(), known.shape)

    def share(errors: Floats) -> Floats:
        level = WITHIN * errors[..., place[0], place[1]]
        return np.asarray((errors <= level[..., None, None]).sum((-2, -1)) / run.sum())

    noise = test.noise(basin(test), np.random.default_rng(seed), RESAMPLES)
    return Estimate.of(share(test.means[None])[0], None if noise is None else share(test.means + noise))
