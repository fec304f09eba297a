"""cifar10-jpeg: all 60,000 images of CIFAR-10, its split kept, recompressed as JPEG (quality 75, chroma subsampled).

That is lossy, so they are never called CIFAR-10. The pack of 19 MB is part of the repository (experiments/data/); no
network is used.
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro import files
from paper_repro.cli import brief
from paper_repro.data.arrays import KEYS, Arrays, DataError, from_arrays, load_npz

NAME = "cifar10-jpeg"
FINGERPRINT = "b039ca6b1d43603b"
PACK = Path("experiments", "data", "cifar10_jpeg.npz")
ROOT = Path(__file__).resolve().parents[2]


def load(name: str, folder: Path) -> Arrays:
    """50,000 training and 10,000 test images, uint8 [N, 32, 32, 3].

    Decoding takes a quarter of a minute, so the arrays are kept in `folder`. Raises DataError where the pack is not to
    be had, or is decoded to other images.
    """
    kept = folder / f"{name}.npz"
    if kept.is_file():
        try:
            return load_kept(kept)
        except DataError as error:
            print(f"{error}: decoded anew", file=sys.stderr)
    arrays = from_arrays(name, *decode(find_pack()))
    if arrays.fingerprint != FINGERPRINT:
        raise DataError(
            f"{name}: Pillow's JPEG library decodes other images here (fingerprint {arrays.fingerprint} instead of "
            f"{FINGERPRINT}): install Pillow as requirements.txt names it"
        )
    content = io.BytesIO()
    np.savez(content, **{key: getattr(arrays, key) for key in KEYS})
    try:
        files.write_atomically(kept, content.getvalue())
    except files.StorageError as error:
        print(f"the decoded images of {name} cannot be kept, each process decodes them: {error}", file=sys.stderr)
    return arrays


def load_kept(path: Path) -> Arrays:
    """The same from an .npz file. Raises DataError for other images."""
    arrays = load_npz(path, NAME)
    if arrays.fingerprint != FINGERPRINT:
        raise DataError(f"{path}: not the images of {NAME} (fingerprint {arrays.fingerprint} instead of {FINGERPRINT})")
    return arrays


def find_pack() -> Path:
    """Where the pack lies: in this checkout, or in one that Python imports from, as jobs do whose code is a copy."""
    for folder in (ROOT, *map(Path, sys.path)):
        if (folder / PACK).is_file():
            return folder / PACK
    raise DataError(
        f"{NAME}: there is no {PACK} here, which pip does not install: run this in a checkout of the project's "
        "repository, which holds it"
    )


def decode(pack: Path) -> list[Any]:
    """The arrays of KEYS, in order. Raises DataError for a damaged pack."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"{NAME}: Pillow decodes its images, and is not installed: pip install pillow") from None
    arrays: list[Any] = []
    try:
        with files.open_regular(pack) as file, np.load(file, allow_pickle=False) as stored:
            header = stored["header"].tobytes()
            for split in ("train", "test"):
                scans, labels = stored[f"{split}_scans"].tobytes(), stored[f"{split}_labels"]
                ends = np.cumsum(stored[f"{split}_lengths"], dtype=np.int64)
                images = np.empty((len(ends), 32, 32, 3), np.uint8)
                for index, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
                    images[index] = np.asarray(Image.open(io.BytesIO(header + scans[start:end])).convert("RGB"))
                arrays += [images, labels]
            return arrays
    except Exception as error:  # a damaged archive or image may raise anything
        raise DataError(f"{pack}: damaged ({brief(error) or type(error).__name__}): git checkout {PACK}") from None
