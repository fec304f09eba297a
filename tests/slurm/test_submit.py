"""What is handed to sbatch, to the letter, and that nothing is left where it refuses."""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.sweep import leases
from slurm import attempts, settings, submissions, submit
from slurm.plan import Plan
from slurm.states import Jobs, States

GOLDEN = Path(__file__).parents[1] / "golden" / "sbatch.txt"
CELL = Cell("d", "m", "sgd", 1.0, 0.0, 1)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Three jobs on one GPU each. submitit only looks whether there is an srun; there is none on most machines."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("srun", "sbatch"):
        (programs / name).write_text("#!/bin/sh\necho 'sbatch: error: invalid account' >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    monkeypatch.setattr(submit, "REPOSITORY", Path("/home/me/adamw"))
    given = argparse.Namespace(name="fig2", profile="gpu", out=Path("/scratch/runs"), mixed_code=False)
    chosen = settings.Settings("slurm", 240, 1, 8, 32, 100, {"partition": "gpu", "setup": ["module load cuda"]})
    plan = Plan(given, chosen, [CELL], [], Jobs(), States(), Path("/data"), None)
    plan.arrays = [[[CELL], [CELL.replace(seed=1)], [CELL.replace(seed=2)]]]
    return plan


def test_the_file_for_sbatch_is_this_to_the_letter(plan: Plan) -> None:
    """If this changes, look at the difference: it is what every user's cluster is told."""
    assert submit.sbatch_text(plan) == GOLDEN.read_text()


def test_where_sbatch_refuses_one_line_is_said_and_nothing_left(plan: Plan, tmp_path: Path, capfd) -> None:
    plan.given.out = tmp_path / "runs"
    with pytest.raises(UsageError, match=r"^sbatch refused: sbatch: error: invalid account$"):
        list(submit.send(plan))
    assert list((tmp_path / "runs" / "slurm").iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_what_was_sent_before_a_refusal_has_been_told(plan: Plan, tmp_path: Path) -> None:
    plan.given.out = tmp_path / "runs"
    plan.arrays = plan.arrays * 2
    count = "if [ -e sent ]; then echo 'sbatch: error: too many' >&2; exit 1; fi; touch sent"
    (tmp_path / "bin" / "sbatch").write_text(f"#!/bin/sh\ncd {tmp_path}; {count}; echo Submitted batch job 7\n")
    sending = submit.send(plan)
    first = next(sending)
    with pytest.raises(UsageError, match="too many"):
        next(sending)
    assert list((tmp_path / "runs" / "slurm").iterdir()) == [first.folder]


def test_other_code_is_refused_unless_asked_for(plan: Plan) -> None:
    plan.mixed = ["source 0123456789abcdef"]
    with pytest.raises(UsageError, match=r"other code than this .* 0123456789abcdef\. --mixed-code goes on"):
        list(submit.send(plan))


def test_a_job_whose_submit_was_killed_before_it_noted_it_is_known_by_its_attempt(plan: Plan, tmp_path: Path) -> None:
    plan.given.out, plan.settings = tmp_path / "runs", dataclasses.replace(plan.settings, cluster="local")
    submission = submissions.create(plan.arrays[0], **submit._content(plan))
    assert submissions.process(submission) is None
    with attempts.attempting(submission.folder, 0) as note:
        owner = submissions.process(submission)
        assert owner is not None
        assert owner["pid"] == os.getpid()
        assert len(Jobs.of([submission]).live) == 3
        (submission.folder / "process.json").write_text(json.dumps({**owner, "started": 1}))
        assert submissions.process(submission) == owner  # the process that was noted is dead, its job is not
        (submission.folder / "process.json").write_text("[1]")
        assert submissions.process(submission) == owner
        note.ended = "finished"
    assert submissions.process(submission) is None


def test_one_submit_at_a_time(tmp_path: Path) -> None:
    with submit.alone(tmp_path):
        assert list(leases.owners(leases.folder_of(tmp_path))) == ["submit"]
        with pytest.raises(UsageError, match="another submit is at work"), submit.alone(tmp_path):
            pass
    with submit.alone(tmp_path):
        pass
