"""The first updates of several optimizers on the same images, in the same order, from the same weights.

settings: cell (all but optimizer, alpha, decay and seed), optimizers ([name, alpha, decay] of each), steps, seeds.
Rows: optimizer, alpha, decay, seed, losses (training loss in nats of each update's own batch, before the update).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_repro.cell import Cell
from paper_repro.studies.stepping import Rows, load_prepared, temporary_run
from paper_repro.training.train import update


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each optimizer and seed."""
    base = Cell.from_dict(settings["cell"])
    dataset = load_prepared(base, data)
    rows: Rows = []
    for name, alpha, decay in settings["optimizers"]:
        for seed in range(settings["seeds"]):
            cell = base.replace(optimizer=name, alpha=alpha, decay=decay, seed=seed)
            with temporary_run(cell, dataset, device) as run:
                made = run.updates(update, settings["steps"])
                losses = [run.progress.losses[run.progress.position - 1].item() for _ in made]
            rows.append({"optimizer": name, "alpha": alpha, "decay": decay, "seed": seed, "losses": losses})
    return rows, dataset.name, dataset.fingerprint
