"""Words for people: times in units that they use, and commands that can be pasted."""

import shlex

import pytest

from paper_repro.texts import command, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0123, "0.012 s"), (1.94, "1.9 s"), (12.4, "12 s"), (99.4, "99 s"), (215, "3.6 min"), (3600, "60 min"),
        (2.54 * 3600, "2.5 hours"), (26 * 3600, "26 hours"), (4.2 * 86400, "4.2 days"), (1234 * 86400, "1,234 days"),
    ],
)  # fmt: skip
def test_times_are_told_in_the_unit_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_command_can_be_pasted() -> None:
    line = command("python", "-m", "analysis", "figures", "--runs", "my runs/it's here", 3)
    assert shlex.split(line) == ["python", "-m", "analysis", "figures", "--runs", "my runs/it's here", "3"]
    assert "runs/plain" in command("--out", "runs/plain").split()
