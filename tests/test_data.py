"""Splits are the same for every cell, label noise stays in the training part, names are safe."""

from pathlib import Path

import numpy as np
import pytest

from paper_repro import data
from paper_repro.cell import Cell
from paper_repro.data import Arrays, DataError


def test_validation_is_held_out_and_the_same_for_every_cell(arrays: Arrays, cell: Cell) -> None:
    one = data.prepare(arrays, cell)
    other = data.prepare(arrays, cell.replace(seed=7, alpha=0.5, train_examples=30, label_noise=0.9))
    assert (len(one.train), len(one.validation), len(one.test)) == (100, 20, 40)
    assert one.validation.images.equal(other.validation.images)
    assert one.train.images[:30].equal(other.train.images)
    trained = {picture.numpy().tobytes() for picture in one.train.images}
    assert not trained & {picture.numpy().tobytes() for picture in one.validation.images}


def test_label_noise_falls_on_training_labels_only(arrays: Arrays, cell: Cell) -> None:
    clean = data.prepare(arrays, cell.replace(label_noise=0.0))
    noisy = data.prepare(arrays, cell.replace(label_noise=1.0))
    assert 40 < int((clean.train.labels != noisy.train.labels).sum()) < 90  # two thirds of 100 are drawn wrong
    assert clean.validation.labels.equal(noisy.validation.labels)
    assert clean.test.labels.equal(noisy.test.labels)
    assert noisy.train.labels.equal(data.prepare(arrays, cell.replace(label_noise=1.0, seed=3)).train.labels)


def test_without_validation_all_pictures_are_trained_on(arrays: Arrays, cell: Cell) -> None:
    prepared = data.prepare(arrays, cell.replace(validation_examples=0))
    assert (len(prepared.train), len(prepared.validation)) == (120, 0)


def test_averaging_down_is_the_mean_of_blocks(arrays: Arrays, cell: Cell) -> None:
    small = data.prepare(arrays, cell.replace(image_size=4))
    expected = np.rint(arrays.x_test[0, 2:4, 6:8].astype(float).mean(axis=(0, 1)))
    assert small.image_size == 4
    assert small.test.images[0, 1, 3].tolist() == expected.tolist()


@pytest.mark.parametrize("change", [{"validation_examples": 120}, {"train_examples": 101}, {"image_size": 3}])
def test_what_the_pictures_do_not_allow_is_refused(arrays: Arrays, cell: Cell, change: dict) -> None:
    with pytest.raises(DataError, match=r"120 training pictures|averaged down to 3 x 3"):
        data.prepare(arrays, cell.replace(**change))


def test_names_of_files_are_checked() -> None:
    assert data.name_of(Path("a/cifar10-jpeg.npz")) == "cifar10-jpeg"
    assert data.name_of(Path("a/b c.npz"), "mine") == "mine"
    for path, name in ((Path("b c.npz"), None), (Path("x.npz"), "../y"), (Path("cifar10.npz"), None)):
        with pytest.raises(DataError, match="cannot be called"):
            data.name_of(path, name)


def test_unknown_data_sets_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cifar10, cifar100, synthetic"):
        data.load("mnist", tmp_path)
