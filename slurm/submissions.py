"""What was handed to a cluster: a folder for each sbatch, written before it is sent, so that nothing sent is unknown.

A job finds here what it is to do, and leaves a file for each of its starts: the seconds it has used, and how it ended.
Which jobs still live is asked of SLURM, by the submission's own job name.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import itertools
import os
import re
import socket
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from paper_repro import files
from paper_repro.cell import ID, Cell
from paper_repro.cli import UsageError
from paper_repro.files import write_atomically
from paper_repro.sweep import leases

LARGEST = 2**24  # bytes of submission.json, or of a part of its cells
PART = 1000  # cells that a job reads at first
NAME = re.compile(r"[A-Za-z0-9_.-]{1,120}")
Name = Annotated[str, Meta(pattern=rf"^{NAME.pattern}\Z")]
CellId = Annotated[str, Meta(pattern=rf"^(?:{ID.pattern})\Z")]
Count = Annotated[int, Meta(ge=0, lt=2**31)]


class Submission(Struct, kw_only=True, forbid_unknown_fields=True):
    """One sbatch."""

    name: Name  # of the experiment
    profile: Name
    job_name: Name
    source: str  # fingerprint of the code
    out: str
    data: str
    device: Literal["cpu", "cuda"]
    at_once: Count | None  # cells of a task at once; None: the job finds out
    cores: Count  # of a task
    gpus: Count  # of a job, each a task's
    gpu_type: str = ""  # that was asked for
    mixed_code: bool = False  # in older ones
    jobs: Annotated[int, Meta(ge=1, lt=2**31)]
    # of all cells that were meant, finished ones too, in OUT/slurm/cells: the same for all submissions of them
    parts: list[Name]
    kinds: list[dict[str, Any]]  # a cell of each model and optimizer: their code counts
    again: list[CellId] = []  # of the cells those that had failed
    words: list[str] = []  # that say the settings again: after submit --again ID
    user: str = ""  # who has sent it; not known of older ones
    place: str = ""  # its folder: set when it is read

    @property
    def folder(self) -> Path:
        return Path(self.place)

    @property
    def was_sent(self) -> bool:
        """Whether sbatch has taken it: submitit then names its script after SLURM's job id."""
        return any(self.folder.glob("[0-9]*_submission.sh"))

    @property
    def tasks(self) -> int:
        """Of a job; each has a GPU of its own."""
        return max(1, self.gpus)

    @property
    def cells(self) -> dict[str, Raw]:
        """The fields of all cells, by their ids. Raises as read()."""
        return _joined(self.folder.parent / "cells", tuple(self.parts))

    def all_cells(self) -> list[Cell]:
        """Raises as read()."""
        return _made(self.cells.values())

    def rounds(self, worker: int, workers: int) -> Iterator[tuple[list[Cell], tuple[int, int]]]:
        """What one of so many workers is to look at, one after the other, with its share there (engine.run): a part of
        the cells, and when nothing is left of it, all. So few read all of a large list. Raises as read()."""
        count = len(self.parts)
        if count > 1:
            first, rank = worker % count, worker // count
            part = _part(self.folder.parent / "cells", self.parts[first])
            yield _made(part.values()), (rank, len(range(first, workers, count)))
        yield self.all_cells(), (worker, workers)

    def logs(self, index: int) -> list[Path]:
        """What the job printed, oldest first."""
        return self.all_logs().get(index, [])

    def all_logs(self) -> dict[int, list[Path]]:
        """By the jobs' indices: files that submitit names after SLURM's job id and that."""
        paths = list(self.folder.glob("*_log.???"))
        logs = defaultdict[int, list[Path]](list)
        for _, path in sorted(zip(files.each(lambda path: path.stat().st_mtime, paths), paths, strict=True)):
            index = re.match(r"\d+_(\d+)_\d", path.name)
            logs[int(index[1]) if index and self.jobs > 1 else 0].append(path)
        return logs

    def attempts(self) -> list[Attempt]:
        """In the order of their last beats, by the file server's clock. A damaged file is left out."""
        paths = list((self.folder / "attempts").glob("*.json"))
        read = [attempt for attempt in files.each(_attempt, paths) if attempt]
        return [attempt for _, _, attempt in sorted(read, key=lambda each: each[:2])]

    def seconds(self) -> float:
        """Of a GPU, or of their cores, that its tasks have had: all until the last of that start of their job ended."""
        seen, starts = Counter[tuple[int, int]](), defaultdict[tuple[int, int], float](float)
        for attempt in self.attempts():
            start = attempt.index, seen[attempt.index, attempt.task]
            seen[attempt.index, attempt.task] += 1
            starts[start] = max(starts[start], attempt.seconds)
        return self.tasks * sum(starts.values())


