"""Numbers that no run can have are refused, whatever the checksum says; what a run can have is not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from paper_repro.cell import Cell
from paper_repro.records import schema
from tests.conftest import made_record

RECORDED = Path(__file__).parents[2] / "experiments" / "recorded"


def _with(cell: Cell, **last: Any) -> dict[str, Any]:
    """A record whose last epoch holds these numbers too, and its final numbers with it."""
    record = made_record(cell, 30.0)
    record["epochs"][-1] |= last
    return record | {"final": schema.final(record["epochs"][-1])}


@pytest.mark.parametrize("value", [250.0, -0.5, 100.0001, math.nan, math.inf, "30", True, None, [30.0]])
@pytest.mark.parametrize("name", ["test_error", "validation_error", "train_error", "test_top5_error"])
def test_an_error_lies_between_0_and_100(cell: Cell, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} cannot be "):
        schema.check(_with(cell, **{name: value}))


@pytest.mark.parametrize("name", ["train_loss", "gradient_norm", "weight_norm"])
def test_what_overflowed_may_be_null_but_not_infinite(cell: Cell, name: str) -> None:
    schema.check(_with(cell, **{name: None}))
    with pytest.raises(ValueError, match=f"^{name} cannot be inf"):
        schema.check(_with(cell, **{name: math.inf}))


def test_flags_and_schedules_below_0_are_no_errors(cell: Cell) -> None:
    schema.check(_with(cell, ends_cycle=True, eta=-0.1, test_error=0, train_error=100.0))
    for name, value in (("ends_cycle", "yes"), ("eta", math.nan), ("test_loss", None), ("seconds", -1.0)):
        with pytest.raises(ValueError, match=f"^{name} cannot be"):
            schema.check(_with(cell, **{name: value}))


@pytest.mark.parametrize("numbers", [[1, 3, 2], [1, 1, 2], [0, 1, 2], [2, 3, 4]])
def test_epochs_count_from_1(cell: Cell, numbers: list[int]) -> None:
    record = made_record(cell, 30.0)
    for row, number in zip(record["epochs"], numbers, strict=True):
        row["epoch"] = number
    with pytest.raises(ValueError, match="do not count 1, 2, 3"):
        schema.check(record)


def test_a_finished_run_has_all_its_epochs_and_a_diverged_one_no_more(cell: Cell) -> None:
    rows = made_record(cell, 30.0)["epochs"]
    for diverged, count in (("", 2), ("", 4), ("diverged", 4)):
        epochs = [*rows, {**rows[-1], "epoch": 4}][:count]
        with pytest.raises(ValueError, match=f"holds {count} epochs, its cell has 3"):
            schema.check(made_record(cell, 30.0, status=diverged, epochs=epochs))
    schema.check(made_record(cell, 30.0, status="diverged", epochs=rows[:2]))


def test_the_final_numbers_are_those_of_the_last_epoch(cell: Cell) -> None:
    record = made_record(cell, 30.0)
    schema.check(record)
    for final in ({**record["final"], "test_error": 29.0}, {"test_error": 30.0}, {}):
        with pytest.raises(ValueError, match="not those of its last epoch"):
            schema.check(record | {"final": final})


def test_every_committed_record_passes() -> None:
    lines = [line for path in RECORDED.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) > 1000
    for line in lines:
        schema.check(json.loads(line))
