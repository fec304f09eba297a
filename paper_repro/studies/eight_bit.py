"""AdamW with moments of eight bits beside the one with 32: test error, memory of the optimizer, time of a step.

settings: cell (optimizer aside), optimizers (names; the first is what the others are compared with), seeds, and rounds
of steps to time. Rows: optimizer, seed, test_error (percent), bytes (of state, for each parameter), milliseconds (of a
step on the net's parameters; the same in each row of an optimizer).

Raises CannotRun where an optimizer cannot be built.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.optimizer_step import in_turns, parameters
from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.data.split import Dataset
from paper_repro.studies import CannotRun
from paper_repro.studies.step_cost import state_bytes
from paper_repro.studies.stepping import Rows, dataset_of
from paper_repro.training.train import train


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each optimizer and seed."""
    base, names = Cell.from_dict(settings["cell"]), settings["optimizers"]
    try:
        optimizers = [optim.build(name, parameters(device, base.model), base.alpha, base.decay) for name in names]
    except ValueError as error:
        raise CannotRun(str(error)) from None
    times = in_turns([optimizer.step for optimizer in optimizers], settings["rounds"], device)
    dataset = dataset_of(base, data)
    rows: Rows = []
    for name, optimizer, took in zip(names, optimizers, times, strict=True):
        count = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
        each = {"bytes": state_bytes(optimizer) / count, "milliseconds": took}
        for seed in range(settings["seeds"]):
            found = _test_error(base.replace(optimizer=name, seed=seed), dataset, device)
            rows.append({"optimizer": name, "seed": seed, "test_error": found, **each})
    return rows, dataset.name, dataset.fingerprint


def _test_error(cell: Cell, dataset: Dataset, device: str) -> float | None:
    """None where it diverged."""
    with tempfile.TemporaryDirectory() as folder:
        final = train(cell, dataset, Path(folder), device)["final"]
    return None if final is None else float(final["test_error"])
