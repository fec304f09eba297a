"""The rules of claims from 2022 to 2026 (analysis/claims/recent.py): made records decide them, both ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from analysis.claims.rules import ABSENT, FAILS, HOLDS, NOT_RUN, OPEN
from analysis.claims.sources import Evidence
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record
from tests.judging import cells, judged, noise


def wobble(cell: Cell) -> float:
    """Of seeds, the same for no two cells."""
    return 0.02 * math.sin(len(cell.optimizer) + cell.seed + 7 * math.log2(cell.alpha) + 3 * cell.decay * 1000)


def with_norms(cell: Cell, end: float, weights: float, error: float) -> Record:
    """end: log2 of the gradient norm in the last epochs over that before."""
    final = made_record(cell, error)["epochs"][-1]
    rows: list[dict[str, Any]] = [
        {"epoch": epoch, "gradient_norm": 2.0 ** (end * (epoch > 15)), "weight_norm": weights}
        for epoch in range(1, cell.epochs + 1)
    ]
    rows[-1] |= final
    return made_record(cell, error, epochs=rows)


def bowl(cell: Cell, decay: float = 0.016) -> float:
    """An error with its lowest in the middle of the rates and at this decay."""
    middle = {"sgd": 0.2, "sgdw": 0.2}.get(cell.optimizer, 0.01)
    across = math.log2(cell.decay / decay) if cell.decay else -6.0
    return 50 + abs(math.log2(cell.alpha / middle)) + abs(across) + wobble(cell)


def at_levels(name: str, seeds: int, levels: Mapping[str, float]) -> list[Record]:
    """All cells of an experiment, those inside its grids with the errors of their optimizers, others 5 points worse."""
    made, every = [], cells(name, seeds)
    for cell in every:
        own = [other for other in every if other.optimizer == cell.optimizer]
        alphas, decays = ({getattr(other, axis) for other in own} for axis in ("alpha", "decay"))
        inside = min(alphas) < cell.alpha < max(alphas) and 0 < cell.decay < max(decays)
        made.append(made_record(cell, levels[cell.optimizer] + 5 * (not inside) + wobble(cell)))
    return made


@pytest.mark.parametrize(("power", "outcome"), [(0.0, HOLDS), (-0.5, FAILS), (0.5, FAILS)])
def test_the_timescale_across_budgets(power: float, outcome: str) -> None:
    """The best decay per update goes as T^power from 0.016, 2 epochs, at 20."""
    made = []
    for cell in cells("supp3", 2):
        best = math.log2(0.016) + power * math.log2(cell.epochs / 20)
        x = math.log2(cell.decay if cell.decay_unit == "step" else cell.decay / 25)
        made.append(made_record(cell, 50 + min(40.0, (x - best) ** 2) + wobble(cell)))
    found = judged("W1", [*made, *noise()])
    assert found.outcome == outcome, found.words


@pytest.mark.parametrize(("power", "outcome"), [(1.0, HOLDS), (0.5, FAILS)])
def test_the_best_decay_in_proportion_to_the_batch(power: float, outcome: str) -> None:
    made = []
    for cell in cells("batch_size", 2):
        best = math.log2(0.008) + power * math.log2(cell.batch_size / 90)
        made.append(made_record(cell, 50 + min(30.0, (math.log2(cell.decay) - best) ** 2) + wobble(cell)))
    found = judged("W2", [*made, *noise()])
    assert found.outcome == outcome, found.words


@pytest.mark.parametrize(
    ("rise", "by_decay", "outcomes"),
    [(0.5, 0.1, (HOLDS, HOLDS)), (-0.5, 0.1, (FAILS, HOLDS)), (0.5, -0.1, (HOLDS, FAILS)), (0.0, 0.0, (OPEN, OPEN))],
)
def test_gradients_at_the_end(rise: float, by_decay: float, outcomes: tuple[str, ...]) -> None:
    """rise: log2 of end over middle at a decay of 0.016; by_decay: what a doubling adds."""
    made = []
    for cell in cells("fig2", 3):
        end = rise + by_decay * math.log2(cell.decay / 0.016) + wobble(cell) if cell.decay else 0.0
        made.append(with_norms(cell, end, 10.0, bowl(cell)))
    found = [judged(name, made) for name in ("D1", "D1a")]
    assert [verdict.outcome for verdict in found] == list(outcomes), [verdict.words for verdict in found]


def test_a_decay_that_acts_longer_than_the_run_says_nothing_of_its_end() -> None:
    made = [with_norms(cell, 0.0, 10.0, bowl(cell, 0.002)) for cell in cells("fig2", 3)]
    found = judged("D1", made)
    assert found.outcome == ABSENT, found.words


@pytest.mark.parametrize(("end", "outcome"), [(0.2, HOLDS), (0.8, FAILS)])
def test_corrected_decay_and_the_end(end: float, outcome: str) -> None:
    ends = {"adamw": 0.5, "corrected": end, "cautious": 0.5}
    made = []
    for cell in cells("later_decays", 3):
        made.append(with_norms(cell, ends[cell.optimizer] + wobble(cell), 10.0, bowl(cell)))
    found = judged("D1b", made)
    assert found.outcome == outcome, found.words


@pytest.mark.parametrize(
    ("alpha", "decay", "outcome"), [(1.0, -0.5, HOLDS), (0.5, -0.5, FAILS), (1.0, 0.0, FAILS), (0.72, -0.5, OPEN)]
)
def test_the_norm_of_the_weights(alpha: float, decay: float, outcome: str) -> None:
    """The final norm goes as alpha and decay to these powers; not quite in every row."""
    made = []
    for cell in cells("fig2", 2):
        shift = alpha + 0.05 * (-1) ** round(math.log2(cell.decay * 1000)) if cell.decay else 0.0
        norm = cell.alpha**shift * (cell.decay or 1.0) ** (decay + 2 * wobble(cell.replace(seed=0, decay=0.0)))
        made.append(with_norms(cell, 0.0, norm, bowl(cell)))
    found = judged("E1", made)
    assert found.outcome == outcome, found.words
    assert "at fixed λ" in found.words


@pytest.mark.parametrize(("ridge", "outcome"), [(0.0, HOLDS), (1.0, FAILS)])
def test_where_the_learning_rate_is_tuned_more_easily(ridge: float, outcome: str) -> None:
    """The best decay goes as alpha^ridge: not at all, or as in torch's convention."""
    made = []
    for cell in cells("fig2", 3):
        best = math.log2(0.008) + ridge * math.log2(cell.alpha / 0.01)
        across = math.log2(cell.decay) - best if cell.decay else 6.0
        error = 50 + 0.2 * abs(math.log2(cell.alpha / 0.01)) + 2 * abs(across) + wobble(cell)
        made.append(made_record(cell, error))
    found = judged("L1", made)
    assert found.outcome == outcome, found.words


