"""What the map says in words and colours."""

import csv

import pytest
from matplotlib.text import Text

import experiments
from analysis.figures import WIDTHS, write_figure
from analysis.figures.captions import caption, reading_maps
from analysis.figures.heat_maps import Scale, draw, positions, scales, title
from analysis.figures.style import style
from analysis.report.results import selected
from analysis.results.panels import panels
from analysis.results.table import charts
from analysis.results.words import decay_label, distinct_texts, format_number
from analysis.statistics.separability import chart_rows, numbers
from tests.conftest import made_record

FIG2 = experiments.get("fig2")


def _texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [t.get_text() for t in figure.texts]


def test_titles_give_the_selected_cell_and_the_caption_its_origin(demo_records) -> None:
    (chart,) = charts(FIG2, demo_records)
    figure = draw(chart)
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert [text.split("\n")[0] for text in titles] == ["SGD", "SGDW", "Adam", "AdamW"]
    assert all("30.0 %" in text and "grid boundary" not in text for text in titles)
    words = caption(chart, reading_maps(chart, panels(chart)))
    for said in (
        "synthetic",
        "resnet-8-w8",
        "12 epochs",
        "Seed 0",
        "c" * 12,
        "a processor",
        "label noise 30 %",
        "f" * 12,
    ):
        assert said in words
    assert "validation" in words
    assert _texts(figure).count("30.0") == 4


def test_drawing_says_nothing_of_its_own(demo_records, tmp_path, caplog) -> None:
    (chart,) = charts(FIG2, demo_records)
    assert write_figure(tmp_path, "map", "heat_maps", [chart], "", ("pdf",))
    assert [record.getMessage() for record in caplog.records] == []


def test_seeds_and_edges_are_in_the_title() -> None:
    cells = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "sgdw"]
    lowest = min(cell.alpha for cell in cells)
    records = [made_record(cell.replace(seed=s), 50 + s + 9 * (cell.alpha > lowest)) for cell in cells for s in (0, 1)]
    (chart,) = charts(FIG2, records)
    (panel,) = panels(chart)
    assert title(panel).startswith("SGDW\n50.5 ± 0.7 % (2 seeds)\n")
    assert title(panel).endswith("(grid boundary)")


def test_diverged_tiles_are_hatched_and_partly_diverged_ones_counted() -> None:
    cells = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "sgd"]
    records = [made_record(cell.replace(seed=seed), 50.0) for cell in cells[2:] for seed in (0, 1)]
    records += [made_record(cells[0].replace(seed=seed), 0.0, status="diverged") for seed in (0, 1)]
    records += [made_record(cells[1], 0.0, status="diverged"), made_record(cells[1].replace(seed=1), 40.0)]
    (chart,) = charts(FIG2, records)
    figure = draw(chart)
    hatched = [patches for patches in figure.axes[0].collections if patches.get_hatch()]
    assert [len(patches.get_paths()) for patches in hatched] == [2]
    assert [text for text in _texts(figure) if "/" in text and len(text) < 12] == ["1/2"]


def test_two_kinds_of_decay_never_share_a_name() -> None:
    assert decay_label("adam", "step") == r"L2 factor $\lambda$"
    assert decay_label("adamw", "step") == r"decoupled decay $\lambda$"
    assert "norm" in decay_label("sgdw", "normalized")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.016, "0.016"), (2.5e-4, "2.5e-4"), (0.1 / 1024, "9.77e-5"), (1, "1")]
)
def test_ticks_are_real_values(value: float, text: str) -> None:
    assert format_number(value) == text


def test_zero_stands_apart_and_colours_are_shared_by_the_better_half() -> None:
    assert positions([0.0, 0.1, 0.2]) == {0.0: 0.0, 0.1: 1.4, 0.2: 2.4}
    assert positions([0.1, 0.2]) == {0.1: 0.0, 0.2: 1.0}
    assert Scale.of([20.0, 30.0, 40.0, 90.0, 90.0]) == Scale(20.0, 40.0, clipped=True)
    assert Scale.of([20.0, 20.0]) == Scale(20.0, 20.5, clipped=False)


