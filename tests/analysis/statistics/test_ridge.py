"""How the best decay moves with the learning rate, row by row."""

import dataclasses

import numpy as np
import pytest

import experiments
from analysis.results.panels import panels
from analysis.results.table import charts
from analysis.statistics import surface as module
from analysis.statistics.ridge import lowest, ridge
from analysis.statistics.surface import Floats, Surface, panel_surface
from tests.conftest import made_record
from tests.made_surfaces import bowl, twist

FIG2 = experiments.get("fig2")


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.6])
def test_a_bowl_without_noise_gives_its_own_slope_and_best_decays(rho: float) -> None:
    surface = bowl(rho)
    found = ridge(surface)
    assert found.slope is not None
    assert found.slope.value == pytest.approx(-twist(rho), abs=1e-9)
    np.testing.assert_allclose(found.best, -0.2 - twist(rho) * (surface.u - 0.3), atol=1e-9)
    assert found.on_boundary == 0


def test_a_diagonal_valley_without_a_best_learning_rate_has_a_slope() -> None:
    surface = bowl(shape=(7, 11))
    runs = 55 + (surface.v[None, :, None] + surface.u[:, None, None]) ** 2 + np.zeros((7, 11, 2))
    found = ridge(Surface(surface.u, surface.v, runs, np.zeros((7, 11), bool), None))
    assert found.slope is not None
    assert found.slope.value == pytest.approx(-1)


def test_rows_whose_best_decay_is_at_the_edge_are_counted_and_left_out() -> None:
    found = ridge(bowl(at=(0.0, 6.0)))
    assert found.slope is None
    assert found.on_boundary == 7
    surface = bowl()
    runs = 55 + (surface.v[None, :, None] + 2 * surface.u[:, None, None]) ** 2 + np.zeros((7, 7, 2))
    found = ridge(Surface(surface.u, surface.v, runs, np.zeros((7, 7), bool), None))
    assert found.on_boundary == 4
    assert found.slope is None  # three rows make no line


def test_a_clipped_neighbour_is_a_wall_and_a_missing_one_an_edge() -> None:
    surface = bowl(shape=(5, 5), at=(0.0, 0.0))
    holed = surface.runs.copy()
    holed[:, 3:] = np.nan
    walls = np.zeros((5, 5), bool)
    walls[:, 3:] = True
    assert ridge(Surface(surface.u, surface.v, holed, walls, None)).on_boundary == 0
    assert ridge(Surface(surface.u, surface.v, holed, ~walls & walls, None)).on_boundary == 5


def _row(errors: list[float], v: list[float]) -> float:
    """log2 lambda* of one row; None is not run, infinity diverged."""
    means = np.array([[errors]], float)
    clipped = np.isinf(means)
    return float(lowest(np.where(clipped, np.nan, means), np.array(v), clipped[0])[0, 0])


GONE, MISSING = np.inf, np.nan


@pytest.mark.parametrize(
    ("errors", "at"),
    [
        ([69.4, 70.2, 64.5, 86.0, 81.4], 1.71),  # seen: 80 epochs of AdamW
        ([90, 5, 1, 2, 4], 2.3),  # a wall on the left that is no neighbour: (5 - 2) / (5 + 2 - 2) / 2
        ([9, 3, 1, 9, 90], 1.7),
        ([4, 2, 1, 99, 99], 1.5 + 1 / 99),  # a wall beside it: half a step away from it at most
        ([4, 2, 1, GONE, GONE], 2),  # one of unknown height: the tile itself
        ([GONE, GONE, 1, GONE, GONE], 2),
        ([4, 2, 1, GONE, 0.5], MISSING),  # the lowest is the last
        ([1, 2, 3, 4, 5], MISSING),
        ([9, 2, 1, MISSING, MISSING], MISSING),
        ([9, 4, 1, MISSING, 9], 2 - 0.5 + 1.5 * 3 / 7),  # slopes of -3 at 1.5 and of 4 at 3
        ([3, 3, 3, 3, 3], MISSING),
        ([4, 3, 3, 4, 4], 1.5),
        ([MISSING] * 5, MISSING),
    ],
)
def test_the_best_decay_of_a_row_is_its_lowest_tile_but_for_half_a_step(errors: list[float], at: float) -> None:
    assert _row(errors, [0, 1, 2, 3, 4]) == pytest.approx(at, abs=0.005, nan_ok=True)


@pytest.mark.parametrize("at", [-1.9, -0.4, 0.0, 0.3, 2.4])
@pytest.mark.parametrize("v", [[-3, -2, -1, 0, 1, 2, 3], [-4, -2, -1.5, 0.1, 1, 2.5, 6]], ids=["even", "uneven"])
def test_a_parabola_is_found_exactly_whatever_stands_further_away(v: list[float], at: float) -> None:
    errors = [50 + 2 * (x - at) ** 2 for x in v]
    assert _row(errors, v) == pytest.approx(at)
    place = int(np.argmin(errors))
    walled = [error if abs(other - place) < 2 else 98.0 for other, error in enumerate(errors)]
    assert _row(walled, v) == pytest.approx(at)
    assert _row([GONE if error == 98.0 else error for error in walled], v) == pytest.approx(at)


