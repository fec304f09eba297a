"""Ours and the paper's side by side, as a table to read and as numbers; the page shows what the records give."""

import csv
import io
from pathlib import Path

import pytest

import experiments
from analysis import separability, tables
from analysis.__main__ import main
from analysis.figures import read_recorded
from analysis.select import Refused, charts
from analysis.surfaces import Estimate
from paper_repro.records import Record

ROOT = Path(__file__).parent.parent
COMMAND = "python -m analysis statistics fig2 --recorded"


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
    assert separability.of_paper("transformer") == []


def test_the_command_prints_tables_and_writes_numbers(tmp_path: Path, capsys) -> None:
    assert main(["statistics", "fig2", "--recorded", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "fig2-cpu-cifar10-jpeg\n\n| panel |" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fig2-cpu-cifar10-jpeg-separability.csv", "fig2-demo-separability.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(("names", "told"), [(["fig4"], "fig4 is no heat map"), (["fig1"], "no records of fig1")])
def test_what_cannot_be_told_is_one_line(names: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        list(tables.make(names, ROOT / "experiments" / "recorded" / "batch_size-cpu.jsonl", None))


def test_the_page_shows_what_the_records_give() -> None:
    """Where this fails after a change that is meant: python -m tests.test_separability"""
    assert _shown() in (ROOT / "docs" / "experiments.md").read_text()


def _shown() -> str:
    charts_ = charts(experiments.get("fig2"), read_recorded())
    (chart,) = [chart for chart in charts_ if chart.profile == "cpu"]
    rows = [*separability.of_chart(chart), *separability.of_paper("fig2")]
    return f"<!-- begin: {COMMAND} -->\n\n{separability.markdown(rows)}\n<!-- end -->"


if __name__ == "__main__":
    page = ROOT / "docs" / "experiments.md"
    before, _, rest = page.read_text().partition(f"<!-- begin: {COMMAND} -->")
    page.write_text(before + _shown() + rest.partition("<!-- end -->")[2])
