"""Arrays in an .npz file that may come from anywhere: their headers are read first, and room is made for what is there.

An .npz file is a zip archive of .npy files. A few bytes can claim terabytes, unpack to a thousand times their size, or
hold pickled objects. No member is extracted, so their names lead nowhere.
"""

from __future__ import annotations

import io
import math
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from paper_repro import files

LARGEST = 2**36  # bytes of all arrays: sixteen times ImageNet32's
AT_ONCE = 2**20  # bytes that are read from the file at a time: its directory in one
HEADER = 10_000  # bytes, as numpy has it
RATIO = 1_100  # deflate packs 1,032 bytes into one at best
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Member:
    """An array as its header describes it."""

    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@contextmanager
def opened(path: Path, names: Sequence[str]) -> Iterator[tuple[zipfile.ZipFile, dict[str, Member]]]:
    """The archive, and those of the arrays that it holds, which fit into memory. Raises ValueError, OSError and what
    zipfile raises for a damaged archive."""
    with _Careful(files.open_regular(path).detach()) as file, zipfile.ZipFile(file) as archive:
        found = {name: _member(archive, info) for name in names if (info := _find(archive, name)) is not None}
        total, room = sum(member.info.file_size for member in found.values()), min(LARGEST, _memory())
        if total > room:
            raise ValueError(f"its arrays have {total:,} bytes, and there is room for {room:,}")
        yield archive, found


def load(archive: zipfile.ZipFile, member: Member) -> NDArray[Any]:
    """The array itself."""
    with archive.open(member.info) as content:
        loaded: NDArray[Any] = npy.read_array(content, allow_pickle=False)
    return loaded


class _Careful(io.BufferedReader):
    """A file that is read in small pieces only, whatever the archive's directory says of its own size."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > AT_ONCE:
            raise ValueError(f"it wants {size:,} bytes to be read at once")
        return super().read(size)


def _find(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    found = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
    if len(found) > 1:
        raise ValueError(f"it holds {name} twice")
    return found[0] if found else None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & 1 or info.compress_type not in METHODS:
        raise ValueError(f"{info.filename} is encrypted, or packed in an unusual way")
    if info.file_size > RATIO * info.compress_size:
        raise ValueError(f"{info.filename} claims {info.file_size:,} bytes, packed into {info.compress_size:,}")
    with archive.open(info) as content:
        start = io.BytesIO(content.read(HEADER))
    version = npy.read_magic(start)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{info.filename} is of another version")
    shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(start)
    if dtype.kind not in "biuf" or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"{info.filename} holds no numbers, but {dtype} {list(shape)}")
    if math.prod(shape) * dtype.itemsize != info.file_size - start.tell():
        raise ValueError(f"{info.filename} claims to be {dtype} {list(shape)}, and has {info.file_size:,} bytes")
    return Member(info, shape, dtype)


def _memory() -> int:
    """Bytes that are free or can be freed, as Linux says; elsewhere all that the machine has."""
    with suppress(OSError):
        if found := re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text()):
            return 1024 * int(found[1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
