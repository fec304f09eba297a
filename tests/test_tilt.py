"""The tilt of bowls with known tilts, how often its interval holds the truth, and when it gives no number."""

import numpy as np
import pytest

from analysis import tilt as module
from analysis.surfaces import Estimate, Surface
from analysis.tilt import tilt
from tests.made_surfaces import bowl, twist


@pytest.mark.parametrize("rho", [-0.8, -0.3, 0.0, 0.5])
def test_a_bowl_without_noise_gives_its_own_numbers(rho: float) -> None:
    found = tilt(bowl(rho))
    assert found is not None
    assert not found.at_edge
    for estimate, truth in ((found.rho, rho), (found.slope, -twist(rho)), (found.alpha, 0.3), (found.decay, -0.2)):
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx(truth, abs=1e-9)


def test_torch_s_convention_turns_a_separable_basin_into_a_diagonal_one() -> None:
    """weight_decay = lambda / alpha: the same runs, on axes of log alpha and log weight_decay."""
    straight = bowl(shape=(9, 9))
    offsets = straight.v[None, :] - straight.u[:, None]
    places = np.unique(offsets)
    runs = np.full((9, len(places), 2), np.nan)
    for row in range(9):
        runs[row, np.searchsorted(places, offsets[row])] = straight.runs[row]
    found = tilt(Surface("torch", straight.u, places, runs, np.zeros(runs.shape[:2], bool), None))
    assert found is not None
    assert found.slope is not None
    assert found.slope.value == pytest.approx(-1)


@pytest.mark.parametrize("at", [(4.0, 0.0), (0.0, -5.0)])
def test_an_optimum_beyond_the_grid_is_at_the_edge_and_no_number(at: tuple[float, float]) -> None:
    found = tilt(bowl(0.2, sigma=0.3, at=at))
    assert found is not None
    assert found.at_edge
    assert (found.rho, found.slope, found.alpha, found.decay) == (None, None, None, None)


def test_a_saddle_and_a_plane_are_no_bowl() -> None:
    flat = bowl()
    plane = flat.u[:, None, None] + 2 * flat.v[None, :, None] + np.zeros((7, 7, 2))
    saddle = (flat.u**2)[:, None, None] - (flat.v**2)[None, :, None] + np.zeros((7, 7, 2))
    for runs in (plane, saddle):
        found = tilt(Surface("none", flat.u, flat.v, 50 + runs, flat.clipped, None))
        assert found is not None
        assert found.at_edge


def test_too_little_gives_nothing() -> None:
    assert tilt(bowl(shape=(2, 9))) is None
    assert tilt(bowl(shape=(3, 3))) is None


def test_one_run_a_tile_has_no_interval_unless_its_noise_is_known() -> None:
    alone = bowl(-0.5, sigma=0.2, runs=1)
    found = tilt(alone)
    assert found is not None
    assert found.slope is not None
    assert found.slope.low is None
    known = Surface(alone.name, alone.u, alone.v, alone.runs, alone.clipped, 0.2)
    found = tilt(known)
    assert found is not None
    assert found.slope is not None
    assert found.slope.low is not None
    assert found.slope.low < found.slope.value < (found.slope.high or 0)


@pytest.mark.parametrize(("rho", "shape", "sigma"), [(0.0, (7, 7), 1.0), (-0.5, (7, 7), 1.0), (0.5, (11, 10), 0.5)])
def test_the_interval_holds_the_truth_as_often_as_it_says(rho, shape, sigma, monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 400)
    held = {"rho": [], "slope": []}
    for seed in range(200):
        found = tilt(bowl(rho, sigma, shape=shape, seed=seed), seed)
        assert found is not None
        if not found.at_edge:
            for name, truth in (("rho", rho), ("slope", -twist(rho))):
                estimate = getattr(found, name)
                held[name].append(estimate.low <= truth <= estimate.high)
    assert len(held["rho"]) > 150
    assert 0.92 <= np.mean(held["rho"]) <= 0.985
    assert 0.92 <= np.mean(held["slope"]) <= 0.985
