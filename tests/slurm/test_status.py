"""The table says where each cell stands, groups what failed, and names what ended early."""

import json
import os
import time
from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import attempts, states, status, submissions
from slurm.states import Jobs
from slurm.submissions import Submission
from tests.conftest import made_record


@pytest.fixture
def cells(cell: Cell) -> list[Cell]:
    return [cell.replace(seed=seed) for seed in range(10)]


@pytest.fixture
def sent(cells: list[Cell], tmp_path: Path) -> Submission:
    """Five jobs of two cells each: finished and diverged; failed; alive; ended early; never started."""
    content = {
        "name": "fig2", "profile": "demo", "cluster": "slurm", "source": provenance.source(), "out": str(tmp_path),
        "data": "data", "device": "cuda", "at_once": 1, "cores": 8, "gpus": 1, "mixed_code": False,
        "sweep": [cell.id for cell in cells],
    }  # fmt: skip
    submission = submissions.create([cells[start : start + 2] for start in range(0, 10, 2)], **content)
    odd = {"kind": "loss spike", "epoch": 2, "value": 3.0, "usual": 1.0}
    records.write(tmp_path, {**made_record(cells[0], 30.0), "diagnoses": [odd]})
    records.write(tmp_path, made_record(cells[1], 30.0, status="diverged"))
    for cell in cells[2:4]:
        records.write_failure(tmp_path, cell, "Traceback\n  in train\nValueError: too small")
    note = attempts.Note(submission.folder, 3)
    note.ended = "no space left"
    note.write()
    content = json.loads(note.path.read_text())
    note.path.write_text(json.dumps({**content, "seconds": 7200}))
    (submission.folder / "9_3_0_log.err").write_text("OSError: no space left\n")
    return submission


@pytest.fixture
def jobs(sent: Submission) -> Jobs:
    return Jobs({(sent.folder, 2): "RUNNING"}, {(sent.folder, 2): "9_2"})


def test_each_cell_is_in_one_state(cells: list[Cell], sent: Submission, jobs: Jobs, tmp_path: Path) -> None:
    with leases.hold(leases.folder_of(tmp_path), cells[4].id):
        found = states.of([cell.id for cell in cells], tmp_path, [sent], jobs)
    expected = {"cells": 10, "finished": 1, "diverged": 1, "failed": 2, "running": 1, "waiting": 1, "missing": 4}
    assert found.counts == expected
    assert list(found.running) == [cells[4].id]
    assert found.waiting == [cells[5].id]
    assert found.missing == [cell.id for cell in cells[6:]]


def test_a_dead_process_s_claim_is_not_running(cells: list[Cell], sent: Submission, jobs: Jobs, tmp_path: Path) -> None:
    claim = leases.acquire(leases.folder_of(tmp_path), cells[8].id)
    assert claim is not None
    owner = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps({**owner, "started": 1}))
    assert cells[8].id in states.of([cell.id for cell in cells], tmp_path, [sent], jobs).missing


def test_the_table_and_its_words(sent: Submission, jobs: Jobs, tmp_path: Path) -> None:
    (sweep,) = status.sweeps([sent])
    table = sweep.table(tmp_path, jobs)
    assert (table["gpu_hours"], table["core_hours"]) == (2.0, 16.0)
    assert table["jobs"] == {"RUNNING": 1}
    (failure,) = table["failures"]
    assert (failure["reason"], failure["cells"]) == ("ValueError: too small", 2)
    assert {(group["reason"], group["jobs"], group["cells"]) for group in table["ended_early"]} == {
        ("no space left", 1, 2), ("never started", 1, 2),
    }  # fmt: skip
    assert [(group["kind"], group["cells"]) for group in table["odd"]] == [("diverged", 1), ("loss spike", 1)]
    text = "\n".join(status.lines([table], jobs))
    for part in (
        "2 failed: ValueError: too small", "in train", "1 job ended and left 2 cells: no space left",
        f"loss spike: 1 cell, first {sent.sweep[0]}; usual remedy: a smaller",
        f"diverged: 1 cell, first {sent.sweep[1]}",
        "9_3_0_log.err", "-m slurm submit fig2 --profile demo", "jobs of fig2: 1 RUNNING",
    ):  # fmt: skip
        assert part in text
    assert json.loads(status.as_json([table], jobs))["sweeps"] == [table]


def test_the_logs_of_a_cell_are_those_of_its_jobs(cells: list[Cell], sent: Submission) -> None:
    assert [path.name for path in status.log_of(cells[7].id, [sent])] == ["9_3_0_log.err"]
    assert status.log_of(cells[0].id, [sent]) == []


def test_rate_and_time_left_are_those_of_the_last_hour(cells: list[Cell], tmp_path: Path, monkeypatch) -> None:
    known = {cell.id: records.write(tmp_path, made_record(cell, 30.0)) for cell in cells[:4]}
    for place, path in enumerate(known.values()):
        then = time.time() - 600 * (place + 1)
        os.utime(path, (then, then))
    found = states.of(list(known), tmp_path, [], Jobs())
    assert status._cells_per_hour(found, tmp_path) == pytest.approx(6, rel=0.01)  # four in forty minutes
