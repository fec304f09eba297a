"""What was handed to a cluster: a folder for each sbatch, written before it is sent, so that nothing sent is unknown.

A job finds here what it is to do, and leaves here how its attempts went. Which of the jobs still live is asked of
SLURM, by the submission's own job name; of jobs on this machine, by their processes.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_repro import claims, files
from paper_repro.cell import Cell
from paper_repro.records import write_atomically
from slurm import attempts


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
        content = json.loads(files.read(path))
        if content.pop("checksum") != _checksum(content):
            raise ValueError("checksum does not match")
        return Submission(folder, **content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: damaged ({error})") from None


def all_of(out: Path) -> list[Submission]:
    """Every submission below `out`, oldest first. Raises ValueError for a damaged one."""
    return [read(path.parent) for path in sorted(root(out).glob("*/submission.json"))]


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def note_process(submission: Submission, pid: int) -> None:
    """Remember the process that serves a local submission's jobs."""
    owner = {**claims.myself(), "pid": pid, "started": claims.started(pid)}
    write_atomically(submission.folder / "process.json", json.dumps(owner).encode())


def process(submission: Submission) -> dict[str, Any] | None:
    """That process, if it lives (or cannot be seen from here, but its jobs' hearts beat)."""
    try:
        owner = json.loads(files.read(submission.folder / "process.json"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(owner, dict):
        return None
    alive = claims.process_is_alive(owner)
    if alive is None:
        alive = any(attempt.is_alive for attempt in attempts.of(submission.folder))
    return dict(owner) if alive else None
