"""A data set and a cell small enough to train in a tenth of a second."""

from pathlib import Path

import numpy as np
import pytest

from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.arrays import from_arrays


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
