"""What looks odd in a run's curves is said, and nothing of what is meant to be so."""

import math
from pathlib import Path
from typing import Any

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import diagnosis
from paper_repro.records.diagnosis import BLOW_UP, DEAD, SPIKE, diagnose

ROOT = Path(__file__).parents[2]
LN10 = 2.302585


def _rows(losses: list[float | None], **curves: list[Any]) -> list[dict[str, Any]]:
    rows = [{"epoch": place, "train_loss": loss, "eta": 0.5} for place, loss in enumerate(losses, 1)]
    for name, values in curves.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def test_a_loss_spike_is_told_with_its_epoch_and_what_it_was_before() -> None:
    assert diagnose(_rows([2.0, 1.0, 1.4, 1.6, 0.9])) == [{"kind": SPIKE, "epoch": 4, "value": 1.6, "usual": 1.0}]
    assert diagnose(_rows([2.0, 1.0, None, 0.9])) == [{"kind": SPIKE, "epoch": 3, "value": None, "usual": 1.0}]


@pytest.mark.parametrize(
    "losses",
    [
        [2.0, 1.0, 1.49, 1.4],  # less than half as much again
        [2.0, 0.1, 0.29, 0.1],  # three times as much, but by less than a tenth of the first
        [2.0, 1.0, 1.4, 2.0],  # see eta
        [],
        [2.0],
    ],
)
def test_what_is_no_loss_spike(losses: list[float]) -> None:
    etas = [0.9, 0.5, 0.1, 1.0][: len(losses)]  # a restart after the third epoch
    assert diagnose(_rows(losses, eta=etas)) == []


def test_after_a_restart_the_lowest_loss_is_taken_anew() -> None:
    rows = _rows([2.0, 1.0, 1.6, 2.5], eta=[0.9, 0.1, 0.9, 0.5])
    assert [each["epoch"] for each in diagnose(rows)] == [4]


def test_a_gradient_blow_up_is_beyond_all_before() -> None:
    steady = [1.0, 2.0, 4.0, 8.0, 16.0, 1.0]  # slow growth, as under a normalisation
    assert diagnose(_rows([1.0] * 6, gradient_norm=steady)) == []
    (found,) = diagnose(_rows([1.0] * 6, gradient_norm=[1.0, 2.0, 6.0, 1.0, 1.0, 90.0]))
    assert found == {"kind": BLOW_UP, "epoch": 3, "value": 6.0, "usual": 2.0}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_norm_that_overflowed_is_a_blow_up(place: int) -> None:
    norms = [1.0, 1.0, 1.0]
    norms[place] = None
    (found,) = diagnose(_rows([1.0] * 3, gradient_norm=norms))
    assert (found["kind"], found["epoch"], found["value"]) == (BLOW_UP, place + 1, None)


def test_dead_is_what_never_did_better_than_a_guess() -> None:
    rows = _rows([2.4, 2.3, 2.31], train_error=[91.0, 88.7, 90.0])
    assert diagnose(rows, 10) == [{"kind": DEAD, "epoch": 1, "value": 2.3, "usual": pytest.approx(LN10)}]
    assert diagnose(rows, 100) == []  # far better than a guess among a hundred
    assert diagnose(rows, None) == []
    assert diagnose(rows, 1) == []
    assert diagnose(rows, 10, whole=False) == []
    assert diagnose(_rows([2.4, 2.27, 2.31], train_error=[91.0, 88.7, 90.0]), 10) == []  # it had begun to learn
    assert diagnose(_rows([9.0, 8.0, 9.0], train_error=[60.0, 50.0, 50.0]), 10) == []  # wrong, but sure of itself


def test_a_record_s_own_word_counts_and_an_older_one_is_looked_at(cell: Cell) -> None:
    rows = _rows([2.4, 2.3, 2.31], train_error=[91.0, 88.7, 90.0])
    record = {"cell": cell.to_dict(), "status": "finished", "epochs": rows}
    assert diagnosis.kinds(record) == []  # of "tiny" the number of classes is not known
    record["cell"] = cell.replace(dataset="cifar10-jpeg").to_dict()
    assert diagnosis.kinds(record) == [DEAD]
    assert diagnosis.kinds({**record, "status": "diverged"}) == []
    assert diagnosis.kinds({**record, "diagnoses": []}) == []
    assert diagnosis.kinds({**record, "diagnoses": [{"kind": "of tomorrow", "epoch": 1}]}) == ["of tomorrow"]


def test_cells_are_grouped_by_kind_with_a_remedy() -> None:
    found = diagnosis.groups([("a", [DEAD]), ("b", []), ("c", [SPIKE, DEAD]), ("d", ["of tomorrow"])])
    assert [(group["kind"], group["cells"], group["first"]) for group in found] == [
        (SPIKE, 1, "c"), (DEAD, 2, "a"), ("of tomorrow", 1, "d"),
    ]  # fmt: skip
    assert [bool(group["remedy"]) for group in found] == [True, True, False]


def test_no_wolf_is_cried_over_the_committed_records() -> None:
    """Those that test no better than a guess are dead; what spiked and blew up lost far more than a guess would."""
    every = [each for path in (ROOT / "experiments" / "recorded").glob("*.jsonl") for each in records.load(path)]
    kinds = {kind: [each for each in every if kind in diagnosis.kinds(each)] for kind in (DEAD, SPIKE, BLOW_UP)}
    assert len(kinds[DEAD]) == 63
    assert all(record["final"]["test_error"] > 85 for record in kinds[DEAD])
    blown_up = (
        "d0.032-s0-f3d88187d7671831", "d0.032-s0-c41837d9d1e98c03", "d0.064-s0-bc1dda54c53bbb8e",
        "d0.032-s1-66a6aa25ab66d100",
    )  # fmt: skip
    for kind in (SPIKE, BLOW_UP):
        assert {record["id"] for record in kinds[kind]} == {f"sgd-a1.6-{name}" for name in blown_up}
    for record in (*kinds[SPIKE], *kinds[BLOW_UP]):
        assert max(row["train_loss"] for row in record["epochs"]) > 4 * math.log(10)
