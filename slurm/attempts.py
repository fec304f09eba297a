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

from paper_repro import claims, files
from paper_repro.claims import Holder
from paper_repro.records import write_atomically


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
        write_atomically(self.path, json.dumps({**content, "owner": claims.myself()}).encode())


@contextmanager
def attempting(folder: Path, index: int) -> Iterator[Note]:
    """Keep the file of an attempt at a submission's job while the block runs. An error in it ends the attempt."""
    note = Note(folder, index)
    _write(note)
    try:
        with claims.beating(note.write):
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
    """A submission's attempts, in the order in which they began. A damaged file is left out."""
    paths = list((folder / "attempts").glob("*.json"))
    now = claims.clock(folder) if paths else 0.0
    found = [attempt for path in paths if (attempt := _read(path, now)) is not None]
    return sorted(found, key=lambda attempt: attempt.began)


def _read(path: Path, now: float) -> Attempt | None:
    try:
        content = json.loads(files.read(path))
        is_alive = content["ended"] is None and Holder(content["owner"], now - path.stat().st_mtime).is_alive
        return Attempt(**content, is_alive=is_alive)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
