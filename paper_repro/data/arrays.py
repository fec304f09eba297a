"""Pictures and labels as plain arrays: the form every data set takes, and any .npz file of that form."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from paper_repro.data import npz
from paper_repro.texts import brief

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of each channel
AT_ONCE = 1000  # pictures: bincount takes eight bytes for every one that it counts
UNNAMED = "arrays"  # where they are from, if nobody says
LISTED = 8  # runs of classes that are named before the rest is only counted
KEYS = ("x_train", "y_train", "x_test", "y_test")


class DataError(ValueError):
    """A data set that is missing, damaged or of the wrong form. The message says what to do, in two lines at most.

    advice: options of a run of cells that would help; a study has none of them.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class Form:
    """How many pictures a published data set has, their height and width, and classes: to plan before it is here."""

    train: int
    test: int
    size: int
    classes: int


@dataclass(frozen=True)
class Arrays:
    """A data set in memory: uint8 pictures [N, H, W, C] and integer labels [N] from 0 on."""

    name: str
    x_train: Bytes
    y_train: Labels
    x_test: Bytes
    y_test: Labels
    mean: tuple[float, ...]  # of each channel, on 0..255; pictures are normalised with these
    std: tuple[float, ...]
    num_classes: int
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", _fingerprint(self))


def load_npz(path: Path, name: str) -> Arrays:
    """The data set in an .npz file with x_train, y_train, x_test, y_test (x: uint8 [N, H, W, C]; y: integers [N]).

    Raises DataError where the file is missing, damaged or of another form. No code is run from the file.
    """
    return from_arrays(name, *_stored(path), where=str(path))


def npz_fingerprint(path: Path) -> str:
    """The fingerprint of the data set in an .npz file, in half the time that load_npz takes. Raises as that does."""
    arrays = _stored(path)
    unused = (0.0,) * arrays[0].shape[-1]
    return from_arrays("", *arrays, where=str(path), statistics=(unused, unused)).fingerprint


def _stored(path: Path) -> tuple[Bytes, Labels, Bytes, Labels]:
    try:
        with npz.opened(path, KEYS) as (archive, found):
            missing = [key for key in KEYS if key not in found]
            if missing:
                raise DataError(f"{path}: no array {', '.join(missing)}; it must hold {', '.join(KEYS)}")
            _check_forms(str(path), *(found[key] for key in KEYS))  # before there is room for any of them
            x_train, y_train, x_test, y_test = (npz.load(archive, found[key]) for key in KEYS)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; --data takes an .npz with {', '.join(KEYS)}") from None
    except DataError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise DataError(f"{path}: not a readable .npz file ({brief(error) or type(error).__name__})") from None
    return x_train, y_train, x_test, y_test


def from_arrays(
    name: str,
    x_train: Bytes,
    y_train: Labels,
    x_test: Bytes,
    y_test: Labels,
    where: str = UNNAMED,
    statistics: Statistics | None = None,
) -> Arrays:
    """Arrays with their form checked; without statistics those of the training pictures are taken."""
    _check_forms(where, x_train, y_train, x_test, y_test)
    for split, y in (("train", y_train), ("test", y_test)):
        if y.min() < 0 or y.max() > 65535:
            raise DataError(f"{where}: y_{split} must hold labels from 0 on, got {y.min()} to {y.max()}")
    mean, std = statistics or channel_statistics(x_train)
    num_classes = int(max(y_train.max(), y_test.max())) + 1
    y_train, y_test = y_train.astype(np.int64), y_test.astype(np.int64)
    return Arrays(name, x_train, y_train, x_test, y_test, mean, std, num_classes)


def check(arrays: object, where: str) -> Arrays:
    """The same, if training can use them. Raises DataError, which begins with `where`, if not."""
    if not isinstance(arrays, Arrays):
        raise DataError(
            f"{where} must be Arrays, as from_arrays(name, x_train, y_train, x_test, y_test) "
            f"of paper_repro.data.arrays makes them, got {type(arrays).__name__}"
        )
    _check_forms(where, *(getattr(arrays, key) for key in KEYS))
    for key in ("y_train", "y_test"):
        y = getattr(arrays, key)
        if y.dtype != np.int64 or y.min() < 0 or y.max() >= arrays.num_classes:
            raise DataError(
                f"{where}: {key} must be int64 below num_classes ({arrays.num_classes}), "
                f"got {y.dtype} from {y.min()} to {y.max()}"
            )
    channels = arrays.x_train.shape[-1]
    if not len(arrays.mean) == len(arrays.std) == channels:
        raise DataError(f"{where}: mean and std must have {channels} numbers, one a channel")
    if not (np.isfinite(arrays.mean).all() and np.isfinite(arrays.std).all() and np.min(arrays.std) > 0):
        raise DataError(f"{where}: mean and std must be finite, std above 0, got {arrays.mean} and {arrays.std}")
    return arrays


def classes_of(labels: Labels) -> Labels:
    """The classes that have an image, in order."""
    return np.flatnonzero(np.bincount(labels))


def label_gaps(arrays: Arrays) -> str:
    """A line that names the classes without images; empty where all from 0 on have some to train and to test on."""
    train, test = ({*classes_of(labels).tolist()} for labels in (arrays.y_train, arrays.y_test))
    every = range(arrays.num_classes)
    gaps = (
        ("no training image and no test image", [label for label in every if label not in train | test]),
        ("test images but no training image", [label for label in every if label in test - train]),
        ("training images but no test image", [label for label in every if label in train - test]),
    )
    parts = [f"{_named(labels)} {what}" for what, labels in gaps if labels]
    if 0 not in train:
        parts.append("labels start at 0")
    if len(train) < arrays.num_classes:
        parts.append(f"the net has {arrays.num_classes} outputs, label noise draws classes with training images only")
    if len(train) == 1:
        parts.append("with one class there is nothing to learn")
    return f"{arrays.name}: {'; '.join(parts)}" if parts else ""


def _named(labels: Sequence[int]) -> str:
    """'class 0 has', 'classes 1 to 98 have', 'classes 2, 4, 6 and 30 others have'."""
    parts = np.split(labels, np.flatnonzero(np.diff(labels) > 1) + 1)
    runs = [str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts[:LISTED]]
    more = sum(map(len, parts[LISTED:]))
    text = ", ".join(runs) + f" and {more} others" * bool(more)
    return f"class {text} has" if len(labels) == 1 else f"classes {text} have"


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


class _Formed(Protocol):
    """An array, or what a header says of one."""

    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


def _check_forms(where: str, x_train: _Formed, y_train: _Formed, x_test: _Formed, y_test: _Formed) -> None:
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if x.dtype != np.uint8 or len(x.shape) != 4 or x.shape[-1] not in (1, 3) or 0 in x.shape:
            raise DataError(f"{where}: x_{split} must be uint8 [N, H, W, 1 or 3], got {x.dtype} {list(x.shape)}")
        if not np.issubdtype(y.dtype, np.integer) or y.shape != x.shape[:1]:
            raise DataError(f"{where}: y_{split} must be integers [{x.shape[0]}], got {y.dtype} {list(y.shape)}")
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(f"{where}: training pictures are {x_train.shape[1:]}, test pictures {x_test.shape[1:]}")


def _fingerprint(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for key in KEYS:
        array = getattr(arrays, key)
        digest.update(f"{key}{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
