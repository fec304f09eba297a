"""Every experiment is one file in paper/ or beyond/ that holds EXPERIMENT; a new file is found by itself."""

from __future__ import annotations

import importlib
import os
import pkgutil

# Before numpy is loaded: we use none of its threads, and where processes are limited, starting them stops the program.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from experiments import beyond, paper
from experiments.declare import Experiment


def names() -> list[str]:
    """The experiments there are, sorted."""
    return sorted(experiment.name for experiment in _all())


def get(name: str) -> Experiment:
    """The experiment of this name. Raises KeyError."""
    return {experiment.name: experiment for experiment in _all()}[name]


def _all() -> list[Experiment]:
    folders = ((room.__path__, f"{room.__name__}.") for room in (paper, beyond))
    loaded = [importlib.import_module(found.name) for folder in folders for found in pkgutil.iter_modules(*folder)]
    return [module.EXPERIMENT for module in loaded if hasattr(module, "EXPERIMENT")]
