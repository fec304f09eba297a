"""Everything random in an epoch, drawn at once, and the paper's augmentation for a whole batch.

The draws are a function of (seed, epoch) alone: there is no generator whose state a resumed run could have lost.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from paper_repro.data.split import Dataset

# One independent stream of random numbers for each purpose; the numbers are part of every cell's meaning.
ORDER, CROP, FLIP, NOISE = range(4)


class Epoch(NamedTuple):
    """The random choices of one epoch, by position in its order.

    order [N]: which image; shift [N, 2]: rows and columns of the crop, 0 to twice the padding; flip [N]: mirrored or
    not; noise [N, ...]: what the network wants in [0, 1) for each image (Shake-Shake coefficients), or None.
    """

    order: Tensor
    shift: Tensor | None
    flip: Tensor | None
    noise: Tensor | None

    def to(self, device: str) -> "Epoch":
        """The same choices on the device."""
        return Epoch(*(None if value is None else value.to(device) for value in self))  # type: ignore[arg-type]

    def take(self, other: "Epoch") -> None:
        """Become `other`, of the same run, in the same memory: a recorded update reads from there (cuda.py)."""
        for ours, value in zip(self, other, strict=True):
            if ours is not None and value is not None:
                ours.copy_(value)


def draw_epoch(
    seed: int, epoch: int, examples: int, augment: bool, noise_shape: tuple[int, ...] | None, padding: int = 4
) -> Epoch:
    """The random choices of epoch `epoch` (from 0) of a cell with this seed; padding: its crop_padding."""

    def stream(purpose: int) -> np.random.RandomState:
        return np.random.RandomState([seed, epoch, purpose])

    order, shift, flip, noise = stream(ORDER).permutation(examples), None, None, None
    if noise_shape is not None:
        noise = torch.from_numpy(stream(NOISE).random_sample((examples, *noise_shape)).astype(np.float32))
    if augment:
        shift = torch.from_numpy(stream(CROP).randint(0, 2 * padding + 1, size=(examples, 2)))
        flip = torch.from_numpy(stream(FLIP).randint(0, 2, size=examples).astype(bool))
    return Epoch(torch.from_numpy(order), shift, flip, noise)


def batch(data: Dataset, epoch: Epoch, positions: Tensor, padding: int = 4) -> tuple[Tensor, Tensor]:
    """Training images float32 [B, C, H, W] (channels last in memory) and labels [B] at these positions [B]."""
    chosen = epoch.order[positions]
    images = normalise(data.train.images[chosen], data)
    if epoch.flip is not None and epoch.shift is not None:
        images = torch.where(epoch.flip[positions][:, None, None, None], images.flip(3), images)  # left to right
        images = crop(images, epoch.shift[positions], padding)
    return images, data.train.labels[chosen]


def normalise(images: Tensor, data: Dataset) -> Tensor:
    """uint8 [B, H, W, C] to float32 [B, C, H, W], each channel with mean 0 and deviation 1 over the training set."""
    return ((images.float() - data.mean) / data.std).permute(0, 3, 1, 2)


def crop(images: Tensor, shift: Tensor, padding: int) -> Tensor:
    """Pad with zeros (the mean colour, as in the authors' code) and cut the old size at shift [B, 2]."""
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, [padding] * 4)
    rows = shift[:, 0, None] + torch.arange(height, device=images.device)
    columns = shift[:, 1, None] + torch.arange(width, device=images.device)
    index = torch.arange(count, device=images.device)[:, None, None]
    cut = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2)
