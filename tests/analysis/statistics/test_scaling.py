"""Exponents of surfaces whose best decays follow known laws, and those of the paper's own figures."""

import numpy as np
import pytest

from analysis.results import published
from analysis.statistics import scaling as module
from analysis.statistics.predictions import BATCH, EPOCH, EPOCHS, ROOT, within
from analysis.statistics.scaling import Optimum, exponents_of, law, optimum
from analysis.statistics.surface import Floats, Surface, of_readings
from tests.made_surfaces import bowl

RNG = np.random.default_rng(0)


def _family(exponent: float, sigma: float = 0.0, seed: int = 0) -> dict[float, Surface]:
    """Best decays that move by `exponent` tiles for each doubling of x = 1, 2, 4, 8."""
    return {2.0**k: bowl(0.0, sigma, at=(0.3, exponent * k - 1), shape=(7, 9), seed=10 * seed + k) for k in range(4)}


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.5, 1.0])
def test_without_noise_it_is_the_law_s(exponent: float) -> None:
    found = law(_family(exponent))
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(exponent, abs=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 300)
    held = []
    for seed in range(150):
        found = law(_family(0.5, 1.0, seed), seed).exponent
        assert found is not None
        held.append(found.low <= 0.5 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.995


def test_places_at_the_edge_are_left_out_and_too_few_make_no_law() -> None:
    family = _family(2.0)  # the last one's best lies beyond the grid
    found = law(family)
    assert found.best[8.0] is None
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(2.0)
    assert law({1.0: family[1.0], 8.0: family[8.0]}).exponent is None


def test_a_wall_drags_no_best_decay_off() -> None:
    """Errors that were seen after 80 epochs, in three rows: the third decay is the best, by far."""
    row = np.array([69.4, 70.2, 64.5, 86.0, 81.4])
    runs = (row + np.array([[0.0], [0.3], [9.0]]))[:, :, None]
    found = optimum(Surface("seen", np.arange(3.0), np.arange(5.0), runs, np.zeros((3, 5), bool), 1.0), RNG)
    assert found.estimate is not None
    assert 1.5 < found.estimate.value < 2


def test_further_cells_at_single_rates_change_no_law() -> None:
    """A decay between that was run at one rate, and a rate at which one decay was run, as low as they are."""
    surface = bowl(shape=(5, 5))
    runs = np.insert(surface.runs, 3, np.nan, 1)
    runs[2, 3] = 55.0
    runs = np.concatenate([runs, np.full((1, 6, 2), np.nan)])
    runs[5, 4] = 10.0
    more = Surface("more", np.append(surface.u, 9.0), np.insert(surface.v, 3, 0.4), runs, np.isinf(runs).all(2), None)
    expected, found = (optimum(each, RNG).estimate for each in (surface, more))
    assert expected is not None
    assert found is not None
    assert found.value == pytest.approx(expected.value)


def test_what_is_supported() -> None:
    steep = law(_family(1.0, 0.3))
    assert [name for name, holds in within(steep.exponent, BATCH).items() if holds] == [EPOCH]
    assert not any(within(law(_family(0.5)).exponent, EPOCHS).values())


def test_the_paper_s_supplementary_figure_3() -> None:
    """Raw decay falls with the budget, about as the normalization says; normalized it hardly moves."""
    readings = published.load()
    raw, norm = (
        law({float(t): of_readings(readings, "supp3", f"cifar_adamw_{unit}_{t}") for t in (25, 100, 400)})
        for unit in ("raw", "norm")
    )
    assert raw.exponent is not None
    assert norm.exponent is not None
    assert raw.exponent.high < 0
    assert within(raw.exponent, EPOCHS)[ROOT]
    assert norm.exponent.low < 0 < norm.exponent.high or abs(norm.exponent.value) < 0.25


PLANS = [(2.0**k, 16.0) for k in range(4, 10)] + [(2.0**k, 2.0 ** (k - 3)) for k in range(4, 10) if k != 7]  # b, T


def _panels(p: float, q: float, sigma: float, seed: int = 0, decays: int = 9) -> list[Optimum]:
    """Best decays that go as b^p T^q, of one run and one learning rate."""
    rng, v = np.random.default_rng(seed), np.arange(decays) - (decays - 1) / 2
    found = []
    for b, epochs in PLANS:
        away = v - p * np.log2(b / 90) - q * np.log2(epochs / 16)
        runs = 55 + away[None, :, None] ** 2 / 2 + sigma * rng.normal(size=(1, decays, 1))
        found.append(optimum(Surface("made", np.zeros(1), v, runs, np.zeros((1, decays), bool), sigma), rng))
    return found


@pytest.mark.parametrize(("p", "q"), [(0.5, -0.5), (1.0, 0.0), (-0.5, 0.0)])
def test_without_noise_the_joint_law_is_found_and_so_is_that_in_updates(p: float, q: float) -> None:
    found = _panels(p, q, 1e-6)
    exponents = exponents_of(found, np.array(PLANS))
    assert exponents is not None
    assert [part.value for part in exponents] == pytest.approx([p, q], abs=1e-4)
    updates = np.array([[epochs / b] for b, epochs in PLANS])
    (alone,) = exponents_of(found, updates) or ()
    assert (abs(alone.value + 0.5) < 1e-4) == ((p, q) == (0.5, -0.5))  # only the paper's rule is one of updates


def _held(p: float, q: float, sigma: float, decays: int, seeds: int = 80) -> Floats:
    held = []
    for seed in range(seeds):
        exponents = exponents_of(_panels(p, q, sigma, seed, decays), np.array(PLANS))
        if exponents is not None:
            held.append([part.low <= truth <= part.high for part, truth in zip(exponents, (p, q), strict=True)])
    return np.mean(held, 0)


def test_the_joint_law_s_intervals_hold_the_truth_as_often_as_they_say(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    assert all(share >= 0.92 for share in _held(0.5, -0.5, 0.5, 9))
    assert all(0.92 <= share <= 0.99 for share in _held(1.0, 0.0, 0.3, 9))


def test_with_half_of_the_panels_at_the_edge_they_hold_it_less_often(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    in_batch_size, in_epochs = _held(1.0, 0.0, 0.5, 5)
    assert 0.72 <= in_batch_size <= 0.9  # as the docstring says
    assert in_epochs >= 0.92


def test_panels_at_the_edge_are_left_out_of_a_joint_law_and_too_few_make_none() -> None:
    found = _panels(2.0, 0.0, 1e-6)
    assert [part.estimate is None for part in found[:6]] == [True, False, False, False, False, True]
    exponents = exponents_of(found, np.array(PLANS))
    assert exponents is not None
    assert exponents[0].value == pytest.approx(2.0, abs=1e-3)
    assert exponents_of(found[:2], np.array(PLANS[:2])) is None
    assert exponents_of(found[1:5], np.array(PLANS[1:5])) is None  # all with the same epochs


def test_in_another_unit_a_best_decay_is_moved_and_one_at_the_edge_stays_there() -> None:
    surface = bowl(sigma=0.5)
    found = optimum(surface, np.random.default_rng(0))
    moved = found.moved(3.0)
    assert found.estimate is not None
    assert moved.estimate is not None
    assert moved.estimate.value == pytest.approx(found.estimate.value + 3)
    np.testing.assert_allclose(moved.samples, found.samples + 3)
    assert Optimum(None, None).moved(3.0) == Optimum(None, None)
