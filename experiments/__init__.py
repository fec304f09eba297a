"""Every experiment is declared in a file of paper/ or beyond/, mostly one a file; a new file is found by itself. So is
one of your own, by its dotted name: mypackage.widths."""

import dataclasses
import functools
import importlib
import os
import pkgutil

# Before numpy is loaded: we use none of its threads, and where processes are limited, starting them stops the program.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from experiments import beyond, paper
from experiments.declare import Experiment
from paper_repro import plugins
from paper_repro.cli import UsageError, no_such


def names() -> list[str]:
    """The experiments there are, sorted."""
    return sorted(_all())


def get(name: str) -> Experiment:
    """The experiment of this name. Raises UsageError where there is none, or its file cannot be used."""
    if "." in name:
        return dataclasses.replace(_declared(name)[0], name=name)
    if name not in names():
        raise UsageError(no_such("experiment", name, names()))
    return _all()[name]


@functools.cache
def _all() -> dict[str, Experiment]:
    folders = ((folder.__path__, f"{folder.__name__}.") for folder in (paper, beyond))
    known: dict[str, Experiment] = {}
    for module in sorted(each.name for folder in folders for each in pkgutil.iter_modules(*folder)):
        for experiment in _declared(module):
            if experiment.name in known:
                raise UsageError(f"experiment {module}: the name {experiment.name!r} is taken")
            known[experiment.name] = experiment
    return known


def _declared(module: str) -> list[Experiment]:
    try:
        values = vars(importlib.import_module(module)).values()
    except Exception as error:  # a file of yours may do anything
        raise UsageError(f"experiment {module}: {plugins.in_a_line(error)}") from None
    if not (declared := [value for value in values if isinstance(value, Experiment)]):
        raise UsageError(f"experiment {module}: it declares no Experiment")
    return declared
