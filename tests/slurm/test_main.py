"""The command, with a stand-in for SLURM: the same path that a cluster takes."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import experiments
from paper_repro import records
from paper_repro.sweep import engine, leases
from slurm import submissions
from slurm.__main__ import main
from tests.cluster import own_checkout, stand_in
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]
CELLS = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.002,0.004", "--set", "model=mlp-8x1"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slurm", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_job_that_waits_is_seen_whatever_the_shell_filters_and_sent_once(out: Path, queue: Path, monkeypatch) -> None:
    """And the first Ctrl-C ends `status --watch` in one line."""
    submit = ["submit", *CELLS, "--seconds-per-cell", "5", "--out", str(out)]
    assert "submitted fig2-demo-" in typed(*submit).stdout
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    assert table(out)["jobs"] == {"PENDING": 1}
    assert "nothing to submit" in typed(*submit).stdout
    command = [sys.executable, "-m", "slurm", "status", "--watch", "--out", str(out)]
    watching = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    assert "cells" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.communicate()[1] == "no longer watched; the jobs go on\n"
    assert watching.returncode == 130


def test_plan_shows_what_submit_hands_to_sbatch(out: Path, queue: Path, monkeypatch) -> None:
    for name, value in {"ACCOUNT": "proj42", "PARTITION": "gpu", "TIMELIMIT": "1"}.items():
        monkeypatch.setenv(f"SBATCH_{name}", value)
    for name, value in {"JOB_ID": "3", "CPUS_PER_TASK": "64", "CONF": "/etc/slurm.conf"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    rest = [*CELLS, "--seconds-per-cell", "5", "--out", str(out), "--slurm", "gpus=a100:1"]
    planned, sent = (typed(verb, *rest).stdout for verb in ("plan", "submit"))
    for said in (planned, sent):
        assert "from this shell, as for sbatch: SBATCH_ACCOUNT=proj42, SBATCH_PARTITION=gpu\n" in said
        assert "not used: SBATCH_TIMELIMIT (" in said
        assert "GPU-seconds" in said
    options = [line for line in (queue / "script").read_text().splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --gres=gpu:a100:1" in options
    assert "#SBATCH --account=proj42" in options
    shown = [line for line in planned.splitlines() if line.startswith("#SBATCH")]
    assert len(shown) == len(options)
    assert {line for line in shown if "WHEN" not in line} < set(options)
    seen = (queue / "environment").read_text()
    assert [line for line in seen.splitlines() if line.startswith(("SBATCH_", "SLURM_"))] == [
        "SLURM_CONF=/etc/slurm.conf"
    ]


@pytest.mark.parametrize(
    ("asked", "card"), [("gpus=1", "A100"), ("gpus=h100:1", "H100"), ("gres=gpu:rtx_4090:4", "RTX 4090")]
)
def test_a_plan_for_gpus_is_counted_and_nothing_is_tried_here(out: Path, queue: Path, asked: str, card: str) -> None:
    said = typed("plan", *CELLS, "--set", "precision=bf16", "--out", str(out), "--slurm", asked).stdout
    assert f"from FLOP and bytes counted for an {card}, +- 40 %: --seconds-per-cell says what one takes" in said
    assert "GPU-seconds" in said
    assert "cpu" not in said.partition("#SBATCH")[0]


def test_what_only_a_gpu_can_do_is_planned_for_gpus(out: Path, queue: Path) -> None:
    said = typed("plan", *CELLS, "--set", "precision=tf32", "--gpus", "1", "--out", str(out))
    assert "GPU-seconds" in said.stdout
    assert "precision tf32 is a GPU's" in typed("plan", *CELLS, "--set", "precision=tf32", "--out", str(out)).stderr


@pytest.mark.parametrize(
    ("profile", "gpus", "jobs", "hours"),
    [
        ("gpu", "1", "15 jobs that share 196 cells", 1.22),  # of five minutes or more
        ("gpu", "4", "4 jobs of 4 GPUs that share 196 cells", 1.22),
        ("paper", "1", "61 jobs that share 484 cells", 820),  # of eight cells
    ],
)
def test_without_records_of_a_gpu_each_job_has_several_cells(
    out: Path, queue: Path, profile: str, gpus: str, jobs: str, hours: float
) -> None:
    """Cells that the processor here would take hours for."""
    said = typed("plan", "fig2", "--profile", profile, "--time", "4:00:00", "--gpus", gpus, "--out", str(out)).stdout
    assert f"to submit: {jobs}; at most 4 hours each" in said
    (counted,) = re.findall(r"about ([\d.]+) GPU-hours", said)
    assert float(counted) == pytest.approx(hours, rel=0.05)
    assert "a first wave, of at least 8 cells a GPU" in said


def test_later_jobs_follow_what_the_first_ones_found(out: Path, queue: Path, monkeypatch) -> None:
    """On a GPU that is made up: it trains one cell at once."""
    (queue / "hold").unlink()
    monkeypatch.setenv("PAPER_REPRO_DEVICE", "cpu")
    cells = ["fig2", "--quick", "--alphas", "0.01", "--decays", "0.002,0.004", "--set", "model=mlp-8x1"]
    rest = [*cells, "--out", str(out), "--gpus"]
    assert ": 1 job; logs in " in typed("submit", *rest, "1", "--seconds-per-cell", "5000").stdout  # of eight cells
    until(lambda: table(out)["finished"] == 8)
    until(lambda: not table(out)["jobs"])
    hardware = records.load(out)[0]["provenance"]["hardware"]
    more = ["--seeds", "2", *rest]
    said = typed("plan", *more, "1").stdout
    assert f"(from 8 records made on {hardware}); 1 at once on a GPU\n" in said
    assert "first wave" not in said
    assert "to submit: 8 jobs that share 8 cells" in typed("plan", *more, "1", "--seconds-per-cell", "5000").stdout
    other = typed("plan", *more, "h100:1").stdout  # one that nothing is known of
    assert "counted for an H100" in other
    assert "first wave" in other


def test_a_job_of_four_gpus_trains_on_each_and_any_of_its_tasks_asks_for_a_requeue(
    out: Path, queue: Path, tmp_path: Path, monkeypatch
) -> None:
    (queue / "hold").unlink()
    monkeypatch.setenv("PAPER_REPRO_DEVICE", "cpu")
    cells = ["fig2", "--quick", "--alphas", "0.01", "--decays", "0.004", "--set", "model=mlp-8x1"]
    cells += ["--set", "epochs=600"]
    submit = ["submit", *cells, "--gpus", "4", "--cells-at-once", "1", "--seconds-per-cell", "9", "--out", str(out)]
    assert ": 1 job; logs in " in typed(*submit).stdout
    until(lambda: len({path.parent for path in out.glob("checkpoints/*/*.pt")}) == 4)  # each trains another cell
    (sent,) = submissions.all_of(out)
    (last,) = [attempt for attempt in sent.attempts() if attempt.task == 3]
    os.kill(last.pid, signal.SIGUSR2)
    until(lambda: len(sent.attempts()) == 8)  # all four again
    until(lambda: table(out)["finished"] == 4)
    until(lambda: not table(out)["jobs"])
    ends = [attempt.ended for attempt in sent.attempts()]
    assert sorted(ends) == ["finished"] * 7 + ["stopped (SIGUSR2)"]
    logs = "".join(path.read_text() for path in sent.logs(0))
    assert set(re.findall(r"GPU (\d): \d cells", logs)) == {"0", "1", "2", "3"}
    engine.run(sent.all_cells(), tmp_path / "solo", Path("data"), workers=2)
    ours, solo = ([records.without_times(each) for each in records.load(folder)] for folder in (out, tmp_path / "solo"))
    assert ours == solo


def test_what_is_printed_to_be_typed_later_can_be_pasted_and_means_the_same_cells(tmp_path: Path, queue: Path) -> None:
    out = tmp_path / "my runs"
    said = typed("submit", *CELLS, "--seconds-per-cell", "5000", "--time", "120:00:00", "--out", str(out)).stdout
    assert "a cell takes about 83 min (as given)" in said
    assert "at most 120 hours each, about 5.56 core-hours" in said
    (line,) = [line for line in said.splitlines() if line.startswith("see how it goes: ")]
    shutil.rmtree(queue / "jobs")  # and its job is gone
    (queue / "jobs").mkdir()
    look = subprocess.run(line.partition(": ")[2], shell=True, cwd=ROOT,
                          capture_output=True, text=True)  # fmt: skip
    (line,) = [line for line in look.stdout.splitlines() if line.startswith("2 missing: ")]
    assert shlex.split(line)[5:7] == ["submit", "--again"]
    before = (queue / "script").read_text()
    assert "submitted fig2-demo-" in subprocess.run(line.partition(": ")[2], shell=True, cwd=ROOT,
                                                    capture_output=True, text=True).stdout  # fmt: skip
    first, second = submissions.all_of(out)
    assert second.cells == first.cells
    word = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{5}")
    assert word.sub("", (queue / "script").read_text()) == word.sub("", before)


def test_an_earlier_submission_is_sent_again_with_what_is_typed_anew(out: Path, queue: Path) -> None:
    """And again from there, and retried, whatever the experiment's file says by then."""
    typed("submit", *CELLS, "--seconds-per-cell", "5000", "--time", "60", "--slurm", "nice=5", "--out", str(out))
    for time_limit in ("30", "20"):
        shutil.rmtree(queue / "jobs")
        (queue / "jobs").mkdir()
        word = submissions.all_of(out)[-1].folder.name
        said = typed("submit", "--time", time_limit, "--again", word, "--out", str(out))
        assert "submitted fig2-demo-" in said.stdout, said.stderr
        script = (queue / "script").read_text()
        assert f"#SBATCH --time={time_limit}\n" in script
        assert "#SBATCH --nice=5\n" in script
    sent = submissions.all_of(out)
    assert len({tuple(each.cells) for each in sent}) == 1
    assert len(sent) == 3
    for rest, refusal in (
        (["fig2"], "fig2: --again"), (["--alphas", "0.1"], "--alphas: --again"),
        (["--cpus", "1", "--cpus", "2"], "twice"),
    ):  # fmt: skip
        assert refusal in typed("plan", "--again", sent[-1].folder.name, *rest, "--out", str(out)).stderr
    assert "there is no such folder" in typed("submit", "--again", "x", "--out", str(out)).stderr
    assert "name of an experiment is missing" in typed("submit", "--out", str(out)).stderr


