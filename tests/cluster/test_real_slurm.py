"""Sweeps on a real SLURM, disturbed in every way that a cluster knows, end in the records of an undisturbed local run.

    make test-slurm      # installs what it needs; root on Debian; seven and a half minutes on two free cores

All tests share one cluster and wait for what happens, not for times. Where no SLURM can be started they say why and are
skipped; with REQUIRE_SLURM=1, as in CI, they fail.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from paper_repro import records
from paper_repro.sweep import leases
from slurm import submissions
from tests.cluster import own_checkout
from tests.cluster.real_slurm import RealSlurm, Unavailable

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
# 4 optimizers x 3 learning rates x 7 decays = 84 cells of some seconds, and one longer than its job may take
SWEEP = ["fig2", "--alphas", "0.04,0.02,0.01", "--set", "epochs=4"]
PART = ["fig2", "--only", "sgd,adamw", "--alphas", "0.01", "--set", "epochs=4"]
LONG = ["fig2", "--only", "adamw", "--alphas", "0.01", "--decays", "0.004", "--set", "epochs=80"]
ONE_CORE = ["--cpus", "1", "--seconds-per-cell", "1000"]  # so long that each cell is worth a job
CELLS = 84
LARGEST_ARRAY = 21


@pytest.fixture(scope="module")
def slurm() -> Iterator[RealSlurm]:
    try:
        with RealSlurm(largest=LARGEST_ARRAY) as running:
            yield running
    except Unavailable as reason:
        if os.environ.get("REQUIRE_SLURM"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


# As this user, who may read and write all files, so that it finds Python wherever that is installed.
NOBODY = [
    "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
]  # fmt: skip


def typed(
    environment: Mapping[str, str], *arguments: str, code: int = 0, module: str = "slurm", user: Sequence[str] = ()
) -> str:
    """What a user who types this reads."""
    command = [*user, sys.executable, "-m", module, *arguments]
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


def until(condition: Callable[[], Any], seconds: float = 600) -> Any:
    """Wait for the condition to hold; what it said."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


def written(out: Path) -> int:
    return len(list(out.glob("records/*.json")))


def left(out: Path) -> dict[str, Any]:
    return {record["id"]: records.without_times(record) for record in records.load(out)}


def workers_of(out: Path) -> dict[str, int]:
    """A process that trains in each running job, by the job's id, from the leases."""
    held = [owner.identity for owner in leases.owners(leases.folder_of(out)).values() if owner.is_alive]
    return {identity["job"]: identity["pid"] for identity in held if "job" in identity}


def training(slurm: RealSlurm, out: Path, besides: set[str]) -> str:
    """A running job that trains right now, as squeue shows it, not one of these."""
    busy = workers_of(out)
    for line in slurm.ask("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%i|%A").splitlines():
        shown, raw = line.split("|")
        if raw in busy and shown not in besides:
            return shown
    return ""


def parent_of(job: str, slurm: RealSlurm, out: Path) -> int:
    """submitit's process in a job, from its attempt's file."""
    raw = slurm.ask("squeue", "-h", "-r", "-j", job, "-o", "%A").strip()
    (submission,) = submissions.all_of(out)
    (pid,) = [attempt.pid for attempt in submission.attempts() if attempt.job == raw and attempt.ended is None]
    return pid


