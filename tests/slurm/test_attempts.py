"""Each start of a job leaves how long it took and how it ended; one that was killed leaves its last beat."""

import json
import os
import time
from pathlib import Path

import pytest

from paper_repro.sweep import leases
from slurm import attempts


def test_how_it_ended(tmp_path: Path) -> None:
    with attempts.attempting(tmp_path, 3) as note:
        (running,) = attempts.of(tmp_path)
        assert (running.index, running.ended, running.is_alive) == (3, None, True)
        time.sleep(0.2)
        note.ended = "finished"
    (done,) = attempts.of(tmp_path)
    assert (done.ended, done.is_alive, done.owner["pid"]) == ("finished", False, os.getpid())
    assert done.seconds >= 0.2


def test_an_error_is_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), attempts.attempting(tmp_path, 0):
        raise RuntimeError("first\nthe reason")
    with pytest.raises(SystemExit), attempts.attempting(tmp_path, 1):
        raise SystemExit
    assert {attempt.index: attempt.ended for attempt in attempts.of(tmp_path)} == {0: "the reason", 1: "SystemExit"}


def test_the_seconds_of_one_that_was_killed_are_those_of_its_last_beat(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with attempts.attempting(tmp_path, 0) as note:
        time.sleep(0.3)
        beaten = json.loads(note.path.read_text())
        assert 0.1 <= beaten["seconds"] <= 0.3
        assert beaten["ended"] is None


def test_a_silent_one_on_another_machine_is_not_alive_and_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    note = attempts.Note(tmp_path, 0)
    note.write()
    content = json.loads(note.path.read_text())
    content["owner"]["machine"] = "another"
    note.path.write_text(json.dumps(content))
    (tmp_path / "attempts" / "1-x.json").write_text("{")
    (seen,) = attempts.of(tmp_path)
    assert seen.is_alive
    os.utime(note.path, (0, 0))
    (seen,) = attempts.of(tmp_path)
    assert not seen.is_alive


def test_a_note_that_cannot_be_written_does_not_end_a_job(tmp_path: Path, capsys) -> None:
    (tmp_path / "attempts").touch()
    with attempts.attempting(tmp_path, 0) as note:
        note.ended = "finished"
    assert capsys.readouterr().err.count(f"{tmp_path / 'attempts'}") == 2


def test_the_last_attempt_is_the_last_whatever_the_clocks_of_its_machine_said(tmp_path: Path) -> None:
    for ended, began, last_beat in (("first", "2026-01-01T12:10:00", 100), ("second", "2026-01-01T12:05:00", 200)):
        note = attempts.Note(tmp_path, 0)
        note.ended, note.began = ended, began
        note.write()
        os.utime(note.path, (last_beat, last_beat))
    assert [attempt.ended for attempt in attempts.of(tmp_path)] == ["first", "second"]
