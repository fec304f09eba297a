"""A repository of a user's own, with a network in a package that git does not know yet; and its editing."""

import shutil
import subprocess
from pathlib import Path

from slurm import snapshot

PACKAGES = (*snapshot.IMPORTED, "benchmarks")


def make(place: Path) -> Path:
    for name in PACKAGES:
        no_records = shutil.ignore_patterns("__pycache__", "recorded")
        shutil.copytree(snapshot.REPOSITORY / name, place / name, ignore=no_records)
    (place / "mynets").mkdir()
    (place / "mynets" / "net.py").write_text("from mynets.parts import build\n")
    (place / "mynets" / "parts.py").write_text("from paper_repro.models.mlp import build\n")
    _git(place, "init", "-q")
    _git(place, "add", *PACKAGES)
    _git(place, "commit", "-qm", "first")
    return place


def edit(place: Path) -> None:
    """So that nothing there works any more."""
    for name in ("mynets/parts.py", "paper_repro/schedules.py", "paper_repro/sweep/worker.py"):
        (place / name).write_text("raise SystemExit('edited')\n")
    (place / "mynets" / "more.py").touch()
    _git(place, "commit", "-qam", "second")


def _git(place: Path, *words: str) -> None:
    settings = [word for key in ("user.name=me", "user.email=me@home", "commit.gpgsign=false") for word in ("-c", key)]
    subprocess.run(["git", *settings, *words], cwd=place, check=True)
