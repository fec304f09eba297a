"""CIFAR-10 and CIFAR-100 through torchvision: downloaded where that is possible, checked by md5."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from paper_repro.data.arrays import Arrays, DataError, Form, from_arrays

NAMES = ("cifar10", "cifar100")
FORMS = {"cifar10": Form(50_000, 10_000, 32, 10), "cifar100": Form(50_000, 10_000, 32, 100)}
# The values in the authors' code, on 0..255 (they are the training pictures' own, rounded).
PAPER_STATISTICS = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)


def load(name: str, folder: Path) -> Arrays:
    """All 50,000 training and 10,000 test pictures, uint8 [N, 32, 32, 3]. Raises DataError where they cannot be had."""
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    try:
        train = kind(str(folder), train=True, download=True)
        test = kind(str(folder), train=False, download=True)
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{name} is not in {folder} and its download from {kind.url} failed ({reason}).\n"
            f"Put {kind.filename} (md5 {kind.tgz_md5}) into {folder}, or pass --data FILE.npz, or use --profile demo."
        ) from None
    labels = [np.asarray(split.targets) for split in (train, test)]
    statistics = PAPER_STATISTICS if name == "cifar10" else None
    return from_arrays(name, train.data, labels[0], test.data, labels[1], str(folder), statistics)
