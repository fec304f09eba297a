"""Changes at random: to bytes, to values that will be JSON, and to what stands in a file's place."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

TOKENS = [
    b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000",
    b"\x1b[2J", b'"id":1,', b"{", b"}", b"[" * 3000, b"]", b"\r\n", b"'", b'"', b"../" * 9, b"-1", b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xe2\x80\xa8", b"true", b"=", b"\xf0\x9f\x92\xa9",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, 1e308, 1e999, -1e999, float("nan"), 5e-324, "", "a" * 100_000,
    "../../escaped", "/", "\x1b[2J", "\ud800", "\x00", "\n", "<script>", "\\input{x}", "[x](javascript:y)", [], {},
    [[]], [None], {"": ""}, "NaN", "1", -0.0, [1] * 1000,
]  # fmt: skip


def of_bytes(draw: random.Random, content: bytes) -> bytes:
    """A few changes."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        place = draw.randrange(len(found) + 1)
        length = draw.choice((1, 2, 4, 8, 64, 1000))
        change = draw.randrange(7)
        if change == 0 and found:
            found[place % len(found)] ^= 1 << draw.randrange(8)
        elif change == 1:
            found[place : place + 1] = bytes([draw.randrange(256)])
        elif change == 2:
            del found[place : place + length]
        elif change == 3:
            found[place:place] = found[place : place + length] * draw.choice((1, 2, 50))
        elif change == 4:
            found[place:place] = draw.choice(TOKENS)
        elif change == 5:
            found[place : place + length] = draw.choice(TOKENS)
        elif draw.random() < 0.3:
            del found[place:]
    return bytes(found)


def of_value(draw: random.Random, value: Any, parts: int = 1) -> Any:
    """A copy with some parts replaced, taken away or doubled; parts: how many at most."""
    for _ in range(draw.randint(1, parts)):
        value = _changed(draw, value)
    return value


def _changed(draw: random.Random, value: Any) -> Any:
    if not value or not isinstance(value, (dict, list)) or draw.random() < 0.1:
        return draw.choice(VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, copy = draw.choice(keys), value.copy()
    change = draw.random()
    if change < 0.08:
        copy.pop(key)
    elif change < 0.12 and isinstance(value, dict):
        copy[draw.choice(["", "x" * 1000, "\x1b", "../x", "\ud800", str(key).upper()])] = copy.pop(key)
    elif change < 0.2:
        copy[key] = copy[draw.choice(keys)]
    else:
        copy[key] = _changed(draw, copy[key])
    return copy


def in_its_place(draw: random.Random, path: Path, larger: int) -> None:
    """Something that is no file, or one of `larger` bytes."""
    change = draw.randrange(5)
    if change == 0:
        os.mkfifo(path)
    elif change == 1:
        path.mkdir()
    elif change == 2:
        path.symlink_to("/dev/zero")
    elif change == 3:
        path.symlink_to(path)
    else:
        with open(path, "wb") as file:
            file.truncate(larger)


def remove(path: Path) -> None:
    """Whatever stands there."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


class Malice:
    """Pickled, it makes a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("../../ran-from-data",)
