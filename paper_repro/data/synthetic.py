"""The embedded data set: ten classes of small images made from a seed in under two seconds, nothing to download.

Each class is a handful of smooth random patterns. An image is one of its class's patterns, shifted and scaled, over a
smooth background that carries no information, with noise on every pixel. A network can learn the classes, and it can
learn by heart labels that were drawn at random (Cell.label_noise); decay decides which of the two it does.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_repro.data.arrays import Arrays, Bytes, from_arrays

CLASSES, PATTERNS, SIZE = 10, 2, 12
TRAIN, TEST = 3000, 2000
BACKGROUND, PIXEL_NOISE = 0.8, 0.5  # deviations, in units of the pattern's own

Floats = NDArray[np.float64]


def load(name: str, folder: Path) -> Arrays:
    """3,000 training and 2,000 test images, uint8 [N, 12, 12, 3]. The folder is not used: they are made anew."""
    draw = np.random.RandomState(2019)
    patterns = _smooth(draw, CLASSES * PATTERNS)
    x_train, y_train = _images(draw, patterns, TRAIN)
    x_test, y_test = _images(draw, patterns, TEST)
    return from_arrays(name, x_train, y_train, x_test, y_test)


def _images(draw: np.random.RandomState, patterns: Floats, count: int) -> tuple[Bytes, NDArray[np.int64]]:
    labels = np.arange(count) % CLASSES
    chosen = patterns[labels * PATTERNS + draw.randint(PATTERNS, size=count)]
    moved = _shifted(chosen, draw.randint(-2, 3, size=(count, 2)))
    scaled = moved * draw.uniform(0.6, 1.4, size=(count, 1, 1, 1))
    clutter = BACKGROUND * _smooth(draw, count) + PIXEL_NOISE * draw.standard_normal(scaled.shape)
    return np.clip(np.rint(128 + 30 * (scaled + clutter)), 0, 255).astype(np.uint8), labels


def _smooth(draw: np.random.RandomState, count: int) -> Floats:
    """Random colour fields [count, SIZE, SIZE, 3] of deviation 1, built from the lowest spatial frequencies."""
    frequencies: Floats = draw.standard_normal((count, 4, 4, 3)) / (
        1 + np.add.outer(np.arange(4), np.arange(4))[..., None]
    )
    waves = np.cos(np.pi * np.outer(np.arange(SIZE) + 0.5, np.arange(4)) / SIZE)
    fields: Floats = np.einsum("xu,yv,nuvc->nxyc", waves, waves, frequencies)
    centred = fields - fields.mean(axis=(1, 2), keepdims=True)
    scale: Floats = centred.std(axis=(1, 2, 3), keepdims=True)
    smooth: Floats = centred / scale
    return smooth


def _shifted(images: Floats, shift: NDArray[np.int64]) -> Floats:
    """Each image rolled by its own rows and columns, [N, 2]."""
    count = np.arange(len(images))[:, None, None]
    rows = (np.arange(SIZE) - shift[:, :1]) % SIZE
    columns = (np.arange(SIZE) - shift[:, 1:]) % SIZE
    moved: Floats = images[count, rows[:, :, None], columns[:, None, :]]
    return moved
