"""Every experiment is declared in a file of paper/ or beyond/, mostly one a file; a new file is found by itself. So is
one of your own, by its dotted name: mypackage.widths."""

import dataclasses
import functools
import os
import pkgutil
import sys

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
        return dataclasses.replace(_own(name), name=name)
    if name not in names():
        raise UsageError(no_such("experiment", name, names()))
    return _all()[name]


@functools.cache
def _all() -> dict[str, Experiment]:
    folders = ((folder.__path__, f"{folder.__name__}.") for folder in (paper, beyond))
    known: dict[str, Experiment] = {}
    for module in sorted(each.name for folder in folders for each in pkgutil.iter_modules(*folder)):
        for experiment in _declared(module):
            if known.setdefault(experiment.name, experiment) is not experiment:  # another's may be imported
                raise UsageError(f"experiment {module}: the name {experiment.name!r} is taken")
    return known


def _own(name: str) -> Experiment:
    """What a module of yours calls EXPERIMENT, or the only one there is."""
    declared = _declared(name)
    named = [each for each in declared if each is getattr(sys.modules[name], "EXPERIMENT", None)] or declared
    if len(named) > 1:
        raise UsageError(f"experiment {name}: it holds several; call the one that is meant EXPERIMENT")
    return named[0]


def _declared(module: str) -> list[Experiment]:
    try:
        values = vars(plugins.imported(module)).values()
    except plugins.Missing:
        raise UsageError(f"no experiment {module!r}: there is no such module here or on PYTHONPATH") from None
    except Exception as error:  # a file of yours may do anything
        raise UsageError(f"experiment {module}: {plugins.in_a_line(error)}") from None
    if not (declared := [value for value in values if isinstance(value, Experiment)]):
        raise UsageError(f"experiment {module}: it declares no Experiment")
    return declared
