"""Choosing without luck: further seeds of the best cells of a map, trained by `refine`, select among these."""

import random
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

import experiments
from analysis.figures.captions import reading_maps
from analysis.results.panels import Panel, panels, records_shown
from analysis.results.table import Chart, charts
from experiments.__main__ import _parser, main
from experiments.ranking import Place, rank
from experiments.refine import best_cells
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import load
from tests.conftest import made_record

CELLS = [cell for cell in experiments.get("fig2").profiles["demo"].cells if cell.optimizer == "adamw"]
PLACES = [(float(alpha), float(decay)) for alpha in range(7) for decay in range(7)]


def a_run(validation: float, test: float = 0.0) -> dict[str, Any]:
    return {"id": "a", "status": "finished", "final": {"validation_error": validation, "test_error": test}}


DIVERGED = {"id": "a", "status": "diverged", "final": None}


def ranked(errors: Mapping[str, list[float]], seeds: int = 1) -> list[str]:
    """Cells by their names' places, each with the errors of its seeds 0, 1, ...; negative: diverged."""
    runs = {
        (0.0, float(place)): {seed: a_run(error) if error >= 0 else DIVERGED for seed, error in enumerate(of)}
        for place, of in enumerate(errors.values())
    }
    names = dict(zip(runs, errors, strict=True))
    found = rank(runs, set(range(seeds)), "validation", "error")
    assert set(found.refined) <= set(found.order)
    return [names[found.best]] + [names[place] for place in found.order if place != found.best] if found.best else []


@pytest.mark.parametrize(
    ("errors", "order"),
    [
        ({"a": [40], "b": [41], "c": [42]}, "abc"),
        ({"a": [40, 50, 50], "b": [41], "c": [42]}, "abc"),  # of one cell alone they compare nothing
        ({"a": [40, 50, 50], "b": [41, 41, 41], "c": [42]}, "bac"),
        ({"a": [40], "b": [41, 41, 41], "c": [42, 30, 30]}, "abc"),  # the foremost is not among them
        ({"a": [40, 50, 50], "b": [41, 44, 44], "c": [42, 42, 42], "d": [43]}, "cbad"),
        ({"a": [40, 50], "b": [41, 44, 10], "c": [42, 42], "d": [43]}, "cbad"),  # by the two seeds that all three have
        ({"a": [40, 42, 60], "b": [41, 42, 41], "c": [42, 60], "d": [43]}, "bacd"),  # two of the three by a third
        ({"a": [40, -1], "b": [41, 60], "c": [42]}, "bac"),
        ({"a": [40, -1], "b": [41, -1], "c": [42]}, "cab"),
        ({"a": [-1, 40], "b": [41, 60], "c": [-1]}, "b"),
        ({"a": [-1], "b": [-1]}, ""),
    ],
)
def test_further_seeds_that_the_foremost_share_rank_them_anew(errors: dict[str, list[float]], order: str) -> None:
    assert "".join(ranked(errors)) == order


def bowl(place: Place) -> float:
    """The true error of a cell in percent, lowest at (3, 3): its neighbours are half a point worse."""
    return 40 + 0.5 * ((place[0] - 3) ** 2 + (place[1] - 3) ** 2)


def test_a_cell_that_a_lucky_seed_put_first_falls_back() -> None:
    runs = {place: {0: a_run(bowl(place))} for place in PLACES}
    lucky, best = (1.0, 5.0), (3.0, 3.0)
    runs[lucky] = {0: a_run(39.0)}
    assert rank(runs, {0}, "validation", "error").best == lucky
    for place in rank(runs, {0}, "validation", "error").order[:10]:
        runs[place] |= {seed: a_run(bowl(place)) for seed in range(1, 5)}
    found = rank(runs, {0}, "validation", "error")
    assert found.best == best
    assert len(found.refined) == 10
    assert list(found.refined)[-1] == lucky


def test_refining_selects_better_cells_and_reports_them_with_less_bias() -> None:
    """200 maps of one seed. A run is as good as its cell is, and its seed happened to be (a point); its validation and
    its test error are that with half a point of noise each."""
    draw, regrets, biases = random.Random(0), {1: [], 5: []}, {1: [], 5: []}

    def trained(place: Place) -> dict[str, Any]:
        quality = draw.gauss(bowl(place), 1.0)
        return a_run(draw.gauss(quality, 0.5), draw.gauss(quality, 0.5))

    for _ in range(200):
        runs = {place: {0: trained(place)} for place in PLACES}
        for seeds in (1, 5):
            for place in rank(runs, {0}, "validation", "error").order[:10] if seeds > 1 else ():
                runs[place] |= {seed: trained(place) for seed in range(1, seeds)}
            found = rank(runs, {0}, "validation", "error")
            best = found.best
            assert best is not None
            reported = fmean(runs[best][seed]["final"]["test_error"] for seed in range(seeds))
            regrets[seeds].append(bowl(best) - 40)
            biases[seeds].append(reported - bowl(best))
    assert fmean(regrets[5]) < 0.6 * fmean(regrets[1])
    assert -2 < fmean(biases[1]) < -1  # validation selects, and yet: a lucky network is so on test images too
    assert -0.5 < fmean(biases[5]) < 0  # less, but not nothing


def write(out: Path, cells: list[Cell], seeds: int, errors: Mapping[Place, float] = {}, data: str = "f" * 16) -> None:
    for cell in cells:
        for seed in range(seeds):
            error = errors.get((cell.alpha, cell.decay), 60.0)
            records.write(out, made_record(cell.replace(seed=seed), error, fingerprint=data))


