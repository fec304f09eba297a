"""Images and labels as plain arrays: the form every data set takes, and any .npz file of that form."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paper_repro import files
from paper_repro.cli import brief

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of each channel
AT_ONCE = 1000  # images: bincount takes eight bytes for every one that it counts
NAMED = 8  # classes that are named before the rest is only counted
KEYS = ("x_train", "y_train", "x_test", "y_test")


class DataError(ValueError):
    """A data set that is missing, damaged or of the wrong form. The message is a line that says what to do."""


class Form(NamedTuple):
    """How many images a published data set has, their height and width, and classes: to plan before it is here."""

    train: int
    test: int
    size: int
    classes: int


@dataclass(frozen=True)
class Arrays:
    """A data set in memory, as from_arrays makes it: uint8 images [N, H, W, C] and int64 labels [N] from 0 on."""

    name: str
    x_train: Bytes
    y_train: Labels
    x_test: Bytes
    y_test: Labels
    mean: tuple[float, ...]  # of each channel, on 0..255; images are normalised with these
    std: tuple[float, ...]
    num_classes: int
    fingerprint: str


def from_arrays(
    name: str, x_train: Bytes, y_train: Labels, x_test: Bytes, y_test: Labels, statistics: Statistics | None = None
) -> Arrays:
    """A data set of these arrays; without statistics those of the training images are taken. Raises DataError."""
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if x.dtype != np.uint8 or x.ndim != 4 or x.shape[-1] not in (1, 3) or 0 in x.shape:
            raise DataError(f"x_{split} must be uint8 [N, H, W, 1 or 3], got {x.dtype} {list(x.shape)}")
        if not np.issubdtype(y.dtype, np.integer) or y.shape != x.shape[:1]:
            raise DataError(f"y_{split} must be integers [{len(x)}], got {y.dtype} {list(y.shape)}")
        if y.min() < 0 or y.max() > 65535:
            raise DataError(f"y_{split} must hold labels from 0 on, got {y.min()} to {y.max()}")
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(f"training images are {x_train.shape[1:]}, test images {x_test.shape[1:]}")
    mean, std = statistics or channel_statistics(x_train)
    if not len(mean) == len(std) == x_train.shape[-1] or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
        raise DataError(f"mean and std must have a finite number for each channel, got {mean} and {std}")
    y_train, y_test, digest = y_train.astype(np.int64), y_test.astype(np.int64), hashlib.sha256()
    arrays: tuple[NDArray[Any], ...] = (x_train, y_train, x_test, y_test)
    for key, array in zip(KEYS, arrays, strict=True):
        digest.update(f"{key}{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    num_classes = int(max(y_train.max(), y_test.max())) + 1
    return Arrays(name, x_train, y_train, x_test, y_test, mean, std, num_classes, digest.hexdigest()[:16])


def load_npz(path: Path, name: str) -> Arrays:
    """The data set in an .npz file with x_train, y_train, x_test, y_test (x: uint8 [N, H, W, C]; y: integers [N]).

    Raises DataError where the file is missing, damaged, of another form or larger than free memory. No code is run from
    the file.
    """
    try:
        with files.open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            if missing := [key for key in KEYS if key not in archive]:
                raise DataError(f"no array {', '.join(missing)}; it must hold {', '.join(KEYS)}")
            size = sum(info.file_size for info in archive.zip.infolist())  # no more than it says is ever unpacked
            if size > (free := _free_memory()):
                raise DataError(f"its arrays have {size:,} bytes, and there is room for {free:,}")
            return from_arrays(name, *(archive[key] for key in KEYS))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; --data takes an .npz with {', '.join(KEYS)}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # a damaged archive may raise anything
        raise DataError(f"{path}: not a readable .npz file ({brief(error) or type(error).__name__})") from None


def _free_memory() -> int:
    """Bytes that are free or can be freed, as Linux says; elsewhere all that the machine has."""
    with suppress(OSError):
        if available := re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text()):
            return 1024 * int(available[1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def classes_of(labels: Labels) -> Labels:
    """The classes that have an image, in order."""
    return np.flatnonzero(np.bincount(labels))


def label_gaps(arrays: Arrays) -> str:
    """A line that names the classes without images; empty where all from 0 on have some to train and to test on."""
    parts = []
    for split, labels in (("training", arrays.y_train), ("test", arrays.y_test)):
        if missing := sorted({*range(arrays.num_classes)}.difference(classes_of(labels).tolist())):
            more = f" and {len(missing) - NAMED} others" * (len(missing) > NAMED)
            network = f"; the network has {arrays.num_classes} outputs, label noise draws those with training images"
            names = ", ".join(map(str, missing[:NAMED]))
            parts.append(f"no {split} image of class {names}{more}{network * (split == 'training')}")
    if len(classes_of(arrays.y_train)) == 1:
        parts.append("with one class there is nothing to learn")
    return f"{arrays.name}: {'; '.join(parts)}" if parts else ""


def channel_statistics(x: Bytes) -> Statistics:
    """Mean and standard deviation of each channel on 0..255, counted exactly from the histogram of its 256 values."""
    values = np.arange(256)
    counts = np.zeros((x.shape[-1], 256), dtype=np.int64)
    for start in range(0, len(x), AT_ONCE):
        for channel, count in enumerate(counts):
            count += np.bincount(x[start : start + AT_ONCE, ..., channel].ravel(), minlength=256)
    means = [float(count @ values / count.sum()) for count in counts]
    deviations = [
        float(np.sqrt(count @ (values - mean) ** 2 / count.sum())) for count, mean in zip(counts, means, strict=True)
    ]
    return tuple(means), tuple(deviation or 1.0 for deviation in deviations)  # a constant channel stays finite