def test_a_disturbed_sweep_of_two_nodes_ends_as_an_undisturbed_one(slurm: RealSlurm, tmp_path: Path) -> None:
    out, long_out = tmp_path / "sweep", tmp_path / "long"
    # the time limit: two minutes, with a notice 40 s to 100 s before; the job is stopped again and again
    (tmp_path / "settings.toml").write_text("signal_delay_s = 40\n")
    submit_long = ["submit", *LONG, "--out", str(long_out), "--time", "2", "--cpus", "1", "--seconds-per-cell", "60"]
    typed(slurm.environment, *submit_long, "--settings", str(tmp_path / "settings.toml"))
    submit = ["submit", *SWEEP, "--out", str(out), *ONE_CORE, "--parallel", "7"]  # of eight cores, with the long one
    assert f"7 jobs that share {CELLS} cells" in typed(slurm.environment, *submit)
    assert "nothing to submit" in typed(slurm.environment, *submit)
    done: set[str] = set()

    def next_job() -> str:
        job = str(until(lambda: training(slurm, out, done)))
        done.add(job)
        return job

    slurm.ask("scontrol", "requeue", next_job())
    # in the background: it may try for a minute to tell a job that has gone by then
    notice = ["setsid", "--fork", "scancel", "--quiet", "--signal=USR2", next_job()]
    subprocess.run(notice, env=slurm.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    os.kill(parent_of(next_job(), slurm, out), signal.SIGKILL)
    os.kill(until(lambda: list(workers_of(out).values()))[0], signal.SIGKILL)  # alone: its parent starts another
    node = slurm.ask("squeue", "-h", "-j", next_job(), "-o", "%N").strip()
    slurm.lose_node(node)  # its processes go on: the jobs' copies elsewhere must leave their cells alone
    preempt(slurm, "--nodelist", next(name for name in slurm.nodes() if name != node))
    until(lambda: slurm.nodes()[node].startswith("down"))
    slurm.start_node(node)
    until(lambda: slurm.nodes()[node] in ("idle", "mix", "alloc"))
    assert "to submit: 1 job that share" in typed(slurm.environment, *submit)  # for the one that was killed
    slurm.preempt_without_notice()
    job = next_job()
    preempt(slurm, "--nodelist", slurm.ask("squeue", "-h", "-j", job, "-o", "%N").strip())  # the job asks itself
    until(lambda: written(out) == CELLS)
    until(lambda: written(long_out) == 1)
    until(lambda: not slurm.queue())
    assert "nothing to submit" in typed(slurm.environment, *submit)
    ends = {attempt.ended for each in submissions.all_of(out) for attempt in each.attempts()}
    assert {"finished", None, "stopped (SIGUSR2)", "stopped (SIGTERM)"} <= ends
    assert max(record["provenance"]["attempts"] for record in records.load(long_out)) > 1
    with ThreadPoolExecutor() as both:  # one for each of two cores
        run = ("run", "--workers", "1", "--out")
        local = [
            both.submit(typed, os.environ, *run, str(tmp_path / name), *sweep, module="experiments")
            for name, sweep in (("part", PART), ("whole", LONG))
        ]
    assert all(each.result() for each in local)
    expected, found = left(tmp_path / "part") | left(tmp_path / "whole"), left(out) | left(long_out)
    assert {name: found[name] for name in expected} == expected
    assert not list(leases.folder_of(out).glob("*/*"))


def test_a_job_of_four_gpus_trains_on_each_of_them(slurm: RealSlurm, tmp_path: Path) -> None:
    """On made-up ones, whose cells the processor trains; stopped once, by the notice that comes before a time limit."""
    out = tmp_path / "sweep"
    cells = ["fig2", "--alphas", "0.02", "--decays", "0.004", "--set", "epochs=10"]
    environment = {**slurm.environment, "PAPER_REPRO_DEVICE": "cpu"}
    submit = ["submit", *cells, "--gpus", "a100:4", "--cpus", "1", "--cells-at-once", "1", "--out", str(out)]
    assert "1 job of 4 GPUs that shares 4 cells" in typed(environment, *submit)
    until(lambda: len(list(out.glob("checkpoints/*/*.pt"))) >= 4)
    (job,) = slurm.queue()
    assert "gpu:a100:4" in slurm.ask("scontrol", "--details", "show", "job", job)
    slurm.ask("scancel", "--signal=USR2", job)
    (sent,) = submissions.all_of(out)
    until(lambda: len(sent.attempts()) == 8)
    until(lambda: not slurm.queue())
    logs = [path.read_text() for path in sent.logs(0) if path.suffix == ".out"]
    gpus = [set(re.findall(r", GPU (\S+): \d cells", log)) for log in logs]
    assert (len(gpus), set.union(*gpus)) == (4, {"0", "1", "2", "3"})
    assert "stopped (SIGUSR2)" in {attempt.ended for attempt in sent.attempts()}
    typed(os.environ, "run", *cells, "--out", str(tmp_path / "local"), module="experiments")
    assert left(out) == left(tmp_path / "local")
    assert "from 4 records made on " in typed(environment, "plan", *cells, "--seeds", "2", *submit[1 + len(cells) :])


def test_where_a_cluster_cancels_what_it_preempts_a_successor_goes_on(slurm: RealSlurm, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    cells = ["fig2", "--only", "sgdw", "--alphas", "0.01", "--decays", "0.004,0.002", "--set", "epochs=30"]
    submit = ["submit", *cells, *ONE_CORE, "--out", str(out)]
    typed(slurm.environment, *submit, "--partition", "cancels")
    until(lambda: len(list(out.glob("checkpoints/*/*.pt"))) >= 2)
    assert sorted(slurm.queue().values()) == ["PENDING", "PENDING", "RUNNING", "RUNNING"]
    assert "nothing to submit" in typed(slurm.environment, *submit)
    for node in set(slurm.ask("squeue", "-h", "-t", "RUNNING", "-o", "%N").split()):
        preempt(slurm, "--nodelist", node)
    until(lambda: written(out) == 2)
    until(lambda: not slurm.queue())  # the successors' successors are not needed
    (sent,) = submissions.all_of(out)
    assert len({attempt.job for attempt in sent.attempts()}) == 4
    assert min(record["provenance"]["attempts"] for record in records.load(out)) > 1
    typed(os.environ, "run", *cells, "--out", str(tmp_path / "local"), module="experiments")
    assert left(out) == left(tmp_path / "local")


def test_it_goes_on_by_itself_without_a_bad_node(slurm: RealSlurm, tmp_path: Path) -> None:
    cells = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01,0.02"]
    bad = ["--setup", '[ "$SLURMD_NODENAME" != n1 ]']
    words = ["submit", *cells, *bad, *ONE_CORE, "--follow", "--out", str(tmp_path / "sweep")]
    code = f"import slurm.follow, slurm.__main__ as m; slurm.follow.SECONDS = 2; raise SystemExit(m.main({words!r}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=slurm.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out, as jobs died there at their start: n1\n" in done.stdout
    typed(os.environ, "run", *cells, "--out", str(tmp_path / "local"), module="experiments")
    assert left(tmp_path / "sweep") == left(tmp_path / "local")


def preempt(slurm: RealSlurm, *where: str) -> None:
    """Take a whole node for a moment, with a job of a partition that goes first."""
    slurm.ask("srun", "--partition=high", "--nodes=1", "--exclusive", *where, "true")


def test_three_hundred_cells_in_six_jobs_are_each_trained_once(slurm: RealSlurm, tmp_path: Path) -> None:
    alphas = ",".join(f"{0.1 / 2**k:g}" for k in range(5))
    cells = ["fig2", "--quick", "--alphas", alphas, "--decays", "0,0.001,0.002,0.004,0.008", "--set", "epochs=1"]
    typed(slurm.environment, "submit", *cells, "--seeds", "3", "--out", str(tmp_path), *ONE_CORE, "--parallel", "6")
    until(lambda: written(tmp_path) == 300)
    until(lambda: not slurm.queue())
    logs = "".join(path.read_text() for path in tmp_path.glob("slurm/*/*_log.err"))
    trained = Counter(re.findall("^(?:finished|diverged): (.*)", logs, re.MULTILINE))
    assert (len(trained), max(trained.values())) == (300, 1)
    assert max(record["provenance"]["attempts"] for record in records.load(tmp_path)) == 1


def test_two_submits_at_once_send_everything_once(slurm: RealSlurm, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slurm", "submit", "fig2", "--quick", "--only", "adamw", "--out", str(tmp_path)]
    command += ["--seconds-per-cell", "1"]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=slurm.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    said = [process.communicate()[0].decode() for process in both]
    assert sum("\nsubmitted " in text for text in said) == 1
    assert sum("another submit is at work" in text or "nothing to submit" in text for text in said) == 1
    typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path))


def test_cancel_keeps_what_was_trained_and_submit_goes_on(slurm: RealSlurm, tmp_path: Path) -> None:
    cells = ["fig2", "--only", "sgdw", "--alphas", "0.01", "--decays", "0.004,0.002", "--set", "epochs=25"]
    submit = ["submit", *cells, "--out", str(tmp_path), *ONE_CORE]
    slurm.ask("sacctmgr", "-i", "add", "account", "proj42")
    slurm.ask("sacctmgr", "-i", "add", "user", "root", "account=proj42")
    shell = {"SBATCH_ACCOUNT": "proj42", "SBATCH_WCKEY": "key", "SBATCH_TIMELIMIT": "1", "SBATCH_GPUS": "1"}
    until(lambda: not slurm.queue())
    typed({**slurm.environment, **shell}, *submit, "--slurm", "export=NONE")
    assert slurm.ask("squeue", "-h", "-r", "-o", "%a %l %w").splitlines() == ["proj42 1:00:00 key"] * 2
    shell = {"SQUEUE_STATES": "COMPLETED", "SQUEUE_PARTITION": "high", "SLURM_CLUSTERS": "none", "USER": "nobody"}
    assert "nothing to submit" in typed({**slurm.environment, **shell}, *submit)
    until(lambda: len(workers_of(tmp_path)) == 2)  # both train, and save when they are told
    assert "2 jobs of fig2 cancelled" in typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path))
    until(lambda: not slurm.queue())
    assert status(slurm, tmp_path)["missing"] == 2
    typed(slurm.environment, *submit)
    until(lambda: written(tmp_path) == 2)
    assert {record["provenance"]["attempts"] for record in records.load(tmp_path)} == {2}