class Attempt(Struct, forbid_unknown_fields=True):
    """A start of a task of a job. ended: "finished", "stopped ..." or an error's last line; None where it did not come
    to say. hardware, at_once: of a GPU, its name and how many cells it trains at once."""

    index: Count
    began: str  # ISO time
    host: str  # the node, by SLURM's name for it
    pid: int
    job: str = ""  # SLURM's id, as in its environment
    seconds: Annotated[float, Meta(ge=0, lt=1e12)] = 0.0  # less those for which it was suspended
    ended: str | None = None
    task: Count = 0
    hardware: str = ""
    at_once: Count = 0


def _attempt(path: Path) -> tuple[float, str, Attempt] | None:
    with suppress(OSError, ValueError):
        attempt = msgspec.json.decode(files.read(path, files.SMALL), type=Attempt)
        return path.stat().st_mtime, path.name, attempt
    return None


def create(out: Path, cells: Sequence[Cell], **content: Any) -> Submission:
    """Write the folder of a new submission; nothing is sent."""
    now = datetime.datetime.now(datetime.timezone.utc)
    word = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}{uuid.uuid4().hex[:2]}"  # in the order of time
    count = -(-len(cells) // PART)  # of parts, each with some of the first cells and some of the last
    parts = files.each(functools.partial(_write_part, out / "slurm" / "cells"), [cells[n::count] for n in range(count)])
    kinds = {(cell.model, cell.optimizer): cell.to_dict() for cell in cells}
    submission = Submission(
        job_name=f"{content['name']}-{content['profile']}-{word}", out=str(out.absolute()), parts=parts,
        kinds=list(kinds.values()), **content,
    )  # fmt: skip
    files.write_sealed(out / "slurm" / word / "submission.json", submission)
    submission.place = str(out / "slurm" / word)
    return submission


def _write_part(folder: Path, cells: Sequence[Cell]) -> str:
    """Write a part of a list of cells under a digest of their ids, which is returned."""
    digest = hashlib.sha256(" ".join(cell.id for cell in cells).encode()).hexdigest()
    files.write_sealed(folder / f"{digest}.json", {cell.id: Raw(cell.canonical().encode()) for cell in cells})
    return digest


def _part(folder: Path, digest: str) -> dict[str, Raw]:
    return files.read_sealed(folder / f"{digest}.json", LARGEST, dict[CellId, Raw])


@functools.cache  # several submissions may be of the same cells
def _joined(folder: Path, parts: tuple[str, ...]) -> dict[str, Raw]:
    """All parts in the order in which they were given to create()."""
    rows = itertools.zip_longest(*(part.items() for part in files.each(functools.partial(_part, folder), parts)))
    return dict(item for row in rows for item in row if item)


def _made(cells: Iterable[Raw]) -> list[Cell]:
    return [Cell.from_dict(msgspec.json.decode(fields)) for fields in cells]


def read(folder: Path) -> Submission:
    """Raises ValueError, naming the file, for one that is damaged, and OSError as open() does."""
    submission = files.read_sealed(folder / "submission.json", LARGEST, Submission)
    submission.place = str(folder)
    return submission


def all_of(out: Path) -> list[Submission]:
    """Every submission below `out`, oldest first. Raises UsageError for a damaged one."""
    try:
        sent = [read(path.parent) for path in sorted((out / "slurm").glob("*/submission.json"))]
        for submission in sent:
            submission.cells  # noqa: B018  # here, where one that is damaged is told
        return sent
    except (ValueError, OSError) as error:
        raise UsageError(f"{error}: what it sent is not known; remove its folder when none of its jobs lives") from None


@contextmanager
def attempting(folder: Path, index: int, task: int = 0) -> Iterator[Attempt]:
    """Keep the file of an attempt at a submission's job while the block runs; it sets `ended`. An error ends it too."""
    began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    host = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    attempt = Attempt(index, began, host, os.getpid(), os.environ.get("SLURM_JOB_ID", ""), task=task)
    path, last = folder / "attempts" / f"{index}-{uuid.uuid4().hex}.json", time.monotonic()

    def write() -> None:
        """A job whose cells are done has not failed because this could not be written. One whose heart has not beaten
        for long was suspended, which costs nothing."""
        nonlocal last
        now = time.monotonic()
        attempt.seconds = round(attempt.seconds + min(now - last, 2 * leases.BEAT), 3)
        last = now
        try:
            write_atomically(path, msgspec.json.encode(attempt))
        except OSError as error:
            print(error, file=sys.stderr)

    write()
    try:
        with leases.beating(write):
            yield attempt
    except BaseException as error:
        attempt.ended = [type(error).__name__, *str(error).splitlines()][-1]
        raise
    finally:
        write()
