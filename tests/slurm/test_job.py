"""A job goes on with what is on disk, refuses changed code, and asks to be put back only if its end was not wanted."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import provenance
from slurm import attempts, cluster, submissions
from slurm.job import Bundle, Stop, remove_leftovers
from slurm.submissions import Submission


@pytest.fixture
def submission(cell: Cell, npz: Path, tmp_path: Path) -> Submission:
    return _submission(cell, npz, tmp_path)


def _submission(cell: Cell, npz: Path, out: Path, **changes: Any) -> Submission:
    cells = [cell.replace(seed=seed) for seed in range(4)]
    content = {
        "name": "fig2", "profile": "demo", "cluster": "debug", "source": provenance.source(), "out": str(out),
        "data": str(npz), "device": "cpu", "at_once": 1, "cores": 1, "gpus": 0, "mixed_code": False,
        "sweep": [cell.id for cell in cells], **changes,
    }  # fmt: skip
    return submissions.create([cells[:2], cells[2:]], **content)


def test_it_trains_its_own_cells_and_leaves_failed_ones_alone(submission: Submission, tmp_path: Path) -> None:
    _, last = submission.cells(1)
    records.write_failure(tmp_path, last, "ValueError: it failed")
    assert Bundle(submission.folder, 1)() == "finished"
    assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {2}
    assert Bundle(submission.folder, 0)() == "finished"
    assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {0, 1, 2}
    assert [attempt.ended for attempt in attempts.of(submission.folder)] == ["finished", "finished"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # outside of submitit's jobs nothing stays replaced


def test_changed_code_is_refused_unless_asked_for(cell: Cell, npz: Path, tmp_path: Path) -> None:
    old = _submission(cell, npz, tmp_path, source="0" * 16)
    with pytest.raises(RuntimeError, match="the code has changed since this was submitted"):
        Bundle(old.folder, 0)()
    (attempt,) = attempts.of(old.folder)
    assert "the code has changed" in str(attempt.ended)
    assert records.load(tmp_path) == []
    mixed = _submission(cell, npz, tmp_path, source="0" * 16, mixed_code=True)
    assert Bundle(mixed.folder, 0)() == "finished"


def test_a_damaged_submission_is_named(submission: Submission) -> None:
    path = submission.folder / "submission.json"
    path.write_bytes(path.read_bytes().replace(b'"demo"', b'"cpu"'))
    with pytest.raises(ValueError, match=f"{path}: damaged"):
        Bundle(submission.folder, 0)()


def test_what_a_kill_left_of_submitit_s_saving_is_removed(tmp_path: Path, monkeypatch) -> None:
    for name, value in (("EXECUTOR", "local"), ("LOCAL_JOB_ID", "77"), ("FOLDER", str(tmp_path))):
        monkeypatch.setenv(f"SUBMITIT_{name}", value)
    left = tmp_path / "77_submitted.pkl.save_tmp"
    left.touch()
    (tmp_path / "77_submitted.pkl").touch()
    remove_leftovers()
    assert [path.name for path in tmp_path.iterdir()] == ["77_submitted.pkl"]


@pytest.mark.parametrize(
    ("heard", "runs", "asks"),
    [
        ([signal.SIGUSR2], False, True),  # the time limit, or a preemption that was announced
        ([signal.SIGTERM, signal.SIGUSR2], False, True),
        ([signal.SIGTERM], True, True),  # preempted without a notice: SLURM still calls it running
        ([signal.SIGTERM], False, False),  # cancelled, or put back already
        ([signal.SIGUSR2, signal.SIGTERM], False, True),
    ],
)
def test_when_a_job_asks_to_be_put_back(heard: list[signal.Signals], runs: bool, asks: bool, monkeypatch) -> None:
    asked = []
    stop = Stop({signal.SIGUSR2: lambda number, frame: asked.append(number)})
    for number in heard:
        stop.note(number, None)
    assert stop.asked
    monkeypatch.setattr(cluster, "is_running", lambda job: runs)
    stop.requeue("12_3")
    assert asked == [signal.SIGUSR2] * asks


def test_on_one_machine_a_term_is_a_cancel() -> None:
    asked = []
    stop = Stop({signal.SIGUSR2: lambda number, frame: asked.append(number)})
    stop.note(signal.SIGTERM, None)
    stop.requeue(None)
    assert asked == []


def test_a_signal_stops_it_at_a_safe_point(cell: Cell, npz: Path, tmp_path: Path) -> None:
    long = cell.replace(epochs=100_000)
    content = _submission(long, npz, tmp_path)
    child = os.fork()
    if child == 0:
        try:
            os._exit(Bundle(content.folder, 0)() != "stopped (SIGTERM)")
        finally:
            os._exit(9)
    while not list(tmp_path.glob("checkpoints/*/*.pt")):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0
    assert attempts.of(content.folder)[0].ended == "stopped (SIGTERM)"
    assert not list(tmp_path.glob("claims/*"))
