"""Train many cells on one machine: one single-threaded process per core, cells handed out longest first.

Everything that counts is on disk. A worker that dies costs its cell the work since the last checkpoint: a new one goes
on from there. The parent itself may be killed at any moment: the same call again trains what has no record yet.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Any

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.display import Display
from paper_repro.worker import Message, Task

CRASHES_PER_CELL = 3  # a worker that dies (killed, out of memory) is replaced; a cell that costs this many is failed
SIGNALS = (signal.SIGINT, signal.SIGTERM)
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Outcome:
    """What became of the cells of a run, by their ids."""

    finished: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # id: traceback
    stopped: bool = False


def run(cells: Sequence[Cell], out: Path, data: Path, workers: int, device: str = "cpu") -> Outcome:
    """Train the cells that have no record below `out` yet; return what became of all of them.

    data: an .npz file, or the folder of built-in data sets. SIGINT and SIGTERM stop cleanly: the workers save and end,
    and `stopped` is set. A record that is damaged is put aside, named on stderr, and its cell trained anew.
    """
    outcome = Outcome()
    missing = _sort_out_finished(cells, out, outcome)
    if missing:
        sweep = _Sweep(missing, Task(out, data, device), outcome, len(set(cells)))
        with _on_signals(sweep.stop):
            sweep.run(min(workers, len(missing)))
    return outcome


def _sort_out_finished(cells: Sequence[Cell], out: Path, outcome: Outcome) -> list[Cell]:
    missing = []
    for cell in dict.fromkeys(cells):
        record = records.read_or_put_aside(out, cell.id)
        if record is None:
            missing.append(cell)
        else:
            getattr(outcome, record["status"]).append(cell.id)
    return missing


def _epoch_work(cell: Cell) -> int:
    """What an epoch costs beside others of its sweep, in pictures (the whole training set is taken as CIFAR-10's)."""
    return cell.train_examples or 50_000


class _Worker:
    """A process, the parent's end of its pipe, and the cell it has in hand (None: it was told to end)."""

    def __init__(self, task: Task) -> None:
        self.pipe, theirs = Pipe()
        # A fresh interpreter, not a multiprocessing.Process: that would run the user's main script once more.
        command = [sys.executable, "-m", "paper_repro.worker", str(theirs.fileno())]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        # Ctrl-C reaches the whole process group, but what to do about it is the parent's decision: signals that are
        # blocked while a process is started stay blocked in it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, "PYTHONPATH": path})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # so that the worker's death is seen as the end of the pipe
        self.cell: Cell | None = None
        self.epochs = 0  # of the cell in hand, done
        self.started = False  # it has said something
        self.send(task)

    def give(self, cell: Cell | None) -> None:
        self.cell, self.epochs = cell, 0
        self.send(cell)

    def send(self, message: Task | Cell | None) -> None:
        with suppress(ConnectionError):  # it died in this moment: the loop will see its pipe end
            self.pipe.send(message)


class _Sweep:
    """The parent's side of a run."""

    def __init__(self, cells: Sequence[Cell], task: Task, outcome: Outcome, total: int) -> None:
        # Taken from the end: longest first, equals in the order given.
        self.waiting = sorted(cells, key=lambda cell: -cell.epochs * _epoch_work(cell))[::-1]
        self.task, self.outcome, self.stopping = task, outcome, False
        self.workers: dict[Any, _Worker] = {}  # by the parent's end of their pipes
        self.crashes: dict[Cell, int] = {}
        self.display = Display(total, sum(cell.epochs * _epoch_work(cell) for cell in cells), outcome)

    def run(self, count: int) -> None:
        try:
            with self.display:
                for _ in range(count):
                    self._hire()
                while self.workers:
                    for pipe in wait(list(self.workers), timeout=0.5):
                        self._hear(self.workers[pipe])
                    if self.stopping:
                        self._send_home()
                    self.display.show()
        finally:
            for left in self.workers.values():
                left.pipe.close()  # whatever went wrong here: workers save and end when their pipe does
                left.process.wait()

    def stop(self) -> None:
        """Have every worker save and end. Only sets flags, so that a signal handler may call it."""
        self.stopping = self.outcome.stopped = True

    def _send_home(self) -> None:
        for busy in self.workers.values():
            if busy.cell is not None:
                busy.give(None)

    def _hire(self) -> None:
        hired = _Worker(self.task)
        self.workers[hired.pipe] = hired
        self._hand_out(hired)

    def _hand_out(self, free: _Worker) -> None:
        free.give(self.waiting.pop() if self.waiting and not self.stopping else None)

    def _hear(self, speaker: _Worker) -> None:
        try:
            message: Message = speaker.pipe.recv()
        except (EOFError, ConnectionError):
            self._bury(speaker)
            return
        speaker.started = True
        if message.kind == "epoch":
            self.display.advance(_epoch_work(message.cell) * (message.epochs - speaker.epochs))
            speaker.epochs = message.epochs
        elif message.kind in ("finished", "diverged", "failed"):
            self._settle(message)
            self._hand_out(speaker)

    def _settle(self, message: Message) -> None:
        cell = message.cell
        if message.kind == "failed":
            self.outcome.failed[cell.id] = message.text
            path = records.write_failure(self.task.out, cell, message.text)
            self.display.say(f"failed: {cell.id}: {message.text.strip().splitlines()[-1]} (traceback in {path})")
        else:
            getattr(self.outcome, message.kind).append(cell.id)
            records.clear_failure(self.task.out, cell.id)

    def _bury(self, dead: _Worker) -> None:
        """A worker is gone: as it was told, or by a crash, which costs its cell the work since the last checkpoint."""
        del self.workers[dead.pipe]
        dead.pipe.close()
        code = dead.process.wait()
        if code > 0 and not dead.started:
            raise OSError(f"worker processes do not start (exit code {code}): what they said stands above")
        if dead.cell is not None and not self.stopping:
            self._count_crash(dead, dead.cell)
        if self.waiting and not self.stopping:
            self._hire()

    def _count_crash(self, dead: _Worker, cell: Cell) -> None:
        crashes = self.crashes[cell] = self.crashes.get(cell, 0) + 1
        text = f"its worker process died ({_cause(dead.process.returncode)}), for the {crashes}. time"
        self.display.advance(-_epoch_work(cell) * dead.epochs)
        if crashes < CRASHES_PER_CELL:
            self.display.say(f"{cell.id}: {text}; going on from its last checkpoint")
            self.waiting.append(cell)
        else:
            self._settle(Message("failed", cell, text=text))


def _cause(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops cleanly, a second one ends at once."""
    seen: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop()

    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