def test_failed_cells_are_grouped_and_retried_only_when_asked(slurm: RealSlurm, tmp_path: Path) -> None:
    # an optimizer that never has enough memory: what a net cannot take is refused before it is sent
    hungry = {"PYTHONPATH": str(ROOT / "tests" / "chaos" / "hungry"), "HUNGRY_CELLS": "0"}
    environment = slurm.environment | hungry
    cells = ["fig2", "--only", "adamw", "--alphas", "0.01", "--set", "optimizer=mine.hungry"]
    submit = [*cells, "--out", str(tmp_path)]

    def failures() -> int:
        return len(list(tmp_path.glob("failures/*.txt")))

    typed(environment, "submit", *submit)
    until(lambda: failures() == 7)
    until(lambda: not slurm.queue())
    said = typed(slurm.environment, "status", "--out", str(tmp_path), code=1)
    assert "7 failed: too little memory for it, even alone" in said
    assert "retry --again " in said
    assert "nothing to submit" in typed(environment, "submit", *submit)
    assert "submitted" in typed(environment, "retry", *submit, "--failed")
    until(lambda: failures() == 7)
    (first, *_) = status(slurm, tmp_path)["failures"]
    assert "CUDA out of memory" in typed(slurm.environment, "logs", first["first"], "--out", str(tmp_path))


