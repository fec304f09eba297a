"""Curves at any time: means over seeds, ends of cycles, and who is where first."""

import math

import pytest

import experiments
from analysis.figures.curves import draw, reading
from analysis.figures.style import colour, render
from analysis.results.panels import panels
from analysis.results.series import Curve, curve
from analysis.results.table import Chart, charts
from paper_repro.cell import Cell
from tests.conftest import made_record

FIG4 = experiments.get("fig4")


def _rows(losses: list[float], ends: tuple[int, ...] = ()) -> list[dict]:
    return [
        {"epoch": epoch, "train_loss": loss, "test_error": 10 * loss} | ({"ends_cycle": True} if epoch in ends else {})
        for epoch, loss in enumerate(losses, 1)
    ]


def _chart(cells: list[Cell], losses: dict[str, list[float]], name: str = "fig4") -> Chart:
    made = [
        made_record(
            cell.replace(seed=seed),
            30.0,
            epochs=_rows(
                [loss + seed for loss in losses[cell.optimizer]], (1, 3) if "restarts" in cell.schedule else ()
            ),
        )
        for cell in cells
        for seed in (0, 2)
    ]
    (chart,) = charts(experiments.get(name), made)
    return chart


def test_the_mean_is_over_the_seeds_at_epochs_that_all_have() -> None:
    records = [{"epochs": _rows([4.0, 2.0, 1.0], (2,))}, {"epochs": _rows([6.0, 4.0], (2,))}]
    deviation = math.sqrt(2)
    assert curve(records, "train_loss") == Curve((1, 2), (5.0, 3.0), (deviation, deviation))
    assert curve(records, "train_loss", "ends_cycle") == Curve((2,), (3.0,), (deviation,))
    assert curve(records[:1], "train_loss") == Curve((1, 2, 3), (4.0, 2.0, 1.0))
    assert curve(records, "test_loss") == Curve((), ())


def test_who_is_there_first() -> None:
    assert Curve((2, 4, 6), (3.0, 2.0, 1.0)).first_at_most(2.0) == 4
    assert Curve((2, 4), (3.0, 2.0)).first_at_most(1.0) is None


def test_figure_4_has_five_curves_and_marks_the_ends_of_cycles() -> None:
    cells = list(FIG4.profiles["demo"].cells)
    chart = _chart(cells, {name: [3.0, 2.0, 1.0] for name in ("adam", "adamw", "sgdw")})
    figure = draw(chart)
    _, errors = figure.axes
    (legend,) = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert [name.partition(" (")[0] for name in named] == [
        "SGDW, cosine", "SGDW, restarts", "Adam, cosine", "AdamW, cosine", "AdamW, restarts",
    ]  # fmt: skip
    marks = [line for line in errors.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in marks] == [[1, 3], [1, 3]]
    assert "Marks: ends of cycles" in reading(panels(chart))
    assert render(figure)["png"].startswith(b"\x89PNG")


def test_a_line_of_several_seeds_has_a_band_of_one_deviation_and_the_caption_says_so() -> None:
    chart = _chart(list(FIG4.profiles["demo"].cells), {name: [3.0, 2.0, 1.0] for name in ("adam", "adamw", "sgdw")})
    figure = draw(chart)
    assert [len(axes.collections) for axes in figure.axes] == [5, 5]
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[band[:, 0] == 2, 1] == pytest.approx([3 - math.sqrt(2), 3 + math.sqrt(2)])
    assert "bands: ± one standard deviation between seeds" in figure.get_label()
    (alone,) = charts(FIG4, [record for record in chart.records if record["cell"]["seed"] == 0])
    figure = draw(alone)
    assert not figure.axes[0].collections
    assert "bands" not in figure.get_label()


@pytest.mark.parametrize(
    ("adamw", "told"),
    [([2.0, 0.5, 0.1], "AdamW reaches it after 2 epochs"), ([3.0, 2.9, 2.8], "AdamW never reaches it")],
)
def test_how_soon_adamw_is_where_adam_ends(adamw: list[float], told: str) -> None:
    first = {cell.optimizer: cell for cell in experiments.get("transformer").profiles["demo"].cells}
    chart = _chart(list(first.values()), {"adam": [3.0, 2.0, 0.5], "adamw": adamw}, "transformer")
    assert f"is 1.5, after 3 epochs: {told}." in reading(panels(chart))


def test_every_optimizer_has_a_colour_a_user_s_too() -> None:
    assert len({colour(name, ("lion", "adam", "tiger")) for name in ("adam", "lion", "tiger")}) == 3
    assert colour("lion", ()).startswith("#")


def test_a_chart_in_which_every_run_diverged_is_drawn_empty() -> None:
    made = [made_record(cell, 30.0, status="diverged") for cell in FIG4.profiles["demo"].cells]
    (chart,) = charts(FIG4, made)
    assert render(draw(chart))["png"].startswith(b"\x89PNG")
