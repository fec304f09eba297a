"""What the engine adds to a cell: hand-over, lock, checkpoint and record, seen on cells that train next to nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from paper_repro import engine
from paper_repro.bench import Row
from paper_repro.cell import Cell

FEW = 10
TRIVIAL = Cell(
    dataset="synthetic", model="mlp-4x1", optimizer="sgdw", alpha=0.1, decay=0.0, epochs=1, train_examples=64,
    validation_examples=0,
)  # fmt: skip


def rows(more: int) -> Iterator[Row]:
    """Milliseconds a cell, from the difference between a sweep of a few cells and one of so many more."""
    short, long = (_seconds(count) for count in (FEW, FEW + more))
    yield Row("engine: a whole cell of one update, one worker", 1000 * (long - short) / more, None, "ms")


def _seconds(cells: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        engine.run([TRIVIAL.replace(seed=seed) for seed in range(cells)], Path(folder, "out"), Path(folder), workers=1)
        return time.perf_counter() - began
