"""The rules of claims on grids of cells (analysis/claims): made records whose numbers decide them, both ways."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from analysis.claims.grids import FLAT, _coupled
from analysis.claims.rules import (
    ABSENT,
    BETWEEN,
    FAILS,
    GRID,
    HOLDS,
    NOISE,
    NOT_RUN,
    OPEN,
    SELECTION,
    SLIP,
    TRUE,
    Doubt,
    Interval,
    all_above,
    all_below,
    apart,
    doubted,
    intervals,
    margin,
    within,
)  # fmt: skip
from analysis.results.words import Estimate
from analysis.statistics.estimate import around, student
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record
from tests.judging import at_levels, cells, judged, noise, run


@pytest.mark.parametrize(
    ("low", "high", "tuned_alone", "together"),
    [(-0.2, 0.24, HOLDS, FAILS), (-0.2, 0.26, OPEN, FAILS), (0.26, 0.4, FAILS, FAILS), (-0.4, -0.26, FAILS, HOLDS)],
)
def test_a_slope_is_level_within_a_quarter(low: float, high: float, tuned_alone: str, together: str) -> None:
    slope = [Interval((low + high) / 2, low, high)]
    assert within(-FLAT, FLAT)(slope) == tuned_alone
    assert _coupled(slope) == together


def test_one_that_is_significantly_the_other_way_contradicts_all() -> None:
    high, low, none = around(1.0, 0.5), around(-1.0, 0.5), around(0.1, 0.5)
    assert all_above([high, high]) == all_below([low, low]) == HOLDS
    assert all_above([high, low]) == all_below([high, low]) == FAILS
    assert all_above([high, none]) == all_below([low, none]) == OPEN


def test_two_are_equal_only_within_a_margin() -> None:
    near, wide, far = (around(value, half) for value, half in ((0.1, 0.5), (0.1, 3.0), (2.0, 0.5)))
    assert [within(-1, 1)(intervals([part])) for part in (near, wide, far)] == [HOLDS, OPEN, FAILS]
    assert (margin(40.0), margin(3.0)) == (1.0, 0.1)


def test_a_doubt_opens_or_widens_an_interval() -> None:
    part = Interval(1.0, 0.1, 1.9)
    assert doubted(all_above, [Doubt()])([part]) == HOLDS
    assert doubted(all_above, [Doubt(widening=1.2)])([part]) == OPEN
    assert doubted(all_above, [Doubt(no_low=True)])([part]) == OPEN
    assert doubted(all_above, [Doubt(no_high=True)])([part]) == HOLDS
    assert doubted(all_above, [Doubt(lower=0.2)])([part]) == OPEN
    assert doubted(all_above, [Doubt(lower=0.05, higher=9.0)])([part]) == HOLDS


def test_the_difference_of_two_estimates_has_the_interval_of_both() -> None:
    found = apart(Estimate(1.0, 0.7, 2.0), Estimate(0.0, -0.4, 0.0))
    assert (found.value, found.low, found.high) == (1.0, 0.7, 1.0 + math.hypot(1.0, 0.4))
    assert apart(Estimate(1.0, None, None), Estimate(0.0, -1.0, 1.0)).low is None


def long_runs(adamw_error: float, halfway: float, end: float) -> list[Record]:
    """Figure 3: Adam's loss falls to 0.5 halfway and 0.1; AdamW's errors are lower by as much at each loss."""
    made = []
    for cell in cells("fig3", 2):
        ours = cell.optimizer == "adamw"
        losses = (2.0, halfway * (1 + 0.001 * cell.seed), end * (1 + 0.001 * cell.seed)) if ours else (2.0, 0.5, 0.1)
        shift = adamw_error if ours else 0.0
        made.append(run(cell, losses, lambda loss, shift=shift: 40.0 + 5 * math.log(loss / 0.1) + shift))
    return [*made, *noise()]


@pytest.mark.parametrize(
    ("shift", "halfway", "end", "outcomes"),
    [
        (-3.0, 0.5, 0.05, (HOLDS, HOLDS, OPEN)),  # whose final losses do not meet
        (-3.0, 0.5, 0.1, (HOLDS, OPEN, HOLDS)),
        (3.0, 0.5, 0.09, (FAILS, OPEN, FAILS)),
        (-0.3, 0.2, 0.1, (OPEN, FAILS, OPEN)),
    ],
)
def test_long_runs(shift: float, halfway: float, end: float, outcomes: tuple[str, ...]) -> None:
    made = long_runs(shift, halfway, end)
    found = [judged(name, made) for name in ("8", "8a", "9")]
    assert tuple(verdict.outcome for verdict in found) == outcomes, [verdict.words for verdict in found]


def test_the_noise_of_single_runs_must_be_known() -> None:
    alone = [record for record in long_runs(-3.0, 0.5, 0.05) if record["cell"]["epochs"] == 100]
    assert judged("8", alone).outcome == judged("9", alone).outcome == NOT_RUN
    assert judged("8a", alone).outcome == HOLDS  # the losses of two seeds have their own
    single = [record for record in alone if record["cell"]["seed"] == 0]
    assert (judged("8a", single).outcome, judged("8a", single).why) == (OPEN, NOISE)
    between = [record for record in long_runs(-3.0, 0.5, 0.1) if record["cell"]["epochs"] == 100]
    assert judged("8a", between).why == BETWEEN  # neither lower nor higher by the factor


ERRORS = {
    ("adam", False): 44.0,
    ("adamw", False): 40.0,
    ("adamw", True): 40.0,
    ("sgdw", False): 40.0,
    ("sgdw", True): 39.5,
}


def restarts(errors: dict[tuple[str, bool], float], adamw_loss: float = 0.1, at_loss: float = 0.0) -> list[Record]:
    """Figure 4 with three seeds. adamw_loss: where AdamWR's loss ends; at_loss: how much higher restarted errors are at
    equal loss."""
    made = []
    for cell in cells("fig4", 3):
        restarted = "restarts" in cell.schedule
        last = adamw_loss * (1 + 0.01 * (cell.seed - 1)) if (cell.optimizer, restarted) == ("adamw", True) else 0.1
        middle, final = 0.4 * last / 0.1, errors[cell.optimizer, restarted]
        wobble = 0.05 * (cell.seed - 1) * (1 if restarted else -1)

        def error(
            loss: float, last: float = last, final: float = final, more: float = at_loss * restarted + wobble
        ) -> float:
            return final + more + 5 * math.log(loss / last)

        made.append(run(cell, (20 * last, middle, last), error, (5, 15, 35) if restarted else ()))
    return made


def test_restarts_and_the_gap_between_adam_and_sgdwr() -> None:
    assert judged("13", restarts(ERRORS)).outcome == HOLDS
    assert judged("13", restarts({**ERRORS, ("adamw", True): 43.5})).outcome == FAILS
    none = judged("13", restarts({**ERRORS, ("adam", False): 39.5}))
    assert none.outcome == ABSENT
    assert none.words.startswith("Adam is not worse than SGDWR by the margin")


@pytest.mark.parametrize(("loss", "outcome"), [(0.05, HOLDS), (0.2, FAILS), (0.1, OPEN)])
def test_whose_training_loss_falls_faster(loss: float, outcome: str) -> None:
    found = judged("17", restarts(ERRORS, adamw_loss=loss))
    assert found.outcome == outcome
    assert f"is {loss / 0.1:.2f} [" in found.words


@pytest.mark.parametrize(("more", "outcome"), [(-2.0, HOLDS), (2.0, FAILS), (0.0, OPEN)])
def test_errors_of_restarted_runs_at_equal_loss(more: float, outcome: str) -> None:
    same = dict.fromkeys(ERRORS, 40.0)
    assert judged("18", restarts(same, at_loss=more)).outcome == outcome


def test_runs_whose_final_losses_do_not_meet_are_not_compared() -> None:
    found = judged("18", restarts(dict.fromkeys(ERRORS, 40.0), adamw_loss=0.2))
    assert (found.outcome, found.why) == (OPEN, GRID)
    assert "AdamWR − AdamW have none in common" in found.words


@pytest.mark.parametrize(("error", "outcome"), [(47.0, HOLDS), (40.0, HOLDS), (39.0, OPEN), (36.0, FAILS)])
def test_a_constant_rate_against_a_schedule_in_fewer_epochs(error: float, outcome: str) -> None:
    made = at_levels("supp2", 1, lambda cell: error if cell.schedule == "fixed" else 40.0)
    found = judged("16", [*made, *noise()])
    assert found.outcome == outcome, found.words
    assert found.words.startswith("AdamW under cosine after 20 epochs less Adam at a constant rate after 100: ")
    alone = [record for record in made if record["cell"]["optimizer"] == "adam"]
    assert judged("16", [*alone, *noise()]).outcome == NOT_RUN


@pytest.mark.parametrize(
    ("power", "outcomes"),
    [(0.5, (HOLDS, FAILS, FAILS)), (1.0, (FAILS, HOLDS, FAILS)),
     (-0.5, (FAILS, FAILS, HOLDS))],
)  # fmt: skip
def test_the_three_predictions_of_the_batch_size(power: float, outcomes: tuple[str, ...]) -> None:
    made = []
    for cell in cells("batch_size", 2):
        best = np.log2(0.008) + power * np.log2(cell.batch_size / 90)
        apart = 0.02 * (1 if cell.seed else -1)
        made.append(made_record(cell, 50 + min(30.0, (np.log2(cell.decay) - best) ** 2) + apart))
    found = [judged(name, [*made, *noise()]) for name in ("B1", "W2", "B3")]
    assert tuple(verdict.outcome for verdict in found) == outcomes, [verdict.words for verdict in found]


def test_without_decay_adam_and_adamw_must_end_alike() -> None:
    made = [made_record(cell, 50.0 + cell.alpha) for cell in cells("fig2", 1)]
    assert judged("S2", made).outcome == TRUE
    place = next(i for i, r in enumerate(made) if r["cell"]["optimizer"] == "adamw" and r["cell"]["decay"] == 0)
    made[place] = made_record(Cell.from_dict(made[place]["cell"]), 50.01)
    assert judged("S2", made).outcome == SLIP
    assert "6 of 7 pairs" in judged("S2", made).words


@pytest.mark.parametrize(("adam", "adamw", "outcome"), [(53.0, 50.0, HOLDS), (50.0, 53.0, FAILS), (50.3, 50.0, OPEN)])
def test_under_a_fixed_rate(adam: float, adamw: float, outcome: str) -> None:
    """Step drops and cosine say the contrary, and are not looked at."""
    levels = {"adam": adam, "adamw": adamw}
    every = at_levels(
        "fig1", 1, lambda cell: levels[cell.optimizer] if cell.schedule == "fixed" else 100 - levels[cell.optimizer]
    )
    made = [record for record in every if record["cell"]["schedule"] != "cosine"]
    found = judged("1a", [*made, *noise()])
    assert found.outcome == outcome, found.words
    assert judged("1a", made).outcome == NOT_RUN  # the noise of single runs is not known


def test_where_no_decay_helps_decoupling_it_changes_nothing() -> None:
    made = [
        made_record(cell, 50.0 + 40 * cell.decay + 3 * (cell.optimizer == "adam"))
        for cell in cells("fig1", 1)
        if cell.schedule != "cosine"
    ]
    found = judged("1a", [*made, *noise()])
    assert found.outcome == ABSENT
    assert found.words.startswith("decay does not lower the error (best decays: 0, 0); Adam, fixed rate − AdamW, fixed")


def test_a_better_cell_beyond_the_grid_leaves_it_open() -> None:
    """Adam's errors fall towards the grid's corner; AdamW's best is inside."""
    made = at_levels("fig2", 2, lambda cell: 50.0)
    for place, record in enumerate(made):
        cell = Cell.from_dict(record["cell"])
        if cell.optimizer == "adam":
            made[place] = made_record(cell, 55.0 + 0.4 * cell.seed - cell.decay)
    found = judged("7a", made)
    assert (found.outcome, found.why) == (OPEN, GRID)
    assert "Adam on the grid boundary" in found.words
    assert judged("S1", made).outcome == OPEN


