"""Surfaces with known answers: quadratic bowls over log2 alpha x log2 lambda, tilted as told, with noise."""

from __future__ import annotations

import numpy as np

from analysis.statistics.surface import Floats, Surface


def bowl(
    rho: float = 0.0,
    sigma: float = 0.0,
    runs: int = 2,
    shape: tuple[int, int] = (7, 7),
    at: tuple[float, float] = (0.3, -0.2),
    seed: int = 0,
) -> Surface:
    """Errors from 55 % upwards with curvatures 0.6 and 1.0; its lowest point lies `at` tiles from the grid's middle."""
    u, v = (np.arange(count) - (count - 1) / 2 for count in shape)
    errors = heights(u[:, None] - at[0], v[None, :] - at[1], rho)
    noise = np.random.default_rng(seed).normal(0, sigma, (*shape, runs)) if sigma else np.zeros((*shape, runs))
    return Surface(u, v, errors[:, :, None] + noise, np.zeros(shape, bool), None)


def heights(u: Floats, v: Floats, rho: float) -> Floats:
    return 55 + (0.6 * u * u + v * v + 2 * twist(rho) * u * v) / 2


def twist(rho: float) -> float:
    """H_uv."""
    return rho * float(np.sqrt(0.6))
