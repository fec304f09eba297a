"""The best of a panel: selected on validation, never diverged, flagged on the grid boundary."""

import statistics
from collections.abc import Sequence

import pytest

import experiments
from analysis.results.panels import Panel, at_border, panels
from analysis.results.table import charts
from experiments.ranking import selection_split
from paper_repro.records import Record
from tests.conftest import made_record

FIG2 = experiments.get("fig2")
CELLS = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "adamw"]
ALPHAS = sorted({cell.alpha for cell in CELLS})
DECAYS = sorted({cell.decay for cell in CELLS})
INSIDE = CELLS[0].replace(alpha=ALPHAS[2], decay=DECAYS[3])
OTHER = CELLS[0].replace(alpha=ALPHAS[3], decay=DECAYS[2])


def _panel(records: Sequence[Record]) -> Panel:
    (chart,) = charts(FIG2, records)
    (panel,) = panels(chart)
    return panel


def _all_at(error: float, *special: Record) -> list[Record]:
    named = {record["id"] for record in special}
    return [made_record(cell, error) for cell in CELLS if cell.id not in named] + list(special)


def test_the_paper_has_its_four_panels_in_its_order(demo_records) -> None:
    (chart,) = charts(FIG2, demo_records)
    assert [panel.optimizer for panel in panels(chart)] == ["sgd", "sgdw", "adam", "adamw"]
    assert not any(panel.on_boundary for panel in panels(chart))


def test_validation_selects_and_test_is_reported() -> None:
    panel = _panel(_all_at(60.0, made_record(INSIDE, 50.0, 40.0), made_record(OTHER, 45.0, 41.0)))
    assert (panel.best.alpha, panel.best.decay) == (INSIDE.alpha, INSIDE.decay)
    assert panel.best.test_error == 50.0


def test_without_a_validation_split_the_test_set_selects() -> None:
    cells = [cell for cell in FIG2.profiles["paper"].cells if cell.optimizer == "sgd"][:20]
    records = [made_record(cell, 50.0 - place) for place, cell in enumerate(cells)]
    assert selection_split(records) == "test"
    assert _panel(records).best.test_error == 31.0


def test_a_sweep_that_has_only_begun_has_its_best_on_the_boundary() -> None:
    row = [made_record(INSIDE.replace(decay=decay), 40.0 + abs(decay - INSIDE.decay)) for decay in DECAYS]
    panel = _panel(row)
    assert panel.best is not None
    assert panel.best.place == (INSIDE.alpha, INSIDE.decay)
    assert panel.on_boundary  # no other learning rate was run, though others are declared


@pytest.mark.parametrize("axis", ["alpha", "decay"])
@pytest.mark.parametrize("end", [0, -1])
def test_the_rim_of_the_grid_is_flagged(axis: str, end: int) -> None:
    values = {"alpha": ALPHAS, "decay": DECAYS}[axis]
    panel = _panel(_all_at(60.0, made_record(INSIDE.replace(**{axis: values[end]}), 30.0)))
    assert panel.on_boundary
    assert not _panel(_all_at(60.0, made_record(INSIDE, 30.0))).on_boundary


def test_a_rim_of_what_was_run_counts_not_of_what_was_declared() -> None:
    run = [made_record(cell, 60.0) for cell in CELLS if cell.alpha <= INSIDE.alpha and cell != INSIDE]
    assert _panel([*run, made_record(INSIDE, 30.0)]).on_boundary


def test_a_wider_grid_takes_the_flag_away() -> None:
    edge = INSIDE.replace(decay=DECAYS[-1])
    beyond = made_record(edge.replace(decay=2 * DECAYS[-1]), 70.0)
    assert not _panel([*_all_at(60.0, made_record(edge, 30.0)), beyond]).on_boundary


GRID = [(alpha, decay) for alpha in (1, 2, 4) for decay in (0, 1, 2, 4)]


@pytest.mark.parametrize(
    ("place", "places", "is_border"),
    [
        ((2, 2), GRID, False),
        ((2, 1), GRID, False),  # decay 0 was run below it
        ((2, 0), GRID, True),  # and below that nothing can be
        ((2, 4), [*GRID, (1, 8)], True),  # a larger decay, at another rate only
        ((2, 4), [*GRID, (2, 8)], False),
        ((4, 2), [*GRID, (8, 1)], True),  # a larger rate, at another decay only
        ((4, 2), [*GRID, (8, 2)], False),
        ((2, 3), [*GRID, (1, 3), (2, 3), (4, 3)], False),  # a decay between, at every rate,
        ((2, 3), [*GRID, (1, 3), (2, 3)], True),  # at a few
        ((2, 3), [*GRID, (2, 3)], True),
        ((8, 2), [*GRID, (8, 2)], True),
        ((2, 4), [*GRID, (2, 4 * (1 + 1e-9))], True),  # the same, rounded in another way
        ((4, 2), [*GRID, (4 * (1 + 1e-9), 2)], True),
        ((4, 2), [*GRID, (4 * (1 + 1e-9), 1), (8, 2)], False),
        ((2, 4 * (1 + 1e-9)), [*GRID, (2, 4 * (1 + 1e-9)), (2, 8)], False),  # a twin's column is its own
        ((2, 2), [place for place in GRID if place != (2, 4)], True),  # not run yet
        ((2, 2), [(2, 1), (2, 2), (2, 4)], False),  # one rate: nothing was searched there
        ((2, 2), [(2 * (1 + 1e-9), 1), (2, 2), (2, 4)], False),
        ((2, 2), [(2, 2)], False),
    ],
)
def test_the_border_is_that_of_the_cell_s_own_rate_and_decay(place, places, is_border: bool) -> None:
    assert at_border(place, places) == is_border


