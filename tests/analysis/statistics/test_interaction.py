"""Separable errors interact by 0, whatever the noise; tilted ones by what their formula says."""

import dataclasses

import numpy as np
import pytest

from analysis.statistics import surface as module
from analysis.statistics.interaction import interaction
from analysis.statistics.surface import Surface
from tests.made_surfaces import bowl, heights


def _truth(surface: Surface, rho: float) -> float:
    """The share on the tiles that this surface's basin has, without noise, by least squares of its own."""
    clean = heights(surface.u[:, None] - 0.3, surface.v[None, :] + 0.2, rho)
    rows, columns = np.nonzero(surface.basin)
    design = np.concatenate([rows[:, None] == np.arange(20), columns[:, None] == np.arange(20)], 1).astype(float)
    values = clean[rows, columns]
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(left @ left / ((values - values.mean()) ** 2).sum())


def test_without_noise_it_is_what_least_squares_leaves() -> None:
    for rho in (0.0, -0.5, 0.8):
        found = interaction(dataclasses.replace(bowl(rho), known_sigma=1e-9))
        assert found is not None
        assert found.value == pytest.approx(_truth(bowl(rho), rho), abs=1e-9)


def test_it_needs_noise_that_is_known() -> None:
    assert interaction(bowl()) is None  # two runs of each tile that are equal tell none
    assert interaction(bowl(runs=1)) is None
    assert interaction(bowl(shape=(3, 3))) is None


@pytest.mark.parametrize(("rho", "sigma"), [(0.0, 1.0), (-0.5, 1.0), (0.7, 0.5)])
def test_the_interval_holds_the_truth_as_often_as_it_says(rho: float, sigma: float, monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 400)
    held = []
    for seed in range(150):
        surface = bowl(rho, sigma, seed=seed)
        found = interaction(surface, seed)
        assert found is not None
        held.append(found.low - 1e-9 <= _truth(surface, rho) <= found.high)
    assert 0.92 <= np.mean(held) <= 0.99
