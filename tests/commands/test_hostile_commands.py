"""What is typed, set and left by jobs may hold anything: commands answer in one line, and believe what can be true."""

import os
from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import is_plain
from slurm import submissions
from slurm.__main__ import main as slurm
from tests.cluster import stand_in

CELL = Cell(dataset="tiny", model="mlp", optimizer="adamw", alpha=0.01, decay=0.01, epochs=2)


SETTINGS = [
    'partition = "a\\n#SBATCH --uid=0"', 'setup = ["a\\u001b"]', '[additional_parameters]\nx = "a\\nb"', "mem = inf",
    "mem = nan", "cpus = 99999999999999999999", "a = " + "[" * 5000, 'time = "9\\u0000"',
]  # fmt: skip


@pytest.mark.parametrize("line", SETTINGS)
def test_a_hostile_setting_is_one_line(line: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(f"{line}\n")
    assert slurm(["plan", "fig2", "--settings", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert all(map(is_plain, told.splitlines()))


def test_status_and_logs_write_out_what_a_terminal_would_obey(tmp_path: Path, monkeypatch, capsys) -> None:
    queue = tmp_path / "queue"  # or a SLURM without its configuration, where one is installed, would not answer
    stand_in.install(queue)
    monkeypatch.setenv("PATH", os.pathsep.join([str(queue / "bin"), os.environ["PATH"]]))
    sent = submissions.create(
        tmp_path, [CELL, CELL.replace(seed=1)], name="fig2", profile="demo", source="0" * 16, data="d", device="cpu",
        at_once=1, cores=2, gpus=0, jobs=1,
    )  # fmt: skip
    records.write_failure(tmp_path, CELL, "Traceback\nValueError: \x1b[2J\x1b]0;owned\x07")
    (sent.folder / "1_log.out").write_text(f"\x1b[31mred {CELL.id}")
    with submissions.attempting(sent.folder, 0) as attempt:
        attempt.ended = "\x1b[2J"
    assert slurm(["status", "--out", str(tmp_path)]) == 1
    assert slurm(["logs", CELL.id, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "\\x1b[2J" in said
    assert "\\x1b[31mred" in said
    assert all(map(is_plain, said.splitlines()))
