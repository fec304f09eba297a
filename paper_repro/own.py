"""One's own networks, optimizers and data sets, by name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from types import ModuleType

NAME = re.compile(r"[a-z]\w*")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Missing(ValueError):
    """There is no such module."""


def module(package: str, name: str, known: Iterable[str], what: str, function: str = "build") -> ModuleType:
    """The module with `function` that a Cell names: a file of the package, or, by a dotted name, one of your own.

    Yours is found as by Python's import: in the current folder, or on PYTHONPATH. known: the names there are; what: of
    which kind, as "model". Raises Missing for a module that is not there, or has no such function.
    """
    full = name if DOTTED.fullmatch(name) else f"{package}.{name}"
    found = None
    if full == name or NAME.fullmatch(name):
        try:
            found = importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{full}.".startswith(f"{error.name}."):
                raise  # it is there, what it imports is not
    if found is not None and callable(getattr(found, function, None)):
        return found
    if full == name:
        raise Missing(
            f"no {what} {name!r}: there is no module {name} with a function {function}, here or on PYTHONPATH"
        )
    raise Missing(f"no {what} {name!r}: one of {', '.join(known)}, or a module of your own (README)")
