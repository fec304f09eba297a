"""Train many cells on one machine, longest first: a single-threaded process for each core, or threads on a GPU.

Everything that counts is on disk. A worker that dies costs its cell the work since the last checkpoint: a new one goes
on from there. The parent itself may be killed at any moment: the same call again trains what has no record yet.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.sweep import cleanup, processes
from paper_repro.sweep.messages import Message, Task
from paper_repro.sweep.processes import SIGNALS
from paper_repro.sweep.progress import Display

REMEDY = "a smaller batch_size or model, fewer --workers, or a machine or GPU with more of it"
MOST_ON_A_GPU = 32  # torch hands out its first stream again then, and one cell's kernels are recorded into another's
CRASHES_PER_CELL = 3  # a worker that dies (killed, out of memory) is replaced; a cell that costs this many is failed


@dataclass
class Outcome:
    """What became of the cells of a run, by their ids."""

    finished: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # id: traceback
    odd: dict[str, Sequence[str]] = field(default_factory=dict)  # id: what looks odd in its curves (diagnosis.py)
    stopped: bool = False

    def add(self, name: str, status: str, odd: Sequence[str]) -> None:
        """A cell that has a record."""
        getattr(self, status).append(name)
        if odd:
            self.odd[name] = odd


def kind_of(cell: Cell) -> Cell:
    """The cell without what sets it apart from others of its map: a kind is checked once, and takes as long."""
    return cell.replace(alpha=0.0, decay=0.0, seed=0)


@dataclass
class Survey:
    """What there is of the cells of a run before it starts; of the records only what a run needs to know."""

    missing: list[Cell] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    seconds: dict[Cell, list[float]] = field(default_factory=dict)  # that the finished cells of each kind took
    fingerprints: dict[str, str] = field(default_factory=dict)  # of the data, and the name it went by

    @classmethod
    def of(cls, cells: Sequence[Cell], out: Path) -> Survey:
        """A record that is damaged is put aside, named on stderr, and its cell counts as missing."""
        survey, known = cls(), records.look(out, (cell.id for cell in cells), mend=True)
        for cell in dict.fromkeys(cells):
            record = known.get(cell.id)
            if record is None:
                survey.missing.append(cell)
                continue
            survey.outcome.add(cell.id, record.status, record.anomalies)
            survey.seconds.setdefault(kind_of(cell), []).append(record.seconds)
            survey.fingerprints[record.fingerprint] = cell.dataset
        return survey


def run(
    cells: Sequence[Cell],
    out: Path,
    data: Path,
    workers: int,
    device: str = "cpu",
    survey: Survey | None = None,
    should_stop: Callable[[], bool] | None = None,
    share: tuple[int, int] | None = None,
) -> Outcome:
    """Train the cells that have no record below `out` yet; return what became of all of them.

    data: an .npz file, or the folder of built-in data sets. workers: how many cells at once, in processes of their own
    or, on a GPU, in threads of one. survey: of these cells, where it was made already. The run stops cleanly
    (the workers save and end, and `stopped` is set) when should_stop, asked twice a second, says so; without it, on
    SIGINT and SIGTERM. Cells that another run is training are waited for. share: (index, number of jobs) for one of
    several jobs on the same cells: each begins with other ones, and passes over those that have failed or that another
    job has finished or is training, which are then not in the outcome. Raises OSError, in one line, for what all
    cells would meet alike, as a full disk: what is finished is kept, and no cell counts as failed.
    """
    survey = survey or Survey.of(cells, out)
    cleanup.clear(out, survey.outcome.finished + survey.outcome.diverged)
    if survey.missing:
        task = Task(out, data, device, wait_for_others=share is None)
        sweep = _Sweep(_ordered(survey.missing, *(share or (0, 1))), task, survey.outcome, len(set(cells)))
        sweep.again = "" if should_stop else "; Ctrl-C again ends at once"
        with nullcontext() if should_stop else _on_signals(sweep.stop):
            sweep.run(min(workers, len(survey.missing)), should_stop or (lambda: False))
    return survey.outcome


def _ordered(cells: Sequence[Cell], index: int, jobs: int) -> list[Cell]:
    """The longest first, equals in the order given; of several jobs each begins with other ones of them."""
    ordered = sorted(cells, key=lambda cell: -cell.epochs * _epoch_work(cell))
    return [cell for place in range(jobs) for cell in ordered[(index + place) % jobs :: jobs]]


def _epoch_work(cell: Cell) -> int:
    """What an epoch costs beside others of its sweep, in pictures (the whole training set is taken as CIFAR-10's)."""
    return cell.train_examples or 50_000


def groups(device: str, count: int) -> list[int]:
    """How many cells each process trains at once. On a GPU cells share the chip only from within one process.

    Raises ValueError for more than a GPU can keep apart.
    """
    if device != "cpu" and count > MOST_ON_A_GPU:
        raise ValueError(
            f"a GPU trains at most {MOST_ON_A_GPU} cells at once: torch has as many streams to keep them apart"
        )
    return [1] * count if device == "cpu" else [count]


class _Worker:
    """The parent's end of a pipe, the process at the other end, and the cell it has in hand (None: told to end)."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection[Any, Any], task: Task) -> None:
        self.process, self.pipe = process, pipe
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
        self.waiting = [*reversed(cells)]  # taken from the end
        self.task, self.outcome, self.stopping = task, outcome, False
        self.workers: dict[Any, _Worker] = {}  # by the parent's end of their pipes
        self.crashes: dict[Cell, int] = {}
        self.trouble = ""  # a full disk or its like, in one line
        self.told, self.again = False, ""  # what is waited for when it stops, and what ends it at once
        self.display = Display(total, sum(cell.epochs * _epoch_work(cell) for cell in cells), outcome)

    def run(self, count: int, should_stop: Callable[[], bool]) -> None:
        try:
            with self.display:
                for size in groups(self.task.device, count):
                    self._hire(size)
                while self.workers:
                    for pipe in wait(list(self.workers), timeout=0.5):
                        self._hear(self.workers[pipe])
                    if should_stop():
                        self.stop()
                    if self.stopping:
                        self._tell()
                        self._send_home()
                    self.display.show()
        finally:
            for left in self.workers.values():
                left.pipe.close()  # whatever went wrong here: workers save and end when their pipe does
                left.process.wait()
        if self.trouble:
            raise OSError(self.trouble)

    def stop(self) -> None:
        """Have every worker save and end. Only sets flags, so that a signal handler may call it."""
        self.stopping = self.outcome.stopped = True

    def _tell(self) -> None:
        """Once, what is being waited for. Not in stop(): a signal handler must not print."""
        busy = sum(worker.cell is not None for worker in self.workers.values())
        if self.outcome.stopped and not self.told and busy:
            self.display.say(
                f"stopping: {busy} cell{'s are' if busy > 1 else ' is'} saving what was trained{self.again}"
            )
        self.told = True

    def _send_home(self) -> None:
        for busy in self.workers.values():
            if busy.cell is not None:
                busy.give(None)

    def _hire(self, count: int = 1) -> None:
        """Start a process that trains so many cells at once."""
        process, pipes = processes.start("paper_repro.sweep.worker", count, processes.TRAINING)
        for pipe in pipes:
            self.workers[pipe] = _Worker(process, pipe, self.task)
        for pipe in pipes:  # a process waits for all its tasks before it takes a cell
            self._hand_out(self.workers[pipe])

    def _hand_out(self, free: _Worker) -> None:
        cell = self.waiting.pop() if self.waiting and not self.stopping else None
        while cell and not self.task.wait_for_others and self._is_settled(cell):
            cell = self.waiting.pop() if self.waiting else None
        free.give(cell)

    def _is_settled(self, cell: Cell) -> bool:
        """Whether another job has finished it, or failed to."""
        paths = (records.record_path(self.task.out, cell.id), records.failure_path(self.task.out, cell.id))
        return any(path.exists() for path in paths)

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
        elif message.kind == "busy":
            self.display.advance(-_epoch_work(message.cell) * speaker.epochs)
            if self.task.wait_for_others:
                self.waiting.insert(0, message.cell)  # others first
            self._hand_out(speaker)
        elif message.kind in ("finished", "diverged", "failed"):
            self._settle(message)
            self._hand_out(speaker)
        elif message.kind == "memory":
            self._make_room(speaker, message)
        elif message.kind == "trouble":  # every cell would meet it: end, before a thousand fail alike
            self.trouble, self.stopping = self.trouble or message.text, True
            speaker.give(None)

    def _make_room(self, speaker: _Worker, message: Message) -> None:
        """Fewer cells at once, and the one that had too little memory last; alone it fails."""
        cell, others = message.cell, sum(worker.cell is not None for worker in self.workers.values()) - 1
        if others:
            self.display.advance(-_epoch_work(cell) * speaker.epochs)
            self.display.say(
                f"{cell.id}: too little memory beside {others} others: one cell fewer at once from here on"
            )
            self.waiting.insert(0, cell)
            speaker.give(None)
        else:
            text = f"{message.text}\ntoo little memory for it, even alone: {REMEDY}"
            self._settle(Message("failed", cell, text=text))
            self._hand_out(speaker)

    def _settle(self, message: Message) -> None:
        cell = message.cell
        if message.kind == "failed":
            self.outcome.failed[cell.id] = message.text
            path = records.write_failure(self.task.out, cell, message.text)
            self.display.say(f"failed: {cell.id}: {message.text.strip().splitlines()[-1]} (traceback in {path})")
        else:
            self.outcome.add(cell.id, message.kind, message.odd)
            records.clear_failure(self.task.out, cell.id)
            if not self.task.wait_for_others:  # the log of a job says which cells it trained
                self.display.say(f"{message.kind}: {cell.id}")

    def _bury(self, dead: _Worker) -> None:
        """A worker is gone: as it was told, or by a crash, which costs its cell the work since the last checkpoint."""
        del self.workers[dead.pipe]
        dead.pipe.close()
        if dead.cell is None and any(worker.process is dead.process for worker in self.workers.values()):
            return  # one of several threads has ended; its process goes on
        code = dead.process.wait()
        if code > 0 and not dead.started:
            raise OSError(f"worker processes do not start (exit code {code}): what they said stands above")
        if dead.cell is not None and not self.stopping:
            self._count_crash(dead, dead.cell)
        if self.waiting and not self.stopping and (dead.cell is not None or not self.workers):
            self._hire()  # for one that crashed, not for one that was sent home

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