def test_it_never_leaves_the_half_steps_beside_the_lowest_tile() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        v = np.cumsum(rng.uniform(0.2, 3, 6))
        errors = rng.exponential(5, 6)
        place = int(errors.argmin())
        found = _row(list(errors), list(v))
        if place in (0, 5):
            assert np.isnan(found)
        else:
            assert (v[place - 1] + v[place]) / 2 <= found <= (v[place] + v[place + 1]) / 2


def test_a_decay_that_differs_by_rounding_is_no_neighbour() -> None:
    twin = 2 + 1e-9
    assert _row([9, 4, 1, 1.5, 5, 9], [0, 1, 2, twin, 3, 4]) == pytest.approx(_row([9, 4, 1, 5, 9], [0, 1, 2, 3, 4]))
    assert np.isnan(_row([9, 4, 1, 1.5], [0, 1, 2, twin]))


def test_a_decay_of_few_rows_moves_no_other_row() -> None:
    """A column that was run at one learning rate is beside it there, and for the others as if it were not."""
    surface = bowl(shape=(5, 5))
    runs = np.insert(surface.runs, 3, np.nan, 1)
    runs[0, 3] = 90.0
    found = ridge(Surface(surface.u, np.insert(surface.v, 3, 0.4), runs, np.zeros((5, 6), bool), None))
    np.testing.assert_allclose(found.best[1:], ridge(surface).best[1:])
    assert found.best[0] < ridge(surface).best[0]


def test_decay_0_has_no_logarithm_and_the_smallest_above_it_no_vertex() -> None:
    cells = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "adamw"]
    decays = sorted({cell.decay for cell in cells if cell.decay})

    def best(at: float) -> Floats:
        records = [made_record(c, 50 + (np.log2(c.decay / at) ** 2 if c.decay else 40)) for c in cells]
        (chart,) = charts(FIG2, records)
        (panel,) = panels(chart)
        return ridge(panel_surface(panel, "validation")).best

    np.testing.assert_allclose(best(decays[2] * 1.2), np.log2(decays[2] * 1.2))
    assert np.isnan(best(decays[0])).all()


def test_a_row_with_fewer_seeds_than_the_map_moves_no_slope() -> None:
    cells = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "adamw"]
    whole = [
        made_record(cell.replace(seed=seed), 40 + 5 * abs(cell.decay - 0.008) / 0.008 + seed)
        for cell in cells
        for seed in (0, 1)
    ]
    pilot = [made_record(cells[0].replace(alpha=0.3, decay=cell.decay), 60.0 - cell.decay) for cell in cells[:7]]
    slopes = []
    for records in (whole, [*whole, *pilot]):
        (chart,) = charts(FIG2, records)
        (panel,) = panels(chart)
        slopes.append(ridge(panel_surface(panel, "validation")).slope)
    assert slopes[0] == slopes[1]


def test_a_slope_that_no_noise_moves_has_no_interval() -> None:
    """Every best decay stands between walls: the resamples are all the same, and say nothing of how exact that is."""
    v, runs = np.arange(5.0), np.full((5, 5, 2), np.nan)
    runs[:, 2], runs[:, 0], runs[:, 4] = (50.0, 50.4), (80.0, 80.4), (80.0, 80.4)
    walls = np.isnan(runs).all(2)
    found = ridge(Surface(v, v, runs, walls, 0.3))
    assert found.slope is not None
    assert (found.slope.value, found.slope.low) == (0.0, None)
    equal = bowl()
    assert ridge(equal).slope.low is None
    assert ridge(dataclasses.replace(equal, known_sigma=0.3)).slope.low is not None


def test_a_row_with_too_few_errors_is_no_part_of_it() -> None:
    surface = bowl(shape=(7, 7))
    holed = surface.runs.copy()
    holed[0, 2:] = np.nan
    found = ridge(Surface(surface.u, surface.v, holed, np.zeros((7, 7), bool), None))
    assert found.u.tolist() == surface.u[1:].tolist()
    assert (len(found.best), found.on_boundary) == (6, 0)


@pytest.mark.parametrize(("rho", "shape", "sigma"), [(0.0, (7, 7), 1.0), (-0.6, (7, 8), 1.0)])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(rho, shape, sigma, monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 300)
    held = []
    for seed in range(150):
        found = ridge(bowl(rho, sigma, shape=shape, seed=seed), seed).slope
        assert found is not None
        held.append(found.low <= -twist(rho) <= found.high)
    assert 0.92 <= np.mean(held) <= 0.995
