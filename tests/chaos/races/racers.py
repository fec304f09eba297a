"""Processes that race for names, or for cells: python -m tests.chaos.races.racers FOLDER stand-ins|trainers ...

The rest of the line is COUNT NAMES SEED.

Forks COUNT racers and replaces those that are killed, until every name is done. Each racer writes a line to a log of
its own when it begins a name and when it ends it; judging.py reads them. The environment may give each group a clock of
its own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from paper_repro.cell import Cell
from paper_repro.sweep import engine, leases
from tests.chaos.sweeps import write_pictures

BEAT, STALE = 0.3, 4.0  # seconds: as 20 and 180, for those who cannot wait
TINY = Cell(
    dataset="tiny", model="resnet-8-w2", optimizer="adamw", alpha=0.01, decay=0.01, epochs=2, batch_size=44,
    validation_examples=32,
)  # fmt: skip


def cells(count: int) -> list[Cell]:
    return [TINY.replace(seed=seed) for seed in range(count)]


class Log:
    """What this process began and ended, by a clock that all processes of this machine share."""

    def __init__(self, folder: Path) -> None:
        pid = os.getpid()
        self._path = folder / "logs" / f"{pid}-{leases.started(pid)}.jsonl"
        self._path.parent.mkdir(exist_ok=True, parents=True)

    def write(self, **said: Any) -> None:
        with open(self._path, "a") as file:
            file.write(json.dumps({**said, "at": time.monotonic()}) + "\n")


def stand_in(folder: Path, number: int, names: list[str], draw: random.Random) -> None:
    """Hold each name for a moment and leave a result, except where another did; a few times stop without one."""
    log, left = Log(folder), list(names)
    if number % 2:  # as on another machine: nobody sees whether it lives
        leases.machine = lambda: f"another, of {number % 4}"
    _answer_late(draw)
    while left:
        if draw.random() < 0.5:  # else all go the same way
            draw.shuffle(left)
        for name in left:
            with leases.hold(folder / "claims", name) as lease:
                if lease is not None and not (folder / "done" / name).exists():
                    _hold(lease, name, folder, log, draw)
        left = [name for name in left if not (folder / "done" / name).exists()]


def _hold(lease: leases.Lease, name: str, folder: Path, log: Log, draw: random.Random) -> None:
    log.write(begin=name)
    time.sleep(draw.expovariate(200))
    lease.beat()  # a process that was stopped: its heart beats as soon as it goes on
    gives_up = draw.random() < 0.6
    log.write(end=name, lost=lease.lost, done=not gives_up)
    if not gives_up and not lease.lost:
        (folder / "done" / name).touch()


def _answer_late(draw: random.Random) -> None:
    """A file server that takes its time where it matters, so that others come and go meanwhile: after the folder is
    read, and before and after a link."""
    link, look = os.link, leases._files

    def pause() -> None:
        time.sleep(draw.expovariate(20 if draw.random() < 0.2 else 2000))

    def late_link(source: Any, target: Any) -> None:
        pause()
        link(source, target)
        pause()

    def late_look(folder: Path, name: str) -> list[Path]:
        found = look(folder, name)
        pause()
        return found

    os.link, leases._files = late_link, late_look


def trainer(folder: Path, number: int, wanted: list[Cell], draw: random.Random) -> None:
    """A whole run of the engine with one worker, over all cells, again until each has its record."""
    wanted = draw.sample(wanted, len(wanted))
    while len(list((folder / "out" / "records").glob("*.json"))) < len(wanted):
        engine.run(wanted, folder / "out", folder / "tiny.npz", workers=1)


class Forked:
    """In place of Popen: a worker forked from here, where torch is loaded already, and nothing else is different."""

    def __init__(self, folder: Path) -> None:
        self.returncode: int | None = None
        ours, theirs = Pipe()
        self.pipe = ours
        self.pid = os.fork()
        if self.pid == 0:
            _in_child(lambda: _work(folder, ours, theirs))
        theirs.close()

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _work(folder: Path, ours: Connection, theirs: Connection) -> None:
    from paper_repro.sweep import worker
    from paper_repro.training import train

    ours.close()
    signal.pthread_sigmask(signal.SIG_BLOCK, engine.FOR_PARENTS)
    log, really = Log(folder), train.train

    def logged(cell: Cell, *rest: Any, **more: Any) -> Any:
        log.write(begin=cell.id)
        try:
            record = really(cell, *rest, **more)
        except BaseException as error:
            log.write(end=cell.id, done=False, lost=isinstance(error, train.Stopped))
            raise
        log.write(end=cell.id, done=True, lost=False)
        return record

    train.train = logged
    worker.serve([theirs])


def _warm_up() -> None:
    """Load torch and have it make its first update, so that forked workers need not; it starts no threads for that."""
    import torch

    from paper_repro.sweep import worker
    from paper_repro.sweep.engine import Task
    from paper_repro.training import train

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        pictures = Path(name, "tiny.npz")
        write_pictures(pictures)
        task = Task(Path(name), pictures, "cpu")
        train.train(TINY, worker.SharedData(task).of(TINY), task.out)


def _in_child(work: Callable[[], None]) -> None:
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def main() -> int:
    leases.BEAT, leases.STALE = BEAT, STALE
    folder, kind, count, names, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    race: Callable[[Path, int, list[Any], random.Random], None]
    if kind == "trainers":
        _warm_up()
        engine.start = lambda module, count=1: (forked := Forked(folder), [forked.pipe])
        race, wanted = trainer, cells(names)
    else:
        race, wanted = stand_in, [f"{number:05}" for number in range(names)]
    while not (folder / "go").exists():
        time.sleep(0.01)
    return _run(
        count, lambda number, life: race(folder, number, list(wanted), random.Random(f"{seed} {number} {life}"))
    )


def _run(count: int, race: Callable[[int, int], None]) -> int:
    """So many children, each replaced when it is killed; exit code 1 if one failed otherwise."""
    racers: dict[int, tuple[int, int]] = {}

    def start(number: int, life: int) -> None:
        pid = os.fork()
        if pid == 0:
            _in_child(lambda: race(number, life))
        racers[pid] = number, life

    failed = 0
    for number in range(count):
        start(number, 0)
    while racers:
        pid, status = os.wait()
        number, life = racers.pop(pid)
        if os.WIFSIGNALED(status):
            start(number, life + 1)
        failed |= os.WIFEXITED(status) and os.WEXITSTATUS(status) > 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
