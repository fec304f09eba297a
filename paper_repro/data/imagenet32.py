"""ImageNet32x32 (Chrabaszcz et al. 2017, arXiv:1707.08819) from its published pickle files, where you have put them.

train_data_batch_1 .. 10 and val_data each hold a dict: data, uint8 [N, 3072], the red plane first; labels, from 1 to
1000; the training files also a mean picture, which is not used: the paper's code subtracts one colour and divides by
255. The validation pictures serve as test set, as in the paper. All of it takes 4 GB, and 8 while it is loaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paper_repro import files
from paper_repro.data import pickles
from paper_repro.data.arrays import Arrays, Bytes, DataError, Form, Labels, from_arrays
from paper_repro.texts import brief

NAMES = ("imagenet32",)
FORMS = {"imagenet32": Form(1_281_167, 50_000, 32, 1000)}
TRAIN, TEST = tuple(f"train_data_batch_{number}" for number in range(1, 11)), ("val_data",)
CLASSES = 1000
LARGEST = 2 * 128_117 * pickles.PIXELS  # bytes of a file: twice the pictures of one that is published
PAPER_STATISTICS = (122.7, 116.65, 104.0), (255.0, 255.0, 255.0)  # of the authors' loader, on 0..255


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
        content = files.read(path, LARGEST)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable file of pictures ({brief(error)})") from None
    pictures, labels = pickles.read(content, str(path))
    if labels.min() < 1 or labels.max() > CLASSES:
        raise DataError(f"{path}: labels must be whole numbers from 1 to {CLASSES}")
    return pictures, labels - 1
