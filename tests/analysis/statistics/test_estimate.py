"""Pairs of optimizers at their selected cells: intervals that hold, corrections by hand, how many seeds it takes."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import special

from analysis.results.panels import Panel, Tile
from analysis.statistics.estimate import LEVEL, Comparison, around, compare, holm, table
from paper_repro.cell import Cell
from paper_repro.records import Record
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


def _with(panel: Panel, further: list[Record]) -> Panel:
    """Further seeds of the selected cell."""
    assert panel.best is not None
    return dataclasses.replace(panel, best=dataclasses.replace(panel.best, further=tuple(further)))


def test_differences_are_taken_seed_by_seed() -> None:
    (found,) = compare([_panel("adam", [50.0, 60.0, 70.0]), _panel("adamw", [48.0, 58.5, 67.5])])
    assert (found.first, found.second, found.seeds) == ("Adam", "AdamW", 3)
    assert found.difference.value == pytest.approx(2.0)  # though the seeds are 10 points apart
    assert found.difference.low == pytest.approx(2.0 - 4.3027 * 0.5 / np.sqrt(3), abs=1e-3)
    assert found.is_decided
    assert found.seeds_needed is None
    assert "| Adam − AdamW | +2.00 [+0.76, +3.24] |" in table([found]).markdown()


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
    (found,) = compare([_with(adam, more), _with(adamw, others)])
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


CELL_NOISE = [[50.0, 51.0, 50.5]] * 6
CONSTANT = {
    "exactly": [1.0, 1.0, 1.0],
    "but for rounding": [0.3, 0.1 + 0.2, 0.3 + 1e-12, 0.3],
    "in steps of 0.2": [(1 + k) * 0.2 - k * 0.2 for k in range(5)],
}


@pytest.mark.parametrize("differences", CONSTANT.values(), ids=CONSTANT)
def test_equal_differences_are_no_exact_result(differences: list[float]) -> None:
    """The noise of single runs decides, as with few seeds; where that is not known either, nothing does."""
    base = [50.0 + 0.1 * (seed % 2) for seed in range(len(differences))]
    first = [error + more for error, more in zip(base, differences, strict=True)]
    (found,) = compare([_panel("adam", first, CELL_NOISE), _panel("adamw", base, CELL_NOISE)])
    low, high = found.difference.low, found.difference.high
    assert low is not None
    assert high is not None
    assert high - low > 0.5
    assert found.p is not None
    assert found.p > 1e-6
    flat = [50.0] * len(differences)
    (found,) = compare([_panel("adam", [50.0 + more for more in differences]), _panel("adamw", flat)])
    assert (found.difference.low, found.p, found.effect, found.is_decided) == (None, None, None, False)
    assert table([found]).rows[0][1:] == (
        f"{differences[0]:+.2f}", "", "", str(len(differences)), "no: scatter not measurable"
    )  # fmt: skip
    (found,) = compare([_panel("adam", first), _panel("adamw", flat)], {"adam": 1.0, "adamw": 1.0})
    assert found.difference.low is not None


def test_no_p_value_is_told_as_0() -> None:
    (found,) = compare([_panel("adam", [50.0], CELL_NOISE), _panel("adamw", [20.0], CELL_NOISE)])
    assert table([found]).rows[0][3] == "< 1e-99"


def _beyond(panel: Panel, diverged: int, finished: int) -> Panel:
    """Further seeds of the selected cell: those that diverged last, the others at 49 % and 50 % by turns."""
    cells = [CELL.replace(optimizer=panel.optimizer, seed=3 + place) for place in range(finished + diverged)]
    more = [made_record(cell, 49.0 + place % 2) for place, cell in enumerate(cells[:finished])]
    more += [made_record(cell, 0.0, status="diverged") for cell in cells[finished:]]
    return _with(panel, more)


@pytest.mark.parametrize(
    ("adam", "adamw", "shift", "told", "verdict"),
    [
        ((0, 4), (0, 4), 5.0, "7", "yes"),
        ((0, 4), (3, 1), 5.0, "4 of 7; 3 of AdamW diverged", "no: seeds of the better one diverged"),
        ((0, 4), (3, 1), -5.0, "4 of 7; 3 of AdamW diverged", "yes"),  # they would only add to it
        ((1, 3), (3, 1), 5.0, "4 of 7; 1 of Adam diverged, 3 of AdamW diverged",
         "no: seeds of the better one diverged"),
        ((0, 4), (0, 2), 5.0, "5 of 7; 2 of AdamW not run", "yes"),
        ((0, 4), (1, 2), 5.0, "5 of 7; 1 of AdamW diverged, 1 of AdamW not run",
         "no: seeds of the better one diverged"),
    ],
)  # fmt: skip
def test_seeds_that_leave_a_comparison_are_told(adam, adamw, shift: float, told: str, verdict: str) -> None:
    own = [50.0 + shift, 51.1 + shift, 50.0 + shift]
    panels = [_beyond(_panel("adam", own), *adam), _beyond(_panel("adamw", [50.0, 51.0, 50.0]), *adamw)]
    shifted = [made_record(Cell.from_dict(r["cell"]), r["final"]["test_error"] + shift) if r["final"] else r
               for r in panels[0].best.further]  # fmt: skip
    (found,) = compare([_with(panels[0], shifted), panels[1]])
    assert (found.seeds_text, table([found]).rows[0][4:]) == (told, (told, verdict))
    assert found.is_decided == (verdict == "yes")
    assert (found.judged is None) == (verdict != "yes")


def test_a_comparison_of_which_hardly_a_seed_is_left_keeps_its_row() -> None:
    """Of one seed of the map and six further ones five of AdamW diverged: two are left, and no deviation is known."""
    adam, adamw = _beyond(_panel("adam", [50.0]), 0, 6), _beyond(_panel("adamw", [49.0]), 5, 1)
    (found,) = compare([adam, adamw])
    assert found.seeds_text.startswith("2 of 7; 5 of AdamW diverged")
    assert not found.is_decided


def test_numbers_of_seeds_that_nobody_has_are_not_told() -> None:
    apart = {"adam": [50.0, 50.2, 50.0, 50.2], "adamw": [50.2, 50.0, 50.2, 50.0 + 1e-9]}
    (found,) = compare([_panel(name, errors) for name, errors in apart.items()])
    assert table([found]).rows[0][-1] == "no"
    apart["adamw"][3] = 50.0 + 2e-3
    (found,) = compare([_panel(name, errors) for name, errors in apart.items()])
    assert table([found]).rows[0][-1] == "no: more than 1,000 seeds would be needed"
    assert "-0.00" not in table([found]).rows[0][1].split()[0]


@pytest.mark.parametrize("freedom", [4.0, math.inf])
def test_an_interval_is_widened_until_it_says_what_the_corrected_p_says(freedom: float) -> None:
    """Of an interval that ends just where p, three times as large, is 0.05."""
    mean = float(-special.stdtrit(freedom, LEVEL / 2 / 3)) / math.sqrt(5)
    for factor, decided in ((1.01, True), (0.99, False)):
        half = float(special.stdtrit(freedom, 1 - LEVEL / 2)) / math.sqrt(5)
        p = float(2 * special.stdtr(freedom, -factor * mean * math.sqrt(5)))
        pair = Comparison("a", "b", around(factor * mean, half), 1.0, p, 5, "5", False, freedom)
        assert (factor * mean > pair.widening(3 * p) * half) == (3 * p < LEVEL) == decided


def test_beyond_a_margin_the_p_is_that_of_the_rest() -> None:
    pair = Comparison("a", "b", around(1.0, 0.5), 1.0, 0.01, 5, "5", False)
    beyond = pair.beyond(1.0)
    assert (beyond.difference.value, beyond.p) == (0.0, pytest.approx(1.0))
