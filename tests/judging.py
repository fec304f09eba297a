"""Made records and findings that claims are judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import experiments
from analysis.claims import CLAIMS, ledger
from analysis.claims.ledger import Decided
from analysis.claims.sources import Evidence, Verdict
from analysis.results.studies import StudyResult
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record

BY_NAME = {claim.name: claim for claim in CLAIMS}


def decided(name: str, records: Sequence[Record] = (), studies: Sequence[StudyResult] = ()) -> Decided:
    (decided,) = ledger.decide([BY_NAME[name]], Evidence(records, studies))
    return decided


def judged(name: str, records: Sequence[Record] = (), studies: Sequence[StudyResult] = ()) -> Verdict:
    return decided(name, records, studies).ours


def cells(name: str, seeds: int) -> list[Cell]:
    profile = experiments.get(name).profiles["cpu"]
    return [cell.replace(dataset="real") for cell in profile.with_seeds(seeds)]


def noise() -> list[Record]:
    """Figure 2 with two seeds that are 0.4 points apart in each cell: single runs deviate by 0.28."""
    return [made_record(cell, 50.0 + 0.4 * cell.seed) for cell in cells("fig2", 2)]


def run(cell: Cell, losses: tuple[float, float, float], error_at: Any, ends: tuple[int, ...] = ()) -> Record:
    """Training loss from the first to the second value halfway and to the third at the end; error as told by it."""
    half, epochs = cell.epochs // 2, cell.epochs
    rows = []
    for epoch in range(1, epochs + 1):
        loss = float(np.exp(np.interp(epoch, [1, half, epochs], np.log(losses))))
        rows.append({"epoch": epoch, "train_loss": loss, "test_error": error_at(loss), "test_loss": 1.0})
        if epoch in ends:
            rows[-1]["ends_cycle"] = True
    return made_record(cell, error_at(losses[-1]), epochs=rows)


def study(name: str, rows: list[dict[str, Any]]) -> list[StudyResult]:
    origin = {"data": {"name": "real", "fingerprint": "f" * 16}, "commit": "c" * 40, "hardware": "a processor"}
    return [StudyResult(experiments.get(name), "cpu", "real", f"{name}-cpu", "", {}, rows, origin)]


def at_levels(name: str, seeds: int, level: Callable[[Cell], float]) -> list[Record]:
    """All cells of an experiment 5 points above these errors, but for the middle of each grid, seeds 0.4 apart."""
    made, every = [], cells(name, seeds)
    for cell in every:
        own = [other for other in every if other.optimizer == cell.optimizer]
        axes = (sorted({getattr(other, field) for other in own}) for field in ("alpha", "decay"))
        is_best = (cell.alpha, cell.decay) == tuple(axis[len(axis) // 2] for axis in axes)
        made.append(made_record(cell, level(cell) + 0.4 * cell.seed + 5.0 * (not is_best)))
    return made
