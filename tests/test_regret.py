"""Tuning one at a time costs nothing on a separable surface, and what can be worked out by hand on others."""

import numpy as np
import pytest

from analysis import regret as module
from analysis.regret import basin_size, regret
from analysis.surfaces import Surface
from tests.made_surfaces import bowl


def _of(errors: list[list[float]]) -> Surface:
    table = np.array(errors)
    return Surface("hand", *map(np.arange, table.shape), table[:, :, None], np.zeros(table.shape, bool), None)


def test_a_separable_surface_is_tuned_one_at_a_time_for_nothing() -> None:
    found = regret(bowl(), bowl())
    assert found is not None
    assert (found.alpha_first.value, found.decay_first.value, found.worst.value) == (0, 0, 0)


def test_by_hand() -> None:
    surface = _of([[1.0, 5.0, 9.0], [5.0, 3.0, 5.0], [9.0, 5.0, 2.0]])
    found = regret(surface, surface)
    assert found is not None
    # from row 0: decay 0, alpha 0: 1; row 1: decay 1, alpha 1: 3; row 2: decay 2, alpha 2: 2; the best is 1
    assert found.decay_first.value == pytest.approx((0 + 2 + 1) / 3)
    assert found.alpha_first.value == pytest.approx((0 + 2 + 1) / 3)
    assert found.worst.value == 2


def test_choices_are_made_on_validation_and_paid_on_test() -> None:
    selection, test = _of([[1.0, 2.0], [3.0, 4.0]]), _of([[7.0, 2.0], [3.0, 4.0]])
    found = regret(selection, test)
    assert found is not None
    assert found.worst.value == 0  # all roads lead to the tile that was selected, though it is a bad one
    assert basin_size(selection, test) is not None


def test_how_large_a_target_the_basin_is() -> None:
    found = basin_size(_of([[10.0, 10.9], [11.1, 50.0]]), _of([[10.0, 10.9], [11.1, 50.0]]))
    assert found is not None
    assert found.value == 0.5
    nothing = Surface("none", np.arange(2), np.arange(2), np.full((2, 2, 1), np.nan), np.ones((2, 2), bool), None)
    assert basin_size(nothing, nothing) is None
    assert regret(nothing, nothing) is None


@pytest.mark.parametrize("rho", [0.0, -0.5])
def test_the_intervals_hold_the_truth_at_least_as_often_as_they_say(rho: float, monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    clean = regret(bowl(rho), bowl(rho))
    size = basin_size(bowl(rho), bowl(rho))
    assert clean is not None
    assert size is not None
    held: dict[str, list[bool]] = {"alpha_first": [], "decay_first": [], "size": []}
    for seed in range(60):
        selection, test = bowl(rho, 1.0, seed=seed), bowl(rho, 1.0, seed=1000 + seed)
        found = regret(selection, test, seed)
        for name in ("alpha_first", "decay_first"):
            estimate = getattr(found, name)
            held[name].append(estimate.low - 1e-9 <= getattr(clean, name).value <= estimate.high + 1e-9)
        estimate = basin_size(selection, test, seed)
        assert estimate is not None
        held["size"].append(estimate.low <= size.value <= estimate.high)
    assert all(np.mean(found) >= 0.9 for found in held.values())
