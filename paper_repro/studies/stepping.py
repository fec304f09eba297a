"""What studies that train share: a Run that leaves nothing on disk, and its updates one by one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paper_repro.cell import Cell
from paper_repro.data import Arrays, label_gaps, load
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import cuda
from paper_repro.training.run import Run
from paper_repro.training.train import update

Rows = list[dict[str, Any]]


@contextmanager
def run_of(cell: Cell, data: Dataset, device: str) -> Iterator[Run]:
    """A run of the cell from its initial weights."""
    with tempfile.TemporaryDirectory() as folder, cuda.prepared(cell, device):
        yield Run(cell, data.to(device), Path(folder), device)


def updates(run: Run, most: int | None = None) -> Iterator[int]:
    """Make the run's updates one by one, `most` at most; yields the position in its epoch of each that was made."""
    made = 0
    for _ in range(run.cell.epochs):
        run.begin_epoch()
        for count in run.remaining_counts():
            if made == most:
                return
            update(run, count)
            yield run.progress.position
            run.progress.position += 1
            made += 1
        run.progress.epoch, run.progress.position = run.progress.epoch + 1, 0
        run.progress.cursor.zero_()


def dataset_of(cell: Cell, data: Path) -> Dataset:
    """The data set that a study's cell names, prepared for it."""
    return prepare(loaded(cell, data), cell)


def loaded(cell: Cell, data: Path) -> Arrays:
    """The data set that a study's cell names; classes without images are named on stderr."""
    arrays = load(cell.dataset, data)
    if gaps := label_gaps(arrays):
        print(f"warning: {gaps}", file=sys.stderr)
    return arrays
