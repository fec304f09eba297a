"""What a Cell trains, selects and reports on: a data set's arrays, split, reduced and with its labels made noisy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from paper_repro.cell import Cell
from paper_repro.data.arrays import Arrays, Bytes, DataError


@dataclass(frozen=True)
class Split:
    """images: uint8 [N, H, W, C]; labels: int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """What a Cell sees. mean and std: [C] on 0..255."""

    train: Split
    validation: Split
    test: Split
    mean: Tensor
    std: Tensor
    num_classes: int
    name: str
    fingerprint: str

    @property
    def image_size(self) -> int:
        return int(self.train.images.shape[1])

    @property
    def channels(self) -> int:
        return int(self.train.images.shape[3])

    def to(self, device: str) -> Dataset:
        """The same data on the device (nothing is copied if it is there already)."""
        train, validation, test = (
            Split(split.images.to(device), split.labels.to(device))
            for split in (self.train, self.validation, self.test)
        )
        mean, std = self.mean.to(device), self.std.to(device)
        return dataclasses.replace(self, train=train, validation=validation, test=test, mean=mean, std=std)


def prepare(arrays: Arrays, cell: Cell) -> Dataset:
    """The pictures a Cell trains, selects and reports on.

    The order that splits the training set is fixed, so the validation pictures are the same for every cell. Label noise
    is drawn after the split and falls on the training part only. Raises DataError when there are too few pictures.
    """
    order = np.random.RandomState(0).permutation(len(arrays.y_train))  # RandomState: numpy never changes its stream
    held, rest = order[: cell.validation_examples], order[cell.validation_examples :]
    wanted = len(rest) if cell.train_examples is None else cell.train_examples
    if not 0 < wanted <= len(rest):
        raise DataError(
            f"{arrays.name} has {len(order)} training pictures: {cell.validation_examples} for validation "
            f"and {max(wanted, 1)} for training are more than that"
        )
    chosen = rest[:wanted]
    noisy = _with_label_noise(arrays.y_train[chosen], cell.label_noise, arrays.num_classes)
    return Dataset(
        train=_split(arrays.x_train[chosen], noisy, cell.image_size),
        validation=_split(arrays.x_train[held], arrays.y_train[held], cell.image_size),
        test=_split(arrays.x_test, arrays.y_test, cell.image_size),
        mean=torch.tensor(arrays.mean),
        std=torch.tensor(arrays.std),
        num_classes=arrays.num_classes,
        name=arrays.name,
        fingerprint=arrays.fingerprint,
    )


def _with_label_noise(labels: np.ndarray, share: float, num_classes: int) -> np.ndarray:
    draw = np.random.RandomState(1)
    redrawn = draw.random_sample(len(labels)) < share
    return np.where(redrawn, draw.randint(num_classes, size=len(labels)), labels)


def _split(images: Bytes, labels: np.ndarray, size: int | None) -> Split:
    return Split(torch.from_numpy(_averaged(images, size)), torch.from_numpy(labels))


def _averaged(images: Bytes, size: int | None) -> Bytes:
    """Pictures averaged down to size x size and rounded to whole numbers again."""
    count, height, width, channels = images.shape
    if size is None or size == height == width:
        return images
    if height % size or width % size:
        raise DataError(f"pictures of {height} x {width} cannot be averaged down to {size} x {size}")
    blocks = images.reshape(count, size, height // size, size, width // size, channels)
    # float32 sums of at most 2^16 bytes are exact, so the rounding is the same everywhere
    averaged: Bytes = np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    return averaged
