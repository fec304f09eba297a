"""Splits are the same for every cell, and label noise stays in the training part."""

import numpy as np
import pytest

from paper_repro.cell import Cell
from paper_repro.data import Arrays, DataError
from paper_repro.dataset import prepare


def test_validation_is_held_out_and_the_same_for_every_cell(arrays: Arrays, cell: Cell) -> None:
    one = prepare(arrays, cell)
    other = prepare(arrays, cell.replace(seed=7, alpha=0.5, train_examples=30, label_noise=0.9))
    assert (len(one.train), len(one.validation), len(one.test)) == (100, 20, 40)
    assert one.validation.images.equal(other.validation.images)
    assert one.train.images[:30].equal(other.train.images)
    trained = {picture.numpy().tobytes() for picture in one.train.images}
    assert not trained & {picture.numpy().tobytes() for picture in one.validation.images}


def test_label_noise_falls_on_training_labels_only(arrays: Arrays, cell: Cell) -> None:
    clean = prepare(arrays, cell.replace(label_noise=0.0))
    noisy = prepare(arrays, cell.replace(label_noise=1.0))
    assert 40 < int((clean.train.labels != noisy.train.labels).sum()) < 90  # two thirds of 100 are drawn wrong
    assert clean.validation.labels.equal(noisy.validation.labels)
    assert clean.test.labels.equal(noisy.test.labels)
    assert noisy.train.labels.equal(prepare(arrays, cell.replace(label_noise=1.0, seed=3)).train.labels)


def test_without_validation_all_pictures_are_trained_on(arrays: Arrays, cell: Cell) -> None:
    prepared = prepare(arrays, cell.replace(validation_examples=0))
    assert (len(prepared.train), len(prepared.validation)) == (120, 0)


def test_averaging_down_is_the_mean_of_blocks(arrays: Arrays, cell: Cell) -> None:
    small = prepare(arrays, cell.replace(image_size=4))
    expected = np.rint(arrays.x_test[0, 2:4, 6:8].astype(float).mean(axis=(0, 1)))
    assert small.image_size == 4
    assert small.test.images[0, 1, 3].tolist() == expected.tolist()


@pytest.mark.parametrize("change", [{"validation_examples": 120}, {"train_examples": 101}, {"image_size": 3}])
def test_what_the_pictures_do_not_allow_is_refused(arrays: Arrays, cell: Cell, change: dict) -> None:
    with pytest.raises(DataError, match=r"120 training pictures|averaged down to 3 x 3"):
        prepare(arrays, cell.replace(**change))
