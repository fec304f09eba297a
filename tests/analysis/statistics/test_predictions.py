"""What an exponent's interval says to each prediction."""

import pytest

from analysis.results.words import Estimate
from analysis.statistics.predictions import (
    BATCH,
    BATCH_AT_UPDATES,
    EPOCH,
    EPOCHS,
    ROOT,
    SMALLER,
    UPDATES,
    verdict,
    within,
)

HALF, ONE, ZERO, FALLS = (Estimate(at, at - 0.1, at + 0.1) for at in (0.5, 1.0, 0.0, -0.5))


def test_each_prediction_is_within_or_ruled_out() -> None:
    assert within(HALF, BATCH) == {ROOT: True, EPOCH: False, SMALLER: False}
    assert within(FALLS, BATCH) == {ROOT: False, EPOCH: False, SMALLER: True}
    assert verdict({BATCH: ONE}) == f"within: {EPOCH}; ruled out: {ROOT}, {SMALLER}"


def test_with_the_updates_fixed_the_paper_predicts_no_change() -> None:
    """sqrt(b / (B T)) is n^(-1/2): the same for all batch sizes with as many updates."""
    assert within(ZERO, BATCH_AT_UPDATES)[ROOT]
    assert not within(HALF, BATCH_AT_UPDATES)[ROOT]


@pytest.mark.parametrize(
    ("quantity", "raw"), [(BATCH, HALF), (BATCH_AT_UPDATES, ZERO), (EPOCHS, FALLS), (UPDATES, FALLS)]
)
def test_normalized_the_paper_s_rule_is_no_change_at_all(quantity: str, raw: Estimate) -> None:
    assert within(raw, quantity)[ROOT]
    assert within(ZERO, quantity, normalized=True)[ROOT]


def test_a_joint_law_must_fit_in_both_exponents() -> None:
    assert verdict({BATCH: HALF, EPOCHS: FALLS}).startswith(f"within: {ROOT}; ruled out: {EPOCH}")
    assert verdict({BATCH: HALF, EPOCHS: ZERO}).startswith(f"ruled out: {ROOT}")
    assert verdict({BATCH: FALLS, EPOCHS: ONE}).startswith(f"within: {SMALLER}")  # says nothing of epochs


def test_without_an_interval_nothing_is_decided() -> None:
    assert verdict({BATCH: None}) == verdict({BATCH: HALF, EPOCHS: Estimate(0.5, None, None)}) == "undecided"
