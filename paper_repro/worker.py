"""A worker process of the engine: trains the cells it is handed, one after the other, and says what became of each.

On a GPU one process serves several pipes at once, each in a thread: the cells then share the chip and the data on it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from paper_repro import checkpoints, records
from paper_repro.cell import Cell
from paper_repro.messages import Message, Task

if TYPE_CHECKING:
    from paper_repro.dataset import Dataset


def main(pipe: Connection[Any, Any], task: Task, data: SharedData) -> None:
    """Train cells from the pipe until it hands None or its other end is gone.

    While a cell is trained nothing is sent to the worker, except None to make it stop. So whatever can be read from the
    pipe then means stop, and so does its end: a worker does not outlive a killed parent. No lock is shared with
    the other processes, because one that is killed while it holds a lock would stop them all.
    """
    with suppress(EOFError, ConnectionError):
        while (cell := pipe.recv()) is not None:
            pipe.send(Message("started", cell))
            pipe.send(_train(cell, data, task, pipe))


def _train(cell: Cell, data: SharedData, task: Task, pipe: Connection[Any, Any]) -> Message:
    from torch import AcceleratorError

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
    except AcceleratorError:  # no cell can be trained in this process any more: die, and be replaced
        traceback.print_exc()
        os._exit(1)
    except Exception:  # whatever a model, an optimizer or a disk raises is reported with its cell; the sweep goes on
        return Message("failed", cell, text=traceback.format_exc())


class SharedData:
    """The data that this process's cells learn from, prepared and on their device: one copy for all that want the same.

    The last one is kept, because most cells of a sweep share it.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lock = threading.Lock()
        self._in_use: WeakValueDictionary[tuple[object, ...], Dataset] = WeakValueDictionary()
        self._last: Dataset | None = None

    def of(self, cell: Cell) -> Dataset:
        """The pictures of a cell. Raises DataError where they cannot be had."""
        from paper_repro.data import load
        from paper_repro.dataset import prepare

        key = (cell.dataset, cell.validation_examples, cell.train_examples, cell.image_size, cell.label_noise)
        with self._lock:
            dataset = self._in_use.get(key)
            if dataset is None:
                dataset = prepare(load(cell.dataset, self._task.data), cell).to(self._task.device)
                self._in_use[key] = dataset
            self._last = dataset
            return dataset


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


def serve(pipes: list[Connection[Any, Any]]) -> None:
    """Serve each pipe in a thread. The first thing that the other end of each hands over is the sweep's Task."""
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        tasks = [pipe.recv() for pipe in pipes]
        data = SharedData(tasks[0])
        threads = [threading.Thread(target=_serve, args=(pipe, tasks[0], data)) for pipe in pipes[1:]]
        for thread in threads:
            thread.start()
        _serve(pipes[0], tasks[0], data)
        for thread in threads:
            thread.join()


def _serve(pipe: Connection[Any, Any], task: Task, data: SharedData) -> None:
    try:
        with pipe, suppress(EOFError, ConnectionError):
            main(pipe, task, data)
    except BaseException:  # whatever it was: the parent waits for a process whose pipe has ended
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    serve([Connection(int(descriptor)) for descriptor in sys.argv[1:]])