def test_each_schedule_has_colours_in_which_its_own_basin_shows() -> None:
    """Runs at a fixed rate are all worse here than any other: on a scale of all they would have one colour."""
    fig1 = experiments.get("fig1")
    cells = fig1.profiles["demo"].cells
    records = [made_record(cell, 30 + 40 * (cell.schedule == "fixed") + 100 * cell.decay) for cell in cells]
    (chart,) = charts(fig1, records)
    maps, figure = panels(chart), draw(chart)
    for panel, scale in zip(maps, scales(maps), strict=True):
        errors = [tile.test_error for tile in panel.tiles.values() if tile.test_error is not None]
        assert scale.low == min(errors)
        assert sum(error < scale.high for error in errors) >= len(errors) / 3
    assert "for each schedule anew" in figure.get_label()


def test_optimizers_share_their_colours_and_the_caption_says_so(demo_records) -> None:
    (chart,) = charts(FIG2, demo_records)
    assert len(set(scales(panels(chart)))) == 1
    assert "alike in all panels" in draw(chart).get_label()


@pytest.mark.parametrize("width", WIDTHS)
def test_at_each_width_every_letter_is_inside_and_none_below_7_points(width: str) -> None:
    cells = FIG2.profiles["demo"].cells
    (chart,) = charts(FIG2, [made_record(cell.replace(seed=seed), 50.0 + seed) for cell in cells for seed in (0, 1)])
    with style(width):
        figure = draw(chart)
        figure.canvas.draw()
        assert figure.get_figwidth() == WIDTHS[width]
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert text.get_fontsize() >= 7, text.get_text()
                assert box.x0 >= 0, text.get_text()
                assert box.x1 <= figure.bbox.x1, text.get_text()


def test_each_budget_has_colours_and_a_bar_of_its_own() -> None:
    supp3 = experiments.get("supp3")
    cells = [cell for cell in supp3.profiles["demo"].cells if cell.decay_unit == "step"]
    records = [made_record(cell, 60.0 - cell.epochs + 100 * cell.decay) for cell in cells]
    (chart,) = charts(supp3, records)
    maps = panels(chart)
    colours = {panel.facets["epochs"]: scale for panel, scale in zip(maps, scales(maps), strict=True)}
    assert len(set(scales(maps))) == len(colours) == 3
    assert len(draw(chart).axes) == len(maps) + 3


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.16, 0.08, 0.08 * (1 + 1e-9)], ["0.08", "0.0800000001", "0.16"]),
        ([0.3, 0.1 + 0.2, 0.0], ["0", "0.3", "0.30000000000000004"]),
        ([0.0123, 0.01234, 0.01236, 0.012361], ["0.0123", "0.01234", "0.01236", "0.012361"]),
        ([2.5e-4, 2.5e-4 * (1 - 1e-5), 1e-3, 1e-3 * (1 - 1e-9)], ["2.49998e-4", "2.5e-4", "9.99999999e-4", "0.001"]),
    ],
)
def test_no_two_values_read_alike(values: list[float], texts: list[str]) -> None:
    assert list(distinct_texts(values).values()) == texts
    assert list(distinct_texts(values)) == sorted(values)


def test_rows_and_columns_that_nearly_agree_have_labels_of_their_own() -> None:
    """0.08 and 0.08 with one rounding are two settings, and two rows."""
    cells = [cell for cell in FIG2.profiles["demo"].cells if cell.optimizer == "adamw"]
    top, largest = max(cell.alpha for cell in cells), max(cell.decay for cell in cells)
    twins = [cell.replace(alpha=top * (1 + 1e-9)) for cell in cells if cell.alpha == top]
    twins += [cell.replace(decay=largest * (1 + 1e-9)) for cell in cells if cell.decay == largest]
    records = [made_record(cell, 90 - 100 * cell.alpha - 100 * cell.decay) for cell in (*cells, *twins)]
    (chart,) = charts(FIG2, records)
    axes = draw(chart).axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        ticks = [tick.label1.get_text() for tick in axis.get_major_ticks()]
        assert len(set(ticks)) == len(ticks) == 8
    assert "grid boundary" in axes.get_title()  # nothing beyond it but itself
    assert axes.get_title().count("00000") == 1  # which of the twins it is
    ((_, ours, *_),) = selected(chart).rows
    assert ours.count("00000") == 1
    lines = list(csv.DictReader(numbers(chart_rows(chart)).splitlines()))
    names = [line["statistic"] for line in lines if line["statistic"].startswith("best_decay_at_alpha")]
    assert len(set(names)) == len(names) == 8
