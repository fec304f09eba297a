"""What a finished cell leaves: one JSON file, written once, complete or absent.

A record is a dict:

    cell        all fields of the Cell
    id          the Cell's id; also the file's name
    status      "finished" or "diverged"
    diverged    null, or {"step", "tensor", "reason"}: the first step (counted from 1) at which a value was not finite,
                the tensor that held it ("loss", "validation loss", "gradient of conv.weight", "conv.weight"; not in
                records from before it was looked for), and what was seen; divergence.py says what is promised
    epochs      one dict per epoch: epoch, eta (schedule multiplier at its last step), train_loss, train_error,
                gradient_norm, weight_norm, seconds (of training alone), images_per_second and, where it was
                evaluated, validation_loss, validation_error, test_loss, test_error (with 100 classes or more also the
                top5_error of each), evaluation_seconds. Losses in nats, errors in percent. ends_cycle: true where a
                warm restart follows. checkpoint_seconds: spent on checkpoints since the row before, if any.
    final       the last epoch's evaluated numbers, or null when diverged
    diagnoses   what looks odd in the curves, a list of {"kind", "epoch", "value", "usual"} (diagnosis.py); not in
                records from before it was looked for
    parameters  number of trained values in the model
    seconds     over all attempts, evaluations and checkpoints included
    provenance  commit, versions, hardware, data fingerprint, time of writing, attempts
    checksum    SHA-256 of the rest
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.cell import ID, Cell
from paper_repro.cli import brief, is_plain
from paper_repro.files import write_atomically
from paper_repro.records import origin, schema

Record = dict[str, Any]
STATUSES = ("finished", "diverged")
FIELDS = {"cell", "id", "status", "diverged", "epochs", "final", "parameters", "seconds", "provenance", "checksum"}
OPTIONAL = {"diagnoses"}
LARGEST = 64 * 2**20  # bytes of a record: of 100,000 epochs, which is more than any cell may have (preflight.check)

# One for all records, and without a look for circles, which JSON that was read cannot have.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


class BadRecord(ValueError):
    """A record that is damaged, incomplete or not what its name says. The message names the file."""


def record_path(out: Path, cell_id: str) -> Path:
    """Where a cell's record lies below the output folder. Raises ValueError for what is not a cell id."""
    if not ID.fullmatch(cell_id):
        raise ValueError(f"not a cell id: {cell_id!r}")
    return out / "records" / f"{cell_id}.json"


def write(out: Path, record: Record) -> Path:
    """Write a record (without checksum) under its id and return its path."""
    sealed = {**record, "checksum": checksum(record)}
    validate(sealed, record["id"])
    path = record_path(out, record["id"])
    write_atomically(path, (json.dumps(sealed, allow_nan=False) + "\n").encode())
    return path


def read(out: Path, cell_id: str) -> Record | None:
    """The record of a finished cell, None where there is none. Raises BadRecord for a damaged one."""
    path = record_path(out, cell_id)
    try:
        return parse(content_of(path), str(path), cell_id)
    except FileNotFoundError:
        return None


def read_or_put_aside(out: Path, cell_id: str) -> Record | None:
    """As read(), but a damaged record is renamed to *.damaged and named on stderr, so that its cell is trained anew."""
    try:
        return read(out, cell_id)
    except BadRecord as error:
        print(put_aside(out, cell_id, str(error)), file=sys.stderr)
        return None


def put_aside(out: Path, cell_id: str, problem: str) -> str:
    """Rename a damaged record to *.damaged; what to say of it, in one line."""
    try:
        done = f"put aside as {files.set_aside(record_path(out, cell_id)).name}"
    except OSError as error:  # a folder that may only be read; or another command was faster
        done = f"it cannot be put aside ({error.strerror})"
    return f"{problem}; {done}, the cell will be trained again"


def failure_path(out: Path, cell_id: str) -> Path:
    return record_path(out, cell_id).parent.parent / "failures" / f"{cell_id}.txt"


def write_failure(out: Path, cell: Cell, text: str) -> Path:
    """Keep what a failed cell said. A failure is no record: the next run tries the cell again."""
    path = failure_path(out, cell.id)
    if path.is_dir():
        files.remove(path)
    write_atomically(path, f"{json.dumps(cell.to_dict())}\n{text}\n".encode())
    return path


def clear_failure(out: Path, cell_id: str) -> None:
    files.remove(failure_path(out, cell_id))


def content_of(path: Path) -> bytes:
    """What a record's file holds. Raises BadRecord for what is no file or larger than any record."""
    try:
        return files.read(path, LARGEST)
    except ValueError as error:
        raise BadRecord(f"{path}: {error}") from None


