"""Sweeps on a real SLURM, disturbed in every way that a cluster knows, end in the records of an undisturbed local run.

    make test-slurm      # installs what it needs; root on Debian; about ten minutes on two cores

Where no SLURM can be started the tests say why and are skipped; with REQUIRE_SLURM=1, as in CI, they fail.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from paper_repro import records
from paper_repro.sweep import leases
from tests.cluster.real_slurm import RealSlurm, Unavailable

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
LARGEST_ARRAY = 21

# 4 optimizers x 4 learning rates x 7 decays x 2 seeds = 224 cells of about half a second
SWEEP = ["fig2", "--alphas", "0.04,0.02,0.01,0.005", "--seeds", "2", "--set", "epochs=4"]
LONG = ["fig2", "--only", "sgdw,adamw", "--alphas", "0.01", "--decays", "0.004", "--set", "epochs=200"]  # 2 cells


@pytest.fixture(scope="module")
def slurm() -> Iterator[RealSlurm]:
    yield from _started(largest=LARGEST_ARRAY)


@pytest.fixture(scope="module")
def bare() -> Iterator[RealSlurm]:
    """A cluster without accounting that preempts without a notice."""
    yield from _started(accounts=False, notice=False, port=17850)


def _started(**form: Any) -> Iterator[RealSlurm]:
    try:
        with RealSlurm(**form) as running:
            yield running
    except Unavailable as reason:
        if os.environ.get("REQUIRE_SLURM"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def typed(environment: Mapping[str, str], *arguments: str, code: int = 0, module: str = "slurm") -> str:
    """What a user who types this reads."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def status(slurm: RealSlurm, out: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "slurm", "status", "--json", "--out", str(out)],
        cwd=ROOT, env=slurm.environment, capture_output=True, text=True,
    )  # fmt: skip
    (table,) = json.loads(done.stdout)["sweeps"]
    return dict(table)


