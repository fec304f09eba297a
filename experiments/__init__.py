"""Every experiment is declared in a file of paper/ or beyond/, mostly one a file; a new file is found by itself."""

import importlib
import os
import pkgutil

# Before numpy is loaded: we use none of its threads, and where processes are limited, starting them stops the program.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from experiments import beyond, paper
from experiments.declare import Experiment


def names() -> list[str]:
    """The experiments there are, sorted."""
    return sorted(_all())


def get(name: str) -> Experiment:
    """The experiment of this name. Raises KeyError."""
    return _all()[name]


def _all() -> dict[str, Experiment]:
    folders = ((folder.__path__, f"{folder.__name__}.") for folder in (paper, beyond))
    modules = [importlib.import_module(each.name) for folder in folders for each in pkgutil.iter_modules(*folder)]
    values = [value for module in modules for value in vars(module).values()]
    return {value.name: value for value in values if isinstance(value, Experiment)}