def test_the_best_cells_get_the_seeds_that_they_lack_and_then_none(tmp_path: Path, capsys) -> None:
    small: dict[str, Any] = {"model": "mlp-4x1", "epochs": 1, "train_examples": 64}
    cells = [cell.replace(**small) for cell in CELLS]
    errors = {(cell.alpha, cell.decay): 40.0 + place for place, cell in enumerate(cells[9:11])}
    write(tmp_path, cells, 1, errors, load("synthetic", tmp_path).fingerprint)
    words = ["refine", "fig2", "--only", "adamw", "--top", "2", "--seeds", "2", "--out", str(tmp_path)]
    words += [word for name, value in small.items() for word in ("--set", f"{name}={value}")] + ["--workers", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "adamw: the 2 best of 49 cells by validation error, seed 0; 2 runs to do" in said
    assert "4 cells, 2 with a record" in said
    trained = {record["id"] for record in records.load(tmp_path) if record["cell"]["seed"]}
    assert trained == {cell.replace(seed=1).id for cell in cells[9:11]}
    before = sorted((tmp_path / "records").iterdir())
    assert main(words) == 0
    assert "4 cells, 4 with a record" in capsys.readouterr().out
    assert sorted((tmp_path / "records").iterdir()) == before


def test_a_small_map_of_which_most_cells_are_refined_goes_on_where_it_was_left(tmp_path: Path) -> None:
    """Six of eight have got their second seed when it is stopped."""
    cells = CELLS[:10]
    errors = {(cell.alpha, cell.decay): 40.0 + place for place, cell in enumerate(cells)}
    write(tmp_path, cells, 1, errors)
    write(tmp_path, cells[:6], 2, errors)
    words = ["refine", "fig2", "--only", "adamw", "--top", "8", "--seeds", "2", "--out", str(tmp_path)]
    chosen, (line, _) = best_cells(_parser().parse_args(words))
    assert set(chosen) == {cell.replace(seed=seed) for cell in cells[:8] for seed in (0, 1)}
    assert line == "adamw: the 8 best of 10 cells (39 not run yet) by validation error, seed 0; 2 runs to do"


def test_the_map_may_lie_in_files_and_only_new_seeds_are_trained(tmp_path: Path, capsys) -> None:
    write(tmp_path / "made", CELLS, 2)
    (tmp_path / "recorded").mkdir()
    for name, seed in (("0.jsonl", 0), ("1.jsonl", 1)):
        here = [record for record in records.load(tmp_path / "made") if record["cell"]["seed"] == seed]
        records.merge(here, tmp_path / "recorded" / name)
    words = ["refine", "fig2", "--only", "adamw", "--records", str(tmp_path / "recorded"), "--out", str(tmp_path / "o")]
    assert main([*words, "--seeds", "2"]) == 0
    assert "has all of these runs" in capsys.readouterr().out
    assert main([*words, "--seeds", "3", "--dry-run"]) == 2  # the demo's images have another fingerprint than these
    assert "is not the data set that its records were made from" in capsys.readouterr().err


REFUSED = {
    "--top 1": "--top must be at least 2",
    "--alphas 0.1": "--alphas: the best are those of the whole map",
    "--set decay=0.1": "--set decay: the best",
    "--set seed=3": "--set seed: the best",
    "--records nowhere": "--records nowhere: no such file",
    "--profile cpu": "no map of fig2",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_chooses_no_best_cells_is_refused_in_a_line(options: str, tmp_path: Path, capsys) -> None:
    write(tmp_path, CELLS, 1)
    assert main(["refine", "fig2", *options.split(), "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert REFUSED[options] in line


def test_what_has_no_map_is_refused(tmp_path: Path, capsys) -> None:
    for name in ("groups", "propositions"):
        assert main(["refine", name, "--out", str(tmp_path)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "no map of groups" in first
    assert "propositions trains no cells of a grid" in second


def the_panel(out: Path) -> Panel:
    (panel,) = panels(the_chart(out))
    return panel


def the_chart(out: Path) -> Chart:
    (chart,) = charts(experiments.get("fig2"), records.load(out))
    return chart


def test_analysis_selects_among_the_refined_cells_by_all_seeds_that_they_share(tmp_path: Path) -> None:
    inside = [cell for cell in CELLS if cell.alpha == CELLS[21].alpha]
    lucky, good = inside[2], inside[4]
    write(tmp_path, CELLS, 1, {(lucky.alpha, lucky.decay): 40.0, (good.alpha, good.decay): 41.0})
    assert the_panel(tmp_path).best.place == (lucky.alpha, lucky.decay)
    for seed in (1, 2):
        records.write(tmp_path, made_record(lucky.replace(seed=seed), 50.0))
    assert the_panel(tmp_path).best.place == (lucky.alpha, lucky.decay)  # its further seeds have nothing beside them
    for seed in (1, 2):
        records.write(tmp_path, made_record(good.replace(seed=seed), 42.0))
    panel = the_panel(tmp_path)
    assert panel.best.place == (good.alpha, good.decay)
    assert panel.best.errors() == [41.0, 42.0, 42.0]
    assert panel.tiles[panel.best.place].errors() == [41.0]  # as its neighbours in the map
    assert [tile.place[1] for tile in panel.finalists] == [good.decay, lucky.decay]
    assert len(panel.candidates) == len(CELLS)
    chart = the_chart(tmp_path)
    assert " Selected among the 2 best of the map by 3 seeds. There the title is of" in reading_maps(chart, [panel])
    shown = {record["id"] for record in records_shown(chart)}
    assert shown == {record["id"] for record in records.load(tmp_path)}  # what the star stands on is in the CSV
    assert len(chart.records) == len(CELLS)
