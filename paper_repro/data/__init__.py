"""Data sets by name, as plain arrays; no torch here.

A data set is a file in this folder that holds NAMES and load(name, folder) -> Arrays, or any .npz file (arrays.py).
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from paper_repro.cell import SPEC
from paper_repro.data.arrays import Arrays, DataError, load_npz

__all__ = ["Arrays", "DataError", "load", "name_of"]


def built_in() -> dict[str, str]:
    """The module of each data set that is known by name."""
    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return {
        name: module
        for module in modules
        for name in getattr(importlib.import_module(f"{__name__}.{module}"), "NAMES", ())
    }


def name_of(path: Path, given: str | None = None) -> str:
    """The name of the data set in an .npz file: the given one, or the file's. Raises DataError for an unfit one."""
    name = given or path.stem
    if not SPEC.fullmatch(name) or name in built_in():
        raise DataError(f"a data set cannot be called {name!r} (letters, digits, _ . - and not a built-in name)")
    return name


def load(name: str, path: Path) -> Arrays:
    """The data set `name`: from the .npz file `path`, or, where path is a folder, a built-in one kept or made there.

    Raises DataError where it cannot be had.
    """
    if path.suffix == ".npz":
        return load_npz(path, name)
    modules = built_in()
    if name not in modules:
        raise DataError(f"unknown data set {name!r}: one of {', '.join(sorted(modules))}, or --data FILE.npz")
    arrays: Arrays = importlib.import_module(f"{__name__}.{modules[name]}").load(name, path)
    return arrays
