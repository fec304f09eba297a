"""The embedded data set is the same everywhere: its fingerprint is part of every demo record."""

from pathlib import Path

import numpy as np

from paper_repro.data import load


def test_it_is_made_alike_every_time() -> None:
    first, second = load("synthetic", Path()), load("synthetic", Path("elsewhere"))
    assert first.fingerprint == second.fingerprint == "988c74fd3357f09d"


def test_its_form() -> None:
    arrays = load("synthetic", Path())
    assert arrays.x_train.shape == (3000, 12, 12, 3)
    assert arrays.x_test.shape == (2000, 12, 12, 3)
    assert np.bincount(arrays.y_train).tolist() == [300] * 10
    assert np.bincount(arrays.y_test).tolist() == [200] * 10


def test_classes_can_be_told_apart_but_not_by_brightness() -> None:
    """Nearest training picture beats chance by far; the mean colour alone does not."""
    arrays = load("synthetic", Path())
    train, test = (x.reshape(len(x), -1).astype(np.float64) for x in (arrays.x_train, arrays.x_test[:300]))
    distances = (train**2).sum(1) - 2 * test @ train.T
    assert (arrays.y_train[distances.argmin(1)] == arrays.y_test[:300]).mean() > 0.4
    colours, colour = (x.mean(axis=(1, 2)) for x in (arrays.x_train, arrays.x_test[:300]))
    by_colour = ((colours[None] - colour[:, None]) ** 2).sum(2).argmin(1)
    assert (arrays.y_train[by_colour] == arrays.y_test[:300]).mean() < 0.2
