"""What a Cell trains, selects and reports on: a data set's arrays, split, reduced and with its labels made noisy."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from paper_repro.cell import Cell
from paper_repro.data.arrays import Arrays, Bytes, DataError, classes_of


@dataclass(frozen=True)
class Split:
    """images: uint8 [N, H, W, C]; labels: int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str) -> "Split":
        """The same on the device (nothing is copied if it is there already)."""
        return Split(self.images.to(device), self.labels.to(device))


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

    def to(self, device: str) -> "Dataset":
        """The same on the device."""
        moved = {name: getattr(self, name).to(device) for name in ("train", "validation", "test", "mean", "std")}
        return dataclasses.replace(self, **moved)


def settings(cell: Cell) -> tuple[object, ...]:
    """What a Dataset depends on: cells that are equal in these see the same images."""
    return (
        cell.dataset, cell.validation_examples, cell.train_examples, cell.image_size, cell.label_noise, cell.split_seed
    )  # fmt: skip


def prepare(arrays: Arrays, cell: Cell) -> Dataset:
    """The images a Cell trains, selects and reports on.

    The order that splits the training set depends on split_seed alone, so the validation images are the same for every
    seed. Label noise is drawn after the split, over the classes that have training images, and falls on the training
    part only. Raises DataError when there are too few images, or of another size.
    """
    # RandomState: numpy never changes its stream
    order = np.random.RandomState(cell.split_seed).permutation(len(arrays.y_train))
    held, rest = order[: cell.validation_examples], order[cell.validation_examples :]
    wanted = len(rest) if cell.train_examples is None else cell.train_examples
    if not 0 < wanted <= len(rest):
        raise _too_few(arrays.name, len(order), cell)
    chosen, draw = rest[:wanted], np.random.RandomState(1)
    labels, classes = arrays.y_train[chosen], classes_of(arrays.y_train)
    redrawn = draw.random_sample(wanted) < cell.label_noise
    labels = np.where(redrawn, classes[draw.randint(len(classes), size=wanted)], labels)
    train, validation, test = (
        Split(torch.from_numpy(_averaged(x, cell.image_size)), torch.from_numpy(y))
        for x, y in (
            (arrays.x_train[chosen], labels),
            (arrays.x_train[held], arrays.y_train[held]),
            (arrays.x_test, arrays.y_test),
        )
    )
    mean, std = torch.tensor(arrays.mean), torch.tensor(arrays.std)
    return Dataset(train, validation, test, mean, std, arrays.num_classes, arrays.name, arrays.fingerprint)


def doubts(cell: Cell, data: Dataset) -> list[str]:
    """What can be trained of a cell, and is probably not meant: a line each."""
    lines, count = [], len(data.train)
    if cell.batch_size > count:
        lines.append(f"batch_size {cell.batch_size} is larger than the {count} training images: an update sees {count}")
    height, width = data.train.images.shape[1:3]
    places = 2 * cell.crop_padding + 1  # that a crop may have, up and down
    seen = min(2 * height - 1, places) * min(2 * width - 1, places) / places**2
    if cell.augment and seen < 1:
        lines.append(
            f"augmentation moves images by up to {cell.crop_padding} pixels, which leaves {100 * (1 - seen):.0f} % of "
            f"images of {height} x {width} empty: --set crop_padding={min(height, width) // 8} is as much of them as "
            "the paper's 4 of 32"
        )
    return lines


def _too_few(name: str, count: int, cell: Cell) -> DataError:
    held, wanted = cell.validation_examples, cell.train_examples
    enough = held if 2 * held <= count else count // 5
    options = f"--set validation_examples={enough} " * (enough != held)
    options += f"--set train_examples={count - enough} " * (wanted is not None and wanted > count - enough)
    return DataError(
        f"{name} has {count} training images: {held} for validation and {wanted or 1} for training are more than that: "
        f"{options.rstrip()}, or a larger data set (--data, --data-name)"
    )


def _averaged(images: Bytes, size: int | None) -> Bytes:
    """Images averaged down to size x size and rounded to whole numbers again."""
    count, height, width, channels = images.shape
    if size is None or size == height == width:
        return images
    if height % size or width % size:
        sizes = ", ".join(str(each) for each in range(height, 0, -1) if height % each == width % each == 0)
        raise DataError(
            f"images of {height} x {width} cannot be averaged down to {size} x {size}: "
            f"--set image_size=none leaves them as they are; else it can be {sizes}"
        )
    blocks = images.reshape(count, size, height // size, size, width // size, channels)
    # float32 sums of at most 2^16 bytes are exact, so the rounding is the same everywhere
    averaged: Bytes = np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    return averaged
