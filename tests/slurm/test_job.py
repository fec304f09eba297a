"""A job goes on with what is on disk, refuses damaged code, and asks to be put back only if its end was not wanted."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import cluster, submissions
from slurm.job import Job, Stop, remove_leftovers
from slurm.submissions import Submission


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """A job sets handlers for the rest of its process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def submission(cell: Cell, npz: Path, tmp_path: Path) -> Submission:
    return _submission(cell, npz, tmp_path)


def _submission(cell: Cell, npz: Path, out: Path, **changes: Any) -> Submission:
    content = {
        "name": "fig2", "profile": "demo", "source": provenance.source(), "data": str(npz), "device": "cpu",
        "at_once": 1, "cores": 1, "gpus": 0, "jobs": 2, **changes,
    }  # fmt: skip
    return submissions.create(out, [cell.replace(seed=seed) for seed in range(4)], **content)


def test_it_trains_what_is_missing_and_leaves_what_failed_or_another_trains(
    submission: Submission, cell: Cell, tmp_path: Path
) -> None:
    failed, held = cell.replace(seed=1), cell.replace(seed=2)
    records.write_failure(tmp_path, failed, "ValueError: it failed")
    with leases.hold(leases.folder_of(tmp_path), held.id):
        assert Job(submission.folder, 1)() == "finished"
        assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {0, 3}
    assert Job(submission.folder, 0)() == "finished"
    assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {0, 2, 3}
    assert [attempt.ended for attempt in submission.attempts()] == ["finished", "finished"]


def test_it_trains_its_part_before_it_reads_the_others(cell: Cell, npz: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submissions, "PART", 2)
    submission = _submission(cell, npz, tmp_path)
    other = tmp_path / "slurm" / "cells" / f"{submission.parts[0]}.json"
    content = other.read_bytes()
    other.unlink()
    with pytest.raises(FileNotFoundError, match=other.name):
        Job(submission.folder, 1)()
    assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {1, 3}
    other.write_bytes(content)
    assert Job(submission.folder, 1)() == "finished"
    assert {record["cell"]["seed"] for record in records.load(tmp_path)} == {0, 1, 2, 3}


def test_a_damaged_copy_of_the_code_is_refused(cell: Cell, npz: Path, tmp_path: Path) -> None:
    other = _submission(cell, npz, tmp_path, source="0" * 16)
    with pytest.raises(RuntimeError, match=f"{provenance.PACKAGE.parent}: damaged .* submit again"):
        Job(other.folder, 0)()
    (attempt,) = other.attempts()
    assert "damaged" in str(attempt.ended)
    assert records.load(tmp_path) == []


@pytest.mark.parametrize(("gpus", "told"), [("", "none"), ("0,1", "0,1")])
def test_a_task_that_slurm_gives_no_gpu_of_its_own_does_not_share_another_s(
    cell: Cell, npz: Path, tmp_path: Path, monkeypatch, gpus: str, told: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    monkeypatch.setenv("SLURM_PROCID", "1")
    sent = _submission(cell, npz, tmp_path, device="cuda", gpus=2)
    with pytest.raises(RuntimeError, match=f"task 1 of 2 is to have one GPU, and SLURM shows it {told}$"):
        Job(sent.folder, 0)()


def test_a_damaged_submission_is_named(submission: Submission) -> None:
    path = submission.folder / "submission.json"
    path.write_bytes(path.read_bytes().replace(b'"demo"', b'"cpu"'))
    with pytest.raises(ValueError, match=f"{path}: damaged"):
        Job(submission.folder, 0)()


def test_what_a_kill_left_of_submitit_s_saving_is_removed(tmp_path: Path, monkeypatch) -> None:
    for name, value in (("EXECUTOR", "local"), ("LOCAL_JOB_ID", "77"), ("FOLDER", str(tmp_path))):
        monkeypatch.setenv(f"SUBMITIT_{name}", value)
    left = tmp_path / "77_submitted.pkl.save_tmp"
    left.touch()
    (tmp_path / "77_submitted.pkl").touch()
    remove_leftovers()
    assert [path.name for path in tmp_path.iterdir()] == ["77_submitted.pkl"]


@pytest.mark.parametrize(
    ("heard", "runs", "goes_on"),
    [
        ([signal.SIGUSR2], False, True),  # the time limit, or a preemption that was announced
        ([signal.SIGTERM, signal.SIGUSR2], False, True),
        ([signal.SIGTERM], True, True),  # preempted without a notice: SLURM still calls it running
        ([signal.SIGTERM], False, False),  # cancelled, or put back already
        ([signal.SIGUSR2, signal.SIGTERM], False, True),
        ([], True, False),
    ],
)
def test_when_a_job_is_to_go_on(heard: list[signal.Signals], runs: bool, goes_on: bool, monkeypatch) -> None:
    stop = Stop()
    for number in heard:
        stop.note(number, None)
    monkeypatch.setattr(cluster, "is_running", lambda job: runs)
    assert stop.is_to_go_on("12_3") is goes_on


def test_a_signal_stops_it_at_a_safe_point(cell: Cell, npz: Path, tmp_path: Path) -> None:
    long = cell.replace(epochs=100_000)
    content = _submission(long, npz, tmp_path)
    child = os.fork()
    if child == 0:
        try:
            os._exit(Job(content.folder, 0)() != "stopped (SIGTERM)")
        finally:
            os._exit(9)
    while not list(tmp_path.glob("checkpoints/*/*.pt")):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0
    assert content.attempts()[0].ended == "stopped (SIGTERM)"
    assert not list(tmp_path.glob("claims/*/*"))
