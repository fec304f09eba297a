"""A worker trains what it is handed, stops when anything is said to it, and shares no cell with another run."""

import threading
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.sweep import leases, worker
from paper_repro.sweep.engine import Message, Task
from paper_repro.sweep.worker import SharedData
from paper_repro.training import checkpoints

Worker = tuple[Connection, threading.Thread]


@pytest.fixture
def start(npz: Path, tmp_path: Path) -> Callable[..., Worker]:
    def begin(wait_for_others: bool = True) -> Worker:
        ours, theirs = Pipe()
        task = Task(tmp_path, npz, "cpu", wait_for_others)

        def work() -> None:
            with theirs:
                worker.main(theirs, task, SharedData(task))

        thread = threading.Thread(target=work)
        thread.start()
        return ours, thread

    return begin


def _end(ours: Connection, thread: threading.Thread) -> None:
    ours.close()
    thread.join(timeout=30)
    assert not thread.is_alive()


def _told(ours: Connection, cell: Cell) -> list[Message]:
    """Hand the worker a cell; all it says until it is done with it."""
    ours.send(cell)
    assert ours.recv() == Message("started", cell)
    heard: list[Message] = [ours.recv()]
    while heard[-1].kind == "epoch":
        heard.append(ours.recv())
    return heard


def _begin(ours: Connection, cell: Cell) -> None:
    """Hand the worker a cell and wait until it has taken it."""
    ours.send(cell)
    assert ours.recv() == Message("started", cell)


def test_it_reports_epochs_and_the_end_of_each_cell(cell: Cell, start, tmp_path: Path) -> None:
    ours, thread = start()
    epochs = [Message("epoch", cell, done, images=100) for done in (1, 2, 3)]
    assert _told(ours, cell) == [*epochs, Message("finished", cell)]
    (failed,) = _told(ours, cell.replace(model="nope-1"))
    assert failed.kind == "failed"
    assert "no model 'nope'" in failed.text
    assert _told(ours, cell) == [Message("finished", cell)]  # its record is there: nothing is trained
    ours.send(None)
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert [record["id"] for record in records.load(tmp_path)] == [cell.id]


def test_a_word_makes_it_save_and_stop(cell: Cell, start, tmp_path: Path) -> None:
    ours, thread = start()
    long = cell.replace(epochs=100_000)
    _begin(ours, long)
    assert ours.recv() == Message("epoch", long, 1, images=100)
    ours.send(None)
    while (heard := ours.recv()).kind == "epoch":
        pass
    assert heard == Message("stopped", long)
    _end(ours, thread)
    assert list(checkpoints.folder_of(tmp_path, long.id).glob("*.pt"))
    assert records.read(tmp_path, long.id) is None


def test_it_does_not_outlive_its_parent(cell: Cell, start, tmp_path: Path) -> None:
    ours, thread = start()
    long = cell.replace(epochs=100_000)
    _begin(ours, long)
    ours.recv()
    _end(ours, thread)
    assert list(checkpoints.folder_of(tmp_path, long.id).glob("*.pt"))


def test_two_workers_never_train_one_cell_at_once(cell: Cell, start) -> None:
    long = cell.replace(epochs=100_000)
    (first, one), (second, two) = start(), start()
    _begin(first, long)
    first.recv()
    assert _told(second, long) == [Message("busy", long)]  # the parent offers it again
    _begin(second, long)
    second.send(None)  # it can be stopped while it waits
    assert second.recv() == Message("stopped", long)
    _end(second, two)
    _end(first, one)


def test_the_one_that_waited_finds_the_record(cell: Cell, start) -> None:
    pair = cell.replace(epochs=40)
    (first, one), (second, two) = start(), start()
    _begin(first, pair)
    first.recv()
    heard = [Message("busy", pair)]
    while heard == [Message("busy", pair)]:
        heard = _told(second, pair)
    assert heard == [Message("finished", pair)]  # with no epoch of its own
    _end(second, two)
    _end(first, one)


def test_a_job_does_not_say_that_it_trained_what_another_has(cell: Cell, start) -> None:
    first = start()
    assert _told(first[0], cell)[-1].kind == "finished"
    job = start(wait_for_others=False)
    assert _told(job[0], cell) == [Message("busy", cell)]
    _end(*first)
    _end(*job)


def test_one_that_slept_while_its_cell_was_taken_over_leaves_it(cell: Cell, start, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    long = cell.replace(epochs=100_000)
    ours, thread = start()
    _begin(ours, long)
    ours.recv()
    (claim,) = leases.folder_of(tmp_path).glob("*/*")
    claim.unlink()  # as one does who finds it stale
    while (heard := ours.recv()).kind == "epoch":
        pass
    assert heard == Message("busy", long)
    _end(ours, thread)