@pytest.mark.parametrize(
    ("level", "outcome", "words"),
    [
        (54.0, HOLDS, "(epoch 5) 6.00 [6.00, 6.01] times later"),
        (30.0, HOLDS, "(epoch 5) 15.00 [15.00, 15.00] times later"),  # never
        (57.0, OPEN, "(epoch 5) 3.00 [3.00, 3.01] times later"),
        (58.2, FAILS, "(epoch 5) 1.80 [1.80, 1.81] times later"),
    ],
)
def test_how_much_sooner_a_restart_is_there(level: float, outcome: str, words: str) -> None:
    """AdamW's error falls by 0.2 points an epoch from 60 %; AdamWR has the level at its first restart."""
    made = []
    for cell in cells("fig4", 3):
        rows = [{"epoch": at, "train_loss": 1.0, "test_error": 60 - 0.2 * at} for at in range(1, 76)]
        for row in rows if "restarts" in cell.schedule else []:
            first = {"test_error": level - 0.002 * cell.seed, "ends_cycle": True}
            row |= first if row["epoch"] == 5 else {"test_error": 10.0}
        made.append(made_record(cell, 40.0, epochs=rows))
    found = judged("11", made)
    assert found.outcome == outcome
    assert words in found.words


@pytest.mark.parametrize(("end", "outcome"), [(40.0, HOLDS), (36.0, HOLDS), (41.0, OPEN), (44.0, FAILS)])
def test_where_a_restarted_run_ends(end: float, outcome: str) -> None:
    made = restarts({**ERRORS, ("adamw", True): end})
    assert judged("12", made).outcome == outcome
    assert judged("12", [record for record in made if record["cell"]["seed"] == 0]).outcome == NOT_RUN


