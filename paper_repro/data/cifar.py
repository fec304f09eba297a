"""CIFAR-10 and CIFAR-100 by torchvision, which downloads them where they are not, checks their md5 and reads them."""

from http.client import HTTPException
from pathlib import Path

import numpy as np

from paper_repro.cli import brief
from paper_repro.data.arrays import Arrays, DataError, from_arrays

# The values in the authors' code, on 0..255 (they are the training images' own, rounded).
PAPER_STATISTICS = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)


def load(name: str, folder: Path) -> Arrays:
    """All 50,000 training and 10,000 test images, uint8 [N, 32, 32, 3]. Raises DataError where they cannot be had."""
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    try:
        train, test = (kind(folder, train=train, download=True) for train in (True, False))
    except (OSError, ValueError, RuntimeError, EOFError, HTTPException) as error:
        reason = brief(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise DataError(
            f"{name} is not whole in {folder}, and its download from {kind.url} failed ({reason}): put {kind.filename} "
            f"(md5 {kind.tgz_md5}) into {folder}, or pass --data FILE.npz, or use --profile demo"
        ) from None
    (x_train, y_train), (x_test, y_test) = (
        (np.ascontiguousarray(split.data), np.array(split.targets)) for split in (train, test)
    )
    return from_arrays(name, x_train, y_train, x_test, y_test, PAPER_STATISTICS if name == "cifar10" else None)
