"""One's own networks, optimizers and data sets, by name."""

import importlib
import re
from collections.abc import Iterable
from types import ModuleType

NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z_]\w*)*")


class Missing(ValueError):
    """There is no such module."""


def load(package: str, name: str, known: Iterable[str], what: str, function: str = "build") -> ModuleType:
    """The module with `function` that a Cell names: a file of the package, or, by a dotted name, one of your own.

    Yours is found as by Python's import: in the current folder, or on PYTHONPATH. known: the names there are; what: of
    which kind, as "model". Raises Missing for a module that is not there, or has no such function.
    """
    is_name, loaded = NAME.fullmatch(name), None
    full = name if "." in name else f"{package}.{name}"
    try:
        loaded = importlib.import_module(full) if is_name else None
    except ModuleNotFoundError as error:
        if error.name is None or not f"{full}.".startswith(f"{error.name}."):
            raise  # it is there, what it imports is not
    if loaded is not None and callable(getattr(loaded, function, None)):
        return loaded
    yours = f"there is no module {name} with a function {function}, here or on PYTHONPATH"
    ours = f"one of {', '.join(known)}, or a module of your own (README)"
    raise Missing(f"no {what} {name!r}: {yours if is_name and full == name else ours}")
