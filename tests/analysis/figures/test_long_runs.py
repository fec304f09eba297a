"""Figure 3's four panels: every run, final errors over decay, and the selected runs."""

import itertools

import experiments
from analysis.figures.curves import long_runs
from analysis.figures.style import render, style
from analysis.results.table import charts
from tests.conftest import made_record


def test_every_run_is_drawn_and_the_best_are_named() -> None:
    cells = experiments.get("fig3").profiles["demo"].cells
    rows = [{"epoch": 2, "train_loss": 2.0, "test_error": 40.0}, {"epoch": 4, "train_loss": 1.0, "test_error": 30.0}]
    records = [
        made_record(cell, 30.0 + abs(place % 12 - 3), epochs=rows) for place, cell in enumerate(cells) if place != 5
    ]
    records.append(made_record(cells[5], 0.0, status="diverged"))
    (chart,) = charts(experiments.get("fig3"), records)
    figure = long_runs(chart)
    losses, errors, finals, generalisation = figure.axes
    assert len(losses.lines) == len(errors.lines) == 18
    assert [len(line.get_xdata()) for line in finals.lines if line.get_marker() == "o"] == [11, 7]
    assert len(generalisation.lines) == 2
    assert f"Adam 30.00 % at {cells[3].decay:g}" in figure.get_label()
    assert render(figure)["pdf"].startswith(b"%PDF")


def test_the_edge_is_that_of_what_was_run() -> None:
    cells = [cell for cell in experiments.get("fig3").profiles["demo"].cells if cell.optimizer == "adam"]
    rows = [{"epoch": 4, "train_loss": 1.0, "test_error": 30.0}]
    records = [made_record(cell, 30.0 + place, epochs=rows) for place, cell in enumerate(cells[3:])]
    records += [made_record(cell.replace(optimizer="adamw"), 50.0, epochs=rows) for cell in cells]
    (chart,) = charts(experiments.get("fig3"), records)
    caption = long_runs(chart).get_label()
    assert f"Adam 30.00 % at {cells[3].decay:g} (grid boundary)" in caption


def test_lines_are_named_where_they_end_and_no_name_lies_on_another() -> None:
    cells = experiments.get("fig3").profiles["demo"].cells
    rows = [{"epoch": epoch, "train_loss": 2.0 / epoch, "test_error": 90.0 / epoch} for epoch in (1, 2, 3)]
    (chart,) = charts(experiments.get("fig3"), [made_record(cell, 30.0, epochs=rows) for cell in cells])
    with style("column"):
        figure = long_runs(chart)
        figure.canvas.draw()
    losses, errors, finals, generalisation = figure.axes
    assert not [axes for axes in figure.axes if axes.get_legend()]
    for axes, names in ((losses, 4), (errors, 4), (finals, 2), (generalisation, 2)):
        assert len(axes.texts) == names
        assert [sum(text.get_text().startswith(name) for text in axes.texts) for name in ("Adam", "AdamW")] == [2, 1]
    for axes in (losses, errors):
        boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))
