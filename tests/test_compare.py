"""Pairs of optimizers at their selected cells: intervals that hold, corrections by hand, how many seeds it takes."""

import dataclasses

import numpy as np
import pytest

from analysis.compare import compare, holm, table
from analysis.panels import Panel, Tile
from paper_repro.cell import Cell
from tests.conftest import made_record

CELL = Cell("d", "m", "sgd", 0.1, 0.01, 1)


def _panel(optimizer: str, errors: list[float], others: list[list[float]] | None = None) -> Panel:
    """A panel whose selected tile has these errors by seed; others: more tiles, for the noise of single runs."""
    tiles = {}
    for place, runs in enumerate([errors, *(others or [])]):
        cell = CELL.replace(optimizer=optimizer, decay=0.01 * 2**place)
        made = tuple(made_record(cell.replace(seed=seed), error) for seed, error in enumerate(runs))
        tiles[cell.alpha, cell.decay] = Tile(cell.alpha, cell.decay, made)
    best = tiles[CELL.alpha, 0.01]
    decays = tuple(decay for _, decay in tiles)
    return Panel(optimizer, {}, "step", (CELL.alpha,), decays, tiles, tuple(tiles.values()), best)


def test_differences_are_taken_seed_by_seed() -> None:
    (found,) = compare([_panel("adam", [50.0, 60.0, 70.0]), _panel("adamw", [48.0, 58.5, 67.5])])
    assert (found.first, found.second, found.seeds) == ("Adam", "AdamW", 3)
    assert found.difference.value == pytest.approx(2.0)  # though the seeds are 10 points apart
    assert found.difference.low == pytest.approx(2.0 - 4.3027 * 0.5 / np.sqrt(3), abs=1e-3)
    assert found.is_decided
    assert found.seeds_needed is None
    assert "| Adam less AdamW | +2.00 [+0.76, +3.24] |" in table([found]).markdown()


def test_with_two_seeds_the_noise_of_all_runs_decides() -> None:
    noise = [[50.0, 51.0]] * 6
    (found,) = compare([_panel("adam", [50.0, 51.0], noise), _panel("adamw", [49.0, 50.0], noise)])
    # a single run deviates by sqrt(1/2); a difference by 1; the mean of two differences by sqrt(1/2)
    assert found.difference.low == pytest.approx(1 - 1.96 * np.sqrt(0.5), abs=0.01)
    assert not found.is_decided
    assert found.seeds_needed == 8  # (1.96 + 0.84)^2
    assert "no: 8 seeds would be needed" in table([found]).markdown()


def test_further_seeds_of_selected_cells_count_where_both_finished() -> None:
    adam, adamw = _panel("adam", [50.0, 60.0]), _panel("adamw", [48.0, 58.0])
    more = [made_record(CELL.replace(optimizer="adam", seed=seed), 70.0) for seed in (2, 3, 4)]
    own = CELL.replace(optimizer="adamw")
    others = [made_record(own.replace(seed=2), 65.0), made_record(own.replace(seed=3), 0.0, status="diverged")]
    (found,) = compare([dataclasses.replace(adam, beyond=more), dataclasses.replace(adamw, beyond=others)])
    assert (found.seeds, found.difference.value) == (3, pytest.approx(3.0))


def test_what_cannot_be_compared_is_left_out() -> None:
    alone = [_panel("adam", [50.0]), _panel("adamw", [49.0])]
    assert compare(alone) == []  # no noise known
    (found,) = compare(alone, {"adam": 0.3, "adamw": 0.4})
    assert found.difference.high == pytest.approx(1 + 1.96 * 0.5, abs=0.01)
    lonely = dataclasses.replace(_panel("adam", [50.0]), best=None)
    assert compare([lonely, _panel("adamw", [49.0, 48.0, 47.0])]) == []


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_holds_the_truth_as_often_as_it_says(seeds: int) -> None:
    held = []
    for draw in range(300):
        rng = np.random.default_rng(draw)
        shared = rng.normal(50, 2, seeds)
        pair = [
            _panel(name, list(shared + shift + rng.normal(0, 1, seeds)))
            for name, shift in (("adam", 1.0), ("adamw", 0.0))
        ]
        (found,) = compare(pair)
        held.append(found.difference.low <= 1.0 <= found.difference.high)
    assert 0.92 <= np.mean(held) <= 0.98
