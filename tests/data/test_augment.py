"""The paper's augmentation, against a picture-by-picture transcription, and its draws as functions of (seed, epoch)."""

import numpy as np
import pytest
import torch

from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.augment import batch, draw_epoch
from paper_repro.data.split import prepare


@pytest.mark.parametrize("padding", [4, 1, 0])
def test_a_batch_is_normalised_mirrored_padded_and_cropped(arrays: Arrays, cell: Cell, padding: int) -> None:
    prepared = prepare(arrays, cell)
    epoch = draw_epoch(seed=1, epoch=2, examples=100, augment=True, noise_shape=None, padding=padding)
    assert set(epoch.shift.flatten().tolist()) == set(range(2 * padding + 1))
    images, labels = batch(prepared, epoch, torch.arange(32, 48), padding)
    for row in range(16):
        position = 32 + row
        picture = prepared.train.images[epoch.order[position]].numpy().astype(np.float32)
        picture = (picture - prepared.mean.numpy()) / prepared.std.numpy()
        if epoch.flip[position]:
            picture = picture[:, ::-1]
        padded = np.zeros((8 + 2 * padding, 8 + 2 * padding, 3), np.float32)  # the border has the mean colour
        padded[padding : padding + 8, padding : padding + 8] = picture
        top, left = epoch.shift[position].tolist()
        expected = padded[top : top + 8, left : left + 8].transpose(2, 0, 1)
        assert np.array_equal(images[row].numpy(), expected)
        assert labels[row] == prepared.train.labels[epoch.order[position]]


def test_without_augmentation_pictures_are_only_normalised(arrays: Arrays, cell: Cell) -> None:
    prepared = prepare(arrays, cell)
    epoch = draw_epoch(0, 0, 100, augment=False, noise_shape=None)
    images, _ = batch(prepared, epoch, torch.arange(100))
    assert images.mean().abs() < 0.1
    assert torch.allclose(images.std(), torch.tensor(1.0), atol=0.1)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    def draws(seed: int, epoch: int) -> list[torch.Tensor]:
        drawn = draw_epoch(seed, epoch, 200, augment=True, noise_shape=(3, 2))
        return [drawn.order, drawn.shift, drawn.flip, drawn.noise]

    first = draws(0, 5)
    torch.rand(7), np.random.rand(7)  # nothing drawn elsewhere matters
    assert all(a.equal(b) for a, b in zip(first, draws(0, 5), strict=True))
    for other in (draws(1, 5), draws(0, 6), draws(5, 0)):
        assert not any(a.equal(b) for a, b in zip(first, other, strict=True))


def test_draws_are_spread_as_they_should() -> None:
    drawn = draw_epoch(3, 0, 9000, augment=True, noise_shape=(2, 2))
    assert drawn.order.sort().values.equal(torch.arange(9000))
    assert torch.bincount(drawn.shift.flatten(), minlength=9).min() > 1800  # nine offsets, 2,000 expected of each
    assert drawn.shift.max() == 8
    assert 4300 < int(drawn.flip.sum()) < 4700
    assert drawn.noise.shape == (9000, 2, 2)
    assert 0 <= drawn.noise.min() < 0.01 < 0.99 < drawn.noise.max() < 1


def test_the_choices_do_not_share_one_stream() -> None:
    """Turning augmentation off leaves order and noise as they are."""
    with_, without = (draw_epoch(0, 0, 50, augment, (1,)) for augment in (True, False))
    assert with_.order.equal(without.order)
    assert with_.noise.equal(without.noise)
