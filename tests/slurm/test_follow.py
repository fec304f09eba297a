"""submit --follow goes on by itself until all is done, and ends where nothing helps. (With a stand-in for SLURM.)"""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from paper_repro import records
from slurm import follow, submissions
from slurm.__main__ import main

ROOT = Path(__file__).parents[2]
CELLS = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.002,0.004", "--set", "model=mlp-8x1"]
ONE_CORE = ["--cpus", "1", "--seconds-per-cell", "1000"]  # a job for each cell


@pytest.fixture(autouse=True)
def _often(queue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "SECONDS", 0.3)
    (queue / "hold").unlink()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def _until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_it_sends_again_what_was_killed_through_an_absence_of_the_controller_and_writes_at_the_end(
    out: Path, queue: Path, capsys
) -> None:
    words = ["submit", *CELLS, "--set", "epochs=1000", *ONE_CORE, "--follow", "--mail", "me@here", "--out", str(out)]
    ended: list[int] = []
    following = threading.Thread(target=lambda: ended.append(main(words)))
    following.start()
    _until(lambda: len({path.parent for path in out.glob("checkpoints/*/*.pt")}) == 2)
    (queue / "down").touch()
    for job in ("1_0", "1_1"):
        os.killpg(int((queue / "jobs" / job / "pid").read_text()), signal.SIGKILL)
    time.sleep(1.5)
    (queue / "down").unlink()
    following.join(60)
    said = capsys.readouterr().out
    assert ended == [0], said
    assert len(records.load(out)) == 2
    assert "Unable to contact slurm controller (connect failure); tried again every 0.3 s" in said
    assert [sent.jobs for sent in submissions.all_of(out)] == [2, 2]
    assert said.count("\nsubmitted ") == 2
    assert said.endswith("\n2 of 2 cells finished\n")
    mail = (queue / "mails").read_text()
    assert mail.startswith(f"['-s', 'fig2 demo in {out}: 2 of 2 cells finished', 'me@here']\n")


def test_a_node_on_which_jobs_die_at_their_start_is_left_out(out: Path, queue: Path, capsys) -> None:
    bad = ["--setup", '[ "$SLURMD_NODENAME" != n1 ]']
    assert main(["submit", *CELLS, *ONE_CORE, *bad, "--exclude", "n9", "--follow", "--out", str(out)]) == 0
    first, second = submissions.all_of(out)
    assert {attempt.host for attempt in second.attempts()} == {"n2"}
    assert first.attempts() == []
    assert "left out, as jobs died there at their start: n1\n" in capsys.readouterr().out
    assert "#SBATCH --exclude=n9,n1\n" in next(second.folder.glob("*_submission.sh")).read_text()


def test_what_kills_every_job_is_given_up(out: Path, queue: Path, capsys) -> None:
    bad = ["--setup", "echo no such module >&2; false", "--mail", "me@here"]
    assert main(["submit", *CELLS, *ONE_CORE, *bad, "--follow", "--out", str(out)]) == 1
    assert len(submissions.all_of(out)) == follow.TRIES
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("given up: 3 submissions in a row have trained nothing: died at its start on n")
    assert "given up" in (queue / "mails").read_text()
    # who mends what was wrong begins anew
    assert main(["submit", *CELLS, *ONE_CORE, "--follow", "--out", str(out)]) == 0


def test_a_failing_cell_gets_three_tries(out: Path, queue: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "chaos" / "hungry"))
    monkeypatch.setenv("HUNGRY_CELLS", "0")
    cells = [word.replace("0.002,", "") for word in CELLS] + ["--set", "optimizer=mine.hungry"]
    assert main(["submit", *cells, *ONE_CORE, "--follow", "--out", str(out)]) == 1
    sent = submissions.all_of(out)
    assert [len(each.again) for each in sent] == [0, 1, 1]
    assert capsys.readouterr().out.endswith("0 of 1 cell finished; 1 cell failed 3 times\n")
    assert records.failure_path(out, next(iter(sent[0].cells))).exists()


def test_cron_s_line_goes_on_from_nowhere_and_the_end_is_told_once(out: Path, queue: Path, capsys) -> None:
    words = ["submit", *CELLS, *ONE_CORE, "--mail", "me@here", "--out", str(out)]
    assert main([*words, "--follow"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("*/10 * * * * "))

    def look() -> str:
        subprocess.run(["sh", "-c", line.split(" ", 5)[5]], env={"PATH": "/usr/bin:/bin"}, check=True, timeout=60)
        return (out / "slurm" / "follow.log").read_text()

    assert look() == "2 of 2 cells finished (told before: cron's line may go)\n"
    # (a job that is still there would train the lost cell itself)
    _until(lambda: all(state.read_text() == "COMPLETED" for state in queue.glob("jobs/*/state")))
    next(out.glob("records/*.json")).unlink()
    assert "to submit: 1 job that shares 1 cell" in look()
    _until(lambda: len(records.load(out)) == 2)
    assert look().endswith("\n2 of 2 cells finished\n")
    assert (queue / "mails").read_text().count("me@here") == 2


def test_a_mail_that_nobody_would_write_is_refused(out: Path, capsys) -> None:
    assert main(["submit", *CELLS, "--mail", "me@here", "--out", str(out)]) == 2
    assert capsys.readouterr().err == "slurm: --mail: it is written when --follow ends\n"
