"""How the best decay grows with batch size or budget: the exponent p of lambda* ~ x^p, with an interval.

Three predictions for the decay per update stand against each other. With batch size b and epochs T:

    the paper's normalization    sqrt(b / (B T)):  b^(1/2) at equal epochs, T^(-1/2)
    the timescale view           decay per epoch constant:  b^1, T^0
    one of our sources           "the larger the batch, the smaller the best decay":  an exponent of b below 0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.ridge import lowest
from analysis.surfaces import RESAMPLES, Estimate, Floats, Surface, basin

PREDICTED = {
    "batch size": {"the paper's square root": 0.5, "constant per epoch": 1.0},
    "epochs": {"the paper's square root": -0.5, "constant per epoch": 0.0},
}


@dataclass(frozen=True)
class Law:
    """exponent: None where fewer than two places hold their best decay. best: log2 lambda* for each x, None at the
    edge."""

    exponent: Estimate | None
    best: Mapping[float, Estimate | None]

    def supports(self, quantity: str) -> list[str]:
        """Which of the predictions, of decay per update, lie in the interval."""
        if self.exponent is None or self.exponent.low is None or self.exponent.high is None:
            return []
        low, high = self.exponent.low, self.exponent.high
        return [name for name, value in PREDICTED[quantity].items() if low <= value <= high]


def law(surfaces: Mapping[float, Surface], seed: int = 0) -> Law:
    """The power law of the best decays of surfaces at different x (batch size, epochs)."""
    rng = np.random.default_rng(seed)
    found, samples = {}, {}
    for x, surface in surfaces.items():
        value = _best(surface.means[None], surface)[0]
        noise = surface.noise(basin(surface), rng, RESAMPLES)
        samples[x] = None if noise is None else _best(surface.means + noise, surface)
        found[x] = Estimate.of(value, samples[x]) if np.isfinite(value) else None
    inside = [x for x, best in found.items() if best is not None]
    if len(inside) < 2:
        return Law(None, found)
    logs = np.log2(inside)
    exponent = _slope(logs, np.array([[found[x].value for x in inside]]))[0]  # type: ignore[union-attr]
    drawn = [samples[x] for x in inside]
    resampled = None if any(part is None for part in drawn) else _slope(logs, np.stack(drawn, 1))  # type: ignore[arg-type]
    return Law(Estimate.of(exponent, resampled), found)


def _best(means: Floats, surface: Surface) -> Floats:
    """log2 of the best decay, [samples]; NaN at the edge.

    Of the errors averaged over the better half of the learning rates, chosen once: a minimum over all would choose the
    luckiest run of each decay.
    """
    known = np.isfinite(surface.means)
    heights = np.where(known, surface.means, np.inf).min(1)
    rows = heights.argsort()[: max(1, math.ceil(np.isfinite(heights).sum() / 2))]
    whole, clipped = known[rows].all(0), surface.clipped[rows].any(0)
    profile = np.where(whole, np.where(known[rows], means[:, rows], 0.0).mean(1), np.nan)
    return lowest(profile[:, None, :], surface.v, clipped[None])[:, 0]


def _slope(x: Floats, y: Floats) -> Floats:
    """Of each row of y, [samples]; NaN where a point is missing."""
    centred = x - x.mean()
    return np.asarray((y - y.mean(1, keepdims=True)) @ centred / (centred @ centred))
