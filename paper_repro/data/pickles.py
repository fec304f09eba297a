"""Pickles of pictures and labels, which may come from anywhere. No code is run from them, and their size is bounded.

A pickle is a program: it can name any function and call it, and a few bytes can ask for gigabytes. So its operations
are looked over before any is carried out, and what they may name are stand-ins here, never numpy's own functions.
Published files need no more than this; whatever else is in a file, it is refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import Any

import numpy as np

from paper_repro.data.arrays import Bytes, DataError, Labels
from paper_repro.texts import brief

PIXELS = 3 * 32 * 32  # the red plane first
MANY = 1_000_000  # operations: two or three for each label and file name of a published file, and twice as many
FEW = 5_000  # of other kinds than those of plain values
INTEGERS = 2**31  # larger ones, which none needs, could be chosen to make dicts slow
PLAIN = {
    "BININT", "BININT1", "BININT2", "INT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET",
    "LONG_BINGET", "APPEND",
}  # fmt: skip
OTHERS = {
    "PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BINUNICODE8", "BINBYTES8", "BYTEARRAY8",
    "EMPTY_LIST", "LIST", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT",
    "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
}  # fmt: skip
NUMBER = re.compile(r"[<>|=]?[biuf][1248]")


def read(content: bytes, where: str) -> tuple[Bytes, Labels]:
    """Pictures of 32 x 32 [N, 32, 32, 3] and labels [N] from the content of a published file. Raises DataError."""
    try:
        stored = _load(content)
        named = _labels(stored.get("labels", stored.get("fine_labels")))
    except Exception as error:  # a damaged pickle may raise anything; KeyError and MemoryError are of no more use
        raise DataError(f"{where}: not a readable file of pictures ({brief(error) or type(error).__name__})") from None
    data = stored.get("data")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (len(named), PIXELS):
        got = f"{data.dtype} {list(data.shape)}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataError(f"{where}: data must be uint8 [{len(named)}, {PIXELS}], got {got}")
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), named


def _load(content: bytes) -> dict[str, Any]:
    """The dict that a pickle holds: of texts, lists, whole numbers, and arrays of numbers."""
    _look_over(content)
    found = _Reader(io.BytesIO(content), encoding="latin1").load()  # written by Python 2: its strings are bytes
    if type(found) is not dict:
        raise ValueError(f"it holds a {type(found).__name__}, not a dict")
    return {name: value.whole() if isinstance(value, _Array) else value for name, value in found.items()}


def _labels(found: Any) -> Labels:
    """Of a flat list only: lists that hold each other, in a few bytes, would grow without end as an array."""
    if isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind in "iu":
        return found.astype(np.int64)
    if type(found) is not list or not found or not all(type(label) is int for label in found):
        raise ValueError("its labels are no list of whole numbers")
    return np.array(found, dtype=np.int64)


def _look_over(content: bytes) -> None:
    """Raise ValueError unless all operations are harmless and claim no more than is there. None is carried out."""
    few = 0
    for many, (operation, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
        few += operation.name not in PLAIN
        if operation.name not in PLAIN | OTHERS:
            raise ValueError(f"it wants {operation.name}, which no list or array needs")
        if many > MANY or few > FEW:
            raise ValueError("it has more operations than a published file")
        if type(argument) is int and not (-INTEGERS <= argument < INTEGERS):
            raise ValueError(f"it holds the number {argument:.3g}")
        if operation.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > many:  # there would be room made
            raise ValueError(f"it wants to keep value {argument:,} of {many:,}")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _Named(_PARTS[module.replace("numpy._core", "numpy.core"), name])
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is no part of an array") from None


class _Named:
    """What a pickle may name and call. Nothing can be set on it: it is made anew whenever it is named."""

    __slots__ = ("make",)

    def __init__(self, make: Any) -> None:
        self.make = make

    def __call__(self, *given: Any) -> Any:
        return self.make(*given)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it wants to change a function")


class _Type:
    """A dtype: of numbers only."""

    __slots__ = ("name",)

    def __init__(self, name: Any, *flags: Any) -> None:
        if type(name) is not str or not NUMBER.fullmatch(name):
            raise pickle.UnpicklingError(f"it holds an array of {name!r}, not of numbers")
        self.name = name

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it holds an array of an unknown kind")
        self.name = state[1] + self.name.lstrip("<>|=")


class _Array:
    """An array, whole when its bytes have come: they must be there, before there is room for them."""

    __slots__ = ("array",)

    def __init__(self, *kind: Any) -> None:
        self.array: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, content = state
        if type(content) is str:  # of Python 2
            content = content.encode("latin1")
        self.array = _array(content, kind, shape, "F" if by_columns else "C")

    def whole(self) -> np.ndarray[Any, Any]:
        if self.array is None:
            raise ValueError("it holds an array without its numbers")
        return self.array


def _array(content: Any, kind: Any, shape: Any, order: Any = "C") -> np.ndarray[Any, Any]:
    if type(kind) is not _Type or type(shape) is not tuple or type(content) not in (bytes, bytearray):
        raise pickle.UnpicklingError("it holds an array of an unknown form")
    if len(shape) > 4 or not all(type(length) is int and length >= 0 for length in shape):
        raise pickle.UnpicklingError(f"it holds an array of shape {shape!r}")
    if order not in ("C", "F"):
        raise pickle.UnpicklingError(f"it holds an array in the order {order!r}")
    return np.frombuffer(content, np.dtype(kind.name)).reshape(shape, order=order)  # which needs as many bytes


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    made = _Array()
    made.array = _array(content, kind, shape, order)
    return made


def _encode(text: Any, encoding: Any = "") -> bytes:
    """Bytes as protocols before 3 have them. Other encodings would be looked for among Python's modules."""
    if type(text) is not str or encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants to encode in {encoding!r}")
    return text.encode("latin1")


_PARTS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
}
