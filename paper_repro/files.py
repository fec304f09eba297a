"""Files that may hold anything: never more of them is read than was foreseen, and nothing from what is no file."""

from __future__ import annotations

import errno
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

SMALL = 2**16  # bytes: more than a process has to say of itself


def open_regular(path: Path, largest: int | None = None) -> BufferedReader:
    """Open for reading. Raises ValueError for what is no regular file, or larger; OSError as open() does.

    A pipe would keep its reader waiting and a device like /dev/zero has no end: neither is waited for nor read.
    """
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):  # ENXIO: a socket
            raise ValueError(f"it is no file ({error.strerror})") from None
        raise
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and (largest is None or found.st_size <= largest):
        return file
    file.close()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a pipe or a device, not a file")
    raise ValueError(f"it has {found.st_size:,} bytes, and {largest:,} at most are read")


def read(path: Path, largest: int) -> bytes:
    """The whole content. Raises as open_regular()."""
    with open_regular(path, largest) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def tail(path: Path, most: int) -> str:
    """The last bytes of a text, however large it is. Raises as open_regular()."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most).decode(errors="replace")


def parse_json(content: bytes | str) -> Any:
    """A value in JSON. Raises ValueError for what is none, NaN among it, or is nested too deeply."""
    try:
        return json.loads(content, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
