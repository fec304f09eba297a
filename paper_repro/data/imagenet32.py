"""ImageNet32x32 (Chrabaszcz et al. 2017, arXiv:1707.08819) from its published pickle files, where you have put them.

train_data_batch_1 .. 10 and val_data each hold a dict: data, uint8 [N, 3072], the red plane first; labels, from 1 to
1000; the training files also a mean image, which is not used: the paper's code subtracts one colour and divides by
255. The validation images serve as test set, as in the paper. All of it takes 4 GB, and 8 while it is loaded.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro import files
from paper_repro.cli import brief
from paper_repro.data.arrays import Arrays, Bytes, DataError, Labels, from_arrays

CLASSES, PIXELS = 1000, 3 * 32 * 32
LARGEST = 2 * 128_117 * PIXELS  # bytes of a file: twice the images of one that is published
PAPER_STATISTICS = (122.7, 116.65, 104.0), (255.0, 255.0, 255.0)  # of the authors' loader, on 0..255
# What an array in a pickle is made of.
PARTS = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy.core.numeric", "_frombuffer"), ("numpy", "ndarray"),
    ("numpy", "dtype"), ("_codecs", "encode"),
}  # fmt: skip


def load(name: str, folder: Path) -> Arrays:
    """The images uint8 [N, 32, 32, 3], labels from 0. Raises DataError for files that are missing or of another form.

    The files may lie in `folder` itself or below it, as the published archives unpack.
    """
    parts = [read_file(_find(folder, f"train_data_batch_{number}")) for number in range(1, 11)]
    x_train, y_train = (np.concatenate(part) for part in zip(*parts, strict=True))
    return from_arrays(name, x_train, y_train, *read_file(_find(folder, "val_data")), PAPER_STATISTICS)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
        if path.is_file():
            return path
    raise DataError(
        f"imagenet32: there is no {name} in {folder}, nor one folder below: download Imagenet32_train.zip and "
        f"Imagenet32_val.zip from image-net.org (it wants an account), unpack them there, or use --profile demo"
    )


def read_file(path: Path) -> tuple[Bytes, Labels]:
    """Images [N, 32, 32, 3] and labels from 0 on, [N], of one published file. Raises DataError."""
    try:
        with files.open_regular(path, LARGEST) as file:
            stored = _Reader(file, encoding="latin1").load()  # written by Python 2: its strings are bytes
        data, labels = _bytes(stored["data"]), stored["labels"]
        if type(labels) is not list or not all(type(label) is int and 1 <= label <= CLASSES for label in labels):
            raise ValueError(f"labels must be a list of whole numbers from 1 to {CLASSES}")
        if data.shape != (len(labels), PIXELS):
            raise ValueError(f"data must be [{len(labels)}, {PIXELS}], got {list(data.shape)}")
    except Exception as error:  # a damaged pickle may raise anything; KeyError and MemoryError are of no more use
        raise DataError(f"{path}: not a readable file of images ({brief(error) or type(error).__name__})") from None
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), np.array(labels) - 1


class _Part:
    """What stands for anything that a pickle names: called or given a state, it keeps what it gets, and does nothing.

    A pickle is a program. To let it call numpy's own functions would not be safe: they make arrays of pointers from
    bytes, and take any flags for a dtype.
    """

    state: tuple[Any, ...]

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.name, self.arguments, self.state = name, arguments, ()

    def __call__(self, *arguments: Any) -> "_Part":
        return _Part(self.name, arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module.replace("numpy._core", "numpy.core"), name) not in PARTS:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is no part of an array")
        return _Part(name)


def _bytes(part: _Part) -> Bytes:
    """The array of uint8 that these parts describe, as protocols 0 to 5 do."""
    if part.name == "_frombuffer":
        content, kind, shape, order = part.arguments
    else:
        _, shape, kind, by_columns, content = part.state
        order = "F" if by_columns else "C"
    if isinstance(content, _Part):  # encode(text, "latin1"), before protocol 3
        content = content.arguments[0]
    if isinstance(content, str):
        content = content.encode("latin1")
    if kind.arguments[0] != "u1":
        raise ValueError(f"data must be uint8, got {kind.arguments[0]}")
    array: Bytes = np.frombuffer(content, np.uint8).reshape(shape, order=order)
    return array