@pytest.mark.parametrize(
    ("sgd", "sgdw", "outcome"),
    [
        (47.0, 53.0, HOLDS),
        (53.0, 47.0, HOLDS),
        (53.0, 53.0, FAILS),
        (53.0, 50.0, OPEN),
        (50.0, 50.0, OPEN),
    ],
)
def test_adam_is_not_always_better_than_sgd(sgd: float, sgdw: float, outcome: str) -> None:
    levels = {"sgd": sgd, "sgdw": sgdw, "adam": 50.0, "adamw": 50.0}
    made = at_levels("fig2", 2, lambda cell: levels[cell.optimizer])
    found = judged("S1", made)
    assert found.outcome == outcome, found.words


def test_equal_numbers_have_no_interval() -> None:
    for values in ([1.0], [1.0, 1.0, 1.0], [0.3, 0.1 + 0.2]):
        assert (student(values).low, student(values).high) == (None, None)
    assert student([1.0, 1.2, 1.0]).low is not None


def _selected(optimizer: str, errors: Sequence[float | None]) -> list[Record]:
    """Figure 2: a grid of one seed at 60 %, and a selected cell with these errors by seed, None for one that
    diverged."""
    made = [made_record(cell, 60.0) for cell in cells("fig2", 1) if cell.optimizer == optimizer]
    place = len(made) // 2
    cell = Cell.from_dict(made[place]["cell"])
    made[place : place + 1] = [
        made_record(cell.replace(seed=seed), error or 0.0, status="finished" if error else "diverged")
        for seed, error in enumerate(errors)
    ]
    return made


