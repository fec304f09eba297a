"""Data sets by name, as plain arrays; no torch here.

A data set is a file in this folder that holds NAMES and load(name, folder) -> Arrays, or any .npz file (arrays.py).
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import numpy as np

from paper_repro.cell import SPEC
from paper_repro.data.arrays import Arrays, DataError, Form, from_arrays, load_npz

STAND_INS = 6000  # more than a batch of any published size

__all__ = ["Arrays", "DataError", "Form", "form_of", "load", "name_of", "stand_in"]


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


def form_of(name: str) -> Form | None:
    """How many pictures a published data set has, None for one that is not known by name."""
    module = built_in().get(name)
    forms: dict[str, Form] = getattr(importlib.import_module(f"{__name__}.{module}"), "FORMS", {}) if module else {}
    return forms.get(name)


def stand_in(name: str, form: Form) -> Arrays:
    """Random pictures of the same size and classes, few of them: to try how fast cells would train."""
    draw = np.random.RandomState(0)
    pictures = draw.randint(0, 256, (STAND_INS, form.size, form.size, 3), dtype=np.uint8)
    labels = np.arange(STAND_INS) % form.classes
    labels[-1] = form.classes - 1
    return from_arrays(name, pictures, labels, pictures[:10], labels[-10:])


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
