"""What was sent is read as it was written, or refused; each start of a job leaves how long it took and how it ended."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.sweep import leases
from slurm import submissions
from slurm.submissions import Submission, attempting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sent(cell: Cell, tmp_path: Path) -> Submission:
    return submissions.create(
        tmp_path, [cell], name="fig2", profile="demo", source="0" * 16, data="d", device="cpu", at_once=1, cores=2,
        gpus=0, jobs=2,
    )  # fmt: skip


def test_a_submission_is_read_as_it_was_written(sent: Submission, cell: Cell, tmp_path: Path) -> None:
    (read,) = submissions.all_of(tmp_path)
    assert read == sent
    assert (list(read.cells), read.all_cells()) == ([cell.id], [cell])


def _submitted(out: Path, cells: list[Cell], **changes: object) -> Submission:
    content = {"name": "fig2", "profile": "demo", "source": "0" * 16, "data": "d", "device": "cpu", "at_once": 1}
    return submissions.create(out, cells, **{**content, "cores": 1, "gpus": 0, "jobs": 5, **changes})


def test_all_submissions_of_the_same_cells_share_their_list_in_parts(cell: Cell, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submissions, "PART", 3)
    cells = [cell.replace(seed=seed) for seed in range(8)]
    first, second = (_submitted(tmp_path, cells, name=name) for name in ("fig2", "fig3"))
    assert first.parts == second.parts
    assert len(list(tmp_path.glob("slurm/cells/*"))) == len(first.parts) == 3
    assert [each.all_cells() for each in submissions.all_of(tmp_path)] == [cells, cells]  # in their order


def test_a_worker_reads_its_part_and_when_that_is_done_all(cell: Cell, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submissions, "PART", 3)
    cells = [cell.replace(seed=seed) for seed in range(8)]
    sent = _submitted(tmp_path, cells)
    first = [next(sent.rounds(worker, 5)) for worker in range(5)]
    assert [part for part, _ in first] == [cells[0::3], cells[1::3], cells[2::3], cells[0::3], cells[1::3]]
    assert [share for _, share in first] == [(0, 2), (0, 2), (0, 1), (1, 2), (1, 2)]
    assert list(sent.rounds(4, 5))[1] == (cells, (4, 5))


def test_a_damaged_part_is_named_with_what_to_do(sent: Submission, tmp_path: Path) -> None:
    (part,) = tmp_path.glob("slurm/cells/*")
    part.write_bytes(part.read_bytes().replace(b'"seed"', b'"Seed"').replace(b"adamw", b"adam"))
    with pytest.raises(UsageError, match=f"^{part}: damaged .*remove its folder when none of its jobs lives$"):
        submissions.all_of(tmp_path)


def test_how_it_ended(sent: Submission) -> None:
    with attempting(sent.folder, 3) as attempt:
        (running,) = sent.attempts()
        assert (running.index, running.ended) == (3, None)
        attempt.ended = "finished"
    (done,) = sent.attempts()
    assert (done.ended, done.pid) == ("finished", os.getpid())


def test_an_error_is_its_last_line(sent: Submission) -> None:
    with pytest.raises(RuntimeError), attempting(sent.folder, 0):
        raise RuntimeError("first\nthe reason")
    with pytest.raises(SystemExit), attempting(sent.folder, 1):
        raise SystemExit
    assert {attempt.index: attempt.ended for attempt in sent.attempts()} == {0: "the reason", 1: "SystemExit"}


def test_the_seconds_of_one_that_was_killed_are_those_of_its_last_beat(sent: Submission, monkeypatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with attempting(sent.folder, 0):
        while not sent.attempts()[0].seconds:
            pass
        (beaten,) = sent.attempts()
        assert beaten.ended is None


def test_the_seconds_for_which_it_was_suspended_do_not_count(sent: Submission) -> None:
    code = (
        "import sys; from pathlib import Path; from paper_repro.sweep import leases; from slurm import submissions\n"
        "leases.BEAT = 0.1\n"
        f"with submissions.attempting(Path({sent.place!r}), 0): sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE)
    began = time.monotonic()
    while not (sent.attempts() and sent.attempts()[0].seconds):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(process.pid, signal.SIGCONT)
    process.communicate()
    (attempt,) = sent.attempts()
    assert 0 < attempt.seconds < time.monotonic() - began - 2.5


def test_a_gpu_is_paid_for_until_the_last_task_of_its_job_has_ended(cell: Cell, tmp_path: Path) -> None:
    sent = submissions.create(
        tmp_path, [cell], name="fig2", profile="gpu", source="0" * 16, data="d", device="cuda", at_once=1, cores=2,
        gpus=2, mixed_code=False, jobs=2,
    )  # fmt: skip
    for index, task, seconds in ((0, 0, 100), (0, 1, 30), (0, 0, 10), (0, 1, 20), (1, 0, 1)):  # job 0 was put back
        with attempting(sent.folder, index, task):
            pass
        path = max((sent.folder / "attempts").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        path.write_text(json.dumps({**json.loads(path.read_text()), "seconds": seconds}))
    assert sent.seconds() == 2 * (100 + 20 + 1)


def test_one_that_cannot_be_written_does_not_end_a_job(sent: Submission, capsys) -> None:
    (sent.folder / "attempts").touch()
    with attempting(sent.folder, 0) as attempt:
        attempt.ended = "finished"
    assert capsys.readouterr().err.count(f"{sent.folder / 'attempts'}") == 2


def test_the_last_attempt_is_the_last_whatever_the_clocks_of_its_machine_said(sent: Submission) -> None:
    for ended, beat in (("second", 200), ("first", 100)):
        with attempting(sent.folder, 0) as attempt:
            attempt.ended = ended
        (path,) = {path for path in (sent.folder / "attempts").iterdir() if path.stat().st_mtime > 1000}
        os.utime(path, (beat, beat))
    assert [attempt.ended for attempt in sent.attempts()] == ["first", "second"]


REFUSED = [
    {"name": "../x"}, {"profile": "\x1b[2J"}, {"cores": "2"}, {"cores": -1}, {"gpus": 10**40}, {"jobs": 0},
    {"parts": ["../../x"]}, {"parts": [3]}, {"parts": {}}, {"kinds": [3]}, {"job_name": None}, {"words": [3]},
    {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("changes", REFUSED)
def test_a_submission_that_submit_has_not_written_is_refused(sent: Submission, changes: dict) -> None:
    path = sent.folder / "submission.json"
    content = json.dumps(json.loads(path.read_text())["content"] | changes).encode()
    digest = submissions.hashlib.sha256(content).hexdigest()
    path.write_bytes(msgspec.json.encode({"checksum": digest, "content": msgspec.Raw(content)}))
    with pytest.raises(ValueError, match="damaged") as error:
        submissions.read(sent.folder)
    assert str(error.value).startswith(f"{path}: damaged (")


@pytest.mark.parametrize(
    "changes", [{"seconds": "x"}, {"seconds": 1e999}, {"index": -1}, {"ended": 3}, {"began": None}, {"x": 1}]
)
def test_an_attempt_that_no_job_has_written_is_left_out(sent: Submission, changes: dict) -> None:
    with attempting(sent.folder, 0):
        pass
    (path,) = (sent.folder / "attempts").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert sent.attempts() == []