def until(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """Wait for the condition to hold; what it said."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


def local(arguments: list[str], out: Path) -> dict[str, Any]:
    """The records of an undisturbed local run, times aside."""
    typed(os.environ, "run", *arguments, "--out", str(out), module="experiments")
    return left(out)


def left(out: Path) -> dict[str, Any]:
    return {record["id"]: records.without_times(record) for record in records.load(out)}


def workers_of(slurm: RealSlurm, out: Path) -> dict[str, int]:
    """The process that trains in each running job, by the job's id, from the claims."""
    held = leases.owners(leases.folder_of(out)).values()
    return {each.identity["job"]: each.identity["pid"] for each in held if "job" in each.identity and each.is_alive}


def training(slurm: RealSlurm, out: Path, besides: set[str]) -> str:
    """A running job that trains right now, as squeue shows it, not one of these."""
    lines = slurm.ask("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%i|%A|%N").splitlines()
    busy = workers_of(slurm, out)
    for line in lines:
        shown, raw, _ = line.split("|")
        if raw in busy and shown not in besides:
            return shown
    return ""


def node_of(slurm: RealSlurm, job: str) -> str:
    return slurm.ask("squeue", "-h", "-j", job, "-o", "%N").strip()


def parent_of(job: str, slurm: RealSlurm, out: Path) -> int:
    """submitit's process in a job, from its attempt's file."""
    raw = slurm.ask("squeue", "-h", "-r", "-j", job, "-o", "%A").strip()
    for path in out.glob("slurm/*/attempts/*.json"):
        content = json.loads(path.read_text())
        if content["owner"].get("job") == raw and content["ended"] is None:
            return int(content["owner"]["pid"])
    raise AssertionError(f"no attempt of {job}")


def test_a_disturbed_sweep_of_two_nodes_ends_as_an_undisturbed_one(slurm: RealSlurm, tmp_path: Path) -> None:
    out, long_out = tmp_path / "sweep", tmp_path / "long"
    # the time limit: a minute, with a notice 30 s before; each job is stopped again and again
    submit_long = ["submit", *LONG, "--out", str(long_out), "--time", "1", "--cpus", "1", "--cells-per-job", "1"]
    submit_long += ["--settings", str(_toml(tmp_path, "signal_delay_s = 30"))]
    typed(slurm.environment, *submit_long)
    submit = ["submit", *SWEEP, "--out", str(out), "--cpus", "1", "--cells-per-job", "4"]
    said = typed(slurm.environment, *submit)
    assert "224 cells" in said
    assert "56 jobs" in said
    assert said.count("\nsubmitted ") == 3  # arrays of 21, 21 and 14
    done: set[str] = set()

    def next_job() -> str:
        job = str(until(lambda: training(slurm, out, done)))
        done.add(job)
        return job

    slurm.ask("scontrol", "requeue", next_job())
    # in the background: it may try for a minute to tell a job that has gone by then
    notice = ["setsid", "--fork", "scancel", "--quiet", "--signal=USR2", next_job()]
    subprocess.run(notice, env=slurm.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    assert "nothing to submit" in typed(slurm.environment, *submit)
    os.kill(parent_of(next_job(), slurm, out), signal.SIGKILL)
    raw = until(lambda: list(workers_of(slurm, out).values()))
    os.kill(raw[0], signal.SIGKILL)  # a worker alone: its parent starts another
    _preempt(slurm, out)
    job = next_job()
    node = node_of(slurm, job)
    slurm.lose_node(node)  # its processes go on: the job's copy on the other node must leave their cells alone
    until(lambda: slurm.nodes()[node].startswith("down"), 120)
    slurm.start_node(node)
    until(lambda: slurm.nodes()[node] in ("idle", "mix", "alloc"), 120)
    until(lambda: not [state for state in slurm.queue().values() if state != "COMPLETING"], 900)
    table = status(slurm, out)
    assert table["missing"] > 0  # the job that was killed is not SLURM's to repeat
    (early,) = table["ended_early"]
    assert "killed" in early["reason"]
    assert typed(slurm.environment, *submit).count("\nsubmitted ") == 1
    until(lambda: status(slurm, out)["finished"] == 224)
    until(lambda: status(slurm, long_out)["finished"] == 2, 900)  # half of each attempt's minute is its start
    assert "nothing to submit" in typed(slurm.environment, *submit)
    assert "nothing to submit" in typed(slurm.environment, *submit_long)

    assert left(out) == local(SWEEP, tmp_path / "local")
    assert left(long_out) == local(LONG, tmp_path / "local-long")
    assert max(record["provenance"]["attempts"] for record in records.load(long_out)) > 1
    merged = tmp_path / "merged.jsonl"
    typed(os.environ, "collect", str(out), str(merged), module="experiments")
    assert len({json.loads(line)["id"] for line in merged.read_text().splitlines()}) == 224
    assert not list(leases.folder_of(out).iterdir())


def _toml(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text + "\n")
    return path


def _preempt(slurm: RealSlurm, out: Path) -> None:
    """Take a whole node with a job of a partition that goes first, for some seconds."""
    until(lambda: training(slurm, out, set()))
    slurm.ask("srun", "--partition=high", "--nodes=1", "--exclusive", "sleep", "3")


def test_without_accounting_and_without_a_notice_nothing_is_lost_either(bare: RealSlurm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cells = ["fig2", "--only", "adamw", "--alphas", "0.01,0.005", "--set", "epochs=30"]  # 14 cells
    submit = ["submit", *cells, "--out", str(out), "--cpus", "2", "--cells-per-job", "4"]
    typed(bare.environment, *submit)
    _preempt(bare, out)  # with TERM alone: the job itself asks to be put back
    log = "".join(path.read_text() for path in out.glob("slurm/*/*_log.out"))
    assert "Requeued job" in log
    os.kill(parent_of(str(until(lambda: training(bare, out, set()))), bare, out), signal.SIGKILL)
    until(lambda: not [state for state in bare.queue().values() if state != "COMPLETING"])
    assert status(bare, out)["missing"] > 0
    typed(bare.environment, *submit)
    until(lambda: status(bare, out)["finished"] == 14)
    assert left(out) == local(cells, tmp_path / "local")


def test_two_submits_at_once_send_everything_once(slurm: RealSlurm, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slurm", "submit", "fig2", "--quick", "--only", "adamw", "--out", str(tmp_path)]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=slurm.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    said = [process.communicate()[0].decode() for process in both]
    assert sum("\nsubmitted " in text for text in said) == 1
    assert sum("another submit is at work" in text or "nothing to submit" in text for text in said) == 1
    typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path))


def test_cancel_keeps_what_was_trained_and_submit_goes_on(slurm: RealSlurm, tmp_path: Path) -> None:
    cells = ["fig2", "--only", "sgdw", "--alphas", "0.01", "--decays", "0.004,0.002", "--set", "epochs=100"]
    submit = ["submit", *cells, "--out", str(tmp_path), "--cpus", "1", "--cells-per-job", "1"]
    slurm.ask("sacctmgr", "-i", "add", "account", "proj42")
    slurm.ask("sacctmgr", "-i", "add", "user", "root", "account=proj42")
    shell = {"SBATCH_ACCOUNT": "proj42", "SBATCH_TIMELIMIT": "1", "SBATCH_GPUS": "1"}
    typed({**slurm.environment, **shell}, *submit, "--slurm", "export=NONE")
    assert slurm.ask("squeue", "-h", "-r", "-o", "%a %l").splitlines() == ["proj42 1:00:00"] * 2
    shell = {"SQUEUE_STATES": "COMPLETED", "SQUEUE_PARTITION": "high", "SLURM_CLUSTERS": "test", "USER": "nobody"}
    assert "nothing to submit" in typed({**slurm.environment, **shell}, *submit)
    until(lambda: workers_of(slurm, tmp_path))  # one trains, and saves when it is told
    assert "2 jobs of fig2 cancelled" in typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path))
    until(lambda: not slurm.queue())
    assert status(slurm, tmp_path)["missing"] == 2
    typed(slurm.environment, *submit)
    until(lambda: status(slurm, tmp_path)["finished"] == 2)
    assert max(record["provenance"]["attempts"] for record in records.load(tmp_path)) == 2


