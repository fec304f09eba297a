"""A record beside its cell trained again: what counts as equal, as noise between seeds, and as not reproduced."""

import math

import pytest

from paper_repro.cell import Cell
from paper_repro.records import Record
from paper_repro.records.comparison import compare, noise
from tests.conftest import made_record

NOISE = {"test_error": 0.5, "validation_error": 0.5, "train_loss": 0.1, "train_error": 1.0}


def test_only_times_and_origin_may_differ_where_all_is_equal(cell: Cell) -> None:
    record, again = made_record(cell, 30.0), made_record(cell, 30.0, commit="d" * 40)
    again["seconds"] = 9.0
    again["epochs"][0] |= {"seconds": 3.0, "weight_norm": 7.0}  # older records have fewer curves
    found = compare(record, again, NOISE)
    assert (found.is_equal, found.is_refuted, found.deviations) == (True, False, 0.0)


def test_a_number_of_an_early_epoch_counts(cell: Cell) -> None:
    record, again = made_record(cell, 30.0), made_record(cell, 30.0)
    record["epochs"][0]["weight_norm"], again["epochs"][0]["weight_norm"] = 7.0, math.nextafter(7.0, 8.0)
    found = compare(record, again, NOISE)
    assert (found.is_equal, found.is_refuted) == (False, False)


@pytest.mark.parametrize(("error", "deviations", "is_refuted"), [(31.0, 2.0, False), (32.5, 5.0, True)])
def test_a_difference_is_measured_in_deviations_between_seeds(
    error: float, deviations: float, is_refuted: bool, cell: Cell
) -> None:
    found = compare(made_record(cell, 30.0), made_record(cell, error), NOISE)
    assert not found.is_equal
    assert found.changes["test_error"] == (30.0, error - 30.0, 0.5)
    assert (found.deviations, found.is_refuted) == (pytest.approx(deviations), is_refuted)


@pytest.mark.parametrize("again", ["diverged", "failed"])
def test_another_end_is_no_noise(again: str, cell: Cell) -> None:
    other = made_record(cell, 30.0, status="diverged") if again == "diverged" else None
    found = compare(made_record(cell, 30.0), other, NOISE)
    assert (found.is_equal, found.is_refuted, found.changes) == (False, True, {})


def test_a_run_that_diverges_again_is_equal_if_at_the_same_update(cell: Cell) -> None:
    record, again = (made_record(cell, 30.0, status="diverged") for _ in range(2))
    assert compare(record, again, NOISE).is_equal
    again["diverged"]["step"] += 1
    found = compare(record, again, NOISE)
    assert (found.is_equal, found.is_refuted) == (False, False)


def _finals(*records: Record) -> dict[Cell, dict[str, float]]:
    return {Cell.from_dict(record["cell"]): record["final"] for record in records}


def test_without_a_second_seed_a_difference_refutes_nothing(cell: Cell) -> None:
    record, other = made_record(cell, 30.0), made_record(cell.replace(alpha=0.02), 40.0)
    found = compare(record, made_record(cell, 70.0), noise(cell, _finals(record, other)))
    assert (found.deviations, found.is_refuted) == (None, False)


def test_noise_is_a_cell_s_own_or_what_is_usual_whichever_is_larger(cell: Cell) -> None:
    def seeds(alpha: float, *errors: float, **changes: int) -> list[Record]:
        return [
            made_record(cell.replace(alpha=alpha, seed=seed, **changes), error) for seed, error in enumerate(errors)
        ]

    calm, wild, single = seeds(0.01, 99.0, 30.0, 30.2), seeds(0.02, 99.0, 30.0, 34.0, 38.0), seeds(0.04, 50.0)
    elsewhere = seeds(0.01, 0.0, 99.0, epochs=4)  # another setting
    finals = _finals(*calm[1:], *wild[1:], *single, *elsewhere)
    pooled = math.sqrt((1 * 0.02 + 2 * 16.0) / 3)
    for alpha, deviation in ((0.02, 4.0), (0.01, pooled), (0.04, pooled)):
        assert noise(cell.replace(alpha=alpha), finals)["test_error"] == pytest.approx(deviation)
    assert noise(cell, finals)["train_loss"] == 0.0


def test_a_wrong_record_does_not_widen_its_own_noise(cell: Cell) -> None:
    errors = (99.0, 30.0, 31.0)  # the first is wrong
    finals = _finals(*(made_record(cell.replace(seed=seed), error) for seed, error in enumerate(errors)))
    assert noise(cell, finals)["test_error"] == pytest.approx(math.sqrt(0.5))
    assert compare(made_record(cell, 99.0), made_record(cell, 30.5), noise(cell, finals)).is_refuted
