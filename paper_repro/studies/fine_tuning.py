"""A trained body under a new head: what learning rate should the body have?

A network learns the first half of the classes; its linear layer is drawn anew, and the whole learns the other half from
few images, the body at `factor` times the head's learning rate (groups.by_name). Factor "fresh": nothing was learned
before.

settings: cell (all fields: optimizer, alpha and decay of both parts), epochs and pictures (number of images) of the
second part, factors, seeds. Rows: factor, seed, test_error (percent, on the test images of the other classes).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.optim import groups
from paper_repro.studies.stepping import Rows, loaded, run_of, updates
from paper_repro.training.evaluate import evaluate

HEAD = "linear"  # what every family here calls its last layer
FRESH = "fresh"


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each factor and seed."""
    cell = Cell.from_dict(settings["cell"])
    arrays = loaded(cell, data)
    half = arrays.num_classes // 2
    first = prepare(_classes(arrays, 0, half), cell)
    second_cell = cell.replace(epochs=settings["epochs"], train_examples=settings["pictures"])
    second = prepare(_classes(arrays, half, arrays.num_classes), second_cell)
    rows: Rows = []
    for seed in range(settings["seeds"]):
        body = _trained(cell.replace(seed=seed), first, device)
        for factor in settings["factors"]:
            error = _error_after(second_cell.replace(seed=seed), second, body, factor, device)
            rows.append({"factor": factor, "seed": seed, "test_error": error})
    return rows, arrays.name, arrays.fingerprint


def _classes(arrays: Arrays, start: int, stop: int) -> Arrays:
    """The images of some classes, their labels counted from 0; normalised as the whole set is."""

    def part(x: Any, y: Any) -> tuple[Any, Any]:
        chosen = np.flatnonzero((y >= start) & (y < stop))
        return x[chosen], y[chosen] - start

    (x_train, y_train), (x_test, y_test) = part(arrays.x_train, arrays.y_train), part(arrays.x_test, arrays.y_test)
    return dataclasses.replace(
        arrays, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, num_classes=stop - start
    )


def _trained(cell: Cell, data: Dataset, device: str) -> dict[str, Any]:
    """The body's weights after the first part."""
    with run_of(cell, data, device) as run:
        list(updates(run))
        state = run.model.state_dict()
    return {name: value for name, value in state.items() if not name.startswith(f"{HEAD}.")}


def _error_after(cell: Cell, data: Dataset, body: dict[str, Any], factor: float | str, device: str) -> float:
    """Test error in percent after the second part."""
    with run_of(cell, data, device) as run:
        if factor != FRESH:
            run.model.load_state_dict(body, strict=False)
            parts = _groups(run.model, cell.alpha, float(factor))
            run.optimizer = optim.build(cell.optimizer, parts, cell.alpha, cell.decay)
        list(updates(run))
        return evaluate(run.model, run.data.test, run.data, run.precision)["error"]


def _groups(model: nn.Module, alpha: float, factor: float) -> groups.Groups:
    body = {"lr": factor * alpha, "alpha_scale": factor}
    return groups.by_name(model, {f"{name}.*": {} if name == HEAD else body for name, _ in model.named_children()})
