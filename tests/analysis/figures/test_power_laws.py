"""The laws as drawn: points, intervals and guides where the numbers say, words where a best decay is on a boundary."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.axes import Axes

import experiments
from analysis.figures.power_laws import draw
from analysis.figures.style import BEYOND, render, style
from analysis.results.table import Chart, charts
from analysis.results.words import Estimate
from analysis.statistics import power_laws
from paper_repro.cell import Cell
from tests.conftest import made_record

SIZES = (16, 32, 64, 128, 256, 512)


def _batch_sizes(power: float) -> Chart:
    """Records whose best decay per update is 0.016 (b / 64)^power, its logarithm rounded to the axis."""

    def error(cell: Cell) -> float:
        return 30 + math.log2(cell.decay / (0.016 * (cell.batch_size / 64) ** power)) ** 2

    experiment = experiments.get("batch_size")
    cells = experiment.profiles["demo"].cells
    (chart,) = charts(experiment, [made_record(cell, error(cell)) for cell in cells])
    return chart


def _budgets() -> Chart:
    experiment = experiments.get("supp3")
    cells = experiment.profiles["demo"].cells

    def error(cell: Cell) -> float:
        updates = 1500 * cell.epochs / cell.batch_size
        normalized = cell.decay * (math.sqrt(updates) if cell.decay_unit == "step" else 1)
        return 30 + math.log2(normalized / 0.3) ** 2

    (chart,) = charts(experiment, [made_record(cell, error(cell)) for cell in cells])
    return chart


def _points(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    (line,) = [line for line in axes.lines if str(line.get_label()).startswith(label)]
    return np.array(line.get_xdata(), float), np.array(line.get_ydata(), float)


def _power(axes: Axes, label: str) -> float:
    x, y = _points(axes, label)
    return float(np.polyfit(np.log2(x), np.log2(y), 1)[0])


def test_both_axes_stand_side_by_side_for_each_plan_with_points_where_the_best_decays_are() -> None:
    chart = _batch_sizes(0.5)
    lines = power_laws.chart_laws(chart, chart.records)
    figure = draw(chart, lines)
    assert [axes.get_title() for axes in figure.axes] == [
        f"{plan}: best decay {unit}"
        for plan in ("epochs fixed", "updates fixed")
        for unit in ("per update", "normalized")
    ]
    x, raw = _points(figure.axes[0], "SGDW")
    np.testing.assert_allclose(x, SIZES, rtol=0.05)  # set apart from AdamW's
    np.testing.assert_allclose(raw, [2**best.value for _, best in lines[0].best])
    np.testing.assert_allclose(raw, [0.016 * (size / 64) ** 0.5 for size in SIZES], rtol=1e-6)
    _, normalized = _points(figure.axes[1], "SGDW")
    np.testing.assert_allclose(normalized, raw * [math.sqrt(1024 * 8 / size) for size in SIZES])


def test_guides_have_the_exponents_predicted_and_the_legend_tells_ours() -> None:
    chart = _batch_sizes(0.5)
    figure = draw(chart, power_laws.chart_laws(chart, chart.records))
    powers = [
        [_power(axes, label) for label in ("the paper's square root", "constant per epoch")] for axes in figure.axes
    ]
    assert np.array(powers) == pytest.approx(np.array([[0.5, 1], [0, 0.5], [0, 1], [0, 1]]), abs=1e-9)
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "SGDW: 0.50"
    assert figure.axes[1].get_legend().get_texts()[0].get_text() in ("SGDW: 0.00", "SGDW: -0.00")


def test_a_guide_goes_through_the_middle_of_the_points() -> None:
    chart = _batch_sizes(0.5)
    figure = draw(chart, power_laws.chart_laws(chart, chart.records))
    x, y = _points(figure.axes[0], "constant per epoch")
    middle = np.interp(np.mean(np.log2(SIZES)), np.log2(x), np.log2(y))
    assert middle == pytest.approx(math.log2(0.016) + np.mean([math.log2(size / 64) / 2 for size in SIZES]))


def test_a_best_decay_on_the_grid_boundary_is_a_mark_at_its_place_and_no_point() -> None:
    chart = _batch_sizes(3.0)  # most best decays lie beyond the axis
    figure = draw(chart, power_laws.chart_laws(chart, chart.records))
    _, y = _points(figure.axes[0], "SGDW")
    edges = sorted(text.xy[0] for text in figure.axes[0].texts if text.get_text() == BEYOND)
    assert edges == sorted([16, 16, 32, 32, 256, 256, 512, 512])  # of both optimizers
    assert [size for size, value in zip(SIZES, y, strict=True) if np.isnan(value)] == [16, 32, 256, 512]
    assert all(text.xy[1] == 0 and text.xycoords[1] == "axes fraction" for text in figure.axes[0].texts)


def test_where_all_are_on_the_grid_boundary_there_are_only_marks() -> None:
    chart = _batch_sizes(0.5)
    lines = [
        dataclasses.replace(line, exponents=dict.fromkeys(line.exponents), best=tuple((x, None) for x, _ in line.best))
        for line in power_laws.chart_laws(chart, chart.records)
    ]
    figure = draw(chart, lines)
    assert len(figure.axes[0].texts) == 12
    assert "too few" in figure.axes[0].get_legend().get_texts()[0].get_text()
    with style():
        assert render(figure)["png"].startswith(b"\x89PNG")


def test_intervals_are_bars() -> None:
    chart = _batch_sizes(0.5)
    line = power_laws.chart_laws(chart, chart.records)[0]
    best = tuple((x, Estimate(found.value, found.value - 1, found.value + 0.5)) for x, found in line.best)
    figure = draw(chart, [dataclasses.replace(line, best=best)])
    bars = [drawn for drawn in figure.axes[0].lines if len(drawn.get_xdata()) == 2]
    assert len(bars) == 6
    np.testing.assert_allclose(bars[0].get_ydata(), [0.008 / 2, 0.008 * 2**0.5])


def test_the_paper_s_own_are_open_in_the_same_axes() -> None:
    chart = _budgets()
    figure = draw(chart, [*power_laws.chart_laws(chart, chart.records), *power_laws.published_laws("supp3")])
    assert len(figure.axes) == 2
    for axes in figure.axes:
        marks = {str(line.get_label()).partition(":")[0]: line.get_markerfacecolor() for line in axes.lines}
        assert marks["paper, AdamW, CIFAR-10"] == "white"
        assert marks["AdamW"] != "white"
    assert BEYOND in [text.get_text() for text in figure.axes[0].texts]  # the paper's 25 epochs, per update


def test_the_paper_s_rule_is_level_on_the_normalized_axis() -> None:
    chart = _budgets()
    figure = draw(chart, power_laws.chart_laws(chart, chart.records))
    _, y = _points(figure.axes[1], "the paper's square root")
    np.testing.assert_allclose(y, y[0])
    assert y[0] == pytest.approx(0.3, rel=0.05)
