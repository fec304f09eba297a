"""What was handed to a cluster: a folder for each sbatch, written before it is sent, so that nothing sent is unknown.

A job finds here what it is to do, and leaves here how its attempts went. Which of the jobs still live is asked of
SLURM, by the submission's own job name; of jobs on this machine, by their processes.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.cell import ID, Cell
from paper_repro.cli import brief, is_plain
from paper_repro.files import write_atomically
from paper_repro.sweep import leases
from slurm import attempts

LARGEST = 2**28  # bytes of submission.json: of choosing.MOST cells
NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
KINDS: dict[str, Any] = {
    "Path": Path, "str": str, "int": int, "int | None": (int, type(None)), "bool": bool, "list[str]": list,
    "list[dict[str, str]]": list,
}  # fmt: skip


@dataclass(frozen=True)
class Submission:
    """One sbatch, or its like on this machine."""

    folder: Path
    name: str  # of the experiment
    profile: str
    job_name: str
    cluster: str
    created: str  # ISO time
    source: str  # fingerprint of the code
    out: str
    data: str
    device: str
    at_once: int | None  # cells of a job at once; None: the job finds out
    cores: int  # of a job
    gpus: int
    mixed_code: bool
    sweep: list[str]  # the ids of all cells that were meant, finished ones too
    bundles: list[dict[str, str]]  # for each job, the cells that it trains: id and canonical JSON
    words: list[str] = field(default_factory=list)  # that were typed after submit

    def cells(self, index: int) -> list[Cell]:
        return [Cell.from_dict(json.loads(text)) for text in self.bundles[index].values()]

    def jobs_of(self, cell_id: str) -> list[int]:
        return [index for index, bundle in enumerate(self.bundles) if cell_id in bundle]

    def logs(self, index: int) -> list[Path]:
        """What the job printed, oldest first: files that submitit names after SLURM's job id and index."""
        single = len(self.bundles) == 1
        paths = self.folder.glob("*_log.???") if single else self.folder.glob(f"*_{index}_?_log.???")
        return sorted(paths, key=lambda path: (path.stat().st_mtime, path.name))


def root(out: Path) -> Path:
    return out / "slurm"


def create(jobs: Sequence[Sequence[Cell]], **content: Any) -> Submission:
    """Write the folder of a new submission that trains these cells in each of its jobs; nothing is sent."""
    now = datetime.datetime.now(datetime.timezone.utc)
    word = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    content |= {
        "job_name": f"{content['name']}-{content['profile']}-{word}",
        "created": now.isoformat(timespec="seconds"),
        "bundles": [{cell.id: cell.canonical() for cell in job} for job in jobs],
    }
    submission = Submission(root(Path(content["out"])) / word, **content)
    text = json.dumps({**content, "checksum": _checksum(content)})
    write_atomically(submission.folder / "submission.json", text.encode())
    return submission


def read(folder: Path) -> Submission:
    """Raises ValueError, naming the file, for one that is damaged."""
    path = folder / "submission.json"
    try:
        content = files.parse_json(files.read(path, LARGEST))
        if content.pop("checksum") != _checksum(content):
            raise ValueError("checksum does not match")
        submission = Submission(folder, **content)
        _validate(submission)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: damaged ({brief(error)})") from None
    return submission


def _validate(submission: Submission) -> None:
    """Raise ValueError for what submit cannot have written."""
    for part in dataclasses.fields(Submission):
        value, kind = getattr(submission, part.name), KINDS[str(part.type)]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise ValueError(f"{part.name} is no {part.type}")
    if not all(isinstance(bundle, dict) for bundle in submission.bundles):
        raise ValueError("its jobs are no lists of cells")
    pairs = [pair for bundle in submission.bundles for pair in bundle.items()]
    if not all(isinstance(word, str) for word in submission.words):
        raise ValueError("what was typed is no list of words")
    names = [*submission.sweep, *(name for name, _ in pairs)]
    if not all(isinstance(text, str) for text in (*names, *(text for _, text in pairs))):
        raise ValueError("its jobs are no lists of cells")
    if not all(map(ID.fullmatch, names)):
        raise ValueError("it names what is no cell")
    if not all(map(NAME.fullmatch, (submission.name, submission.profile))) or not is_plain(submission.job_name):
        raise ValueError("it is of what is no experiment")
    if not 0 <= submission.cores < 2**31 or not 0 <= submission.gpus < 2**31:
        raise ValueError("a job of it cannot have so many cores")


def all_of(out: Path) -> list[Submission]:
    """Every submission below `out`, oldest first. Raises ValueError for a damaged one."""
    return [read(path.parent) for path in sorted(root(out).glob("*/submission.json"))]


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def note_process(submission: Submission, pid: int) -> None:
    """Remember the process that serves a local submission's jobs."""
    owner = {**leases.myself(), "pid": pid, "started": leases.started(pid)}
    write_atomically(submission.folder / "process.json", json.dumps(owner).encode())


def process(submission: Submission) -> dict[str, Any] | None:
    """That process, if it lives (or cannot be seen from here, but its jobs' hearts beat); else a job that outlived it.

    A submit that was killed at the wrong moment noted no process, and yet its job runs.
    """
    noted = _noted(submission)
    alive = leases.process_is_alive(noted)
    if alive:
        return noted
    jobs = [dict(attempt.owner) for attempt in attempts.of(submission.folder) if attempt.is_alive]
    jobs = [owner for owner in jobs if _is_process(owner)]
    return noted if jobs and noted and alive is None else next(iter(jobs), None)


def _noted(submission: Submission) -> dict[str, Any]:
    try:
        owner = files.parse_json(files.read(submission.folder / "process.json", files.SMALL))
    except (OSError, ValueError):
        return {}
    return owner if _is_process(owner) else {}


def _is_process(owner: Any) -> bool:
    """Cancel sends this process a signal: 0, 1 and negative numbers mean others."""
    return isinstance(owner, dict) and type(owner.get("pid")) is int and owner["pid"] > 1
