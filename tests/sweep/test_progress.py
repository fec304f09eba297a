"""What a sweep says while it runs."""

import time

import pytest

from paper_repro.sweep.engine import Outcome
from paper_repro.sweep.progress import Display


def test_plain_lines_count_cells_and_images_and_judge_the_time_left(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    outcome = Outcome(finished=["before"])
    display = Display(total=5, work=400, outcome=outcome)
    now += 60
    outcome.finished.append("a")
    outcome.diverged.append("b")
    outcome.failed["c"] = "why"
    display.show(300, 90_000)
    display.say("a line of its own")
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == ("3/5 cells done, 1 diverged, 1 failed; 90,000 images; this machine: 1,500 images/s; 20 s left")
    assert errors[1] == "a line of its own"


def test_lines_are_not_many(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display(total=5, work=400, outcome=Outcome())
    for _ in range(100):
        display.show(0, 0)
    assert capsys.readouterr().err.count("\n") == 1
