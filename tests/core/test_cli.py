"""Words for people: times in units that they use, and commands that can be pasted."""

import subprocess
import sys

import pytest

from paper_repro.cli import duration, price, python_m, typed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0123, "0.012 s"), (1.94, "1.9 s"), (12.4, "12 s"), (99.4, "99 s"), (215, "3.6 min"), (3600, "60 min"),
        (2.54 * 3600, "2.5 hours"), (26 * 3600, "26 hours"), (4.2 * 86400, "4.2 days"), (1234 * 86400, "1,234 days"),
    ],
)  # fmt: skip
def test_times_are_told_in_the_unit_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.6, "0.6 core-seconds"), (215, "3.6 core-minutes"), (3600, "1 core-hours"), (4.2e6, "1,167 core-hours")],
)
def test_prices(seconds: float, words: str) -> None:
    assert price(seconds) == words
    assert price(seconds, "GPU") == words.replace("core", "GPU")


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.1, "0.1"), (3.0, "3"), (0.0, "0"), (1e-5, "1e-5"), (2.0**-10, "0.0009765625"), (1e20, "1e20")],
)
def test_numbers_are_told_as_people_type_them(number: float, words: str) -> None:
    assert typed(number) == words
    assert float(words) == number


@pytest.mark.parametrize("active", [True, False])
def test_a_printed_command_runs_in_this_environment(active: bool, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    own = sys.executable.rpartition("/")[0]
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin" if active else "/usr/bin:/bin")
    line = python_m("sysconfig")
    assert line.startswith("python ") == active
    where = [line.removesuffix("-m sysconfig") + "-c 'import sys; print(sys.prefix)'"]
    assert subprocess.run(where, shell=True, capture_output=True, text=True).stdout.strip() == sys.prefix
    monkeypatch.chdir(tmp_path)
    assert subprocess.run([python_m("sysconfig")], shell=True, capture_output=True).returncode == 0
