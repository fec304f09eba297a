"""Which cells are finished: every record is validated once, and again only if its file has changed.

What was found is kept in OUT/records.known (a cache: it may be removed at any time), so that ten thousand records are
looked over in a second, whatever their length. The numbers in a figure or table never come from here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from paper_repro import files, records
from paper_repro.cli import is_plain
from paper_repro.records import diagnosis, origin, schema, source
from paper_repro.sweep import processes

LARGEST = 2**28  # bytes of the cache: of a million records
MANY = 1000  # records to read: from here on by all cores


class Known(NamedTuple):
    """What a sweep needs to know of a finished cell.

    written: seconds since 1970 on the file server's clock. odd: kinds of what looks odd in its curves (diagnosis.py).
    """

    status: str
    seconds: float
    fingerprint: str
    code: str
    written: float
    odd: list[str]


def look(out: Path, ids: Iterable[str], mend: bool = False) -> dict[str, Known]:
    """Those of the ids that have a record. A damaged one is named on stderr and counts as none; mend puts it aside."""
    here = _stamps(out, set(ids))
    kept = _cached(out)
    known = {name: kept[name][1] for name in here if name in kept and kept[name][0] == here[name]}
    fresh = [name for name in here if name not in known]
    for name, found in _read_all(out, fresh):
        if isinstance(found, Known):
            known[name] = found
        elif found:
            print(records.put_aside(out, name, found) if mend else found, file=sys.stderr)
    if fresh:
        _keep(out, kept | {name: (here[name], known[name]) for name in fresh if name in known})
    return known


def _stamps(out: Path, wanted: Container[str]) -> dict[str, list[int]]:
    """What changes when a record's file does: time of writing (ns) and size. Of those that are wanted and there."""
    entries: list[os.DirEntry[str]] = []
    with suppress(FileNotFoundError):
        entries = [entry for entry in os.scandir(out / "records") if entry.name.endswith(".json")]
    found = {entry.name[:-5]: _stamp(entry) for entry in entries if entry.name[:-5] in wanted}
    return {name: stamp for name, stamp in found.items() if stamp}


def _stamp(entry: os.DirEntry[str]) -> list[int]:
    """Nothing for one that was put aside in this moment."""
    try:
        found = entry.stat()
    except FileNotFoundError:
        return []
    except OSError:  # a link to itself: no record, which its reader will say
        found = entry.stat(follow_symlinks=False)
    return [found.st_mtime_ns, found.st_size]


def _read_all(out: Path, ids: Sequence[str]) -> list[tuple[str, Known | str]]:
    cores = len(os.sched_getaffinity(0))
    if len(ids) < MANY or cores == 1:
        return [_read(out, name) for name in ids]
    shares = [(out, ids[place::cores]) for place in range(cores)]
    return [found for answer in processes.ask("paper_repro.records.inventory", shares) for found in answer]


def _read(out: Path, name: str) -> tuple[str, Known | str]:
    """What there is to know, or what is wrong with the record."""
    path = records.record_path(out, name)
    try:
        record = records.parse(records.content_of(path), str(path), name)
        return name, Known(
            record["status"], record["seconds"], origin.fingerprint(record), source.label(record["provenance"]),
            path.stat().st_mtime, diagnosis.kinds(record),
        )  # fmt: skip
    except FileNotFoundError:  # put aside by another command in this moment
        return name, ""
    except records.BadRecord as error:
        return name, str(error)


def _cached(out: Path) -> dict[str, tuple[list[int], Known]]:
    try:
        kept = files.parse_json(files.read(out / "records.known", LARGEST))
        found = {name: (stamp, Known(*known)) for name, (stamp, known) in kept.items()}
        return {name: entry for name, entry in found.items() if _is_sound(entry[1])}
    except (OSError, ValueError, TypeError, AttributeError):  # a cache that is not one is made anew
        return {}


def _is_sound(known: Known) -> bool:
    """Whether a record can have said this."""
    numbers = (known.seconds, known.written)
    texts = [known.fingerprint, known.code, *(known.odd if isinstance(known.odd, list) else [None])]
    return (
        known.status in records.STATUSES
        and all(type(number) in schema.NUMBER and 0 <= number <= schema.LARGEST for number in numbers)
        and all(isinstance(text, str) and is_plain(text) for text in texts)
    )


def _keep(out: Path, known: dict[str, tuple[list[int], Known]]) -> None:
    with suppress(OSError):  # a folder that we may only read
        files.write_atomically(out / "records.known", json.dumps(known).encode())


def _read_share(share: tuple[Path, Sequence[str]]) -> list[list[tuple[str, Known | str]]]:
    """In one answer."""
    out, ids = share
    return [[_read(out, name) for name in ids]]


if __name__ == "__main__":
    from paper_repro.records import inventory  # what is sent must be of the module that the other side knows

    processes.serve(inventory._read_share)
