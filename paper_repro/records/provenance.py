"""Where a number comes from: commit, versions, hardware, and a fingerprint of the code that can change a number.

Parents of a sweep ask for the code alone, so torch is loaded only where a record is written.
"""

import datetime
import errno
import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from paper_repro.cell import Cell

PACKAGE = Path(__file__).resolve().parents[1]
# All that can change a number, and nothing else: whether a queued job may go on hangs on it.
NUMERICS = ("cell.py", "data", "decay.py", "models", "optim", "schedules.py", "training")
# Labels of older code that makes the same numbers. Each was trained beside its successor on one processor (python -m
# tests.same_numbers COMMIT) and ended in the same bytes, times aside. Whoever changes a number
# (tests/golden/records.jsonl) empties this.
SAME_NUMBERS = {
    "source 40eb577426f5ab13", "source 63c6e64fa122d623", "source 6593d0af9f1b3bc1", "source 2d0818c99d46691d",
    "source 87788e8b6678a50e",
}  # fmt: skip


def describe(device: str, data_name: str, fingerprint: str, attempts: int, *cells: Cell) -> dict[str, Any]:
    """The provenance of a record of these cells that is written now."""
    import numpy
    import torch

    return {
        **code(),
        "source": source(*cells),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__},
        "hardware": hardware(device),
        "data": {"name": data_name, "fingerprint": fingerprint},
        "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "attempts": attempts,
    }


@functools.cache
def hardware(device: str) -> str:
    """The processor that trains, in words."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    values = dict(reversed([(name.strip(), value.strip()) for name, _, value in (s.partition(":") for s in lines)]))
    name = values.get("model name") or platform.processor() or platform.machine()
    flags = values.get("flags", "").split()
    best = next((flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if flag in flags), "")
    return f"{name} ({best})" if best else name


@functools.cache
def code() -> dict[str, Any]:
    """The commit this process started from, whether tracked files differed from it, and source()."""
    dirty = bool(_git("status", "--porcelain", "-uno"))
    return {"commit": _git("rev-parse", "HEAD") or "unknown", "dirty": dirty, "source": source()}


def source(*cells: Cell) -> str:
    """16 hex digits over the Python files of NUMERICS, and of your own packages whose models or optimizers these cells
    name, as they were when this was first asked."""
    names = (name for cell in cells for name in (cell.model.partition("-")[0], cell.optimizer) if "." in name)
    return _digest(PACKAGE, tuple(sorted({name.partition(".")[0] for name in names})))


@functools.cache
def _digest(package: Path, own: Iterable[str] = ()) -> str:
    digest = hashlib.sha256()
    paths = [(package, package / name) for name in NUMERICS]
    for spec in map(PathFinder.find_spec, own):
        paths += [(Path(folder).parent, Path(folder)) for folder in (spec and spec.submodule_search_locations) or ()]
    for root, each in paths:
        for path in sorted(each.rglob("*.py")) if each.is_dir() else [each]:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def label(provenance: Mapping[str, Any]) -> str:
    """The code that made a record, in a word: its source; for records from before there was one, the commit."""
    if mark := provenance.get("source"):
        return f"source {mark}"
    return f"commit {str(provenance.get('commit') or 'unknown')[:12]}{'+' * bool(provenance.get('dirty'))}"


def has_same_numbers(label: str, *cells: Cell) -> bool:
    """Whether the code of this label makes the numbers of these cells that this code makes."""
    return label in SAME_NUMBERS or label == f"source {source(*cells)}"


def distinct(labels: Iterable[str]) -> list[str]:
    """The labels, sorted; of all that make the numbers of this code only the first."""
    ordered = sorted(set(labels))
    same = list(filter(has_same_numbers, ordered))
    return [label for label in ordered if label not in same[1:]]


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
