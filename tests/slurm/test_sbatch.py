"""What is handed to sbatch, to the letter, and that nothing is left where it refuses."""

import argparse
import os
import sys
from pathlib import Path

import pytest

from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from slurm import sbatch, settings
from slurm.plan import Plan
from slurm.state import States

GOLDEN = Path(__file__).parents[1] / "golden" / "sbatch.txt"
CELL = Cell("d", "m", "sgd", 1.0, 0.0, 1)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Three jobs on one GPU each. submitit only looks whether there is an srun; there is none on most machines."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("srun", "sbatch"):
        (programs / name).write_text(
            "#!/bin/sh\nprintf 'sbatch: error: invalid account\nsbatch: error: ask us\n' >&2\nexit 1\n"
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    environment = [path for path in sys.path if Path(path).is_relative_to(sys.prefix) or "python3" in path]
    monkeypatch.setattr(sys, "path", ["/home/me/adamw", *environment])
    args = argparse.Namespace(name="fig2", profile="gpu", out=Path("/scratch/runs"), mixed_code=False)
    options = {"partition": "gpu", "setup": ["module load cuda"], "mem": "32GB", "gres": "gpu:1"}
    chosen = settings.Settings(240, 1, 8, 100, options)
    return Plan(args, chosen, [CELL], [], {}, States(), Path("/data"), None, count=3)


def test_the_file_for_sbatch_is_this_to_the_letter(plan: Plan) -> None:
    """If this changes, look at the difference: it is what every user's cluster is told."""
    assert sbatch.sbatch_text(plan) == GOLDEN.read_text()


def test_a_job_of_four_gpus_is_four_tasks_with_one_each(plan: Plan) -> None:
    options = {**plan.settings.options, "gpus_per_task": "a100:1"}
    del options["gres"]
    plan.settings = settings.Settings(240, 4, 8, 100, options, gpu_type="a100")
    assert sbatch.sbatch_text(plan) == GOLDEN.with_name("sbatch-gpus.txt").read_text()


def test_where_sbatch_refuses_all_that_it_says_is_said_and_nothing_left_but_code_and_cells(
    plan: Plan, tmp_path: Path, capfd
) -> None:
    plan.args.out = tmp_path / "runs"
    with pytest.raises(UsageError, match=r"^sbatch refused: sbatch: error: invalid account\nsbatch: error: ask us$"):
        sbatch.send(plan)
    assert {path.name for path in (tmp_path / "runs" / "slurm").iterdir()} == {"cells", "code"}
    assert capfd.readouterr() == ("", "")


def test_other_code_is_refused_unless_asked_for(plan: Plan) -> None:
    plan.mixed = ["source 0123456789abcdef"]
    with pytest.raises(UsageError, match=r"other code than this .* 0123456789abcdef\. --mixed-code goes on"):
        sbatch.send(plan)
