"""Splits are the same for every cell, and label noise stays in the training part."""

import numpy as np
import pytest
import torch

from paper_repro.cell import Cell
from paper_repro.data import Arrays, DataError
from paper_repro.data.arrays import from_arrays
from paper_repro.data.augment import crop
from paper_repro.data.split import doubts, prepare, settings


def test_validation_is_held_out_and_the_same_for_every_cell(arrays: Arrays, cell: Cell) -> None:
    one = prepare(arrays, cell)
    other = prepare(arrays, cell.replace(seed=7, alpha=0.5, train_examples=30, label_noise=0.9))
    assert (len(one.train), len(one.validation), len(one.test)) == (100, 20, 40)
    assert one.validation.images.equal(other.validation.images)
    assert one.train.images[:30].equal(other.train.images)
    trained = {image.numpy().tobytes() for image in one.train.images}
    assert not trained & {image.numpy().tobytes() for image in one.validation.images}


def test_another_split_seed_holds_out_and_trains_on_other_images(arrays: Arrays, cell: Cell) -> None:
    """And two such cells never share their data."""
    one, other = (prepare(arrays, cell.replace(train_examples=30, split_seed=seed)) for seed in (0, 1))
    held, trained = (
        [{image.numpy().tobytes() for image in getattr(each, part).images} for each in (one, other)]
        for part in ("validation", "train")
    )
    assert len(held[0] & held[1]) < 10
    assert len(trained[0] & trained[1]) < 20
    assert not trained[1] & held[1]
    assert one.test.images.equal(other.test.images)
    assert settings(cell) != settings(cell.replace(split_seed=1))


def test_label_noise_falls_on_training_labels_only(arrays: Arrays, cell: Cell) -> None:
    clean = prepare(arrays, cell.replace(label_noise=0.0))
    noisy = prepare(arrays, cell.replace(label_noise=1.0))
    assert 40 < int((clean.train.labels != noisy.train.labels).sum()) < 90  # two thirds of 100 are drawn wrong
    assert clean.validation.labels.equal(noisy.validation.labels)
    assert clean.test.labels.equal(noisy.test.labels)
    assert noisy.train.labels.equal(prepare(arrays, cell.replace(label_noise=1.0, seed=3)).train.labels)


def test_without_validation_all_images_are_trained_on(arrays: Arrays, cell: Cell) -> None:
    prepared = prepare(arrays, cell.replace(validation_examples=0))
    assert (len(prepared.train), len(prepared.validation)) == (120, 0)


def test_averaging_down_is_the_mean_of_blocks(arrays: Arrays, cell: Cell) -> None:
    small = prepare(arrays, cell.replace(image_size=4))
    expected = np.rint(arrays.x_test[0, 2:4, 6:8].astype(float).mean(axis=(0, 1)))
    assert small.image_size == 4
    assert small.test.images[0, 1, 3].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("change", "said", "works"),
    [
        ({"validation_examples": 120}, "120 training images", {"validation_examples": 24}),
        ({"train_examples": 101}, "120 training images", {"train_examples": 100}),
        (
            {"validation_examples": 2000, "train_examples": 4000},
            "120 training images: 2000 for validation and 4000 for training",
            {"validation_examples": 24, "train_examples": 96},
        ),
        ({"validation_examples": 0, "train_examples": 121}, "0 for validation", {"train_examples": 120}),
        ({"image_size": 3}, "8 x 8 cannot be averaged down to 3 x 3", {"image_size": None}),
        ({"image_size": 16}, "8 x 8 cannot be averaged down to 16 x 16", {"image_size": 4}),
    ],
)
def test_what_the_images_do_not_allow_is_refused_with_numbers_that_work(
    arrays: Arrays, cell: Cell, change: dict, said: str, works: dict
) -> None:
    with pytest.raises(DataError, match=said) as refused:
        prepare(arrays, cell.replace(**change))
    options = [f"--set {field}={value}" for field, value in works.items() if field != "image_size"]
    sizes = "--set image_size=none leaves them as they are; else it can be 8, 4, 2, 1"
    assert (" ".join(options) or sizes) in str(refused.value)
    prepare(arrays, cell.replace(**change | works))


def test_label_noise_draws_classes_that_have_training_images_only(arrays: Arrays, cell: Cell) -> None:
    """With all classes the numbers are those of committed records."""
    noisy = cell.replace(label_noise=0.5)
    whole = prepare(arrays, noisy).train.labels
    draw, plain = np.random.RandomState(1), prepare(arrays, cell.replace(label_noise=0.0)).train.labels.numpy()
    expected = np.where(draw.random_sample(100) < 0.5, draw.randint(3, size=100), plain)
    assert whole.tolist() == expected.tolist()
    for labels in ([1, 2, 3], [0, 50, 99]):  # from one on, and with holes: the same draws under other names
        y = [np.array(labels)[y] for y in (arrays.y_train, arrays.y_test)]
        renamed = from_arrays("tiny", arrays.x_train, y[0], arrays.x_test, y[1])
        assert prepare(renamed, noisy).train.labels.tolist() == np.array(labels)[expected].tolist()
    only_tested = from_arrays("tiny", arrays.x_train, arrays.y_train % 2, arrays.x_test, arrays.y_test)
    assert set(prepare(only_tested, cell.replace(label_noise=1.0)).train.labels.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"batch_size": 101}, "batch_size 101 is larger than the 100 training images: an update sees 100"),
        ({"batch_size": 100}, ""),
        ({"image_size": 4}, "leaves 40 % of images of 4 x 4 empty: --set crop_padding=0 "),
        ({"image_size": 4, "crop_padding": 2}, ""),
        ({"crop_padding": 8}, "up to 8 pixels, which leaves 22 % of images of 8 x 8 empty: --set crop_padding=1 "),
        ({"image_size": 4, "augment": False}, ""),
    ],
)
def test_what_is_probably_not_meant_is_said(arrays: Arrays, cell: Cell, change: dict, said: str) -> None:
    changed = cell.replace(**change)
    (text,) = doubts(changed, prepare(arrays, changed)) or [""]
    assert said in text
    assert bool(said) == bool(text)


def test_the_share_that_augmentation_leaves_empty_is_counted(arrays: Arrays, cell: Cell) -> None:
    tiny = cell.replace(image_size=2)
    data = prepare(arrays, tiny)
    places = torch.cartesian_prod(torch.arange(9), torch.arange(9))
    empty = (crop(torch.ones(81, 3, 2, 2), places, 4) == 0).flatten(1).all(1).float().mean().item()
    assert f" {100 * empty:.0f} %" in doubts(tiny, data)[0]
