"""The command, through submitit's executors for one machine: the same path that a cluster takes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import experiments
from paper_repro import engine, records
from slurm.__main__ import main

ROOT = Path(__file__).parent.parent
CELLS = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.002,0.004"]


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """An output folder whose jobs in the background are ended with the test."""
    yield tmp_path / "runs"
    for path in tmp_path.glob("runs/slurm/*/process.json"):
        pid = json.loads(path.read_text())["pid"]
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGTERM)


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slurm", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def table(out: Path) -> dict[str, Any]:
    (found,) = json.loads(typed("status", "--json", "--out", str(out)).stdout)["sweeps"]
    return dict(found)


def until(condition) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def test_jobs_in_the_background_are_sent_once_requeued_and_end_as_undisturbed_ones(out: Path, tmp_path: Path) -> None:
    submit = ["submit", *CELLS, "--set", "epochs=150", "--cluster", "local", "--out", str(out)]
    submit += ["--seconds-per-cell", "1", "--cells-at-once", "1"]
    began = time.monotonic()
    assert "submitted fig2-demo-" in typed(*submit).stdout
    assert time.monotonic() - began < 30  # it does not wait for its job
    until(lambda: list(out.glob("checkpoints/*/*.pt")))
    assert "nothing to submit" in typed(*submit).stdout
    (path,) = out.glob("slurm/*/attempts/*.json")
    os.kill(json.loads(path.read_text())["owner"]["pid"], signal.SIGUSR2)
    until(lambda: len(list(out.glob("slurm/*/attempts/*.json"))) == 2)  # it was requeued
    until(lambda: table(out)["finished"] == 2)
    assert table(out)["core_hours"] > 0
    assert "nothing to submit" in typed(*submit).stdout
    profile = experiments.get("fig2").quick().profiles["demo"]
    cells = [
        cell.replace(epochs=150, decay=decay, alpha=0.01) for decay in (0.002, 0.004) for cell in profile.cells[-1:]
    ]
    engine.run(cells, tmp_path / "solo", Path("data"), workers=2)
    pair = [
        {record["id"]: records.without_times(record) for record in records.load(folder)}
        for folder in (out, tmp_path / "solo")
    ]
    assert pair[0] == pair[1]
    assert max(record["provenance"]["attempts"] for record in records.load(out)) == 2


def test_cancel_ends_it_saved_and_submit_goes_on(out: Path) -> None:
    submit = [
        "submit",
        *CELLS,
        "--set",
        "epochs=5000",
        "--cluster",
        "local",
        "--out",
        str(out),
        "--seconds-per-cell",
        "9",
    ]
    typed(*submit)
    until(lambda: list(out.glob("checkpoints/*/*.pt")))
    assert "1 job of fig2 cancelled" in typed("cancel", "fig2", "--out", str(out)).stdout
    until(lambda: table(out)["missing"] == 2)
    (path,) = out.glob("slurm/*/attempts/*.json")
    assert json.loads(path.read_text())["ended"] == "stopped (SIGTERM)"
    said = typed("status", "--out", str(out)).stdout
    assert "1 job ended and left 2 cells: stopped (SIGTERM)" in said
    assert "submitted" in typed(*submit).stdout


def test_debug_trains_here_and_now(out: Path) -> None:
    assert typed("submit", *CELLS, "--cluster", "debug", "--out", str(out)).returncode == 0
    assert len(records.load(out)) == 2
    assert table(out)["finished"] == 2


def test_plan_sends_and_writes_nothing(out: Path) -> None:
    said = typed("plan", *CELLS, "--cluster", "local", "--out", str(out))
    assert "2 missing" in said.stdout
    assert "nothing was sent" in said.stdout
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["submit", "nope"], "no experiment 'nope': one of"),
        (["submit", "fig2", "--profile", "huge"], "fig2 has no profile 'huge'"),
        (["plan", "propositions", "--cluster", "local"], "propositions trains no cells of a grid"),
        (["submit", "fig2", "--cells-per-job", "0"], "--cells-per-job must lie between 1e-06 and 1e+09, got 0"),
        (
            ["submit", "fig2", "--gpus", "1", "--cluster", "local", "--quick"],
            "would train on cuda, and this machine has",
        ),
        (["retry", "fig2"], "the following arguments are required: --failed"),
        (["cancel", "fgi2"], "nothing of fgi2 was submitted from"),
        (["logs", "adamw"], "adamw: was not submitted from here"),
        (["fly"], "invalid choice: 'fly'"),
    ],
)
def test_a_bad_argument_is_one_line(arguments: list[str], told: str, tmp_path: Path, capsys, monkeypatch) -> None:
    if arguments[0] != "fly":
        arguments = [*arguments, "--out", str(tmp_path / "runs")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("slurm: ")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1


def test_an_output_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    assert main(["submit", "fig2", "--out", str(tmp_path / "file" / "runs"), "--cluster", "local"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_nothing_submitted_is_no_error(tmp_path: Path, capsys) -> None:
    assert main(["status", "--out", str(tmp_path)]) == 0
    assert "nothing was submitted from" in capsys.readouterr().out


def test_records_of_other_code_are_not_added_to_unless_asked_for(tmp_path: Path, capsys) -> None:
    line = (ROOT / "experiments" / "recorded" / "fig2-demo.jsonl").read_text().splitlines()[0]
    path = records.record_path(tmp_path, json.loads(line)["id"])
    path.parent.mkdir()
    path.write_text(line + "\n")
    arguments = ["submit", "fig2", "--cluster", "local", "--out", str(tmp_path), "--seconds-per-cell", "1"]
    assert main(arguments) == 2
    assert "other code than this" in capsys.readouterr().err
    assert not (tmp_path / "slurm").exists()
