"""Ours and the paper's side by side, as a table to read and as numbers; the page shows what the records give."""

import csv
import io
from pathlib import Path

import experiments
from analysis.results.table import charts
from analysis.results.words import Estimate, format_estimate
from analysis.statistics import separability
from paper_repro.records import Record
from tests.conftest import made_record

ROOT = Path(__file__).parents[3]


def test_words() -> None:
    assert format_estimate(Estimate(-0.876, -0.92, -0.83)) == "-0.88 [-0.92, -0.83]"
    assert format_estimate(Estimate(0.051, 0.01, 0.104), percent=True) == "5 % [1, 10]"
    assert format_estimate(Estimate(0.5, None, None)) == "0.50"
    assert format_estimate(None) == "noise not known"


def test_a_row_for_each_panel_and_a_number_for_each_statistic(demo_records: list[Record]) -> None:
    (chart,) = charts(experiments.get("fig2"), demo_records)
    rows = separability.chart_rows(chart)
    assert [row.panel for row in rows] == ["SGD", "SGDW", "Adam", "AdamW"]
    assert {(row.tiles, row.runs) for row in rows} == {(42, 1)}
    assert "noise not known" in separability.table(rows).markdown()
    lines = list(csv.DictReader(io.StringIO(separability.numbers(rows))))
    assert {line["statistic"] for line in lines} >= {"ridge_slope", "interaction", "regret_worst", "basin_size"}
    assert all(line["low"] == "" for line in lines)  # one run a tile
    best = {line["statistic"]: line["value"] for line in lines if line["statistic"].startswith("best_decay")}
    assert len(best) == 14  # learning rates: seven of SGD and SGDW, seven of Adam and AdamW


def test_the_paper_s_panels_stand_beside_ours() -> None:
    assert len(separability.published_rows("fig1")) == 4
    assert len(separability.published_rows("supp3")) == len(separability.published_rows("supp3_imagenet32")) == 6
    assert separability.published_rows("transformer") == ()
    assert all(row.is_paper for row in separability.published_rows("fig1"))


def test_rows_say_whose_they_are_and_what_sets_them_apart() -> None:
    cells = [cell for cell in experiments.get("supp3").profiles["demo"].cells if cell.epochs == 8]
    (chart,) = charts(experiments.get("supp3"), [made_record(cell, 30.0) for cell in cells])
    ours = [(row.panel, row.optimizer, row.facets) for row in separability.chart_rows(chart)]
    assert ("AdamW, 8 epochs, per update", "adamw", "8 epochs, per update") in ours
    assert len({panel for panel, _, _ in ours}) == 4  # two optimizers, two units
    (first, *_) = separability.published_rows("supp3")
    assert (first.optimizer, first.facets) == ("adamw", "CIFAR-10, per update, 25 epochs")
