"""One file for each start of a job: its heartbeat, the seconds it has used, and how it ended."""

from __future__ import annotations

import datetime
import json
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.files import write_atomically
from paper_repro.sweep import leases
from paper_repro.sweep.leases import Owner


@dataclass(frozen=True)
class Attempt:
    """began: ISO time. ended: "finished", "stopped" or an error's last line; None where it did not come to say."""

    index: int
    owner: Mapping[str, Any]
    began: str
    seconds: float
    ended: str | None
    is_alive: bool


class Note:
    """An attempt under way, written anew at every beat. `ended` is for the job to set."""

    def __init__(self, folder: Path, index: int) -> None:
        self.index = index
        self.ended: str | None = None
        self.began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        self.path = folder / "attempts" / f"{index}-{uuid.uuid4().hex}.json"
        self._since = time.monotonic()

    def write(self) -> None:
        seconds = round(time.monotonic() - self._since, 1)
        content = {"index": self.index, "began": self.began, "ended": self.ended, "seconds": seconds}
        write_atomically(self.path, json.dumps({**content, "owner": leases.myself()}).encode())


@contextmanager
def attempting(folder: Path, index: int) -> Iterator[Note]:
    """Keep the file of an attempt at a submission's job while the block runs. An error in it ends the attempt."""
    note = Note(folder, index)
    _write(note)
    try:
        with leases.beating(note.write):
            yield note
    except BaseException as error:
        note.ended = [type(error).__name__, *str(error).splitlines()][-1]
        raise
    finally:
        _write(note)


def _write(note: Note) -> None:
    """A job whose cells are done has not failed because its note could not be written."""
    try:
        note.write()
    except OSError as error:
        print(error, file=sys.stderr)


def of(folder: Path) -> list[Attempt]:
    """A submission's attempts, in the order of their last beats: those at one job follow each other, and the clocks of
    the machines that they were on may differ by more than they took. A damaged file is left out."""
    paths = list((folder / "attempts").glob("*.json"))
    now = leases.clock(folder) if paths else 0.0
    found = [read for path in paths if (read := _read(path, now)) is not None]
    return [attempt for _, attempt in sorted(found, key=lambda read: read[0])]


def _read(path: Path, now: float) -> tuple[float, Attempt] | None:
    """When it beat last, on the file server's clock, and what it says."""
    try:
        content = files.parse_json(files.read(path, files.SMALL))
        beat = path.stat().st_mtime
        is_alive = content["ended"] is None and Owner(content["owner"], now - beat).is_alive
        attempt = Attempt(**content, is_alive=is_alive)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return (beat, attempt) if _is_sound(attempt) else None


def _is_sound(attempt: Attempt) -> bool:
    """Whether a job can have written this."""
    if not isinstance(attempt.owner, dict):
        return False
    texts = (attempt.began, attempt.ended or "", attempt.owner.get("host", ""))
    numbers = type(attempt.index) is int and type(attempt.seconds) in (int, float) and 0 <= attempt.seconds < 1e12
    return numbers and all(isinstance(text, str) for text in texts)
