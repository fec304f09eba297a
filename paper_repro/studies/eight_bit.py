"""AdamW with moments of eight bits beside the one with 32: test error, memory of the optimizer, time of a step.

settings: cell (optimizer aside), optimizers (names; the first is what the others are compared with), seeds, and rounds
of steps to time. Rows: optimizer, seed, test_error (percent; null where it diverged), bytes (of state, for each
parameter), milliseconds (of a step on the network's parameters; the same in each row of an optimizer).

Raises CannotRun where an optimizer cannot be built.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.studies import CannotRun
from paper_repro.studies.stepping import Rows, load_prepared, random_parameters, state_bytes, time_in_turns
from paper_repro.training.train import train


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each optimizer and seed."""
    base, names = Cell.from_dict(settings["cell"]), settings["optimizers"]
    try:
        optimizers = [
            optim.build(name, random_parameters(device, base.model), base.alpha, base.decay) for name in names
        ]
    except ValueError as error:
        raise CannotRun(str(error)) from None
    times = time_in_turns([optimizer.step for optimizer in optimizers], settings["rounds"], device)
    dataset = load_prepared(base, data)
    count = sum(parameter.numel() for parameter in random_parameters(device, base.model))
    rows: Rows = []
    for name, optimizer, took in zip(names, optimizers, times, strict=True):
        for seed in range(settings["seeds"]):
            with tempfile.TemporaryDirectory() as folder:
                record = train(base.replace(optimizer=name, seed=seed), dataset, Path(folder), device)
            test_error = record["final"] and record["final"]["test_error"]
            row = {"optimizer": name, "seed": seed, "test_error": test_error, "bytes": state_bytes(optimizer) / count}
            rows.append(row | {"milliseconds": took})
    return rows, dataset.name, dataset.fingerprint
