"""The statistics command."""

import csv
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.report import tables
from analysis.results.studies import RECORDED
from analysis.statistics import separability
from paper_repro.cli import UsageError


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
