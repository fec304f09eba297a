"""Data sets by name, as plain arrays; no torch here.

A data set is one of FORMS, any .npz file (arrays.py), or a module of your own, by its dotted name, with
`load(name, folder) -> Arrays` (as from_arrays makes them; synthetic.py is an example).
"""

import importlib
from pathlib import Path

import numpy as np

from paper_repro import plugins
from paper_repro.cell import SPEC
from paper_repro.data import cifar10_jpeg
from paper_repro.data.arrays import KEYS, Arrays, DataError, Form, from_arrays, label_gaps, load_npz

FORMS = {
    "cifar10": Form(50_000, 10_000, 32, 10),
    "cifar10-jpeg": Form(50_000, 10_000, 32, 10),
    "cifar100": Form(50_000, 10_000, 32, 100),
    "imagenet32": Form(1_281_167, 50_000, 32, 1000),
    "synthetic": Form(3000, 2000, 12, 10),
}
# Of all others: the file of their name.
MODULES = {"cifar10": "cifar", "cifar100": "cifar", "cifar10-jpeg": "cifar10_jpeg"}
STAND_INS = 6000  # more than a batch of any published size

__all__ = ["FORMS", "Arrays", "DataError", "Form", "label_gaps", "load", "load_npz", "name_of", "stand_in"]


def name_of(path: Path, name: str | None = None) -> str:
    """The name of the data set in an .npz file: `name`, or the file's. Raises DataError for an unfit one."""
    name = name or path.stem
    if not SPEC.fullmatch(name) or name in FORMS.keys() - {cifar10_jpeg.NAME}:  # whose arrays lie in such a file too
        raise DataError(f"a data set cannot be called {name!r} (letters, digits, _ . - and not a built-in name)")
    return name


def stand_in(name: str, form: Form) -> Arrays:
    """Random images of the same size and classes, few of them: to try how fast cells would train."""
    draw = np.random.RandomState(0)
    images = draw.randint(0, 256, (STAND_INS, form.size, form.size, 3), dtype=np.uint8)
    labels = np.arange(STAND_INS) % form.classes
    labels[-1] = form.classes - 1
    return from_arrays(name, images, labels, images[:10], labels[-10:])


def load(name: str, path: Path) -> Arrays:
    """The data set `name`: from the .npz file `path`, or, where path is a folder, one of FORMS or of your own.

    Raises DataError where it cannot be had, or is not what training can use.
    """
    if path.suffix == ".npz" and name == cifar10_jpeg.NAME:
        try:
            return cifar10_jpeg.load_kept(path)
        except DataError as error:
            raise DataError(f"{error}; it is built in: leave --data away, or pass another --data-name") from None
    if path.suffix == ".npz":
        return load_npz(path, name)
    if name in FORMS:
        arrays: Arrays = importlib.import_module(f"{__name__}.{MODULES.get(name, name)}").load(name, path)
        return arrays
    try:
        loaded = plugins.load(__name__, name, FORMS, "data set", "load").load(name, path)
    except MemoryError:
        raise
    except plugins.Missing as error:
        raise DataError(f"{error}, or --data FILE.npz") from None
    except Exception as error:  # a module of yours may do anything
        raise DataError(f"data set {name}: {plugins.in_a_line(error)}") from error
    if not isinstance(loaded, Arrays):
        raise DataError(
            f"data set {name}: load(name, folder) must return Arrays, as from_arrays(name, x_train, y_train, x_test, "
            f"y_test) of paper_repro.data.arrays makes them, not {type(loaded).__name__}"
        )
    try:  # it may have been made otherwise
        x_train, y_train, x_test, y_test = (getattr(loaded, key) for key in KEYS)
        return from_arrays(name, x_train, y_train, x_test, y_test, (loaded.mean, loaded.std))
    except DataError as error:
        raise DataError(f"data set {name}: {error}") from None
