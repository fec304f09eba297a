"""Ours and the paper's side by side, as a table to read and as numbers; the page shows what the records give."""

import csv
import io
from pathlib import Path

import experiments
from analysis import separability
from analysis.select import charts
from analysis.surfaces import Estimate
from paper_repro.records import Record

ROOT = Path(__file__).parent.parent


def test_words() -> None:
    assert separability.said(Estimate(-0.876, -0.92, -0.83)) == "-0.88 [-0.92, -0.83]"
    assert separability.said(Estimate(0.051, 0.01, 0.104), percent=True) == "5 % [1, 10]"
    assert separability.said(Estimate(0.5, None, None)) == "0.50"
    assert separability.said(None) == "noise not known"


def test_a_row_for_each_panel_and_a_number_for_each_statistic(demo_records: list[Record]) -> None:
    (chart,) = charts(experiments.get("fig2"), demo_records)
    rows = separability.of_chart(chart)
    assert [row.panel for row in rows] == ["SGD", "SGDW", "Adam", "AdamW"]
    assert {(row.tiles, row.runs) for row in rows} == {(42, 1)}
    assert "noise not known" in separability.markdown(rows)
    lines = list(csv.DictReader(io.StringIO(separability.table(rows))))
    assert {line["statistic"] for line in lines} >= {
        "ridge_slope",
        "tilt_rho",
        "interaction",
        "regret_worst",
        "basin_size",
    }
    assert all(line["low"] == "" for line in lines)  # one run a tile


def test_the_paper_s_panels_stand_beside_ours() -> None:
    assert len(separability.of_paper("fig1")) == 4
    assert len(separability.of_paper("supp3")) == len(separability.of_paper("supp3_imagenet32")) == 6
    assert separability.of_paper("transformer") == ()
