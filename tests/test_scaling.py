"""Exponents of surfaces whose best decays follow known laws, and those of the paper's own figures."""

import numpy as np
import pytest

from analysis import published
from analysis import scaling as module
from analysis.scaling import law
from analysis.surfaces import Surface
from tests.made_surfaces import bowl


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


def test_what_is_supported() -> None:
    steep = law(_family(1.0, 0.3))
    assert steep.supports("batch size") == ["constant per epoch"]
    assert law(_family(0.5)).supports("epochs") == []


def test_the_paper_s_supplementary_figure_3() -> None:
    """Raw decay falls with the budget, about as the normalization says; normalized it hardly moves."""
    readings = published.load()
    raw, norm = (
        law({float(t): published.surface(readings, "supp3", f"cifar_adamw_{unit}_{t}") for t in (25, 100, 400)})
        for unit in ("raw", "norm")
    )
    assert raw.exponent is not None
    assert norm.exponent is not None
    assert raw.exponent.high < 0
    assert "the paper's square root" in raw.supports("epochs")
    assert norm.exponent.low < 0 < norm.exponent.high or abs(norm.exponent.value) < 0.25
