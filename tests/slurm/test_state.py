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
from slurm import cluster, state, submissions
from slurm.cluster import Task
from slurm.state import States
from slurm.submissions import Submission
from tests.conftest import made_record


@pytest.fixture
def cells(cell: Cell) -> list[Cell]:
    return [cell.replace(seed=seed) for seed in range(10)]


@pytest.fixture
def sent(cells: list[Cell], tmp_path: Path) -> Submission:
    """Three jobs on ten cells: one is alive, one ended early, one never started."""
    submission = submissions.create(
        tmp_path, cells, name="fig2", profile="demo", source=provenance.source(), data="data", device="cuda", at_once=1,
        cores=8, gpus=1, jobs=3,
    )  # fmt: skip
    anomaly = {"kind": "loss spike", "epoch": 2, "value": 3.0, "usual": 1.0}
    records.write(tmp_path, {**made_record(cells[0], 30.0), "diagnoses": [anomaly]})
    records.write(tmp_path, made_record(cells[1], 30.0, status="diverged"))
    for cell in cells[2:4]:
        records.write_failure(tmp_path, cell, "Traceback\n  in train\nValueError: too small")
    with submissions.attempting(submission.folder, 1) as attempt:
        attempt.ended = "no space left"
    (path,) = (submission.folder / "attempts").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "seconds": 7200}))
    (submission.folder / "9_1_0_log.err").write_text(f"failed: {cells[2].id}: ValueError\nOSError: no space left\n")
    return submission


@pytest.fixture
def jobs(sent: Submission) -> dict[str, list[Task]]:
    return {sent.job_name: [Task("9_0", 0, sent.job_name, "RUNNING", cluster.user(), "n1")]}


def test_each_cell_is_in_one_state(cells: list[Cell], sent: Submission, tmp_path: Path) -> None:
    with leases.hold(leases.folder_of(tmp_path), cells[4].id):
        found = States.of([cell.id for cell in cells], tmp_path)
    assert found.counts == {"cells": 10, "finished": 1, "diverged": 1, "failed": 2, "running": 1, "missing": 5}
    assert found.running == [cells[4].id]
    assert found.missing == [cell.id for cell in cells[5:]]


def test_a_dead_process_s_claim_is_not_running(cells: list[Cell], sent: Submission, tmp_path: Path) -> None:
    claim = leases.acquire(leases.folder_of(tmp_path), cells[8].id)
    assert claim is not None
    owner = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps({**owner, "started": 1}))
    assert cells[8].id in States.of([cell.id for cell in cells], tmp_path).missing


def test_the_table_and_its_words(sent: Submission, jobs, cells: list[Cell], tmp_path: Path) -> None:
    (sweep,) = state.sweeps([sent])
    table = sweep.table(tmp_path, jobs)
    assert (table["gpu_hours"], table["core_hours"]) == (2.0, 16.0)
    assert table["jobs"] == {"RUNNING": 1}
    (failure,) = table["failures"]
    assert (failure["reason"], failure["cells"]) == ("ValueError: too small", 2)
    assert failure["log"].endswith("9_1_0_log.err")
    assert {(group["reason"], group["jobs"]) for group in table["ended_early"]} == {
        ("no space left", 1), ("never started", 1),
    }  # fmt: skip
    assert [(group["kind"], group["cells"]) for group in table["odd"]] == [("diverged", 1), ("loss spike", 1)]
    text = "\n".join(state.lines([table], ""))
    for part in (
        "2 failed: ValueError: too small", "in train", "1 job ended before all was done: no space left",
        f"loss spike: 1 cell, first {cells[0].id}; usual remedy: a smaller",
        f"diverged: 1 cell, first {cells[1].id}",
        "9_1_0_log.err", "jobs of fig2: 1 RUNNING: 9_0 on n1",
    ):  # fmt: skip
        assert part in text
    assert " missing: " not in text  # the job that lives will take them
    assert "6 missing: " in (last := state.lines([sweep.table(tmp_path, {sent.job_name: {}})], "")[-1])
    assert f"-m slurm submit --again {sent.folder.name}" in last
    assert json.loads(json.dumps(table)) == table
    assert sweep.table(tmp_path, {})["ended_early"] == []  # SLURM could not be asked: none is called ended
    with leases.hold(leases.folder_of(tmp_path), "submit"):  # sbatch has not answered yet
        assert sweep.table(tmp_path, {sent.job_name: {}})["ended_early"] == []


def test_the_logs_of_a_cell_are_those_that_name_it(cells: list[Cell], sent: Submission) -> None:
    assert [path.name for path in state.logs_of(cells[2].id, [sent])] == ["9_1_0_log.err"]
    assert state.logs_of(cells[0].id, [sent]) == []


def test_rate_and_time_left_are_those_of_the_last_hour(cells: list[Cell], tmp_path: Path, monkeypatch) -> None:
    known = {cell.id: records.write(tmp_path, made_record(cell, 30.0)) for cell in cells[:4]}
    for place, path in enumerate(known.values()):
        then = time.time() - 600 * (place + 1)
        os.utime(path, (then, then))
    found = States.of(list(known), tmp_path)
    assert state._cells_per_hour(found, tmp_path) == pytest.approx(6, rel=0.01)  # four in forty minutes


def test_versions_of_torch_and_processors_are_said_where_they_differ(cells: list[Cell], tmp_path: Path) -> None:
    sent = submissions.create(
        tmp_path,
        cells,
        name="fig2",
        profile="demo",
        source="",
        data="d",
        device="cpu",
        at_once=1,
        cores=1,
        gpus=0,
        jobs=1,
    )

    def said(torch: str, hardware: str, count: int) -> str:
        for cell in cells[:count]:
            record = made_record(cell, 30.0)
            record["provenance"] |= {"versions": {"torch": torch}, "hardware": hardware}
            records.write(tmp_path, record)
        return "\n".join(state.lines([state.sweeps([sent])[0].table(tmp_path, {sent.job_name: {}})], ""))

    assert "trained by several" not in said("2.11.0", "EPYC", 5)
    text = said("2.10.0", "Xeon", 1)
    assert "trained by several versions of torch, between which numbers may differ: 2.10.0 (1 cell), 2.11.0 (4" in text
    assert "trained by several kinds of processor, between which numbers may differ: EPYC (4 cells), Xeon (1" in text


def test_deaths_are_grouped_by_node(cells: list[Cell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = submissions.create(
        tmp_path, cells, name="fig2", profile="demo", source="0" * 16, data="data", device="cuda", at_once=1,
        cores=8, gpus=1, mixed_code=False, jobs=4,
    )  # fmt: skip
    for index, node in enumerate(("n1", "n2", "n1")):
        monkeypatch.setenv("SLURMD_NODENAME", node)
        with submissions.attempting(submission.folder, index):
            pass
    (sweep,) = state.sweeps([submission])
    ended = sweep.table(tmp_path, {submission.job_name: {}})["ended_early"]
    assert [(group["reason"], group["node"], group["jobs"]) for group in ended] == [
        ("killed, or its node lost", "n1", 2), ("killed, or its node lost", "n2", 1), ("never started", None, 1),
    ]  # fmt: skip
