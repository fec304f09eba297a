"""All records of a folder or file as analysis wants them: read by all cores, and small enough for 100,000 of them.

What is read is as in records.load(), and every record is validated as there. Two things make it small: strings that
many records share are there once, and the curves of a record lie packed until somebody looks at them.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, overload

from paper_repro.records import store as records
from paper_repro.records.store import BadRecord, Record
from paper_repro.sweep import processes

LARGE = 5_000_000  # bytes of records to read: from here on by all cores
TYPICAL = 5_000  # bytes of a record that is a file
BATCH = 500  # records that are handed over at a time: strings are shared within a batch

Row = dict[str, Any]


class Packed(Sequence[Row]):
    """A record's epochs, unpacked anew whenever they are looked at: as objects they are ten times as large."""

    __slots__ = ("_content",)

    def __init__(self, rows: list[Row]) -> None:
        self._content = pickle.dumps(rows)

    def __len__(self) -> int:
        return len(self._rows())

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        return self._rows()[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows())

    def _rows(self) -> list[Row]:
        rows: list[Row] = pickle.loads(self._content)
        return rows


def load(source: Path) -> list[Record]:
    """All records below an output folder, or in a .jsonl file, sorted by id, their epochs packed.

    Raises BadRecord for a damaged one, for two that disagree about a cell, and for a file that changes meanwhile.
    """
    cores = len(os.sched_getaffinity(0)) if _size(source) > LARGE else 1
    shares = [(source, place, cores) for place in range(cores)]
    before = _stamp(source)
    answers = processes.ask("paper_repro.records.reading", shares) if cores > 1 else _batches(shares[0])
    found: list[Record] = []
    with closing(answers):
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            found += answer
    if _stamp(source) != before:  # two helpers may have read two versions of it
        raise BadRecord(f"{source}: it was written anew while it was read; try again")
    return records.by_id(found, source)


def _size(source: Path) -> int:
    if source.is_file():
        return source.stat().st_size
    with suppress(FileNotFoundError):
        return TYPICAL * len(os.listdir(source / "records"))
    return 0


def _stamp(source: Path) -> tuple[int, ...]:
    """What changes when a merged file does. A folder may grow: each of its files is one helper's, whatever comes."""
    found = source.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns) if source.is_file() else ()


def _batches(share: tuple[Path, int, int]) -> Generator[list[Record] | Exception, None, None]:
    """The records of a share in batches, the last of which is what is wrong, if something is."""
    batch: list[Record] = []
    try:
        for entry in records.entries(*share):
            batch.append(_slim(records.parse(*entry)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch
    except (BadRecord, OSError) as error:
        yield error


def _slim(record: Record) -> Record:
    own = {"epochs": Packed(record["epochs"]), "id": record["id"], "checksum": record["checksum"]}
    return {**{key: _shared(part) for key, part in record.items() if key not in own}, **own}


def _shared(value: Any) -> Any:
    """Equal strings as one object: pickled, and so handed over, once in a batch."""
    if isinstance(value, dict):
        return {sys.intern(key): _shared(part) for key, part in value.items()}
    return sys.intern(value) if isinstance(value, str) else value


if __name__ == "__main__":
    from paper_repro.records import reading  # what is sent must be of the module that the other side knows

    processes.serve(reading._batches)
