"""Records of figure 2 at the cpu profile as if it had been trained with hundreds of seeds: to see what analysis costs.

    python -m tests.many_records FOLDER_OR_JSONL --records 100000

Each is a whole record, 20 epochs and all, with the checksum that fits. The errors are a bowl over the logarithms of
learning rate and decay plus noise; nothing was trained.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import experiments
from paper_repro import records
from paper_repro.cell import Cell

CHUNK = 500  # records that a process makes at a time
ORIGIN = {
    "commit": "0" * 40, "dirty": False, "source": "0" * 16, "versions": {"python": "3", "torch": "2", "numpy": "2"},
    "hardware": "none: made by tests/many_records.py", "data": {"name": "cifar10", "fingerprint": "0" * 16},
    "written": "2026-01-01T00:00:00+00:00", "attempts": 1,
}  # fmt: skip


def cells(count: int) -> list[Cell]:
    """The first `count` cells of figure 2 at the cpu profile, whole seeds first."""
    profile = experiments.get("fig2").profiles["cpu"]
    return profile.with_seeds(-(-count // len(profile.cells)))[:count]


def made(cell: Cell) -> records.Record:
    """The record of a cell: the same for the same cell."""
    draw = random.Random(cell.id)
    error = 50 + min(40.0, 0.8 * (math.log2(cell.alpha) + 5) ** 2 + 0.5 * (math.log2(cell.decay or 1e-4) + 7) ** 2)
    epochs = [_row(epoch, cell, error, draw) for epoch in range(1, cell.epochs + 1)]
    final = {name: value for name, value in epochs[-1].items() if name.endswith(("_loss", "_error"))}
    record = {
        "cell": cell.to_dict(), "id": cell.id, "status": "finished", "diverged": None, "epochs": epochs,
        "final": final, "parameters": 75290, "seconds": sum(row["seconds"] for row in epochs), "provenance": ORIGIN,
    }  # fmt: skip
    return record | {"checksum": records.checksum(record)}


def _row(epoch: int, cell: Cell, error: float, draw: random.Random) -> dict[str, Any]:
    share = epoch / cell.epochs
    now = min(95.0, error + 30 * (1 - share)) + draw.gauss(0, 1)
    row = {
        "epoch": epoch, "train_loss": now / 50, "train_error": now - 5, "gradient_norm": 1 + draw.random(),
        "eta": 0.5 + 0.5 * math.cos(math.pi * share), "weight_norm": 25 + draw.random(), "seconds": draw.random(),
        "images_per_second": 7000 * (1 + draw.random()),
    }  # fmt: skip
    if epoch % cell.evaluate_every == 0 or epoch == cell.epochs:
        for split in ("validation", "test"):
            measured = now + draw.gauss(0, 0.5)
            row |= {f"{split}_loss": measured / 40, f"{split}_error": measured}
    return row


def _lines(chunk: Sequence[Cell]) -> list[tuple[str, str]]:
    return [(cell.id, json.dumps(made(cell), allow_nan=False) + "\n") for cell in chunk]


def _chunks(wanted: list[Cell]) -> Iterator[list[Cell]]:
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def write(target: Path, count: int) -> None:
    """Write them as a .jsonl file, or below an output folder. Without fsync: nobody will miss them after a crash."""
    # Not by fork: that is no longer safe where a library has started threads.
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        made_lines = itertools.chain.from_iterable(pool.map(_lines, _chunks(cells(count))))
        if target.suffix == ".jsonl":
            with open(target, "w") as file:
                file.writelines(line for _, line in made_lines)
        else:
            (target / "records").mkdir(parents=True)
            for name, line in made_lines:
                records.record_path(target, name).write_text(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    given = parser.parse_args()
    write(given.target, given.records)
