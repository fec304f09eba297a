"""One's own networks, optimizers and data sets, by name."""

import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from paper_repro.cli import brief

T = TypeVar("T")
ROOMS = ("models", "optim", "data")
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
    with suppress(Missing):
        loaded = imported(full) if is_name else None
    if loaded is not None and callable(getattr(loaded, function, None)):
        return loaded
    yours = f"there is no module {name} with a function {function}, here or on PYTHONPATH"
    ours = f"one of {', '.join(known)}, or a module of your own (docs/extending.md)"
    raise Missing(f"no {what} {name!r}: {yours if is_name and full == name else ours}")


def imported(name: str) -> ModuleType:
    """The module. Raises Missing where there is none; what the module raises itself goes on."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, what it imports is not
        raise Missing(f"there is no module {name}") from None


def build(what: str, name: str, make: Callable[[], T]) -> T:
    """What a file of yours makes. Raises ValueError in a line, with the place in the file, whatever it raises."""
    try:
        return make()
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and str(error).startswith((f"{what} ", f"no {what} ")):
            raise  # it says so itself
        raise ValueError(f"{what} {name!r} cannot be built: {in_a_line(error)}") from None


def in_a_line(error: BaseException) -> str:
    """An error with the last of your lines that it came by: "net.py, line 8: TypeError: ..."."""
    here = Path(__file__).parent
    ours = (here / "plugins.py", here / "sweep" / "preflight.py", *(here / room / "__init__.py" for room in ROOMS))
    lines = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((Path(error.filename), error.lineno))
    yours = [
        f"{path.name}, line {number}: " for path, number in lines
        if path.suffix == ".py" and path not in ours and "site-packages" not in path.parts
        and not path.is_relative_to(sys.base_prefix)
    ]  # fmt: skip
    return f"{yours[-1] if yours else ''}{type(error).__name__}: {brief((str(error).splitlines() or [''])[0])}"
