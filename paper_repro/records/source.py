"""Which code trains: the commit, and a fingerprint of this package's source that needs no git. No torch here."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
# All that can change a number, and nothing else: whether a queued job may go on hangs on it.
NUMERICS = ("cell.py", "data", "decay.py", "models", "optim", "schedules.py", "training")


@functools.cache
def code() -> dict[str, Any]:
    """The commit this process started from, whether tracked files differed from it, and source()."""
    dirty = bool(_git("status", "--porcelain", "-uno"))
    return {"commit": _git("rev-parse", "HEAD") or "unknown", "dirty": dirty, "source": source()}


def source() -> str:
    """16 hex digits over the Python files of NUMERICS as they are now."""
    digest = hashlib.sha256()
    paths = [PACKAGE / name for name in NUMERICS]
    for path in [file for each in paths for file in (sorted(each.rglob("*.py")) if each.is_dir() else [each])]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def label(provenance: Mapping[str, Any]) -> str:
    """The code that made a record, in a word: its source; for records from before there was one, the commit."""
    found = provenance.get("source")
    return f"source {found}" if found else _commit(provenance)


def _commit(provenance: Mapping[str, Any]) -> str:
    return f"commit {provenance.get('commit', 'unknown')[:12]}{'+' * provenance.get('dirty', False)}"


def labels_of_this() -> set[str]:
    """The labels of records made by the code that is here."""
    here = code()
    return {label(here), label({**here, "source": None})} if not here["dirty"] else {label(here)}


def _git(*arguments: str) -> str:
    """What git says; nothing without git or outside a repository.

    Raises OSError where it cannot be asked for want of descriptors: a record must not lose its commit by that.
    """
    command, english = ["git", *arguments], {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=30, env=english)
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
        return ""
    if done.returncode and os.strerror(errno.EMFILE) in done.stderr:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "git")
    return done.stdout.strip() if done.returncode == 0 else ""
