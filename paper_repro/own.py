"""One's own networks and optimizers, by name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from types import ModuleType

NAME = re.compile(r"[a-z]\w*")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def module(package: str, name: str, known: Iterable[str], what: str) -> ModuleType:
    """The module with `build` that a Cell names: a file of the package, or, where the name has a dot, one of your own.

    Yours is found as by Python's import: in the current folder, or on PYTHONPATH. known: the names there are; what: of
    which kind, as "model". Raises ValueError for a module that is not there, or has no build.
    """
    full = name if DOTTED.fullmatch(name) else f"{package}.{name}"
    try:
        if full != name and not NAME.fullmatch(name):
            raise ModuleNotFoundError(name=full)
        found = importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{full}.".startswith(f"{error.name}."):
            raise  # it is there, what it imports is not
        found = None
    if callable(getattr(found, "build", None)):
        return found  # type: ignore[return-value]
    missing = f"there is no module {name} with a function build, here or on PYTHONPATH"
    there = missing if full == name else f"one of {', '.join(known)}, or a file or module of your own (README)"
    raise ValueError(f"no {what} {name!r}: {there}")
