"""A saved state that is not of the run is refused before anything is taken over from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import checkpoints
from paper_repro.training.train import Stopped, train

State = dict[str, Any]


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


def _stopped(cell: Cell, data: Dataset, out: Path, updates: int) -> State:
    """A cell that was stopped after so many updates; its newest state."""
    asked = iter(range(10_000))
    with pytest.raises(Stopped):
        train(cell, data, out, should_stop=lambda: next(asked) >= updates - 1)
    state = checkpoints.load(checkpoints.folder_of(out, cell.id), cell.id, "cpu")
    assert state is not None
    return state


def _of(changed: Cell) -> Callable[..., State]:
    """The state of another cell, under this one's id."""
    return lambda state, data, out: _stopped(changed, data, out, 9) | {"id": state["id"]}


def _with(**changes: Any) -> Callable[..., State]:
    return lambda state, data, out: state | changes


CELL = Cell("tiny", "resnet-8-w2", "adamw", 0.01, 0.01, epochs=3, batch_size=16, validation_examples=20)
DAMAGES: dict[str, Callable[..., State]] = {
    "another net": _of(CELL.replace(model="resnet-8-w3")),
    "another optimizer": _of(CELL.replace(optimizer="sgdw")),
    "another batch size": _of(CELL.replace(batch_size=20)),
    "no optimizer": lambda state, data, out: {key: value for key, value in state.items() if key != "optimizer"},
    "no losses": lambda state, data, out: {key: value for key, value in state.items() if key != "losses"},
    "moments of another form": lambda state, data, out: state | {"optimizer": _squeezed(state["optimizer"])},
    "more epochs": _with(epoch=7, epochs=[{}] * 7),
    "an epoch too many": _with(epoch=3, epochs=[{}] * 3),
    "an epoch without its curve": _with(epochs=[]),
    "a position beyond the epoch": _with(position=7),
    "a position that is no number": _with(position="2"),
    "seconds that are no number": _with(total=float("nan")),
    "a list for a net": _with(model=[1]),
}


def _squeezed(saved: State) -> State:
    first = next(iter(saved["state"]))
    return saved | {"state": saved["state"] | {first: saved["state"][first] | {"m": torch.zeros(3, 5)}}}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_passed_over_and_the_numbers_are_the_same(damage: str, data: Dataset, tmp_path: Path, capfd) -> None:
    _is_passed_over(damage, True, data, tmp_path, capfd)


def test_where_there_is_no_older_one_the_cell_begins_anew(data: Dataset, tmp_path: Path, capfd) -> None:
    _is_passed_over("moments of another form", False, data, tmp_path, capfd)


def _is_passed_over(damage: str, older: bool, data: Dataset, tmp_path: Path, capfd) -> None:
    undisturbed = records.without_times(train(CELL, data, tmp_path / "a"))
    state = _stopped(CELL, data, tmp_path / "b", 9)
    folder = checkpoints.folder_of(tmp_path / "b", CELL.id)
    if not older:
        checkpoints.remove(folder)
    checkpoints.save(folder, 10, DAMAGES[damage](state, data, tmp_path / "c"))
    assert records.without_times(train(CELL, data, tmp_path / "b")) == undisturbed
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"{folder / '000000010.pt'}: damaged checkpoint (")
    assert ("going on from an older one" if older else "the cell begins anew") in said


@pytest.mark.parametrize("optimizer", ["sgd", "sgdw", "adam", "adamw", "lion"])
def test_every_optimizer_s_own_state_is_gone_on_from(
    cell: Cell, data: Dataset, tmp_path: Path, optimizer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    cell = cell.replace(optimizer=optimizer)
    _stopped(cell, data, tmp_path, 1)
    assert train(cell, data, tmp_path)["provenance"]["attempts"] == 2
    assert "damaged" not in capfd.readouterr().err


def test_a_state_from_between_two_epochs_of_commit_4f1c824_goes_on(data: Dataset, tmp_path: Path, capfd) -> None:
    """It has one number for the gradient norms of the coming epoch, 0, where there is one for each update now."""
    alone = records.without_times(train(CELL, data, tmp_path / "alone"))
    state = _stopped(CELL, data, tmp_path, 7)
    assert (state["epoch"], state["position"]) == (1, 0)
    state["gradient_norms"] = torch.zeros((), dtype=torch.float64)
    checkpoints.save(checkpoints.folder_of(tmp_path, CELL.id), 8, state)
    record = train(CELL, data, tmp_path)
    assert records.without_times(record) == alone
    assert record["provenance"]["attempts"] == 2
    assert "damaged" not in capfd.readouterr().err