NOTEBOOK = """
import experiments
from pathlib import Path
from paper_repro.sweep import engine
from slurm import status, submit

(cell, *_) = experiments.get("fig2").profiles["demo"].cells
cells = [cell.replace(model="mynets.net-8x1", epochs=4, alpha=alpha) for alpha in (0.01, 0.02, 0.04)]
engine.run(cells, Path("SOLO"), Path("data"), workers=2)
submit(cells, "mine", "OUT", cpus=1, seconds_per_cell=1000, slurm=["hold"], setup=["test -d mynets"])
print(status("OUT")["sweeps"][0]["jobs"])
"""


def test_what_a_notebook_submitted_runs_while_the_checkout_is_edited(slurm: RealSlurm, tmp_path: Path) -> None:
    checkout, out, solo = own_checkout.make(tmp_path / "checkout"), tmp_path / "out", tmp_path / "solo"
    script = NOTEBOOK.replace("OUT", str(out)).replace("SOLO", str(solo))
    environment = {name: value for name, value in slurm.environment.items() if name != "PYTHONPATH"}
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, env=environment, capture_output=True, text=True, timeout=300
    )
    assert "{'PENDING (JobHeldUser)': 3}" in said.stdout, said.stdout + said.stderr
    own_checkout.edit(checkout)
    slurm.ask("scontrol", "release", *slurm.queue())
    until(lambda: written(out) == 3)
    assert left(out) == left(solo)
    assert {record["provenance"]["dirty"] for record in records.load(out)} == {False}
    until(lambda: not slurm.queue())
    assert "mine python" in typed(slurm.environment, "status", "mine", "--out", str(out))


def test_a_setup_line_that_fails_ends_the_job(slurm: RealSlurm, tmp_path: Path) -> None:
    cells = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.004"]
    setup = ["--seconds-per-cell", "1", "--setup", "module load cuda", "--out", str(tmp_path)]
    typed(slurm.environment, "submit", *cells, *setup)
    until(lambda: not slurm.queue())
    (log,) = tmp_path.glob("slurm/*/*_log.err")
    assert "setup: module load cuda: exit code 127" in log.read_text()
    word = next(tmp_path.glob("slurm/*/submission.json")).parent.name
    again = ["--again", word, "--out", str(tmp_path)]
    assert f"submit {' '.join(again)}" in typed(slurm.environment, "status", "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--partition", "gpux"], "no partition 'gpux' on this cluster: one of main, high, cancels, hidden, short"),
        (["--partition", "short", "--time", "60"], "--time 60 minutes: the partition allows 5"),
        (["--gpus", "h100:1", "--seconds-per-cell", "1"], "slurm: sbatch refused: "),
        (["--slurm", "no-such-option=1", "--seconds-per-cell", "1"], "sbatch refused: "),
    ],
)
def test_bad_settings_get_a_line_and_leave_no_submission(
    slurm: RealSlurm, tmp_path: Path, arguments: list[str], refusal: str
) -> None:
    said = typed(slurm.environment, "submit", "fig2", "--quick", "--out", str(tmp_path), *arguments, code=2)
    assert refusal in said
    assert not list(tmp_path.glob("slurm/*/submission.json"))
    assert str(tmp_path) not in slurm.ask("squeue", "-h", "-o", "%o %Z")


