"""How the best decay moves with the learning rate, row by row."""

import numpy as np
import pytest

from analysis import ridge as module
from analysis.ridge import ridge
from analysis.surfaces import Surface
from tests.made_surfaces import bowl, twist


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.6])
def test_a_bowl_without_noise_gives_its_own_slope_and_best_decays(rho: float) -> None:
    surface = bowl(rho)
    found = ridge(surface)
    assert found.slope is not None
    assert found.slope.value == pytest.approx(-twist(rho), abs=1e-9)
    np.testing.assert_allclose(found.best, -0.2 - twist(rho) * (surface.u - 0.3), atol=1e-9)
    assert found.at_edge == 0


def test_a_diagonal_valley_without_a_best_learning_rate_has_a_slope_where_the_tilt_has_none() -> None:
    surface = bowl(shape=(7, 11))
    runs = 55 + (surface.v[None, :, None] + surface.u[:, None, None]) ** 2 + np.zeros((7, 11, 2))
    found = ridge(Surface("valley", surface.u, surface.v, runs, np.zeros((7, 11), bool), None))
    assert found.slope is not None
    assert found.slope.value == pytest.approx(-1)


def test_rows_whose_best_decay_is_at_the_edge_are_counted_and_left_out() -> None:
    found = ridge(bowl(at=(0.0, 6.0)))
    assert found.slope is None
    assert found.at_edge == 7
    surface = bowl()
    runs = 55 + (surface.v[None, :, None] + 2 * surface.u[:, None, None]) ** 2 + np.zeros((7, 7, 2))
    found = ridge(Surface("steep", surface.u, surface.v, runs, np.zeros((7, 7), bool), None))
    assert found.at_edge == 4
    assert found.slope is None  # three rows make no line


def test_a_clipped_neighbour_is_a_wall_and_a_missing_one_an_edge() -> None:
    surface = bowl(shape=(5, 5), at=(0.0, 0.0))
    holed = surface.runs.copy()
    holed[:, 3:] = np.nan
    walls = np.zeros((5, 5), bool)
    walls[:, 3:] = True
    assert ridge(Surface("walls", surface.u, surface.v, holed, walls, None)).at_edge == 0
    assert ridge(Surface("holes", surface.u, surface.v, holed, ~walls & walls, None)).at_edge == 5


def test_a_row_with_too_few_errors_is_no_part_of_it() -> None:
    surface = bowl(shape=(7, 7))
    holed = surface.runs.copy()
    holed[0, 2:] = np.nan
    found = ridge(Surface("holed", surface.u, surface.v, holed, np.zeros((7, 7), bool), None))
    assert found.u.tolist() == surface.u[1:].tolist()
    assert (len(found.best), found.at_edge) == (6, 0)


@pytest.mark.parametrize(("rho", "shape", "sigma"), [(0.0, (7, 7), 1.0), (-0.6, (7, 8), 1.0)])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(rho, shape, sigma, monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 300)
    held = []
    for seed in range(150):
        found = ridge(bowl(rho, sigma, shape=shape, seed=seed), seed).slope
        assert found is not None
        held.append(found.low <= -twist(rho) <= found.high)
    assert 0.92 <= np.mean(held) <= 0.995
