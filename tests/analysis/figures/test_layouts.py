"""Our records laid out as the paper's figures: what stands where, what is left out, what is said to be missing."""

import csv

import pytest
from matplotlib.figure import Figure

import experiments
from analysis.__main__ import main
from analysis.figures.layouts import FIGURES, Laid, laid
from analysis.figures.paper_figures import draw
from analysis.results.table import charts
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record

ROWS = [{"epoch": 1, "train_loss": 2.0, "test_error": 50.0}, {"epoch": 2, "train_loss": 1.0, "test_error": 40.0}]


def _records(name: str, profile: str = "demo", wanted=lambda cell: True) -> list[Record]:
    cells = experiments.get(name).profiles[profile].cells
    return [made_record(cell, 30 + 100 * cell.decay, epochs=ROWS) for cell in cells if wanted(cell)]


def _laid(name: str, made: list[Record]) -> list[Laid]:
    return laid(name, {each: charts(experiments.get(each), made) for each in FIGURES[name].experiments})


def _titles(figure: Figure) -> list[str]:
    return [axes.get_title().replace("\n", ", ") for axes in figure.axes if axes.get_title()]


def _empty(figure: Figure) -> list[int]:
    return [place for place, axes in enumerate(figure.axes) if "not run" in [text.get_text() for text in axes.texts]]


def _caption(figure: Figure) -> str:
    return " ".join(figure.texts[-1].get_text().split())


def test_every_place_names_an_experiment_and_optimizers_of_it() -> None:
    for figure in FIGURES.values():
        for place in figure.places:
            cells = [c for profile in experiments.get(place.experiment).profiles.values() for c in profile.cells]
            assert set(place.optimizers) <= {cell.optimizer for cell in cells}
        assert len(figure.places) % figure.columns == 0


def test_figure_1_has_adam_above_adamw_and_an_empty_frame_for_what_was_not_run() -> None:
    made = _records("fig1", wanted=lambda c: c.optimizer == "adam" or c.schedule != "cosine")
    (shown,) = _laid("fig1", made)
    figure = draw(shown)
    titles = _titles(figure)
    assert [text.partition(",")[0] for text in titles] == ["Adam"] * 3 + ["AdamW"] * 3
    assert [text.split(", ")[1] for text in titles] == ["fixed rate", "step drops", "cosine"] * 2
    assert _empty(figure) == [5]
    assert titles[5] == "AdamW, cosine, (experiment fig1)"
    assert _caption(figure).startswith("Laid out as the paper's figure 1. Test error over")


def test_figure_2_leaves_out_an_optimizer_that_the_paper_does_not_have() -> None:
    lion = [
        made_record(cell.replace(optimizer="lion"), 20.0)
        for cell in experiments.get("fig2").profiles["demo"].cells
        if cell.optimizer == "adamw"
    ]
    (shown,) = _laid("fig2", [*_records("fig2"), *lion])
    assert [text.partition(":")[0] for text in _titles(draw(shown))] == ["SGD", "SGDW", "Adam", "AdamW"]
    assert {record["cell"]["optimizer"] for record in shown.records} == {"sgd", "sgdw", "adam", "adamw"}


def test_supplementary_figure_3_joins_cifar_and_imagenet_in_four_rows_of_three_budgets() -> None:
    made = _records("supp3", wanted=lambda c: c.optimizer == "sgdw" or c.epochs < 32)
    made += _records("supp3_imagenet32", wanted=lambda c: c.optimizer == "adamw")
    (shown,) = _laid("supp3", made)
    figure = draw(shown)
    assert [text.split(", ")[1] for text in _titles(figure)] == [
        "2 epochs", "8 epochs", "raw", "2 epochs", "8 epochs", "normalized", "1 epoch", "4 epochs", "16 epochs",
        "normalized", "normalized", "normalized",
    ]  # fmt: skip
    assert _empty(figure) == [2, 5, 9, 10, 11]
    assert not [r for r in shown.charts["supp3"].records if r["cell"]["optimizer"] == "sgdw"]
    labels = [axes.get_xlabel() for axes in figure.axes[:9]]
    assert ["norm" in label for label in labels] == [False] * 3 + [True] * 2 + [False] + [True] * 3
    assert _caption(figure).count("Laid out as the paper's supplementary figure 3.") == 2


