"""A worker process of the engine: trains the cells it is handed, one after the other, and says what became of each."""

from __future__ import annotations

import fcntl
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from paper_repro import checkpoints, records
from paper_repro.cell import Cell


class Task(NamedTuple):
    """What every worker of a sweep needs to know."""

    out: Path
    data: Path  # an .npz file, or the folder of built-in data sets
    device: str


class Message(NamedTuple):
    """kind: "started", "epoch" (so many epochs are done), then "finished", "diverged", "failed" (text: traceback) or
    "stopped"."""

    kind: str
    cell: Cell
    epochs: int = 0
    text: str = ""


def main(pipe: Connection[Any, Any], task: Task) -> None:
    """Train cells from the pipe until it hands None or its other end is gone.

    While a cell is trained nothing is sent to the worker, except None to make it stop. So whatever can be read from the
    pipe then means stop, and so does its end: a worker does not outlive a killed parent. No lock is shared with
    the other processes, because one that is killed while it holds a lock would stop them all.
    """
    data = _Data(task)
    with suppress(EOFError, ConnectionError):
        while (cell := pipe.recv()) is not None:
            pipe.send(Message("started", cell))
            pipe.send(_train(cell, data, task, pipe))


def _train(cell: Cell, data: _Data, task: Task, pipe: Connection[Any, Any]) -> Message:
    from paper_repro.train import Stopped, train

    try:
        with _sole_owner(task.out, cell.id, pipe.poll) as owned:
            if not owned:
                return Message("stopped", cell)
            record = records.read(task.out, cell.id)  # another run may have finished it while this one waited
            if record is None:
                record = train(
                    cell, data.of(cell), task.out, task.device,
                    should_stop=pipe.poll, on_epoch=lambda epochs: pipe.send(Message("epoch", cell, epochs)),
                )  # fmt: skip
        return Message(record["status"], cell)
    except Stopped:
        return Message("stopped", cell)
    except ConnectionError:  # the parent is gone
        raise
    except Exception:  # whatever a model, an optimizer or a disk raises is reported with its cell; the sweep goes on
        return Message("failed", cell, text=traceback.format_exc())


class _Data:
    """The data prepared for the last cell, kept because most cells of a sweep share it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._key: tuple[object, ...] = ()
        self._dataset: Any = None

    def of(self, cell: Cell) -> Any:
        from paper_repro.data import load, prepare

        key = (cell.dataset, cell.validation_examples, cell.train_examples, cell.image_size, cell.label_noise)
        if key != self._key:
            self._dataset = prepare(load(cell.dataset, self._task.data), cell).to(self._task.device)
            self._key = key
        return self._dataset


@contextmanager
def _sole_owner(out: Path, cell_id: str, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Hold the cell's lock, so that two runs on one machine never train the same cell at once.

    Yields False when asked to stop while waiting for it. The kernel drops the lock with its process, however that ends.
    """
    folder = checkpoints.folder_of(out, cell_id)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        yield _lock(lock.fileno(), should_stop)
        if records.record_path(out, cell_id).exists():
            checkpoints.remove(folder)


def _lock(descriptor: int, should_stop: Callable[[], bool]) -> bool:
    while not should_stop():
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    # The engine's other end of the pipe hands this process the Task first. What is sent must be of the module's own
    # name, not of __main__'s, for the two sides to mean the same classes.
    from paper_repro import worker

    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        worker.main(parent, parent.recv())