def test_sensitivity_wants_rates_on_both_sides() -> None:
    made = [made_record(cell, 50 + 5 * math.log2(0.08 / cell.alpha) + wobble(cell)) for cell in cells("fig2", 3)]
    assert judged("L1", made).outcome == OPEN


@pytest.mark.parametrize(
    ("adamw", "outcomes"),
    [(47.0, (HOLDS, HOLDS)), (50.0, (FAILS, FAILS)), (49.4, (HOLDS, FAILS)), (53.0, (FAILS, FAILS))],
)
def test_without_normalization(adamw: float, outcomes: tuple[str, ...]) -> None:
    """With it AdamW is better by 0.6 points."""
    levels = {"adam": 50.0, "adamw": 49.4, "sgd": 50.0, "sgdw": 50.0}
    made = at_levels("fig2", 3, levels)
    bare = at_levels("normalization", 3, {**levels, "adamw": adamw})
    found = [judged(name, [*made, *bare]) for name in ("Z1", "Z1a")]
    assert [verdict.outcome for verdict in found] == list(outcomes), [verdict.words for verdict in found]
    assert judged("Z1a", made).outcome == judged("Z1", made).outcome == NOT_RUN


def test_without_a_decay_adam_and_adamw_are_not_compared() -> None:
    made = [made_record(cell, 50 + 100 * cell.decay + wobble(cell)) for cell in cells("normalization", 3)]
    assert judged("Z1", made).outcome == ABSENT


@pytest.mark.parametrize(("error", "outcome"), [(48.0, HOLDS), (50.0, FAILS), (49.9, HOLDS), (52.0, FAILS)])
def test_later_decays_against_adamw(error: float, outcome: str) -> None:
    levels = {"adamw": 50.0, "cautious": error, "corrected": error}
    made = at_levels("later_decays", 3, levels)
    for name in ("C1", "C1a", "K1", "K1a"):
        found = judged(name, made)
        assert found.outcome == outcome, found.words
    assert judged("K1", at_levels("later_decays", 1, levels)).outcome == NOT_RUN


def test_figure_2_alone_is_no_comparison_of_later_decays() -> None:
    made, later = ([made_record(cell, 50.0) for cell in cells(name, 3)] for name in ("fig2", "later_decays"))
    assert Evidence(made).chart("later_decays") is None
    known = {record["id"]: record for record in (*made, *later)}  # which share AdamW's
    panels = Evidence(list(known.values())).panels("later_decays")
    assert {panel.optimizer: len(panel.alphas) for panel in panels} == {"adamw": 3, "cautious": 3, "corrected": 3}
