"""The statistics command, and that the page shows what the committed records give."""

import re
from pathlib import Path

import pytest

import experiments
from analysis import compare, laws, separability, tables
from analysis.__main__ import main
from analysis.figures import read_recorded
from analysis.panels import panels
from analysis.select import Refused, charts

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "experiments.md"
SHOWN = ("fig2", "batch_size", "fig4")


def test_the_command_prints_tables_and_writes_numbers(tmp_path: Path, capsys) -> None:
    assert main(["statistics", "fig2", "--recorded", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "fig2-cpu-cifar10-jpeg\n\n| panel |" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fig2-cpu-cifar10-jpeg-separability.csv", "fig2-demo-separability.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(("names", "told"), [(["supp1"], "supp1 has no statistics"), (["fig1"], "no records of fig1")])
def test_what_cannot_be_told_is_one_line(names: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        list(tables.make(names, ROOT / "experiments" / "recorded" / "batch_size-cpu.jsonl", None))


def test_both_kinds_of_tables_stand_under_an_experiment_that_has_both(capsys) -> None:
    assert main(["statistics", "batch_size", "--recorded"]) == 0
    said = capsys.readouterr().out
    assert "| best decay of | in | exponent |" in said
    assert "| panel |" not in said


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_what_the_records_give(name: str) -> None:
    """Where this fails after a change that is meant: python -m tests.test_tables"""
    assert block(name) in PAGE.read_text()


def test_the_front_page_s_slopes_are_those_of_the_records() -> None:
    (chart,) = [chart for chart in charts(experiments.get("fig2"), read_recorded()) if chart.profile == "cpu"]
    for words, rows in (("here", separability.of_chart(chart)), ("the paper's figure", separability.of_paper("fig2"))):
        slopes = " | ".join(separability.said(row.ridge.slope) for row in rows)
        assert f"| {words} | {slopes} |" in (ROOT / "README.md").read_text()


def test_the_front_page_s_comparison_is_that_of_the_records() -> None:
    (chart,) = [chart for chart in charts(experiments.get("fig2"), read_recorded()) if chart.profile == "cpu"]
    pairs = compare.compare(panels(chart))
    (pair,) = [pair for pair in pairs if pair.is_decided]
    assert (pair.first, pair.second) == ("Adam", "AdamW")
    away = [-part for part in (pair.difference.value, pair.difference.high, pair.difference.low)]
    told = (
        f"{away[0]:.2f} [{away[1]:.2f}, {away[2]:.2f}] points below AdamW's (p = {pair.p:.2g}, corrected for six pairs)"
    )
    assert told in (ROOT / "README.md").read_text()
    assert len(pairs) == 6


def test_the_exponents_told_are_those_of_the_records() -> None:
    records = read_recorded()
    (chart,) = [chart for chart in charts(experiments.get("batch_size"), records) if chart.profile == "cpu"]
    told = (ROOT / "README.md").read_text().replace("\n", " ")
    for line in laws.of_chart(chart, records):
        if "epochs fixed" in line.who and line.unit == "per update":
            assert f"{separability.said(line.law.exponent)} for {line.who.partition(',')[0]}" in told


def block(name: str) -> str:
    """The part of the page that is generated: the tables of an experiment's `cpu` profile."""
    records = read_recorded()
    (chart,) = [chart for chart in charts(experiments.get(name), records) if chart.profile == "cpu"]
    command = f"python -m analysis statistics {name} --recorded"
    return f"<!-- begin: {command} -->\n\n{tables.markdown(chart, records)}\n<!-- end -->"


if __name__ == "__main__":
    text = PAGE.read_text()
    for name in SHOWN:
        new = block(name)
        text = re.sub(
            re.escape(new.partition("\n")[0]) + ".*?<!-- end -->", lambda _, new=new: new, text, flags=re.DOTALL
        )
    PAGE.write_text(text)