def parse(content: bytes, where: str, cell_id: str | None = None) -> Record:
    """The record in one line of JSON. Raises BadRecord naming `where`."""
    try:
        record: Record = files.parse_json(content)
        validate(record, cell_id)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadRecord(f"{where}: {brief(error)}") from None
    return record


def validate(record: Any, cell_id: str | None = None) -> None:
    """Raise ValueError unless this is a whole record whose parts agree (and whose id is cell_id, if that is given)."""
    if not isinstance(record, dict) or set(record) - OPTIONAL != FIELDS:
        raise ValueError("not a record: fields missing or unknown")
    content = _sealed(record)
    if record["checksum"] != _digest(content):
        raise ValueError("checksum does not match: the record is damaged")
    if record["id"] != Cell.from_dict(record["cell"]).id or cell_id not in (None, record["id"]):
        raise ValueError(f"the record is of another cell ({record['id']!r})")
    diverged = record["status"] == "diverged"
    if record["status"] not in STATUSES or (record["final"] is None, record["diverged"] is not None) != (diverged,) * 2:
        raise ValueError(f"status {record['status']!r} does not fit the numbers")
    schema.check(record)
    origin.check(record["provenance"])
    if any(sign in content for sign in UNUSUAL):  # few records hold any, so the others are not looked through
        check_parts(record)


UNUSUAL = ("\\", "\x7f", "NaN", "Infinity")


def check_parts(value: Any) -> None:
    """Raise ValueError for numbers that are not finite, and for text that a terminal would obey instead of showing."""
    if isinstance(value, str) and not is_plain(value):
        raise ValueError(f"it holds control characters: {value[:80]!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it holds the number {value}")
    if isinstance(value, dict):
        check_parts([*value, *value.values()])
    elif isinstance(value, list):
        for part in value:
            check_parts(part)


def checksum(record: Record) -> str:
    return _digest(_sealed(record))


def _sealed(record: Record) -> str:
    return _canonical({key: value for key, value in record.items() if key != "checksum"})


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


TIMES = {"seconds", "images_per_second", "evaluation_seconds", "checkpoint_seconds", "written", "attempts", "checksum"}


def without_times(value: Any) -> Any:
    """A record, or a part of one, less what differs between two runs of one cell: compare records by this."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if key not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def load(source: Path) -> list[Record]:
    """All records below an output folder, or in a .jsonl file (merged records), sorted by id.

    Raises BadRecord for the first damaged one: a figure must not silently leave a cell out.
    """
    return by_id((parse(*entry) for entry in entries(source)), source)


def by_id(found: Iterable[Record], where: Path) -> list[Record]:
    """Each record once, sorted by id. Raises BadRecord where two disagree about a cell."""
    once: dict[str, Record] = {}
    for record in found:
        if once.setdefault(record["id"], record)["checksum"] != record["checksum"]:
            raise BadRecord(f"{where}: record {record['id']} is there twice, and the two differ; keep one of them")
    return [once[key] for key in sorted(once)]


def entries(source: Path, place: int = 0, of: int = 1) -> Iterator[tuple[bytes, str, str | None]]:
    """What parse() takes, of every record of a source; or of a share, where `of` readers share the work.

    A file's reader is told by its name: readers may list a folder at different times, while records are written.
    """
    if source.is_file():
        for number, line in itertools.islice(enumerate(_lines(source), 1), place, None, of):
            yield line, f"{source}, line {number}", None
    else:
        for name in _names(source / "records"):
            if zlib.crc32(name.encode()) % of == place:
                path = source / "records" / name
                yield content_of(path), str(path), path.stem


def _lines(path: Path) -> Iterator[bytes]:
    """Of a file of records. Raises BadRecord for a line that is longer than any record."""
    with files.open_regular(path) as file:
        while line := file.readline(LARGEST):
            if len(line) == LARGEST:
                raise BadRecord(f"{path}: it has a line of {LARGEST:,} bytes or more, which no record has")
            yield line


def _names(folder: Path) -> list[str]:
    """Of the records in a folder, sorted; none where there is no folder."""
    with suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    return []


def merge(records: Iterable[Record], path: Path) -> int:
    """Write records as JSON lines, one a line, sorted by id, atomically; the number written is returned."""
    by_id = {record["id"]: record for record in records}
    lines = [json.dumps(by_id[key], allow_nan=False) + "\n" for key in sorted(by_id)]
    write_atomically(path, "".join(lines).encode())
    return len(lines)