def test_a_single_cell_beyond_at_another_rate_takes_no_flag_away_and_one_that_diverged_there_does() -> None:
    edge = INSIDE.replace(decay=DECAYS[-1])
    run = _all_at(60.0, made_record(edge, 30.0))
    assert _panel([*run, made_record(edge.replace(alpha=ALPHAS[0], decay=2 * DECAYS[-1]), 70.0)]).on_boundary
    assert not _panel([*run, made_record(edge.replace(decay=2 * DECAYS[-1]), 0.0, status="diverged")]).on_boundary


def test_diverged_cells_are_never_chosen() -> None:
    panel = _panel(_all_at(60.0, made_record(INSIDE, 0.0, status="diverged"), made_record(OTHER, 59.0)))
    assert (panel.best.alpha, panel.best.decay) == (OTHER.alpha, OTHER.decay)
    assert panel.tiles[INSIDE.alpha, INSIDE.decay].test_error is None
    assert _panel([made_record(cell, 0.0, status="diverged") for cell in CELLS]).best is None


def test_seeds_are_averaged_and_one_lucky_seed_does_not_win() -> None:
    second = [made_record(cell.replace(seed=1), 62.0) for cell in CELLS if cell.id != OTHER.id]
    panel = _panel([*_all_at(60.0, made_record(OTHER, 30.0)), *second])
    tile = panel.tiles[INSIDE.alpha, INSIDE.decay]
    assert tile.seeds == (0, 1)
    assert tile.test_error == 61.0
    assert tile.spread == pytest.approx(statistics.stdev([60.0, 62.0]))
    assert panel.best.seeds == (0, 1)


def test_a_seed_that_is_under_way_waits_for_nearly_all_cells() -> None:
    first = [made_record(cell, 60.0 - 20 * (cell.id == CELLS[-1].id)) for cell in CELLS]
    for count, seeds in ((35, (0,)), (45, (0, 1))):  # of 49
        panel = _panel([*first, *(made_record(cell.replace(seed=1), 50.0) for cell in CELLS[:count])])
        assert panel.best.seeds == seeds
        assert (panel.best.place == (CELLS[-1].alpha, CELLS[-1].decay)) == (count == 35)


def test_a_column_that_was_added_with_one_seed_does_not_take_the_others_away() -> None:
    more = [made_record(cell.replace(seed=seed), 61.0) for cell in CELLS if cell.decay != DECAYS[0] for seed in (1, 2)]
    panel = _panel([*_all_at(60.0, made_record(INSIDE.replace(decay=DECAYS[0]), 30.0)), *more])
    assert panel.best.seeds == (0, 1, 2)
    assert {place for place in panel.tiles if place not in panel.judged} == {(a, DECAYS[0]) for a in ALPHAS}


def test_further_seeds_of_the_selected_cell_are_there_for_comparisons() -> None:
    special = [made_record(INSIDE.replace(seed=seed), 50.0 + seed) for seed in (0, 2, 1)]
    panel = _panel(_all_at(60.0, *special, made_record(OTHER.replace(seed=1), 30.0)))
    assert panel.best.errors() == [50.0]
    assert panel.best.with_all_seeds().errors() == [50.0, 51.0, 52.0]


def test_many_seeds_of_one_cell_do_not_push_the_others_out() -> None:
    more = [made_record(OTHER.replace(seed=seed), 20.0) for seed in range(1, 5)]
    panel = _panel([*_all_at(60.0, made_record(INSIDE, 50.0), made_record(OTHER, 55.0)), *more])
    assert len(panel.candidates) == len(CELLS)
    assert (panel.best.alpha, panel.best.decay) == (INSIDE.alpha, INSIDE.decay)  # by seed 0, which all have
    assert panel.tiles[OTHER.alpha, OTHER.decay].test_error == 55.0  # beside the others with as many seeds as they


def test_missing_cells_are_absent() -> None:
    panel = _panel([made_record(cell, 60.0) for cell in CELLS if cell.alpha != ALPHAS[0]])
    assert len(panel.tiles) == len(CELLS) - len(DECAYS)
    assert len(panel.alphas) == len(ALPHAS)


def test_facets_make_panels_of_their_own_in_the_declared_order() -> None:
    fig1 = experiments.get("fig1")
    (chart,) = charts(fig1, [made_record(cell, 40.0) for cell in reversed(fig1.profiles["demo"].cells)])
    shown = [(panel.optimizer, panel.facets["schedule"].partition(":")[0]) for panel in panels(chart)]
    assert shown == [(name, kind) for name in ("adam", "adamw") for kind in ("fixed", "step_drop", "cosine")]
    assert all(len(panel.tiles) == 35 for panel in panels(chart))


def test_budgets_stand_side_by_side_and_each_panel_has_its_unit() -> None:
    supp3 = experiments.get("supp3")
    (chart,) = charts(supp3, [made_record(cell, 40.0) for cell in supp3.profiles["demo"].cells])
    rows = [(panel.optimizer, panel.decay_unit, panel.facets["epochs"]) for panel in panels(chart)]
    assert rows[:6] == [("sgdw", unit, epochs) for unit in ("step", "normalized") for epochs in (2, 8, 32)]


def test_the_top_5_error_is_shown_where_the_records_have_it() -> None:
    experiment = experiments.get("supp3_imagenet32")
    cells = experiment.profiles["gpu"].cells
    records = [made_record(cell, 70.0) for cell in cells]
    for record in records:
        record["final"] |= {"test_top5_error": 40.0, "validation_top5_error": 41.0}
    (chart,) = charts(experiment, records)
    assert chart.measure == "top5_error"
    assert panels(chart)[0].best.test_error == 40.0
    (plain,) = charts(experiment, [made_record(cell, 70.0) for cell in experiment.profiles["demo"].cells])
    assert plain.measure == "error"
