"""A trained body under a new head: what learning rate should the body have?

A network learns the first half of the classes; its linear layer is drawn anew, and the whole learns the other half from
few images, the body at `factor` times the head's learning rate (groups.by_name). Factor "fresh": nothing was learned
before.

settings: cell (all fields: optimizer, alpha and decay of both parts), epochs and pictures (number of images) of the
second part, factors, seeds. Rows: factor, seed, test_error (percent, on the test images of the other classes).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from paper_repro.optim import groups
from paper_repro.studies.stepping import Rows, load_arrays, temporary_run
from paper_repro.training.evaluate import evaluate
from paper_repro.training.run import Run
from paper_repro.training.train import update

HEAD = "linear"  # what every family here calls its last layer
FRESH = "fresh"


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each factor and seed."""
    cell = Cell.from_dict(settings["cell"])
    arrays = load_arrays(cell, data)
    half = arrays.num_classes // 2
    first = prepare(select_classes(arrays, 0, half), cell)
    second_cell = cell.replace(epochs=settings["epochs"], train_examples=settings["pictures"])
    second = prepare(select_classes(arrays, half, arrays.num_classes), second_cell)
    rows: Rows = []
    for seed in range(settings["seeds"]):
        with temporary_run(cell.replace(seed=seed), first, device) as run:
            list(run.updates(update))
            body = {name: x for name, x in run.model.state_dict().items() if not name.startswith(f"{HEAD}.")}
        for factor in settings["factors"]:
            with temporary_run(second_cell.replace(seed=seed), second, device) as run:
                if factor != FRESH:
                    run.model.load_state_dict(body, strict=False)
                    run.optimizer = optimizer(run, float(factor))
                list(run.updates(update))
                error = evaluate(run.model, run.data.test, run.data, run.precision)["error"]
            rows.append({"factor": factor, "seed": seed, "test_error": error})
    return rows, arrays.name, arrays.fingerprint


def optimizer(run: Run, factor: float) -> torch.optim.Optimizer:
    """The cell's optimizer, for which the body's learning rate is `factor` times that of the head."""
    cell, body = run.cell, {"lr": factor * run.cell.alpha, "alpha_scale": factor}
    patterns = {f"{name}.*": {} if name == HEAD else body for name, _ in run.model.named_children()}
    return optim.build(cell.optimizer, groups.by_name(run.model, patterns), cell.alpha, cell.decay)


def select_classes(arrays: Arrays, start: int, stop: int) -> Arrays:
    """The images of some classes, their labels counted from 0; normalised as the whole set is."""
    parts: dict[str, Any] = {"num_classes": stop - start}
    for split in ("train", "test"):
        x, y = getattr(arrays, f"x_{split}"), getattr(arrays, f"y_{split}")
        chosen = np.flatnonzero((y >= start) & (y < stop))
        parts |= {f"x_{split}": x[chosen], f"y_{split}": y[chosen] - start}
    return dataclasses.replace(arrays, **parts)
