"""Train many cells on one machine, longest first: a single-threaded process for each core, or threads on a GPU.

Everything that counts is on disk. A worker that dies costs its cell the work since the last checkpoint: a new one goes
on from there. The parent itself may be killed at any moment: the same call again trains what has no record yet.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Summary
from paper_repro.sweep import cleanup
from paper_repro.sweep.progress import Display

MOST_ON_A_GPU = 32  # torch hands out its first stream again then, and one cell's kernels are recorded into another's
CRASHES_PER_CELL = 3  # a worker that dies (killed, out of memory) is replaced; a cell that costs this many is failed
SIGNALS = (signal.SIGINT, signal.SIGTERM)
FOR_PARENTS = (*SIGNALS, signal.SIGUSR1, signal.SIGUSR2)  # a cluster sends the latter two to every process of a job
ROOT = Path(__file__).resolve().parents[2]
# Of processes that train, unless the user has set them otherwise: memory in huge pages, which makes an update on a CPU
# a quarter to a half as fast again (in one arena, or threads would get none of it), and as many queues to a GPU as
# cells may share it (it has eight otherwise, and those that share one wait for each other).
TRAINING = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1",
    "CUDA_DEVICE_MAX_CONNECTIONS": "32",
}


class Task(NamedTuple):
    """What every worker of a sweep needs to know."""

    out: Path
    data: Path  # an .npz file, or the folder of built-in data sets
    device: str
    wait_for_others: bool = True  # for cells that another run is training, instead of passing over them


class Message(NamedTuple):
    """What a worker says. kind: "started", "epoch" (so many epochs are done, the last on so many images), then
    "finished", "diverged", "failed" (text: traceback), "stopped", "busy" (another run is training it, or has), "memory"
    (there was not enough of it) or "trouble" (text: what every other cell would meet too, as a full disk).
    anomalies: kinds of them in its curves.
    """

    kind: str
    cell: Cell
    epochs: int = 0
    images: int = 0
    text: str = ""
    anomalies: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What became of the cells of a run, by their ids."""

    finished: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # id: traceback
    anomalies: dict[str, Sequence[str]] = field(default_factory=dict)  # id: their kinds in its curves (diagnosis.py)
    stopped: bool = False

    def add(self, name: str, status: str, anomalies: Sequence[str]) -> None:
        getattr(self, status).append(name)
        if anomalies:
            self.anomalies[name] = anomalies