def noise_of(*optimizers: str) -> list[Record]:
    return [record for name in optimizers for record in _selected(name, [50.0, 51.0, 50.1])]


@pytest.mark.parametrize(
    ("sgd", "outcome", "words"),
    [
        ([45.0, 45.5, 45.2, 45.4, 45.1], HOLDS, "SGD − Adam -4.92 [-5.10, -4.74] (Holm's p 4e-07)"),
        ([45.0, 45.5, 45.2, 45.4, None], OPEN, "seeds: 4 of 5; 1 of SGD diverged), SGDW − AdamW 0"),
        ([49.0, 49.2, 49.1, 49.3, 49.1], OPEN, "SGD − Adam -1.00 (scatter not measurable), SGDW − AdamW 0"),
    ],
)  # fmt: skip
def test_survivors_and_equal_differences_decide_no_claim(sgd: list[float | None], outcome: str, words: str) -> None:
    adam = [50.0, 50.2, 50.1, 50.3, 50.2 if sgd[0] == 45.0 else 50.1]
    made = [*_selected("sgd", sgd), *_selected("adam", adam), *_selected("sgdw", [50.0, 51.0, 50.1]),
            *_selected("adamw", [50.0, 50.5, 50.5])]  # fmt: skip
    found = judged("S1", made)
    assert (found.outcome, words in found.words) == (outcome, True), found.words
    assert found.why == {HOLDS: ""}.get(outcome, SELECTION if sgd[-1] is None else NOISE)


def test_a_cell_that_one_lucky_seed_selected_decides_nothing() -> None:
    """Adam's falls back with further seeds, behind a cell that looks as good as SGD's."""
    sgd = _selected("sgd", [48.0, 48.1, 48.2, 48.1, 48.0])
    adam = _selected("adam", [49.5, 56.0, 56.1, 56.2, 56.1])
    assert judged("7a", [*sgd, *adam, *noise_of("sgdw", "adamw")]).outcome == HOLDS
    rival = next(i for i, r in enumerate(adam) if r["final"]["test_error"] == 60.0)
    adam[rival] = made_record(Cell.from_dict(adam[rival]["cell"]), 50.0)
    found = judged("7a", [*sgd, *adam, *noise_of("sgdw", "adamw")])
    assert (found.outcome, found.why) == (OPEN, SELECTION)
    assert "another cell of Adam looks 4.78 points better" in found.words


def test_a_decay_that_diverged_is_not_below_adam() -> None:
    """Half of AdamW's decays end significantly lower, the rest diverged but for one."""
    made = long_runs(-3.0, 0.5, 0.05)
    own = [place for place, r in enumerate(made) if r["cell"]["optimizer"] == "adamw" and r["cell"]["epochs"] == 100]
    decays = sorted({made[place]["cell"]["decay"] for place in own})
    for place in [place for place in own if made[place]["cell"]["decay"] in decays[: len(decays) // 2 + 1]]:
        made[place] = made_record(Cell.from_dict(made[place]["cell"]), 0.0, status="diverged")
    found = judged("8", made)
    assert found.outcome == FAILS
    assert f"of AdamW's {len(decays)} decays" in found.words
    assert found.words.endswith(f"; {len(decays) // 2 + 1} diverged")