def test_failed_cells_are_grouped_and_retried_only_when_asked(slurm: RealSlurm, tmp_path: Path) -> None:
    # an optimizer that never has enough memory: what a net cannot take is refused before it is sent
    hungry = {"PYTHONPATH": str(ROOT / "tests" / "chaos" / "hungry"), "HUNGRY_CELLS": "0"}
    environment = slurm.environment | hungry
    cells = ["fig2", "--only", "adamw", "--alphas", "0.01", "--set", "optimizer=mine.hungry"]
    submit = [*cells, "--out", str(tmp_path)]
    typed(environment, "submit", *submit)
    until(lambda: status(slurm, tmp_path)["failed"] == 7)
    said = typed(slurm.environment, "status", "--out", str(tmp_path), code=1)
    assert "7 failed: too little memory for it, even alone" in said
    assert "retry fig2" in said
    until(lambda: not slurm.queue())
    assert "nothing to submit" in typed(environment, "submit", *submit)
    assert "submitted" in typed(environment, "retry", *submit, "--failed")
    until(lambda: status(slurm, tmp_path)["failed"] == 7)
    (first, *_) = status(slurm, tmp_path)["failures"]
    assert "CUDA out of memory" in typed(slurm.environment, "logs", first["first"], "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--partition", "gpux"], "no partition 'gpux' on this cluster: one of main, high, short"),
        (["--partition", "short", "--time", "60"], "--time 60 minutes: the partition allows 5"),
        (["--seconds-per-cell", "3600", "--time", "2"], "is too short: one epoch of"),
        (["--gres", "gpu:1"], "sbatch refused: "),
        (["--slurm", "no-such-option=1"], "sbatch refused: "),
    ],
)
def test_bad_settings_get_one_line_and_leave_nothing(
    slurm: RealSlurm, tmp_path: Path, arguments: list[str], told: str
) -> None:
    before = slurm.queue()
    said = typed(slurm.environment, "submit", "fig2", "--quick", "--out", str(tmp_path), *arguments, code=2)
    assert told in said
    assert "slurm: " in said.splitlines()[-1]
    assert not list(tmp_path.glob("slurm/*"))
    assert slurm.queue().keys() <= before.keys()


def test_the_cluster_has_room_for_so_many_jobs_only(slurm: RealSlurm, tmp_path: Path) -> None:
    slurm.ask("sacctmgr", "-i", "add", "account", "few", "MaxSubmitJobs=5")
    slurm.ask("sacctmgr", "-i", "add", "user", "root", "account=few", "MaxSubmitJobs=5")
    try:
        said = typed(
            slurm.environment, "plan", "fig2", "--quick", "--out", str(tmp_path), "--cells-per-job", "20",
            "--seconds-per-cell", "1",
        )  # fmt: skip
        assert "5 jobs of" in said
        assert "no room on the cluster for 5 more jobs now" in said
    finally:
        slurm.ask("sacctmgr", "-i", "delete", "account", "few")
