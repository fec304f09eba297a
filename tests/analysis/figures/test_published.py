"""The paper's own figures from what was read off them: which panels, clipped tiles, the lowest, and the files."""

import csv
import math

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

import experiments
from analysis.__main__ import main
from analysis.figures.heat_maps import scales, title
from analysis.figures.published import FIGURES, caption, draw, maps, readings, table
from analysis.results import published


def _words(figure: Figure) -> str:
    return " ".join(figure.texts[-1].get_text().split())


def test_every_figure_is_of_an_experiment_and_shows_all_of_its_readings() -> None:
    assert set(FIGURES) <= set(experiments.names())
    shown = {reading.line for name in FIGURES for panel in readings(name) for reading in panel}
    assert len(shown) == 1384
    assert all(panel for name in FIGURES for panel in readings(name))


def test_figure_1_borrows_its_cosine_panels_from_figure_2_at_its_own_decays() -> None:
    panels = maps("fig1")
    assert [(panel.optimizer, panel.facets["schedule"]) for panel in panels] == [
        (name, how) for name in ("adam", "adamw") for how in ("fixed", "step_drop", "cosine")
    ]
    assert {panel.decays for panel in panels} == {(0.0, *(0.002 / 2**k for k in reversed(range(7))))}
    assert "cosine panels are figure 2's" in caption("fig1")


def test_budgets_go_from_left_to_right_and_raw_decay_stands_above_normalized() -> None:
    panels = maps("supp3")
    assert [(panel.decay_unit, panel.facets["epochs"]) for panel in panels] == [
        (unit, epochs) for unit in ("step", "normalized") for epochs in (25, 100, 400)
    ]
    assert [panel.optimizer for panel in maps("supp3_imagenet32")] == ["adamw"] * 3 + ["sgdw"] * 3


def test_clipped_readings_say_so_and_others_keep_the_decimals_they_deserve() -> None:
    (panel,) = maps("supp2")
    labels = {place: tile.label for place, tile in panel.tiles.items()}
    assert sum(label == "≥5" for label in labels.values()) == 12
    assert labels[1e-4, 1e-4] == "4.47"  # read to 0.05
    adam = maps("fig2")[2]
    assert min(tile.label for tile in adam.tiles.values() if "≥" not in tile.label) == "4.9"  # read to 0.1
    assert "≥: clipped" in _words(draw("fig2"))


def test_titles_give_the_lowest_reading_its_ties_and_its_edge() -> None:
    titles = [title(panel) for panel in maps("fig1")]
    assert titles[0].split("\n")[1::2] == ["5.8 %", "(grid boundary)"]  # without decay
    assert titles[2].split("\n")[1] == "4.9 %"
    assert titles[5].split("\n")[1] == "3.9 % (2 tiles)"


def test_every_tile_as_low_as_the_first_is_starred_and_the_ten_best_are_ringed() -> None:
    *panels, _bar = draw("fig2").axes
    stars = [sum(line.get_marker() == "*" for line in axes.lines) for axes in panels]
    rings = [sum(isinstance(patch, Ellipse) for patch in axes.patches) for axes in panels]
    assert (stars, rings) == ([1, 2, 1, 2], [10, 10, 10, 10])


def test_colours_are_shared_by_maps_of_one_budget() -> None:
    assert {(scale.low, scale.high) for scale in scales(maps("fig2"))} == {(3.85, 7.0)}
    first, second, third = scales(maps("supp3"))[:3]
    assert scales(maps("supp3"))[3:] == [first, second, third]
    assert first.high > second.high > third.high
    assert [len(draw(name).axes) for name in ("fig2", "supp3")] == [4 + 1, 6 + 3]


def test_long_runs_star_the_lowest_error_of_each_optimizer() -> None:
    losses, errors = draw("fig3").axes
    stars = [line.get_xydata().tolist()[0] for line in errors.lines if line.get_marker() == "*"]
    assert stars == [[0.001 / 2**10, 3.55], [0.025, 3.12]]
    assert not [line for line in losses.lines if line.get_marker() == "*"]
    assert "No reading error is known." in _words(draw("fig3"))


def test_curves_stand_at_the_epochs_that_were_read_with_their_reading_error() -> None:
    errors = readings("fig4")[1]
    axes = draw("fig4").axes[1]
    labels = [line.get_label() for line in axes.lines if "," in str(line.get_label())]
    assert [text.partition(" (")[0] for text in labels] == [
        "SGDW, cosine", "SGDW, restarts", "Adam, cosine", "AdamW, cosine", "AdamW, restarts",
    ]  # fmt: skip
    restarted = next(line for line in axes.lines if line.get_label().startswith("AdamW, restarts"))
    assert restarted.get_xydata().tolist() == [[100, 4.03], [300, 3.38], [700, 3.09], [1500, 3.24]]
    (known,) = {reading.reading_error for reading in errors} - {None}
    bar = axes.collections[0].get_segments()[0]
    assert math.isclose(bar[1][1] - bar[0][1], 2 * known)


def test_the_command_writes_picture_and_the_rows_behind_it(tmp_path, capsys) -> None:
    assert main(["figures", "--published", "supp2", "--out", str(tmp_path)]) == 0
    paths = capsys.readouterr().out.split()
    assert paths == [str(tmp_path / f"supp2-published.{kind}") for kind in ("png", "pdf", "csv")]
    with open(paths[2], newline="") as file:
        rows = list(csv.DictReader(file))
    with open(published.FILE, newline="") as file:
        assert rows == [row for row in csv.DictReader(file) if row["figure"] == "supp2"]
    assert (tmp_path / "supp2-published.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["groups"], "no values of the paper's own figures for 'groups'; there are for: fig1"),
        (["fig2", "--set", "epochs=3"], "--set"),
    ],
)
def test_what_the_paper_has_no_values_of_is_refused(arguments: list[str], said: str, tmp_path, capsys) -> None:
    assert main(["figures", "--published", *arguments, "--out", str(tmp_path / "f")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "f").exists()


def test_the_csv_of_figure_1_has_the_borrowed_rows() -> None:
    rows = list(csv.DictReader(table("fig1").splitlines()))
    assert {row["figure"] for row in rows} == {"fig1", "fig2"}
    assert len(rows) == 6 * 88
