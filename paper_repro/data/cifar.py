"""CIFAR-10 and CIFAR-100: downloaded by torchvision where that is possible, checked by md5, and read by pickles.py."""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro import files
from paper_repro.data import pickles
from paper_repro.data.arrays import Arrays, Bytes, DataError, Form, Labels, from_arrays
from paper_repro.texts import brief

NAMES = ("cifar10", "cifar100")
FORMS = {"cifar10": Form(50_000, 10_000, 32, 10), "cifar100": Form(50_000, 10_000, 32, 100)}
# The values in the authors' code, on 0..255 (they are the training pictures' own, rounded).
PAPER_STATISTICS = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)
LARGEST = 2 * 50_000 * pickles.PIXELS  # bytes of a file: twice the pictures of the largest one


def load(name: str, folder: Path) -> Arrays:
    """All 50,000 training and 10,000 test pictures, uint8 [N, 32, 32, 3]. Raises DataError where they cannot be had."""
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    contents = _contents(kind, folder)
    (x_train, y_train), (x_test, y_test) = (
        _read(folder, {part: contents[part] for part, _ in wanted}) for wanted in (kind.train_list, kind.test_list)
    )
    statistics = PAPER_STATISTICS if name == "cifar10" else None
    return from_arrays(name, x_train, y_train, x_test, y_test, str(folder), statistics)


def _read(folder: Path, contents: dict[str, bytes]) -> tuple[Bytes, Labels]:
    parts = [pickles.read(content, str(folder / name)) for name, content in contents.items()]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def _contents(kind: Any, folder: Path) -> dict[str, bytes]:
    """What the published files hold, by name; they are fetched where they are not whole."""
    from torchvision.datasets.utils import download_and_extract_archive

    try:
        return _whole(kind, folder)
    except (OSError, ValueError):
        pass
    try:
        download_and_extract_archive(kind.url, str(folder), filename=kind.filename, md5=kind.tgz_md5)
        return _whole(kind, folder)
    except (OSError, ValueError, RuntimeError, EOFError, HTTPException) as error:
        reason = brief(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise DataError(
            f"{kind.__name__.lower()} is not in {folder} and its download from {kind.url} failed ({reason}).\n"
            f"Put {kind.filename} (md5 {kind.tgz_md5}) into {folder}, or pass --data FILE.npz, or use --profile demo."
        ) from None


def _whole(kind: Any, folder: Path) -> dict[str, bytes]:
    """What is checked is what is read: a file that changes after this changes nothing."""
    found = {}
    for name, md5 in (*kind.train_list, *kind.test_list):
        found[name] = files.read(folder / kind.base_folder / name, LARGEST)
        if hashlib.md5(found[name], usedforsecurity=False).hexdigest() != md5:
            raise ValueError(f"{name} is not the published file")
    return found
