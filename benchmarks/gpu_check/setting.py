"""What the steps share: what is checked, how a row is written, images and cells to check with."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gpu_check import MARK
from paper_repro.cell import Cell
from paper_repro.cli import brief
from paper_repro.data.arrays import from_arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import cuda
from paper_repro.training.run import Run

BATCH = 128


class Setting(NamedTuple):
    """tiny: small networks and images and short measurements, to rehearse on a CPU."""

    device: str
    tiny: bool
    out: Path

    @property
    def recorder(self) -> Callable[[cuda.Update, Run, int], Callable[[], None]]:
        """Records an update; without a GPU, stands in and repeats an update by making it."""
        return cuda.record if self.device != "cpu" else lambda update, run, count: lambda: update(run, count)

    def data(self, cell: Cell, train: int, test: int, size: int = 32) -> Dataset:
        """So many random images for the cell, on the device."""
        draw = np.random.RandomState(0)
        x = draw.randint(0, 256, (train + test, size, size, 3), dtype=np.uint8)
        y = draw.randint(0, 10, train + test)
        return prepare(from_arrays("noise", x[:train], y[:train], x[train:], y[train:]), cell).to(self.device)


def cell(network: str, **changes: Any) -> Cell:
    """Two epochs of AdamW in bf16, with some fields changed."""
    base = Cell("noise", network, "adamw", 1e-3, 2.5e-4, epochs=2, precision="bf16", validation_examples=64)
    return base.replace(**changes)


def row(what: str, **values: Any) -> None:
    """Tell the parent a row. ok, among the values: whether it is right; a measurement has none."""
    print(MARK + json.dumps({"what": what, **values}), flush=True)


@contextmanager
def checking(what: str) -> Iterator[None]:
    """What fails in here is a wrong row, and the step goes on."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        row(what, ok=False, error=f"{type(error).__name__}: {brief(next(iter(str(error).splitlines()), ''))}")
