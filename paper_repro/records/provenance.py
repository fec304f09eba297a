"""Where a number comes from: commit, versions, hardware, and a fingerprint of the code that can change a number.

Parents of a sweep ask for the code alone, so torch is loaded only where a record is written.
"""

import datetime
import errno
import functools
import hashlib
import importlib.util
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from paper_repro.cell import Cell

PACKAGE = Path(__file__).resolve().parents[1]
SUBMITTED = "submitted.json"  # commit() of a copy of the code that jobs run from (slurm/snapshot.py), where git is not
# All that can change a number, and nothing else: whether a queued job may go on hangs on it.
NUMERICS = ("cell.py", "data", "decay/__init__.py", "models", "optim", "schedules.py", "training")
# Labels of older code that makes the same numbers. Each was trained beside its successor on one processor (python -m
# tests.same_numbers COMMIT) and ended in the same bytes, times aside. Whoever changes a number
# (tests/golden/records.jsonl) empties this.
SAME_NUMBERS = {
    "source 40eb577426f5ab13", "source 63c6e64fa122d623", "source 6593d0af9f1b3bc1", "source 2d0818c99d46691d",
    "source 87788e8b6678a50e", "source ebcfe013e7e671e5",
    "source 31ffc8bcb552be72", "source 233882b5cdf57f06", "source 5cf14752d7bc4ab0",
}  # fmt: skip


def describe(device: str, data_name: str, fingerprint: str, attempts: int, *cells: Cell) -> dict[str, Any]:
    """The provenance of a record of these cells that is written now."""
    import numpy
    import torch

    return {
        **code(),  # and, for the cells' own packages:
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


def is_of_gpu(provenance: Mapping[str, Any]) -> bool:
    """Whether a GPU trained it, by what hardware() called it."""
    return any(maker in str(provenance.get("hardware")) for maker in ("NVIDIA", "AMD Instinct", "Tesla", "GeForce"))


@functools.cache
def code() -> dict[str, Any]:
    """The commit this process started from, whether code that is tracked differed from it, and source()."""
    return {**commit(), "source": source()}


def commit() -> dict[str, Any]:
    """The commit and whether code that is tracked differs from it: now, or, in a copy for jobs, when it was made."""
    if (copied := PACKAGE.parent / SUBMITTED).exists():
        return dict(json.loads(copied.read_text()))
    changed = git("status", "--porcelain", "-uno", "--", "*.py")
    return {"commit": git("rev-parse", "HEAD") or "unknown", "dirty": bool(changed)}


def source(*cells: Cell, package: Path = PACKAGE) -> str:
    """16 hex digits over the Python files of NUMERICS, and of your own packages whose models or optimizers these cells
    name, as they were when this was first asked."""
    return _digest(package, own_packages(_code_of(cells)))


def _code_of(cells: Iterable[Cell]) -> Iterator[str]:
    for cell in cells:
        yield from (cell.model.partition("-")[0], cell.optimizer)


def own_packages(names: Iterable[str]) -> tuple[str, ...]:
    """Of models, optimizers and data sets the packages that are your own, sorted."""
    return tuple(sorted({name.partition(".")[0] for name in names if "." in name}))


def folders_of(own: Iterable[str], package: Path = PACKAGE) -> list[Path]:
    """Where your own packages lie, as Python finds them; beside `package` where that is a copy for jobs."""
    where = [str(package.parent)] if (package.parent / SUBMITTED).exists() else None
    # as import does, installed ones that are edited in place too
    specs = [PathFinder.find_spec(name, where) if where else importlib.util.find_spec(name) for name in own]
    return [Path(folder) for spec in specs for folder in (spec and spec.submodule_search_locations) or ()]


@functools.cache
def _digest(package: Path, own: tuple[str, ...] = ()) -> str:
    digest = hashlib.sha256()
    contents = [(path.relative_to(package), text) for name in NUMERICS for path, text in _contents(package / name)]
    folders = reversed(folders_of(own, package))  # of two files of one name Python takes the first
    mine = {path.relative_to(folder.parent): text for folder in folders for path, text in _contents(folder)}
    for name, content in contents + sorted(mine.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@functools.cache  # what a process has imported stays what it was when its first cell began
def _contents(path: Path) -> list[tuple[Path, bytes]]:
    """The Python files at or below a path, in order."""
    return [(file, file.read_bytes()) for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]


def label(provenance: Mapping[str, Any]) -> str:
    """The code that made a record, in a word: its source; for records from before there was one, the commit."""
    if mark := provenance.get("source"):
        return f"source {mark}"
    return f"commit {str(provenance.get('commit') or 'unknown')[:12]}{'+' * bool(provenance.get('dirty'))}"


def has_same_numbers(label: str, *cells: Cell) -> bool:
    """Whether the code of this label makes the numbers of these cells that this code makes."""
    own = own_packages(_code_of(cells))  # older code said nothing of these
    return (label in SAME_NUMBERS and not own) or label == f"source {source(*cells)}"


def several(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Labels of code, sorted, that have made records of cells of the same packages with other numbers; else none. Of
    all that make the numbers of this code only the first."""
    by_packages: dict[tuple[str, ...], set[str]] = {}
    for record in records:
        names = (record["cell"]["model"].partition("-")[0], record["cell"]["optimizer"])
        by_packages.setdefault(own_packages(names), set()).add(label(record["provenance"]))
    known = {f"source {_digest(PACKAGE)}", *SAME_NUMBERS}
    kept = [labels - set(sorted(labels & known)[1:]) for labels in by_packages.values()]
    return sorted(set().union(*(labels for labels in kept if len(labels) > 1)))


def git(*arguments: str) -> str:
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
