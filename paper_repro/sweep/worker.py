"""A worker process of the engine: trains the cells it is handed, one after the other, and says what became of each.

On a GPU one process serves several pipes at once, each in a thread: the cells then share the chip and the data on it.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any
from weakref import WeakValueDictionary

from torch import AcceleratorError

from paper_repro import files, records
from paper_repro.cell import Cell
from paper_repro.data import load
from paper_repro.data.split import Dataset, prepare, settings
from paper_repro.records import diagnosis
from paper_repro.sweep import leases
from paper_repro.sweep.engine import Message, Task
from paper_repro.training import checkpoints, memory, train

BUSY_SECONDS = 0.5  # before a cell that another run holds is given back


def main(pipe: Connection[Any, Any], task: Task, data: SharedData) -> None:
    """Train cells from the pipe until it hands None or its other end is gone.

    While a cell is trained nothing is sent to the worker, except None to make it stop. So whatever can be read from the
    pipe then means stop, and so does its end: a worker does not outlive a killed parent. No lock is shared with
    the other processes, because one that is killed while it holds a lock would stop them all.
    """
    with suppress(EOFError, ConnectionError):
        while (cell := pipe.recv()) is not None:
            pipe.send(Message("started", cell))
            message = _train(cell, data, task, pipe)
            if message.kind == "memory":
                memory.give_back(task.device)
            pipe.send(message)


def _train(cell: Cell, data: SharedData, task: Task, pipe: Connection[Any, Any]) -> Message:
    try:
        with leases.hold(leases.folder_of(task.out), cell.id) as lease:
            if lease is None:  # another run is at it; the parent offers the cell again, so wait a little
                return Message("stopped" if pipe.poll(BUSY_SECONDS * task.wait_for_others) else "busy", cell)
            found = records.read_or_put_aside(task.out, cell.id)  # another run may have finished it meanwhile
            try:
                record = found or train.train(
                    cell, (dataset := data.of(cell)), task.out, task.device,
                    should_stop=lambda: lease.lost or pipe.poll(),
                    on_epoch=lambda epochs: pipe.send(Message("epoch", cell, epochs, len(dataset.train))),
                )  # fmt: skip
            except train.Stopped:
                return Message("busy" if lease.lost else "stopped", cell)
            except OSError:
                lease.beat()
                if not lease.lost:
                    raise
                return Message("busy", cell)  # who took it over has finished it and removed its checkpoints meanwhile
            checkpoints.remove(checkpoints.folder_of(task.out, cell.id))
            if found and not task.wait_for_others:  # a job says which cells it trained
                return Message("busy", cell)
            return Message(record["status"], cell, anomalies=tuple(diagnosis.kinds(record)))
    except ConnectionError:  # the parent is gone
        raise
    except AcceleratorError:  # no cell can be trained in this process any more: die, and be replaced
        traceback.print_exc()
        os._exit(1)
    except Exception as error:  # whatever a model or an optimizer raises is reported with its cell; the sweep goes on
        if isinstance(error, OSError) and files.concerns_all(error):
            return Message("trouble", cell, text=files.error_line(error))
        if memory.has_run_out(error):
            return Message("memory", cell, text=str(error).partition("\n")[0])
        return Message("failed", cell, text=traceback.format_exc())


class SharedData:
    """The data that this process's cells learn from, prepared and on their device: one copy for all that want the same.

    The last one is kept, because most cells of a sweep share it.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._lock = task, threading.Lock()
        self._in_use: WeakValueDictionary[tuple[object, ...], Dataset] = WeakValueDictionary()
        self._last: Dataset | None = None

    def of(self, cell: Cell) -> Dataset:
        """The images of a cell. Raises DataError where they cannot be had."""
        key = settings(cell)
        with self._lock:
            dataset = self._in_use.get(key)
            if dataset is None:
                dataset = prepare(load(cell.dataset, self._task.data), cell).to(self._task.device)
            self._in_use[key] = self._last = dataset
            return dataset


def serve(pipes: list[Connection[Any, Any]]) -> None:
    """Serve each pipe in a thread. The first thing that the other end of each hands over is the sweep's Task."""
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        (task, *_) = [pipe.recv() for pipe in pipes]
        data = SharedData(task)

        def work(pipe: Connection[Any, Any]) -> None:
            try:
                with pipe:
                    main(pipe, task, data)
            except BaseException:  # whatever it was: the parent waits for a process whose pipe has ended
                traceback.print_exc()
                os._exit(1)

        threads = [threading.Thread(target=work, args=(pipe,)) for pipe in pipes[1:]]
        for thread in threads:
            thread.start()
        work(pipes[0])
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    serve([Connection(int(descriptor)) for descriptor in sys.argv[1:]])