@functools.lru_cache(maxsize=2**18)  # asked several times of each cell of a sweep
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
    def of(cls, cells: Sequence[Cell], out: Path, known: Mapping[str, Summary] | None = None) -> Survey:
        """known: the summaries of the records, where they have been read already; a damaged record is put aside here,
        named on stderr, and its cell counts as missing."""
        survey = cls()
        known = records.look(out, (cell.id for cell in cells), mend=True, anew=True) if known is None else known
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
    cells: Sequence[Cell], out: Path, data: Path, workers: int, device: str = "cpu", survey: Survey | None = None,
    should_stop: Callable[[], bool] | None = None, share: tuple[int, int] | None = None,
) -> Outcome:  # fmt: skip
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
    if not survey.missing:
        return survey.outcome
    task = Task(out, data, device, wait_for_others=share is None)
    sweep = _Sweep(_ordered(survey.missing, *(share or (0, 1))), task, survey.outcome, len(set(cells)))
    before = {} if should_stop else {number: signal.signal(number, sweep.on_signal) for number in SIGNALS}
    try:
        sweep.run(min(workers, len(survey.missing)), should_stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return survey.outcome


def _ordered(cells: Sequence[Cell], index: int, jobs: int) -> list[Cell]:
    """The longest first, equals in the order given; of several jobs each begins with other ones of them."""
    ordered = sorted(cells, key=lambda cell: -_work(cell))
    return [cell for place in range(jobs) for cell in ordered[(index + place) % jobs :: jobs]]


def _work(cell: Cell, epochs: int | None = None) -> int:
    """What epochs (default: all) cost beside others of its sweep, in images (a whole training set counts as
    CIFAR-10's)."""
    return (cell.epochs if epochs is None else epochs) * (cell.train_examples or 50_000)


def check_at_once(device: str, count: int, option: str) -> None:
    """Raise UsageError, naming the option, for more cells at once than a GPU can keep apart."""
    if device != "cpu" and count > MOST_ON_A_GPU:
        most = f"a GPU trains at most {MOST_ON_A_GPU} cells at once"
        raise UsageError(f"{option} {count}: {most}: torch has as many streams to keep them apart")


def _processes(device: str, count: int) -> list[int]:
    """How many cells at once each of a run's processes trains: a GPU is shared only from within one process."""
    return [1] * count if device == "cpu" else [count]


def start(module: str, count: int = 1) -> tuple[subprocess.Popen[bytes], list[Connection[Any, Any]]]:
    """A process `python -m module FD ...` that may train, and our ends of `count` pipes to it.

    Not a multiprocessing.Process: that would run the user's main script once more. Signals that stop are blocked in it:
    Ctrl-C reaches the whole process group, but what to do about it is the parent's decision.
    """
    pairs = [Pipe() for _ in range(count)]
    descriptors = [theirs.fileno() for _, theirs in pairs]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # Signals that are blocked while a process is started stay blocked in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_PARENTS)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, descriptors)], pass_fds=descriptors,
            env={**TRAINING, **os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for _, theirs in pairs:
        theirs.close()  # so that the process's death is seen as the end of its pipes
    return process, [ours for ours, _ in pairs]


@dataclass(eq=False)
class _Worker:
    """The parent's end of a pipe, the process at the other end, and the cell it has in hand (None: told to end)."""

    process: subprocess.Popen[bytes]
    pipe: Connection[Any, Any]
    cell: Cell | None = None
    epochs: int = 0  # of the cell in hand, done
    started: bool = False  # it has said something

    def send(self, message: Task | Cell | None) -> None:
        with suppress(ConnectionError):  # it died in this moment: the loop will see its pipe end
            self.pipe.send(message)


class _Sweep:
    """The parent's side of a run."""

    def __init__(self, cells: Sequence[Cell], task: Task, outcome: Outcome, total: int) -> None:
        self.waiting = deque(cells)
        self.task, self.outcome, self.stopping = task, outcome, False
        self.workers: dict[Any, _Worker] = {}  # by the parent's end of their pipes
        self.crashes = Counter[Cell]()
        self.trouble = ""  # a full disk or its like, in one line
        self.settled = 0  # work of cells that have ended
        self.images = 0  # trained in this run
        self.display = Display(total, sum(map(_work, cells)), outcome)

    def run(self, count: int, should_stop: Callable[[], bool] | None) -> None:
        try:
            check_at_once(self.task.device, count, "workers")
            for size in _processes(self.task.device, count):
                self._start_worker(size)
            while self.workers:
                for pipe in wait(list(self.workers), timeout=0.5):
                    self._listen(self.workers[pipe])
                if should_stop and should_stop():
                    self.stop()
                if self.stopping:
                    self._stop_workers("" if should_stop else "; Ctrl-C again ends at once")
                in_hand = sum(_work(each.cell, each.epochs) for each in self.workers.values() if each.cell)
                self.display.show(self.settled + in_hand, self.images)
        finally:
            for worker in self.workers.values():
                worker.pipe.close()  # whatever went wrong here: workers save and end when their pipe does
                worker.process.wait()
            self.display.show(self.settled, self.images, last=True)
        if self.trouble:
            raise OSError(self.trouble)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first stops cleanly, a second one ends at once."""
        if self.outcome.stopped:
            os._exit(128 + number)
        self.stop()

    def stop(self) -> None:
        """Have every worker save and end. Only sets flags, so that a signal handler may call it."""
        self.stopping = self.outcome.stopped = True

    def _stop_workers(self, again: str) -> None:
        busy = [worker for worker in self.workers.values() if worker.cell is not None]
        if busy and self.outcome.stopped:
            cells = f"{len(busy)} cell{'s are' if len(busy) > 1 else ' is'}"
            self.display.say(f"stopping: {cells} saving what was trained{again}")
        for worker in busy:
            self._assign(worker)

    def _start_worker(self, count: int = 1) -> None:
        process, pipes = start("paper_repro.sweep.worker", count)
        workers = [_Worker(process, pipe) for pipe in pipes]
        self.workers |= zip(pipes, workers, strict=True)
        for worker in workers:  # a process waits for all its tasks before it takes a cell
            worker.send(self.task)
        for worker in workers:
            self._assign(worker)

    def _assign(self, worker: _Worker, last: bool = False) -> None:
        """Hand over the next cell that is not settled, or the end."""
        worker.cell, worker.epochs = None, 0
        while self.waiting and worker.cell is None and not (last or self.stopping):
            cell = self.waiting.popleft()
            settled = (records.record_path(self.task.out, cell.id), records.failure_path(self.task.out, cell.id))
            if self.task.wait_for_others or not any(path.exists() for path in settled):
                worker.cell = cell
            else:  # another job settled it, and as a rule many more: do not ask for each of a hundred thousand
                known = records.names(self.task.out).union(path.stem for path in settled[1].parent.glob("*.txt"))
                self.waiting = deque(cell for cell in self.waiting if cell.id not in known)
        worker.send(worker.cell)

    def _listen(self, worker: _Worker) -> None:
        try:
            kind, cell, epochs, images, text, anomalies = worker.pipe.recv()
        except (EOFError, ConnectionError):
            self._on_exit(worker)
            return
        worker.started = True
        others = sum(each.cell is not None for each in self.workers.values()) - 1
        if kind == "epoch":
            worker.epochs = epochs
            self.images += images
        elif kind == "busy":
            if self.task.wait_for_others:
                self.waiting.append(cell)  # others first
            self._assign(worker)
        elif kind in ("finished", "diverged"):
            self.settled += _work(cell)
            self.outcome.add(cell.id, kind, anomalies)
            records.clear_failure(self.task.out, cell.id)
            if not self.task.wait_for_others:  # the log of a job says which cells it trained
                self.display.say(f"{kind}: {cell.id}")
            self._assign(worker)
        elif kind == "memory" and others:  # fewer cells at once, and this one last; alone it fails
            self.display.say(f"{cell.id}: too little memory beside {others} others: one cell fewer at once from now")
            self.waiting.append(cell)
            self._assign(worker, last=True)
        elif kind in ("failed", "memory"):
            if kind == "memory":
                text += "\ntoo little memory for it, even alone: a smaller batch_size or model, fewer --workers, "
                text += "or a machine or GPU with more of it"
            self._fail(cell, text)
            self._assign(worker)
        elif kind == "trouble":  # every cell would meet it: end, before a thousand fail alike
            self.trouble, self.stopping = self.trouble or text, True
            self._assign(worker)

    def _fail(self, cell: Cell, text: str) -> None:
        self.settled += _work(cell)
        self.outcome.failed[cell.id] = text
        path = records.write_failure(self.task.out, cell, text)
        self.display.say(f"failed: {cell.id}: {text.strip().splitlines()[-1]} (traceback in {path})")

    def _on_exit(self, worker: _Worker) -> None:
        """As it was told, or by a crash, which costs the cell in hand the work since its last checkpoint."""
        del self.workers[worker.pipe]
        worker.pipe.close()
        cell = worker.cell
        if cell is None and any(other.process is worker.process for other in self.workers.values()):
            return  # one of several threads has ended; its process goes on
        code = worker.process.wait()
        if code > 0 and not worker.started:
            raise OSError(f"worker processes do not start (exit code {code}): what they said stands above")
        if cell is not None and not self.stopping:
            self.crashes[cell] += 1
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            text = f"its worker process died ({cause}), for the {self.crashes[cell]}. time"
            if self.crashes[cell] < CRASHES_PER_CELL:
                self.display.say(f"{cell.id}: {text}; going on from its last checkpoint")
                self.waiting.appendleft(cell)
            else:
                self._fail(cell, text)
        if self.waiting and not self.stopping and (cell is not None or not self.workers):
            self._start_worker()  # for one that crashed, not for one that was told to end
