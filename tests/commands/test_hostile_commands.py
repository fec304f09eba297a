"""What is typed, set and left by jobs may hold anything: commands answer in one line, and believe what can be true."""

import json
import os
from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import is_plain
from paper_repro.sweep import leases
from slurm import attempts, submissions
from slurm.__main__ import main as slurm

CELL = Cell(dataset="tiny", model="mlp", optimizer="adamw", alpha=0.01, decay=0.01, epochs=2)


SETTINGS = [
    'partition = "a\\n#SBATCH --uid=0"', 'setup = ["a\\u001b"]', '[additional_parameters]\nx = "a\\nb"', "mem = inf",
    "mem = nan", "cpus = 99999999999999999999", "a = " + "[" * 5000, 'time = "9\\u0000"',
]  # fmt: skip


@pytest.mark.parametrize("line", SETTINGS)
def test_a_hostile_setting_is_one_line(line: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(f'cluster = "local"\n{line}\n')
    assert slurm(["plan", "fig2", "--settings", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert all(map(is_plain, told.splitlines()))


@pytest.fixture
def sent(tmp_path: Path) -> submissions.Submission:
    content = {
        "name": "fig2", "profile": "demo", "cluster": "local", "source": "0" * 16, "out": str(tmp_path), "data": "d",
        "device": "cpu", "at_once": 1, "cores": 2, "gpus": 0, "mixed_code": False, "sweep": [CELL.id],
    }  # fmt: skip
    return submissions.create([[CELL]], **content)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"}, {"profile": "\x1b[2J"}, {"cores": "2"}, {"cores": -1}, {"gpus": 10**400},
        {"sweep": ["../../x"]}, {"sweep": [3]}, {"bundles": [["x"]]}, {"bundles": [{"../x": "{}"}]},
        {"bundles": [{CELL.id: 3}]}, {"created": None},
    ],
)  # fmt: skip
def test_a_submission_that_submit_has_not_written_is_refused(sent, changes: dict, tmp_path: Path, capsys) -> None:
    path = sent.folder / "submission.json"
    content = json.loads(path.read_text()) | changes
    del content["checksum"]
    path.write_text(json.dumps({**content, "checksum": submissions._checksum(content)}))
    assert slurm(["status", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"slurm: {path}: damaged (")


# Numbered: a name with our process id in it would not be the same in the two processes that run the tests.
@pytest.mark.parametrize("pid", [0, 1, -1, str(os.getpid()), float(os.getpid()), True, None, 1e999, [2]], ids=range(9))
def test_cancel_sends_no_signal_to_what_is_no_process_of_ours(sent, pid) -> None:
    submissions.note_process(sent, os.getpid())
    path = sent.folder / "process.json"
    assert submissions.process(sent) is not None
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": pid, "started": leases.started(pid)}))
    assert submissions.process(sent) is None


@pytest.mark.parametrize(
    "changes", [{"seconds": "x"}, {"seconds": 1e999}, {"owner": "x"}, {"ended": 3}, {"began": None}]
)
def test_an_attempt_that_no_job_has_written_is_left_out(sent, changes: dict) -> None:
    note = attempts.Note(sent.folder, 0)
    note.write()
    assert len(attempts.of(sent.folder)) == 1
    note.path.write_text(json.dumps({"ended": "x", **json.loads(note.path.read_text()), **changes}))
    assert attempts.of(sent.folder) == []


def test_status_and_logs_write_out_what_a_terminal_would_obey(sent, tmp_path: Path, capsys) -> None:
    records.write_failure(tmp_path, CELL, "Traceback\nValueError: \x1b[2J\x1b]0;owned\x07")
    (sent.folder / "1_log.out").write_text("\x1b[31mred")
    note = attempts.Note(sent.folder, 0)
    note.ended = "\x1b[2J"
    note.write()
    assert slurm(["status", "--out", str(tmp_path)]) == 1
    assert slurm(["logs", CELL.id, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "\\x1b[2J" in said
    assert "\\x1b[31mred" in said
    assert all(map(is_plain, said.splitlines()))
