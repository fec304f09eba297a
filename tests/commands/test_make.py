"""The Makefile: what a newcomer types first, and what it says when an installation fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Makes .venv with itself as its Python, does nothing when asked to train or draw, and installs as $PIP says.
STAND_IN = """#!/bin/sh
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install"*) echo "$*" >> pip.txt; eval "$PIP" ;;
  *purelib*) echo .venv ;;
  *find_spec*) echo /their/packages ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-analysis.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python").write_text(STAND_IN)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def _make(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "PYTHON=./python", *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    return subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True)


def test_bare_make_prints_each_target_in_a_line(folder: Path) -> None:
    done = _make(folder)
    (targets,) = re.findall(r"^\.PHONY: help plan (.*)", (folder / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^make (\S+) ", done.stdout, re.MULTILINE) == targets.split()
    assert done.stdout.count("\n") < 16
    assert not (folder / ".venv").exists()


def test_the_demo_says_what_it_will_do_and_what_each_step_took(folder: Path) -> None:
    done = _make(folder, "demo")
    assert done.returncode == 0, done.stderr
    plan, *rest = done.stdout.splitlines()
    assert "196 runs" in plan
    steps = [line.rpartition(": ") for line in rest if re.search(r": \d+ s$", line)]
    assert [name for name, _, _ in steps] == ["install numpy and matplotlib", "install torch and more", "train", "draw"]
    again = _make(folder, "demo").stdout
    assert "install torch" not in again


def test_your_own_torch_or_a_cpu_build_takes_the_place_of_the_pinned_one(folder: Path) -> None:
    assert _make(folder, "demo", "TORCH=mine").returncode == 0
    assert (folder / ".venv" / "torch.pth").read_text() == "/their/packages\n"
    asked = (folder / ".venv" / "requirements.txt").read_text()
    assert "submitit==" in asked
    assert "torch" not in asked
    shutil.rmtree(folder / ".venv")
    assert _make(folder, "demo", "TORCH=cpu").returncode == 0
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in (folder / "pip.txt").read_text().splitlines()[-1]
    assert "one of pinned, cpu, mine" in _make(folder, "demo", "TORCH=gpu").stderr


def test_a_full_disk_is_named_with_what_to_do(folder: Path) -> None:
    full = "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device' >&2; exit 1"
    done = _make(folder, "demo", PIP=full, TMPDIR="/small")
    assert done.returncode == 2
    assert f"The disk of {folder} or of /small is full: free 10 GB, or" in done.stderr
    assert "train" not in done.stdout.partition("\n")[2].partition("pip install")[2]
    assert _make(folder, "demo").returncode == 0  # the same command goes on


def test_an_index_that_cannot_be_reached_is_named(folder: Path) -> None:
    """By the real pip."""
    index = "http://127.0.0.1:9/simple"
    pip = f"{sys.executable} -m pip --isolated --retries 0 install --index-url {index} not-here-yet"
    done = _make(folder, "report", PIP=pip, PIP_INDEX_URL=index, PIP_CONFIG_FILE=os.devnull)
    assert done.returncode == 2
    assert done.stderr.count("\n") < 20
    assert f"pip cannot reach {index}: set PIP_INDEX_URL to a mirror that this machine reaches" in done.stderr
