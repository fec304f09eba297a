"""ImageNet32x32 (Chrabaszcz et al. 2017, arXiv:1707.08819) from its published pickle files, where you have put them.

train_data_batch_1 .. 10 and val_data each hold a dict: data, uint8 [N, 3072], the red plane first; labels, from 1 to
1000; the training files also a mean picture, which is not used: the paper's code subtracts one colour and divides by
255. The validation pictures serve as test set, as in the paper. All of it takes 4 GB, and 8 while it is loaded.
"""

from __future__ import annotations

import _codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro.data.arrays import UNREADABLE, Arrays, Bytes, DataError, Form, Labels, from_arrays

NAMES = ("imagenet32",)
FORMS = {"imagenet32": Form(1_281_167, 50_000, 32, 1000)}
TRAIN, TEST = tuple(f"train_data_batch_{number}" for number in range(1, 11)), ("val_data",)
CLASSES, PIXELS = 1000, 3 * 32 * 32
PAPER_STATISTICS = (122.7, 116.65, 104.0), (255.0, 255.0, 255.0)  # of the authors' loader, on 0..255

# All that the published files refer to. Whatever else a pickle names is not looked up, so no code is run from it.
_RECONSTRUCT, _FROM_BUFFER = np.ndarray((0,)).__reduce__()[0], np.zeros(1).__reduce_ex__(5)[0]
_PARTS_OF_ARRAYS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,  # the same, as numpy 2 writes it
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _PARTS_OF_ARRAYS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is no part of an array") from None


def load(name: str, folder: Path) -> Arrays:
    """The pictures uint8 [N, 32, 32, 3], labels from 0. Raises DataError for files that are missing or of another form.

    The files may lie in `folder` itself or below it, as the published archives unpack.
    """
    x_train, y_train = _read(folder, TRAIN)
    x_test, y_test = _read(folder, TEST)
    return from_arrays(name, x_train, y_train, x_test, y_test, str(folder), PAPER_STATISTICS)


def _read(folder: Path, names: tuple[str, ...]) -> tuple[Bytes, Labels]:
    parts = [_read_file(_find(folder, name)) for name in names]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def _find(folder: Path, name: str) -> Path:
    found = sorted(path for path in (folder / name, *folder.glob(f"*/{name}")) if path.is_file())
    if not found:
        raise DataError(
            f"imagenet32: there is no {name} in {folder}, nor one folder below. Download Imagenet32_train.zip and "
            f"Imagenet32_val.zip\nfrom image-net.org (it wants an account), unpack them there, or use --profile demo."
        )
    return found[0]


def _read_file(path: Path) -> tuple[Bytes, Labels]:
    """Pictures [N, 32, 32, 3] and labels from 0 on, [N]."""
    try:
        with path.open("rb") as file:
            stored = _Reader(file, encoding="latin1").load()  # written by Python 2: its strings are bytes
        data, labels = np.asarray(stored["data"]), np.asarray(stored["labels"])
    except (*UNREADABLE, pickle.UnpicklingError, ImportError, IndexError, MemoryError, OverflowError) as error:
        raise DataError(f"{path}: not a readable ImageNet32x32 file ({error})") from None
    if data.dtype != np.uint8 or data.shape != (len(labels), PIXELS):
        raise DataError(f"{path}: data must be uint8 [{len(labels)}, {PIXELS}], got {data.dtype} {list(data.shape)}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 1 or labels.max() > CLASSES:
        raise DataError(f"{path}: labels must be whole numbers from 1 to {CLASSES}")
    pictures = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return pictures, labels.astype(np.int64) - 1
