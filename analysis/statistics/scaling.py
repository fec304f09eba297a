"""How the best decay grows with batch size, epochs and updates: exponents with intervals.

A law is of panels that differ in one quantity x: lambda* ~ x^p. A joint law is of panels that differ in batch size b
and epochs T: lambda* ~ b^p T^q. What is predicted of the exponents is in predictions.py.

Panels whose best decay is at the edge are left out of a fit; those of resampled errors, of that resample's. An interval
is that of the noise of single runs: it does not say whether the panels follow a power law at all. In simulations those
of a joint law of eleven panels held the truth in 97 to 100 % of the cases, and in 80 and 99 % with half of the panels
at the edge: to leave those out draws the exponent in the batch size to 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.results.words import Estimate
from analysis.statistics.ridge import lowest
from analysis.statistics.surface import RESAMPLES, Floats, Surface, basin, moving


@dataclass(frozen=True)
class Optimum:
    """log2 of a panel's best decay. estimate: None at the edge. samples: of resampled errors, NaN at the edge; None
    where the noise is not known."""

    estimate: Estimate | None
    samples: Floats | None

    def moved(self, steps: float) -> Optimum:
        """In another unit of decay, 2^steps times as large."""
        samples = None if self.samples is None else self.samples + steps
        found = self.estimate
        parts = [None if part is None else part + steps for part in (found.low, found.high)] if found else []
        return Optimum(Estimate(found.value + steps, *parts) if found else None, samples)


@dataclass(frozen=True)
class Law:
    """exponent: None where fewer than two places hold their best decay. best: log2 lambda* for each x, None at the
    edge."""

    exponent: Estimate | None
    best: Mapping[float, Estimate | None]


def law(surfaces: Mapping[float, Surface], seed: int = 0) -> Law:
    """The power law of the best decays of surfaces at different x (batch size, epochs)."""
    rng = np.random.default_rng(seed)
    return law_of({x: optimum(surface, rng) for x, surface in surfaces.items()})


def law_of(optima: Mapping[float, Optimum]) -> Law:
    """The same of what was found already."""
    exponents = exponents_of(list(optima.values()), np.array(list(optima))[:, None])
    return Law(exponents[0] if exponents else None, {x: found.estimate for x, found in optima.items()})


def optimum(surface: Surface, rng: np.random.Generator) -> Optimum:
    """Where a surface has its best decay."""
    value = _best(surface.means[None], surface)[0]
    noise = surface.noise(basin(surface), rng, RESAMPLES)
    samples = None if noise is None else _best(surface.means + noise, surface)
    return Optimum(Estimate.of(value, moving(samples)) if np.isfinite(value) else None, samples)


def exponents_of(optima: Sequence[Optimum], at: Floats) -> list[Estimate] | None:
    """The exponents of the product of powers that the best decays follow; None where too few panels hold theirs.

    at: the quantities, [panels, quantities].
    """
    inside = [place for place, found in enumerate(optima) if found.estimate is not None]
    design = np.concatenate([np.ones((len(inside), 1)), np.log2(at[inside])], 1)
    if len(inside) < design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    values = np.array([[found.estimate.value for found in optima if found.estimate is not None]])
    drawn = [optima[place].samples for place in inside]
    known = [part for part in drawn if part is not None]
    resampled = _powers(design, np.stack(known, 1)) if len(known) == len(drawn) else None
    exponents = _powers(design, values)[0]
    return [
        Estimate.of(exponent, None if resampled is None else moving(resampled[:, place]))
        for place, exponent in enumerate(exponents)
    ]


def _best(means: Floats, surface: Surface) -> Floats:
    """log2 of the best decay, [samples]; NaN at the edge.

    Of the errors averaged over the better half of the learning rates, chosen once: a minimum over all would choose the
    luckiest run of each decay. Rates with less than half of the decays that others have are none of them: single
    further cells would leave no decay that all have.
    """
    known = np.isfinite(surface.means)
    counts = (known | surface.clipped).sum(1)
    heights = np.where(known & (2 * counts >= counts.max())[:, None], surface.means, np.inf).min(1, initial=np.inf)
    rows = heights.argsort()[: max(1, math.ceil(np.isfinite(heights).sum() / 2))]
    whole, clipped = known[rows].all(0), surface.clipped[rows].any(0)
    profile = np.where(whole, np.where(known[rows], means[:, rows], 0.0).mean(1), np.nan)
    return lowest(profile[:, None, :], surface.v, clipped[None])[:, 0]


def _powers(design: Floats, values: Floats) -> Floats:
    """The coefficients but the constant of each row of values, [samples, quantities], by least squares through those
    that it has; NaN where they are too few."""
    there = np.isfinite(values).astype(float)
    squares = np.einsum("sp,pi,pj->sij", there, design, design)
    usable = np.linalg.matrix_rank(squares) == design.shape[1]
    squares = np.where(usable[:, None, None], squares, np.eye(design.shape[1]))
    moments = np.nan_to_num(values) @ design
    found = np.linalg.solve(squares, moments[:, :, None])[:, 1:, 0]
    return np.where(usable[:, None], found, np.nan)
