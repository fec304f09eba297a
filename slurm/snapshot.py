"""The code that jobs import: a copy of it as it was when their cells were submitted, so that it may be edited since.

    OUT/slurm/code/FINGERPRINT/     for all submissions of the same content; yours to remove when no job is left

It holds the Python files of this repository that git does not ignore, your own packages that the cells name with all
that git tracks of them, and the commit, as git is not in it.
"""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from paper_repro import files
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import provenance

REPOSITORY = provenance.PACKAGE.parent
IMPORTED = ("paper_repro", "experiments", "slurm")  # by jobs: copied without git too


def folder_of(out: Path, fingerprint: str) -> Path:
    return out.absolute() / "slurm" / "code" / fingerprint


def take(out: Path, cells: Sequence[Cell]) -> Path:
    """Copy the code below `out`, unless it is there already. Returns the folder.

    Raises UsageError where the code was edited since this process read it, and files.StorageError.
    """
    contents = {name: path.read_bytes() for name, path in _files(cells).items()}
    contents[Path(provenance.SUBMITTED)] = json.dumps(provenance.commit()).encode()
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(b"%s %d\n%s" % (os.fsencode(name), len(content), content))
    folder = folder_of(out, digest.hexdigest()[:16])
    try:
        if _contents(folder) != contents:
            _write(folder, contents)
    except OSError as error:
        raise files.StorageError.at(folder, error) from None
    if provenance.source(*cells, package=folder / provenance.PACKAGE.name) != provenance.source(*cells):
        raise UsageError("the code was edited since this was started: start it again")
    return folder


def setup(folder: Path, before: Sequence[str]) -> list[str]:
    """The lines of a job's script that have it import the copy, around the user's own: the first that fails ends it.

    What is not in the copy is imported from where this process would find it.
    """
    environment = (sys.prefix, sys.base_prefix)
    here = [path for path in map(os.path.abspath, sys.path) if not any(map(Path(path).is_relative_to, environment))]
    return [
        "set -e",
        """trap 'echo "setup: $BASH_COMMAND: exit code $?" >&2' ERR""",
        f"export PYTHONPATH={shlex.quote(os.pathsep.join([str(folder), *here]))}",
        *before,
        f"cd {shlex.quote(str(folder))}",  # which Python looks through first
        "trap - ERR",
        "set +e",
    ]


def _files(cells: Sequence[Cell]) -> dict[Path, Path]:
    """What is copied, by its place in the copy."""
    paths = [path for name in IMPORTED for path in (REPOSITORY / name).rglob("*.py")]
    found = {path.relative_to(REPOSITORY): path for path in paths + _of_git(REPOSITORY, "-co", "--", "*.py")}
    own = provenance.own_packages(name for cell in cells for name in (cell.model, cell.optimizer, cell.dataset))
    for folder in reversed(provenance.folders_of(own)):
        paths = [*folder.rglob("*.py"), *_of_git(folder, "-c")]
        found |= {path.relative_to(folder.parent): path for path in paths}
    return {name: path for name, path in found.items() if path.is_file()}


def _of_git(folder: Path, *which: str) -> list[Path]:
    """The files below a folder that git knows, and does not ignore; none without git."""
    names = provenance.git("-C", str(folder), "ls-files", "-z", "--exclude-standard", *which)
    return [folder / name for name in names.split("\0") if name]


def _contents(folder: Path) -> dict[Path, bytes]:
    paths = [path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


def _write(folder: Path, contents: dict[Path, bytes]) -> None:
    """All or nothing; what is there is damaged, and put aside."""
    draft = folder.with_suffix(".draft")
    files.remove(draft)
    for name, content in contents.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)
    (folder.parent / ".gitignore").write_text("*\n")  # or a copy within a repository would be copied with it
    if os.path.lexists(folder):
        files.set_aside(folder)
    draft.rename(folder)
