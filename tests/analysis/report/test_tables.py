"""The statistics command, and that the page shows what the committed records give."""

import csv
from pathlib import Path

import pytest

import experiments
from analysis.__main__ import main
from analysis.figures import read_records
from analysis.report import tables
from analysis.results.panels import panels
from analysis.results.series import EPOCHS, bests
from analysis.results.studies import RECORDED
from analysis.results.table import charts
from analysis.results.words import format_estimate
from analysis.statistics import estimate, separability
from paper_repro.cli import UsageError

ROOT = Path(__file__).parents[3]


def test_the_command_prints_tables_and_writes_numbers(tmp_path: Path, capsys) -> None:
    assert main(["statistics", "fig2", "--recorded", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "fig2-cpu\n\n| panel |" in said
    stems = ("fig2-cpu-separability", "fig2-demo-separability", "fig2-gpu_short-cifar10-jpeg-separability")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{stem}.{kind}" for stem in stems for kind in ("csv", "pdf", "png")
    ]


def test_laws_are_drawn_beside_their_numbers(tmp_path: Path) -> None:
    *_, png, pdf, table = tables.make(["label_noise_batch_size"], [RECORDED], tmp_path)
    assert [Path(path).name for path in (png, pdf, table)] == [
        f"label_noise_batch_size-cpu-laws.{kind}" for kind in ("png", "pdf", "csv")
    ]
    with open(table, newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * 2 * 6  # laws, axes, batch sizes
    assert Path(png).read_bytes().startswith(b"\x89PNG")


def test_nothing_is_computed_twice_for_tables_and_pictures(tmp_path: Path, monkeypatch) -> None:
    called = []
    chart_rows = separability.chart_rows
    monkeypatch.setattr(separability, "chart_rows", lambda chart: called.append(chart.stem) or chart_rows(chart))
    list(tables.make(["fig2"], [RECORDED / "fig2-demo.jsonl"], tmp_path))
    assert called == ["fig2-demo"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["supp1"], "supp1 has no statistics"),
        (["fig1"], "no record of fig1 in .*experiments run fig1 "),
    ],
)
def test_what_cannot_be_told_is_one_line(names: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        list(tables.make(names, [RECORDED / "batch_size-cpu.jsonl"], None))


def test_both_kinds_of_tables_stand_under_an_experiment_that_has_both(capsys) -> None:
    assert main(["statistics", "label_noise_batch_size", "--recorded"]) == 0
    said = capsys.readouterr().out
    assert "| best decay of | in | exponent |" in said
    assert "| panel |" not in said


def test_the_front_page_s_comparison_is_that_of_the_records() -> None:
    (chart,) = charts(experiments.get("label_noise"), read_records([RECORDED]))
    pairs = estimate.compare(panels(chart))
    (pair,) = [pair for pair in pairs if pair.is_decided]
    assert (pair.first, pair.second) == ("Adam", "AdamW")
    away = [-part for part in (pair.difference.value, pair.difference.high, pair.difference.low)]
    told = (
        f"{away[0]:.2f} [{away[1]:.2f}, {away[2]:.2f}] points below AdamW's (p = {pair.p:.2g}, corrected for six pairs)"
    )
    assert told in (ROOT / "README.md").read_text()
    assert {each.seeds for each in pairs} == {7}
    assert len(pairs) == 6


def test_the_front_page_s_long_run_is_that_of_the_records() -> None:
    (chart,) = [chart for chart in charts(experiments.get("fig4"), read_records([RECORDED])) if chart.profile == "cpu"]
    found = {(pair.first, pair.second): pair for pair in estimate.compare(panels(chart))}
    (pair,) = [pair for names, pair in found.items() if names[0][:5] == "Adam," and names[1] == "AdamW, cosine"]
    assert pair.is_decided
    words = f"AdamW ends {format_estimate(pair.difference)} points below Adam with L2 (seven seeds"
    assert words in " ".join((ROOT / "README.md").read_text().split())


def test_the_regrets_told_are_those_of_the_records() -> None:
    (chart,) = charts(experiments.get("label_noise"), read_records([RECORDED]))
    rows = separability.chart_rows(chart)
    ours, paper = (
        [f"{row.statistics['regret_decay_first'].value:.2f}" for row in found]
        for found in (rows, separability.published_rows("fig2"))
    )
    told = " ".join((ROOT / "docs" / "experiments.md").read_text().split())
    words = "{0} points for tuning SGD with L2 by turns and {2} for Adam with L2, {1} and {3} decoupled"
    assert words.format(*paper) in told
    assert "here {0} and {2} with L2, {1} and {3} decoupled".format(*ours) in told
    sgd, sgdw, adam, adamw = (row.statistics["regret_decay_first"] for row in rows)
    assert adamw.high < adam.low
    assert sgdw.high > sgd.low
    front = " ".join((ROOT / "README.md").read_text().split())
    assert f"{format_estimate(adam)} points with Adam's L2, and {format_estimate(adamw)} with AdamW" in front


def test_how_the_best_decay_goes_with_the_batch_size_is_what_the_records_say() -> None:
    (chart,) = charts(experiments.get("label_noise_batch_size"), read_records([RECORDED]))
    best = {each.batch_size: each.decay for each in bests(chart, "adamw") if each.plan == EPOCHS}
    assert best[256] / best[16] == 256 / 16
    assert best[512] < best[256]
    told = " ".join((ROOT / "README.md").read_text().split())
    assert "grows about in proportion to the batch size from 16 to 256; at 512 it does not" in told
