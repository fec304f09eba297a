"""What is drawn of separability: each ridge and number where it is, words where there is none, guides at 0 and -1."""

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import experiments
from analysis.figures import WIDTHS
from analysis.figures.separability import COLUMNS, GUIDES, draw
from analysis.figures.style import BEYOND, render, style
from analysis.results.table import Chart, charts
from analysis.results.words import BOUNDARY
from analysis.statistics import separability
from analysis.statistics.separability import Row
from analysis.statistics.surface import Surface
from tests.made_surfaces import bowl, twist


@pytest.fixture
def chart(demo_records) -> Chart:
    (found,) = charts(experiments.get("fig2"), demo_records)
    return found


def _row(surface: Surface, optimizer: str = "adamw", facets: str = "", source: str = "") -> Row:
    return separability.panel_row(optimizer, facets, surface, surface, source)


def _forest(figure: Figure) -> list[Axes]:
    return figure.axes[-len(COLUMNS) :]


def _marks(axes: Axes) -> list[tuple[float, float, object]]:
    """x, y and filling of the points of a forest plot."""
    points = [line for line in axes.lines if line.get_marker() == "o"]
    return [(line.get_xdata()[0], line.get_ydata()[0], line.get_markerfacecolor()) for line in points]


def _words(axes: Axes) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in axes.texts]


def test_a_ridge_goes_through_the_best_decay_of_each_learning_rate(chart: Chart) -> None:
    surface = bowl(-0.6)
    axes = draw(chart, [_row(surface)]).axes[0]
    line = axes.lines[0]
    np.testing.assert_allclose(np.log2(line.get_xdata()), surface.u)
    np.testing.assert_allclose(np.log2(line.get_ydata()), -0.2 - twist(-0.6) * (surface.u - 0.3))
    assert line.get_label() == "AdamW (decoupled)"


def test_guides_have_slopes_0_and_minus_1_through_the_middle(chart: Chart) -> None:
    axes = draw(chart, [_row(bowl(-0.6))]).axes[0]
    guides = {line.get_label(): line for line in axes.lines if line.get_label() in GUIDES}
    for name, (slope, _) in GUIDES.items():
        u, v = (np.log2(guides[name].get_data()[axis]) for axis in (0, 1))
        assert np.polyfit(u, v, 1)[0] == pytest.approx(slope, abs=1e-9)
        assert np.interp(0.0, u, v) == pytest.approx(-0.2 + twist(-0.6) * 0.3)


def test_a_row_on_the_grid_boundary_is_a_mark_at_its_learning_rate(chart: Chart) -> None:
    surface = bowl(shape=(7, 5))
    runs = 55 + (surface.v[None, :, None] + surface.u[:, None, None]) ** 2 + np.zeros((7, 5, 2))
    axes = draw(chart, [_row(dataclasses.replace(surface, runs=runs))]).axes[0]
    told = {np.log2(text.xy[0]) for text in axes.texts if text.get_text() == BEYOND}
    assert told == {-3, -2, 2, 3}
    assert np.isnan(axes.lines[0].get_ydata()).tolist() == [True, True, False, False, False, True, True]


def test_a_number_is_a_point_with_its_interval(chart: Chart) -> None:
    row = _row(bowl(-0.6, 0.5))
    ridges, interaction, *_ = _forest(draw(chart, [row]))
    for axes, name, factor in ((ridges, "ridge_slope", 1), (interaction, "interaction", 100)):
        estimate = row.statistics[name]
        assert [mark[0] for mark in _marks(axes)] == [pytest.approx(estimate.value * factor)]
        assert [estimate.low * factor, estimate.high * factor] in [list(line.get_xdata()) for line in axes.lines]


def test_where_there_is_no_number_there_are_words_and_no_point(chart: Chart) -> None:
    ridges, interaction, *_ = _forest(draw(chart, [_row(bowl(at=(0.0, 6.0), sigma=0.1))]))
    assert (_words(ridges), _words(interaction), _marks(ridges)) == ([BOUNDARY], [], [])
    holed = bowl().runs.copy()
    holed[3:] = np.nan
    ridges, interaction, *_ = _forest(draw(chart, [_row(dataclasses.replace(bowl(), runs=holed[:, :, :1]))]))
    assert (_words(ridges), _marks(ridges)) == (["too few rows"], [])
    assert (_words(interaction), _marks(interaction)) == (["noise not known"], [])