def test_what_was_submitted_is_what_runs_however_the_checkout_is_edited(
    out: Path, queue: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    checkout = own_checkout.make(tmp_path / "checkout")
    cells = [word.replace("=mlp", "=mynets.net") for word in CELLS]

    def here(module: str, *words: str) -> str:
        command = [sys.executable, "-m", module, *words]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    here("experiments", "run", *cells, "--out", str(tmp_path / "solo"))
    submit = ["submit", *cells, "--seconds-per-cell", "1000", "--cpus", "1", "--out", str(out)]
    assert ": 2 jobs; " in here("slurm", *submit)
    here("slurm", *submit, "--set", "seed=7")  # of the same code
    (code,) = (path for path in out.glob("slurm/code/*") if path.is_dir())
    own_checkout.edit(checkout)
    subprocess.run([sys.executable, stand_in.__file__, "release", queue], check=True)
    until(lambda: len(list(out.glob("records/*.json"))) == 4)
    alone, found = (
        {record["id"]: records.without_times(record) for record in records.load(folder)}
        for folder in (tmp_path / "solo", out)
    )
    assert {name: found[name] for name in alone} == alone
    assert (code / "mynets" / "parts.py").exists()


def test_a_setup_line_that_fails_ends_the_job_and_says_so(out: Path, queue: Path) -> None:
    (queue / "hold").unlink()
    typed(
        "submit", *CELLS, "--seconds-per-cell", "5", "--setup", "false", "--setup", f"touch {out}/on", "--out", str(out)
    )
    until(lambda: table(out)["missing"] == 2 and not table(out)["jobs"])
    (log,) = out.glob("slurm/*/*_log.err")
    assert log.read_text() == "setup: false: exit code 1\n"
    assert not (out / "on").exists()


PYTHON = """
from dataclasses import replace
import experiments
from slurm import status, submit

(cell, *_) = experiments.get("fig2").changed({"quick": "run"}).profiles["demo"].cells
cells = [cell.replace(model=f"mlp-{width}x1") for width in (4, 6)]
sent = submit(cells, "widths", OUT, seconds_per_cell=5, time=30, setup=["true", "true"], mail_user=None)
print(sorted(sent.cells) == sorted(cell.id for cell in cells), status(OUT)["sweeps"][0]["jobs"])
print(submit(cells, "widths", OUT, seconds_per_cell=5))
for more in ({"alphas": "0.1"}, {"time": "soon"}, {"profile": "a/b"}, {"speed": 3}):
    try:
        submit(cells, "widths", OUT, **more)
    except ValueError as error:
        print(error)
"""


def test_cells_made_in_python_are_submitted_from_there(out: Path, queue: Path) -> None:
    """And then looked at, sent again, retried and cancelled as others."""
    script = PYTHON.replace("OUT", repr(str(out)))
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    for line in (
        "widths, profile python: 2 cells in", "submitted widths-python-", "True {'PENDING': 1}",
        "nothing to submit\nNone",
        "alphas: the cells are given", "--time soon: minutes", "letters, digits", "no option --speed",
    ):  # fmt: skip
        assert line in said.stdout
    assert "widths python" in typed("status", "widths", "--out", str(out)).stdout
    assert "no experiment 'width'" in typed("status", "width", "--out", str(out)).stderr
    assert "1 job of widths cancelled" in typed("cancel", "widths", "--out", str(out)).stdout
    (sent,) = submissions.all_of(out)
    records.write_failure(out, sent.all_cells()[0], "ValueError: too small")
    (hint,) = [line for line in typed("status", "--out", str(out)).stdout.splitlines() if "retry" in line]
    assert hint.endswith(f"retry --again {sent.folder.name} --out {out} --failed")
    done = subprocess.run(hint.partition(": ")[2], shell=True, cwd=ROOT, capture_output=True, text=True)
    assert "submitted widths-python-" in done.stdout
    assert "#SBATCH --time=30\n" in (queue / "script").read_text()
    assert not list(out.glob("failures/*"))


def table(out: Path) -> dict[str, Any]:
    (found,) = json.loads(typed("status", "--json", "--out", str(out)).stdout)["sweeps"]
    return dict(found)


def until(condition) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def test_jobs_share_the_cells_are_requeued_and_end_as_undisturbed_ones(out: Path, queue: Path, tmp_path: Path) -> None:
    (queue / "hold").unlink()
    submit = ["submit", *CELLS, "--set", "epochs=600", "--cpus", "1", "--seconds-per-cell", "1000", "--out", str(out)]
    assert ": 2 jobs; logs in " in typed(*submit).stdout
    until(lambda: len(list(out.glob("checkpoints/*/*.pt"))) > 1)  # each has one of the two cells
    said = typed(*submit).stdout
    assert "2 jobs of this folder wait or run" in said or "0 missing" in said
    assert "nothing to submit" in said
    (path, _) = out.glob("slurm/*/attempts/*.json")
    os.kill(json.loads(path.read_text())["pid"], signal.SIGUSR2)
    until(lambda: len(list(out.glob("slurm/*/attempts/*.json"))) == 3)  # it was requeued
    until(lambda: table(out)["finished"] == 2)
    assert table(out)["core_hours"] > 0
    assert "nothing to submit" in typed(*submit).stdout
    profile = experiments.get("fig2").changed({"quick": "run"}).profiles["demo"]
    first = profile.cells[-1].replace(model="mlp-8x1", epochs=600, alpha=0.01)
    cells = [first.replace(decay=decay) for decay in (0.002, 0.004)]
    engine.run(cells, tmp_path / "solo", Path("data"), workers=2)
    pair = [
        {record["id"]: records.without_times(record) for record in records.load(folder)}
        for folder in (out, tmp_path / "solo")
    ]
    assert pair[0] == pair[1]
    said = typed("logs", cells[0].id, "--out", str(out)).stdout
    assert f"finished: {cells[0].id}" in said


def test_without_the_controller_nothing_is_called_missing_or_ended_and_watch_goes_on(out: Path, queue: Path) -> None:
    typed("submit", *CELLS, "--seconds-per-cell", "5", "--out", str(out))
    (queue / "down").touch()
    said = typed("status", "--out", str(out))
    why = "squeue: slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    assert said.returncode == 3
    head, row, last = said.stdout.splitlines()
    assert dict(zip(head.split(), row.split()[2:], strict=True))["missing"] == "?"
    assert last == f"{why}: which jobs live is not known, and nothing is called missing or ended"
    found = json.loads(typed("status", "--json", "--out", str(out)).stdout)
    assert found["unknown"] == why
    (table,) = found["sweeps"]
    assert (table["missing"], table["ended_early"], table["again"]) == (None, [], [])
    code = f"import slurm.__main__ as m; m.WATCH_SECONDS = 0.1; m.main(['status', '--watch', '--out', {str(out)!r}])"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as watching:

        def until_said(beginning: str) -> str:
            return next(line for line in watching.stdout or () if line.startswith(beginning))

        for _ in range(2):
            assert why in until_said("squeue: ")
        (queue / "down").unlink()
        assert until_said("jobs of ") == "jobs of fig2: 1 PENDING: 1\n"
        (queue / "jobs" / "1" / "state").write_text("COMPLETED")
        assert until_said("2 missing: ")  # that was the last
        assert watching.wait(60) == 0


def test_the_jobs_of_another_user_are_looked_up(out: Path, queue: Path) -> None:
    submit = ["submit", *CELLS, "--seconds-per-cell", "5", "--out", str(out)]
    typed(*submit)
    (submission,) = submissions.all_of(out)
    path, submission.user, submission.place = submission.folder / "submission.json", "alice", ""
    content = msgspec.json.encode(submission)
    digest = hashlib.sha256(content).hexdigest()
    path.write_bytes(msgspec.json.encode({"checksum": digest, "content": msgspec.Raw(content)}))
    (queue / "jobs" / "1" / "user").write_text("alice")
    said = typed("status", "--out", str(out))
    assert said.returncode == 0
    assert "jobs of fig2: 1 PENDING of alice: 1\n" in said.stdout
    assert "nothing to submit" in typed(*submit).stdout
    (queue / "private").touch()
    said = typed("status", "--out", str(out))
    assert said.returncode == 3
    assert said.stdout.splitlines()[2:] == [
        "squeue: this cluster does not show the jobs of alice (PrivateData): which jobs live is not known, and nothing "
        "is called missing or ended"
    ]


def test_a_job_that_is_ending_is_shown_and_replaced_one_that_was_requeued_is_waited_for(out: Path, queue: Path) -> None:
    submit = ["submit", *CELLS, "--seconds-per-cell", "5", "--out", str(out)]
    typed(*submit)
    (queue / "jobs" / "1" / "state").write_text("COMPLETING")
    (queue / "jobs" / "1" / "requeued").touch()
    assert table(out)["jobs"] == {"COMPLETING (requeued)": 1}
    assert "nothing to submit" in typed(*submit).stdout
    (queue / "jobs" / "1" / "requeued").unlink()
    assert table(out)["jobs"] == {"COMPLETING": 1}
    assert "submitted" in typed(*submit).stdout


def test_deaths_are_told_by_node_and_the_last_line_of_a_log(out: Path, queue: Path) -> None:
    (queue / "hold").unlink()
    submit = ["submit", *CELLS, "--set", "epochs=5000", "--seconds-per-cell", "1000", "--cpus", "1", "--out", str(out)]
    assert ": 2 jobs;" in typed(*submit, "--setup", "echo python: no such file >&2; exit 127").stdout
    until(lambda: table(out)["jobs"] == {})
    said = typed("status", "--out", str(out)).stdout
    assert "2 jobs ended before all was done: died at its start; on n1\n  last line: python: no such file\n" in said
    assert f"  log: {out}/slurm/" in said
    typed(*submit)
    until(lambda: len(list(out.glob("checkpoints/*/*.pt"))) > 1)
    said = typed("status", "--out", str(out)).stdout
    assert "jobs of fig2: 2 RUNNING: 2_0 on n1, 2_1 on n1\n" in said
    (path, _) = out.glob("slurm/*/attempts/*.json")
    job = json.loads(path.read_text())["index"]
    with open(next(out.glob(f"slurm/*/2_{job}_0_log.err")), "a") as log:
        log.write("slurmstepd: error: Detected 1 oom_kill event\n\n")
    os.killpg(int((queue / "jobs" / f"2_{job}" / "pid").read_text()), signal.SIGKILL)
    until(lambda: table(out)["missing"] == 1)
    said = typed("status", "--out", str(out)).stdout
    assert (
        "1 job ended before all was done: killed, or its node lost; on n1\n"
        "  last line: slurmstepd: error: Detected 1 oom_kill event\n"
    ) in said


def test_cancel_ends_them_saved_and_submit_goes_on(out: Path, queue: Path) -> None:
    (queue / "hold").unlink()
    submit = ["submit", *CELLS, "--set", "epochs=5000", "--seconds-per-cell", "9", "--out", str(out)]
    typed(*submit)
    until(lambda: list(out.glob("checkpoints/*/*.pt")))
    assert "1 job of fig2 cancelled" in typed("cancel", "fig2", "--out", str(out)).stdout
    until(lambda: table(out)["missing"] == 2)
    (path,) = out.glob("slurm/*/attempts/*.json")
    until(lambda: json.loads(path.read_text())["ended"] == "stopped (SIGTERM)")
    said = typed("status", "--out", str(out)).stdout
    assert "1 job ended before all was done: stopped (SIGTERM)" in said
    assert "submitted" in typed(*submit).stdout


def test_failed_cells_are_left_alone_until_retry_which_forgets_them_when_their_jobs_are_sent(
    out: Path, queue: Path
) -> None:
    submit = [*CELLS, "--seconds-per-cell", "1000", "--cpus", "1", "--out", str(out)]
    assert ": 2 jobs;" in typed("submit", *submit).stdout
    name = next(iter(submissions.all_of(out)[0].cells))
    records.failure_path(out, name).parent.mkdir()
    records.failure_path(out, name).write_text("ValueError: too small")
    counted = [typed("status", *words, "--out", str(out)).stdout for words in (["fig2"], ["fig2", "--profile", "demo"])]
    assert [re.search(r"^fig2 demo +(\d+)", said, re.MULTILINE)[1] for said in counted] == ["2", "196"]
    said = typed("submit", *submit).stdout
    assert "1 failed cell left alone; to try again: " in said
    assert "nothing to submit" in said
    (queue / "bin" / "sbatch").rename(queue / "bin" / "kept")
    (queue / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: closed' >&2\nexit 1\n")
    (queue / "bin" / "sbatch").chmod(0o755)
    assert "sbatch refused: sbatch: error: closed" in typed("retry", *submit, "--failed").stderr
    assert records.failure_path(out, name).exists()
    (queue / "bin" / "kept").rename(queue / "bin" / "sbatch")
    said = typed("retry", *submit, "--failed").stdout  # those that wait may have passed over it
    assert "shares 1 cell;" in said or ": 1 job that shares 1 cell" in said  # not the other, which did not fail
    assert not records.failure_path(out, name).exists()
    assert "none of these 2 cells failed" in typed("retry", *submit, "--failed").stderr


def test_plan_sends_and_writes_nothing(out: Path, queue: Path) -> None:
    said = typed("plan", *CELLS, "--out", str(out))
    assert "2 missing" in said.stdout
    assert "nothing was sent" in said.stdout
    assert not out.exists()
    assert not (queue / "script").exists()


def test_of_a_map_s_best_cells_the_seeds_that_they_lack_are_planned(tmp_path: Path, capsys, queue) -> None:
    map_cells = [cell for cell in experiments.get("fig2").profiles["demo"].cells if cell.optimizer == "adamw"]
    for place, cell in enumerate(map_cells):
        records.write(tmp_path, made_record(cell, 40.0 + place))
    words = ["plan", "fig2", "--only", "adamw", "--top", "3", "--seeds", "4", "--seconds-per-cell", "5"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert "12 cells" in (said := capsys.readouterr().out)
    assert "3 finished, 0 diverged, 0 failed, 0 running, 9 missing" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "fig2", "--top", "10"], "no map of fig2 on synthetic in"),
        (["plan", "fig2", "--top", "0"], "--top must be at least 2"),
        (["submit", "nope"], "no experiment 'nope': one of"),
        (["submit", "fig2", "--profile", "huge"], "fig2 has no profile 'huge'"),
        (["plan", "propositions"], "propositions trains no cells of a grid"),
        (["plan", "fig2", "--gpus", "1", "--cells-at-once", "33"], "33: a GPU trains at most 32 cells at once"),
        (["submit", "fig2", "--cells-at-once", "0"], "--cells-at-once must lie between 1e-06 and 1e+09, got 0"),
        (["submit", "fig2", "--cells-per-job", "3"], "no option --cells-per-job"),
        (["status", "--alphas", "0.01"], "--alphas chooses cells of an experiment: name one"),
        (["retry", "fig2"], "the following arguments are required: --failed"),
        (["cancel", "fgi2"], "nothing of fgi2 was submitted from"),
        (["logs", "adamw"], "adamw: was not submitted from here"),
        (["fly"], "no verb 'fly'"),
    ],
)
def test_a_bad_argument_is_one_line(arguments: list[str], told: str, tmp_path: Path, capsys, queue) -> None:
    if arguments[0] != "fly":
        arguments = [*arguments, "--out", str(tmp_path / "runs")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("slurm: ")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1


def test_an_output_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    assert main(["submit", "fig2", "--out", str(tmp_path / "file" / "runs")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_one_submit_at_a_time(tmp_path: Path, capsys) -> None:
    with leases.hold(leases.folder_of(tmp_path), "submit"):
        assert main(["submit", "fig2", "--out", str(tmp_path)]) == 2
    assert "another submit is at work" in capsys.readouterr().err


def test_nothing_submitted_is_no_error(tmp_path: Path, capsys) -> None:
    assert main(["status", "--out", str(tmp_path)]) == 0
    assert "nothing was submitted from" in capsys.readouterr().out


def test_a_retry_that_is_refused_forgets_no_failure(tmp_path: Path, capsys) -> None:
    (first, *_) = experiments.get("fig2").profiles["demo"].cells
    records.write_failure(tmp_path, first, "ValueError: too small")
    assert main(["retry", "fig2", "--failed", "--mem", "32Q", "--out", str(tmp_path)]) == 2
    assert "--mem must be" in capsys.readouterr().err
    assert records.failure_path(tmp_path, first.id).exists()


def test_records_of_other_code_are_not_added_to_unless_asked_for(tmp_path: Path, capsys, queue) -> None:
    line = (ROOT / "experiments" / "recorded" / "fig2-demo.jsonl").read_text().splitlines()[0]
    path = records.record_path(tmp_path, json.loads(line)["id"])
    path.parent.mkdir()
    path.write_text(line + "\n")
    arguments = ["submit", "fig2", "--out", str(tmp_path), "--seconds-per-cell", "1"]
    assert main(arguments) == 2
    assert "other code than this" in capsys.readouterr().err
    assert not (tmp_path / "slurm").exists()