def test_the_cluster_has_room_for_so_many_jobs_only(slurm: RealSlurm, tmp_path: Path) -> None:
    until(lambda: not slurm.queue())
    plan = ["plan", "fig2", "--quick", "--out", str(tmp_path), *ONE_CORE]
    assert f"to submit: {LARGEST_ARRAY} jobs" in typed(slurm.environment, *plan)
    slurm.ask("sacctmgr", "-i", "add", "account", "few", "MaxSubmitJobs=5")
    slurm.ask("sacctmgr", "-i", "add", "user", "root", "account=few", "MaxSubmitJobs=5")
    try:
        said = typed(slurm.environment, *plan, "--account", "few")
        assert "to submit: 5 jobs" in said
        assert "no room on the cluster for more jobs now" in said
        slurm.ask("sacctmgr", "-i", "add", "account", "many")
        slurm.ask("sacctmgr", "-i", "add", "user", "root", "account=many")
        assert f"to submit: {LARGEST_ARRAY} jobs" in typed(slurm.environment, *plan, "--account", "many")
        slurm.ask("sacctmgr", "-i", "modify", "user", "root", "set", "defaultaccount=few")
        assert "to submit: 5 jobs" in typed(slurm.environment, *plan)
        slurm.ask("sacctmgr", "-i", "modify", "user", "root", "set", "defaultaccount=many")
    finally:
        slurm.ask("sacctmgr", "-i", "delete", "account", "few")


def test_while_the_controller_is_away_nothing_is_called_missing_or_ended(slurm: RealSlurm, tmp_path: Path) -> None:
    cells = ["fig2", "--only", "sgdw", "--alphas", "0.01", "--decays", "0.004,0.002", "--set", "epochs=4000"]
    typed(slurm.environment, "submit", *cells, "--out", str(tmp_path), *ONE_CORE)
    until(lambda: len(workers_of(tmp_path)) == 2)
    slurm.stop("slurmctld")
    said = typed(slurm.environment, "status", "--out", str(tmp_path), code=3)
    assert "Unable to contact slurm controller" in said.splitlines()[-1]
    assert "nothing is called missing or ended" in said.splitlines()[-1]
    assert len(said.splitlines()) == 3
    typed(slurm.environment, "submit", *cells, "--out", str(tmp_path), *ONE_CORE, code=2)
    assert len(submissions.all_of(tmp_path)) == 1
    code = f"import slurm.__main__ as m; m.WATCH_SECONDS = 1; m.main(['status', '--watch', '--out', {str(tmp_path)!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=slurm.environment, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert next(line for line in watching.stdout if "Unable to contact" in line)
        slurm.start_controller()
        said = next(line for line in watching.stdout if line.startswith("jobs of fig2: "))
        assert re.fullmatch(r"jobs of fig2: 2 RUNNING: (\d+)_0 on n[12], \1_1 on n[12]\n", said)
        typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path))
        rest = watching.communicate()[0]  # it ends when nothing goes on
    assert "ended before all was done: stopped (SIGTERM); on n" in rest
    assert "\n2 missing: " in rest


def test_the_jobs_of_another_user_are_seen_in_a_hidden_partition_too(slurm: RealSlurm, tmp_path: Path) -> None:
    submit = ["submit", *LONG, "--out", str(tmp_path), "--partition", "hidden", "--slurm", "hold", *ONE_CORE]
    typed(slurm.environment, *submit)
    said = typed(slurm.environment, "status", "--out", str(tmp_path), user=NOBODY)
    assert re.search(r"^jobs of fig2: 1 PENDING \(JobHeld\w+\) of root: \d+$", said, re.MULTILINE)
    assert "nothing to submit" in typed(slurm.environment, *submit, user=NOBODY)
    assert "1 job of root left alone" in typed(slurm.environment, "cancel", "fig2", "--out", str(tmp_path), user=NOBODY)
    slurm.ask("scancel", "--user=root")
