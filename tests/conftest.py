"""A data set and a cell small enough to train in a tenth of a second, and records as if cells had been trained."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded, as in analysis/__init__.py
os.environ["PAPER_REPRO_SAVE_SECONDS"] = "0.05"  # or cells as small as these would end before they are saved
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's: two would only wait for each other over small tensors

import numpy as np
import pytest

import experiments
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.arrays import from_arrays
from paper_repro.records import Record

# A shell starts what it puts in the background deaf to Ctrl-C, and all that is started here would be so too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def arrays() -> Arrays:
    """120 training and 40 test pictures of 8 x 8 in three classes that differ in brightness."""
    draw = np.random.RandomState(0)

    def pictures(count: int):
        labels = np.arange(count) % 3
        x = 60 * labels[:, None, None, None] + draw.randint(0, 60, size=(count, 8, 8, 3))
        return x.astype(np.uint8), labels

    return from_arrays("tiny", *pictures(120), *pictures(40))


@pytest.fixture
def npz(arrays: Arrays, tmp_path: Path) -> Path:
    """The same in an .npz file."""
    path = tmp_path / "tiny.npz"
    splits = {key: getattr(arrays, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(path, **splits)
    return path


@pytest.fixture
def cell() -> Cell:
    """Three epochs of seven updates, the last batch short."""
    return Cell(
        dataset="tiny", model="resnet-8-w2", optimizer="adamw", alpha=0.01, decay=0.01, epochs=3, batch_size=16,
        validation_examples=20, label_noise=0.1,
    )  # fmt: skip


def made_record(cell: Cell, test_error: float, validation_error: float | None = None, **changes: Any) -> Record:
    """A record as training writes it, with these final numbers.

    changes: status="diverged", fingerprint=, commit=, epochs=.
    """
    final = {"train_loss": 0.5, "train_error": 10.0, "test_loss": test_error / 50, "test_error": test_error}
    if cell.validation_examples:
        chosen = test_error if validation_error is None else validation_error
        final |= {"validation_loss": chosen / 50, "validation_error": chosen}
    diverged = changes.get("status") == "diverged"
    count = 0 if diverged else cell.epochs
    rows = [{"epoch": epoch} | (final if epoch == count else {}) for epoch in range(1, count + 1)]
    origin = {
        "commit": changes.get("commit", "c" * 40), "dirty": False, "versions": {}, "hardware": "a processor",
        "data": {"name": cell.dataset, "fingerprint": changes.get("fingerprint", "f" * 16)},
        "written": "2026-01-01T00:00:00+00:00", "attempts": 1,
    }  # fmt: skip
    record = {
        "cell": cell.to_dict(), "id": cell.id, "status": "diverged" if diverged else "finished",
        "diverged": {"step": 3, "reason": "training loss nan"} if diverged else None,
        "epochs": changes.get("epochs", rows), "final": None if diverged else final, "parameters": 10, "seconds": 1.0,
        "provenance": origin,
    }  # fmt: skip
    return record | {"checksum": records.checksum(record)}


@pytest.fixture
def demo_records() -> list[Record]:
    """A record for every cell of fig2's demo: a valley whose bottom is the middle of each panel's grid."""
    cells = experiments.get("fig2").profiles["demo"].cells
    return [made_record(cell, 30 + 2 * _distance(cell, cells)) for cell in cells]


def _distance(cell: Cell, cells: Sequence[Cell]) -> float:
    mine = [other for other in cells if other.optimizer == cell.optimizer]
    alphas, decays = (sorted({getattr(other, axis) for other in mine}) for axis in ("alpha", "decay"))
    return abs(alphas.index(cell.alpha) - len(alphas) // 2) + abs(decays.index(cell.decay) - len(decays) // 2)