def test_figure_4_has_cifar_left_and_imagenet_right_or_an_empty_frame() -> None:
    (shown,) = _laid("fig4", _records("fig4", wanted=lambda c: c.optimizer != "sgdw"))
    figure = draw(shown)
    assert len(figure.axes[0].lines) == 6  # three curves, each with the ends of its cycles
    assert "not run: SGDW, cosine; SGDW, restarts" in figure.axes[0].get_title(loc="right")
    assert _empty(figure) == [1]
    (shown,) = _laid("fig4", [*_records("fig4"), *_records("fig4_imagenet32")])
    figure = draw(shown)
    assert _empty(figure) == []
    assert [len(axes.get_legend().get_texts()) for axes in figure.axes] == [5, 5]


def test_charts_stand_beside_those_of_their_profile_and_nothing_is_lost() -> None:
    def on(dataset: str, cells: list[Record]) -> list[Record]:
        return [
            made_record(Cell.from_dict(record["cell"]).replace(dataset=dataset), 30.0, epochs=ROWS) for record in cells
        ]

    made = [*_records("fig4", "gpu"), *on("mine", _records("fig4", "gpu"))]
    made += [*_records("fig4_imagenet32", "gpu"), *_records("fig4_imagenet32", "demo")]
    made += on("mine", _records("fig4_imagenet32", "gpu"))
    shown = {each.stem: {name: chart.dataset for name, chart in each.charts.items()} for each in _laid("fig4", made)}
    assert shown == {
        "paper-fig4-gpu": {"fig4": "cifar10", "fig4_imagenet32": "imagenet32"},
        "paper-fig4-gpu-mine": {"fig4": "mine", "fig4_imagenet32": "mine"},
        "paper-fig4-demo": {"fig4_imagenet32": "synthetic"},
    }


def test_figure_3_and_supplementary_5_put_their_plots_where_the_paper_does() -> None:
    (long,) = _laid("fig3", _records("fig3"))
    assert [axes.get_ylabel().split(" (")[0] for axes in draw(long).axes] == [
        "training loss", "test error", "test error", "test error",
    ]  # fmt: skip
    assert draw(long).axes[3].get_xlabel() == "training loss (nats)"
    (curves,) = _laid("supp5", _records("fig4"))
    assert [axes.get_ylabel() for axes in draw(curves).axes] == ["test error (%)", "training loss (nats)"]
    assert curves.stem == "paper-supp5-demo"


def test_the_command_writes_the_files_with_the_records_that_are_shown(tmp_path, capsys) -> None:
    made = [made_record(cell, 30 + 10 * cell.decay) for cell in experiments.get("supp3").profiles["demo"].cells]
    records.merge(made, tmp_path / "made.jsonl")
    command = ["figures", "--paper", "--runs", str(tmp_path / "made.jsonl"), "--out", str(tmp_path)]
    assert main([*command, "supp3"]) == 0
    paths = capsys.readouterr().out.split()
    assert paths == [str(tmp_path / f"paper-supp3-demo.{kind}") for kind in ("png", "pdf", "csv")]
    with open(paths[2], newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(record["cell"]["optimizer"] == "adamw" for record in made) == 90
    assert main([*command, "fig3"]) == 2
    assert "no record of fig3" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["groups", "fig4_imagenet32", "fig9"])
def test_a_name_that_is_no_figure_of_the_paper_is_refused(name: str, tmp_path, capsys) -> None:
    assert main(["figures", "--paper", name, "--recorded", "--out", str(tmp_path / "f")]) == 2
    err = capsys.readouterr().err
    assert f"no figure {name!r}; it has: fig1, fig2" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "f").exists()
