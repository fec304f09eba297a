"""Data sets by name, as plain arrays; no torch here.

A data set is a file in this folder that holds NAMES and load(name, folder) -> Arrays, or any .npz file (arrays.py).
"""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from pathlib import Path

import numpy as np

from paper_repro.cell import SPEC
from paper_repro.data.arrays import UNNAMED, Arrays, DataError, Form, check, from_arrays, label_gaps, load_npz
from paper_repro.texts import brief

WITH_TORCH = ("augment", "split")  # what a Cell sees of the data: no data sets
STAND_INS = 6000  # more than a batch of any published size

__all__ = ["Arrays", "DataError", "Form", "form_of", "label_gaps", "load", "name_of", "stand_in"]


def built_in() -> dict[str, str]:
    """The module of each data set that is known by name."""
    modules = [module.name for module in pkgutil.iter_modules(__path__) if module.name not in WITH_TORCH]
    return {name: module for module in modules for name in _names(module)}


def _names(module: str) -> tuple[str, ...]:
    try:
        names = getattr(importlib.import_module(f"{__name__}.{module}"), "NAMES", ())
    except Exception as error:  # a file of yours may do anything
        raise DataError(f"{_file(module)} cannot be imported: {type(error).__name__}: {brief(error)}") from error
    return (names,) if isinstance(names, str) else tuple(names)  # NAMES = ("mine") is no tuple


def _file(module: str) -> str:
    return f"paper_repro/data/{module}.py"


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

    Raises DataError where it cannot be had, or is not what training can use.
    """
    if path.suffix == ".npz":
        return load_npz(path, name)
    modules = built_in()
    if name not in modules:
        raise DataError(f"unknown data set {name!r}: one of {', '.join(sorted(modules))}, or --data FILE.npz")
    where = f"{_file(modules[name])}: what load({name!r}, folder) returns"
    try:
        loaded = importlib.import_module(f"{__name__}.{modules[name]}").load(name, path)
    except DataError as error:
        if not str(error).startswith(f"{UNNAMED}: "):
            raise
        raise DataError(f"{_file(modules[name])}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # a file of yours may do anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError(
            f"{_file(modules[name])}: load({name!r}, folder) failed at {Path(frame.filename).name}, "
            f"line {frame.lineno}: {type(error).__name__}: {brief(error)}"
        ) from error
    return check(loaded, where)