def test_guides_of_the_forest_stand_where_they_mean_something(chart: Chart) -> None:
    found = [
        sorted({line.get_xdata()[0] for line in axes.lines if line.get_color() == "0.6"})
        for axes in _forest(draw(chart, [_row(bowl())]))
    ]
    assert found == [[-1, 0], [0], [0], []]


def test_ours_are_filled_and_solid_the_paper_s_open_and_dashed_in_axes_of_their_own(chart: Chart) -> None:
    rows = [*separability.chart_rows(chart), *separability.published_rows("fig2")]
    figure = draw(chart, rows)
    here, paper, *forest = figure.axes
    assert (here.get_title(), paper.get_title()) == ("here", "paper, cosine")
    assert {line.get_linestyle() for line in here.lines[:4]} == {"-"}
    assert {line.get_linestyle() for line in paper.lines[:4]} == {"--"}
    assert [label.get_text() for label in forest[0].get_yticklabels()] == [row.panel for row in rows]
    slopes = _marks(forest[0])
    assert [filling == "white" for _, _, filling in slopes] == [False] * 4 + [True] * 4
    assert [y for _, y, _ in slopes] == sorted((y for _, y, _ in slopes), reverse=True)


def test_panels_that_differ_in_a_facet_have_axes_of_their_own(chart: Chart) -> None:
    rows = [
        _row(bowl(), name, facets) for facets in ("fixed rate", "step drops", "cosine") for name in ("adam", "adamw")
    ]
    figure = draw(chart, rows)
    ridges = figure.axes[: -len(COLUMNS)]
    assert [axes.get_title() for axes in ridges] == ["here, fixed rate", "here, step drops", "here, cosine"]
    assert [line.get_label() for line in ridges[0].lines[:2]] == ["Adam (L2 factor)", "AdamW (decoupled)"]


def test_a_level_ridge_s_noise_does_not_fill_its_axes(chart: Chart) -> None:
    low, high = draw(chart, [_row(bowl())]).axes[0].get_ylim()
    assert high / low >= 9.9


def test_a_panel_without_any_best_decay_is_words_and_the_figure_is_drawn(chart: Chart) -> None:
    holed = np.full_like(bowl().runs, np.nan)
    holed[3, 3] = 50.0
    with style():
        figure = draw(chart, [_row(dataclasses.replace(bowl(), runs=holed))])
        assert figure.axes[0].texts[0].get_text() == "too few rows"
        assert render(figure)["pdf"].startswith(b"%PDF")
    assert figure.get_figwidth() == WIDTHS["text"]


def test_long_names_leave_room_for_the_columns_and_words_on_the_grid_boundary_stand_inside(chart: Chart) -> None:
    long = "paper, AdamW, CIFAR-10, per update, 100 epochs"
    rising = bowl(-0.8, shape=(7, 7), at=(0.0, 3.2))  # its last learning rates have their best decay beyond the grid
    figure = draw(chart, [_row(rising, "adamw", long.removeprefix("paper, AdamW, "), "paper, ")])
    (label,) = _forest(figure)[0].get_yticklabels()
    assert " ".join(label.get_text().split()) == long
    ridges = figure.axes[0]
    edges = [text.xy[0] for text in ridges.texts if text.get_text() == BEYOND]
    assert edges
    assert all(ridges.get_xlim()[0] < x < ridges.get_xlim()[1] for x in edges)


def test_the_reasons_for_no_number_are_those_of_the_table(chart: Chart) -> None:
    alone = bowl(sigma=0.3, runs=1)
    row = _row(alone)
    shown = separability.table([row]).rows[0]
    told = [" ".join(text.get_text().split()) for axes in _forest(draw(chart, [row])) for text in axes.texts]
    assert told == [shown[4], shown[5], shown[6]] == ["noise not known"] * 3
