"""A small sweep that can be begun, gone on with and compared, in this process or by the real command."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import load
from paper_repro.data.split import prepare
from paper_repro.sweep import cleanup, engine, worker
from paper_repro.sweep.engine import Task
from paper_repro.training.train import Stopped, train

ROOT = Path(__file__).resolve().parents[2]
SET = ("model=resnet-8-w2", "epochs=3", "batch_size=16", "train_examples=100", "validation_examples=20")
HANGS = 240  # seconds: a loaded machine may take a minute to start torch
Records = dict[str, records.Record]


def typed(out: Path, data: Path, alphas: str = "0.1,0.01", only: str = "sgdw,adamw") -> list[str]:
    """The real command for four cells of three epochs."""
    cells = ["fig2", "--only", only, "--alphas", alphas, "--decays", "0.01"]
    changes = [part for text in SET for part in ("--set", text)]
    return [sys.executable, "-m", "experiments", "run", *cells, *changes, "--data", str(data), "--out", str(out)]


def run(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """What a command says; exit code 124 if it hangs."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANGS, **more)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"hangs: {' '.join(command)}")


def left(out: Path) -> Records:
    return {record["id"]: records.without_times(record) for record in records.load(out)}


def cells_of(out: Path) -> list[Cell]:
    return [Cell.from_dict(record["cell"]) for record in records.load(out)]


def interrupt(cells: Iterable[Cell], out: Path, data: Path, updates: int) -> None:
    """Train each cell for so many updates and leave its checkpoints: after the last two."""
    for cell in cells:
        asked = iter(range(1_000_000))
        stop = partial(lambda asked: next(asked) >= updates - 1, asked)
        with mock.patch.dict(os.environ, PAPER_REPRO_SAVE_SECONDS="0"):
            try:
                train(cell, prepare(load(cell.dataset, data), cell), out, should_stop=stop)
            except Stopped:
                continue
        raise AssertionError("it was not stopped")


def go_on(cells: Sequence[Cell], out: Path, shared: worker.SharedData, task: Task) -> tuple[str, list[str]]:
    """What the command does, in this process: what was said on stderr, and how each missing cell ended."""
    said, ends = io.StringIO(), []
    with redirect_stderr(said), hanging(HANGS):
        survey = engine.Survey.of(cells, out)
        cleanup.clear(out, survey.outcome.finished + survey.outcome.diverged)
        for cell in survey.missing:
            ours, theirs = Pipe()
            message = worker._train(cell, shared, task._replace(out=out), theirs)
            ends.append(message.kind if not message.text else f"{message.kind}: {message.text[-300:]}")
            for end in (ours, theirs):
                end.close()
    return said.getvalue(), ends


@contextmanager
def hanging(seconds: int) -> Iterator[None]:
    """Raise TimeoutError if the block takes so long."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it hangs: {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def temporaries(out: Path) -> list[Path]:
    """Half-written files that were left."""
    return [path for path in out.rglob("*") if path.name.startswith(".") and os.path.lexists(path)]
