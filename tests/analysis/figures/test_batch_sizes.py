"""The best decay of each batch size under both plans, on both axes; on the grid boundary it is said to be."""

import math

import pytest

import experiments
from analysis.figures.batch_sizes import draw
from analysis.figures.style import render
from analysis.results.series import EPOCHS, UPDATES, bests, updates
from analysis.results.table import Chart, charts
from paper_repro.cell import Cell
from tests.conftest import made_record

EXPERIMENT = experiments.get("batch_size")
CELLS = EXPERIMENT.profiles["demo"].cells


def _chart(power: float) -> Chart:
    """Records whose best decay per update is 0.016 (b / 64)^power."""

    def error(cell: Cell) -> float:
        return 30 + abs(math.log2(cell.decay / (0.016 * (cell.batch_size / 64) ** power)))

    (chart,) = charts(EXPERIMENT, [made_record(cell, error(cell)) for cell in CELLS])
    return chart


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_both_plans_have_all_sizes_and_find_the_law(power: float) -> None:
    found = bests(_chart(power), "sgdw")
    for plan in (EPOCHS, UPDATES):
        own = [best for best in found if best.plan == plan]
        assert [best.batch_size for best in own] == [16, 32, 64, 128, 256, 512]
        for best in own:
            assert best.decay == pytest.approx(
                0.016 * (best.batch_size / 64) ** power, rel=0.42
            )  # the next on the axis


def test_the_normalized_axis_counts_updates() -> None:
    found = bests(_chart(0.5), "adamw")
    for best in found:
        updates = 1024 * best.epochs / best.batch_size
        assert best.normalized == pytest.approx(best.decay * math.sqrt(updates))
    assert {best.epochs for best in found if best.plan == EPOCHS} == {8}
    assert {best.epochs / best.batch_size for best in found if best.plan == UPDATES} == {8 / 64}


def test_updates_are_counted_where_the_number_of_images_is_known() -> None:
    cell = CELLS[0].replace(train_examples=None, validation_examples=500, batch_size=50, epochs=2)
    record = made_record(cell, 30.0)
    assert updates(record) is None
    assert updates(made_record(cell.replace(train_examples=1000), 30.0)) == 1000 * 2 / 50


def test_the_edge_of_the_axis_is_no_optimum() -> None:
    found = bests(_chart(3.0), "sgdw")
    assert [best.on_boundary for best in found if best.plan == EPOCHS] == [True, True, False, False, True, True]


def test_it_is_drawn_with_both_guides() -> None:
    figure = draw(_chart(1.0))
    assert len(figure.axes) == 8
    assert len([line for line in figure.axes[2].lines if line.get_linestyle() in (":", "--")]) == 2
    assert render(figure)["png"].startswith(b"\x89PNG")


def test_an_optimizer_that_diverged_everywhere_has_no_best_and_is_drawn() -> None:
    records = [
        made_record(cell, 40.0, status="diverged" if cell.optimizer == "adamw" else "finished") for cell in CELLS
    ]
    (chart,) = charts(EXPERIMENT, records)
    assert bests(chart, "adamw") == []
    assert render(draw(chart))["png"].startswith(b"\x89PNG")


def test_the_edge_is_that_of_the_decays_that_were_run_at_this_batch_size() -> None:
    """Nothing above 0.016 was run with the smallest batches; 0.064 at another rate is not beyond it."""
    other = CELLS[0].replace(alpha=2 * CELLS[0].alpha, decay=0.064)
    records = [
        made_record(cell, 50 - 1000 * cell.decay * (cell.batch_size == 16 and cell != other))
        for cell in (*CELLS, other)
        if cell.batch_size > 16 or cell.decay <= 0.016 or cell == other
    ]
    (chart,) = charts(EXPERIMENT, records)
    smallest = [best for best in bests(chart, CELLS[0].optimizer) if best.batch_size == 16]
    assert [(best.decay, best.on_boundary) for best in smallest] == [(0.016, True)] * 2
