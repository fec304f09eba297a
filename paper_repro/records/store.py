"""The files of records: one a cell, written once, complete or absent; or many merged, a line each."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from paper_repro import files
from paper_repro.cell import ID, Cell
from paper_repro.cli import brief
from paper_repro.files import write_atomically
from paper_repro.records import diagnosis, provenance, schema

__all__ = [
    "LARGEST", "BadRecord", "Record", "Summary", "checksum", "clear_failure", "content_of", "failure_path", "files_of",
    "load", "look", "merge", "names", "parse", "read", "read_or_put_aside", "record_path", "unseal", "without_times",
    "write", "write_failure",
]  # fmt: skip
Record = dict[str, Any]  # as schema.Record
LARGEST = 64 * 2**20  # bytes of a record: of 100,000 epochs, which is more than any cell may have (preflight.check)
LARGEST_SUMMARIES = 2**28  # bytes
WORTH_WRITING = 100  # records that were read


class BadRecord(ValueError):
    """A record that is damaged, incomplete or not what its name says. The message, one line, names the file."""


class Summary(NamedTuple):
    """What a sweep needs to know of a finished cell.

    written: seconds since 1970 on the file server's clock. anomalies: kinds of them in its curves (diagnosis.py).
    hardware: the processor's or GPU's name.
    """

    status: Literal["finished", "diverged"]
    seconds: schema.Positive
    fingerprint: schema.Text  # of the data
    code: schema.Text
    written: float
    anomalies: list[schema.Text]
    torch: schema.Text  # its version
    hardware: schema.Text


def record_path(out: Path, cell_id: str) -> Path:
    """Where a cell's record lies below the output folder. Raises ValueError for what is not a cell id."""
    if not ID.fullmatch(cell_id):
        raise ValueError(f"not a cell id: {cell_id!r}")
    return out / "records" / f"{cell_id}.json"


def failure_path(out: Path, cell_id: str) -> Path:
    """Where the traceback of a failed cell lies."""
    return record_path(out, cell_id).parent.parent / "failures" / f"{cell_id}.txt"


def write(out: Path, record: Record) -> Path:
    """Write a record under its id, with the checksum that fits, and return its path.

    Raises ValueError for one that could not be read again, and OSError, naming the path.
    """
    path = record_path(out, record["id"])
    content = json.dumps({**record, "checksum": checksum(record)}, allow_nan=False).encode()
    parse(content, str(path), path.stem)
    write_atomically(path, content + b"\n")
    return path


def read(out: Path, cell_id: str) -> Record | None:
    """The record of a finished cell, None where there is none. Raises BadRecord for a damaged one."""
    try:
        return _read(record_path(out, cell_id))
    except FileNotFoundError:
        return None


def read_or_put_aside(out: Path, cell_id: str, mend: bool = True) -> Record | None:
    """As read(), but a damaged record is named on stderr and, with mend, renamed to *.damaged, to be trained anew."""
    try:
        return read(out, cell_id)
    except BadRecord as error:
        message = str(error)
    if mend:
        try:
            result = f"put aside as {files.set_aside(record_path(out, cell_id)).name}"
        except OSError as error:  # a folder that may only be read; or another command was faster
            result = f"it cannot be put aside ({error.strerror})"
        message += f"; {result}, the cell will be trained again"
    sys.stderr.write(f"{message}\n")  # at once: others may be read beside it
    return None


def look(out: Path, ids: Iterable[str], mend: bool = False, anew: bool = False) -> dict[str, Summary]:
    """Those of the ids that have a record. A damaged one is named on stderr and counts as none; mend puts it aside.

    What was read before is taken from OUT/summaries.json, as a record is never written again. One that is damaged since
    counts as finished: figures (load) read all and name it, and so does a look anew, as of `experiments run`. A cell
    that has no record any more is dropped: submit looks before its jobs make another. Of two that look at once the last
    writes, and what the other has read is read again.
    """
    there, seen = names(out), dict[str, Summary]()
    with suppress(OSError, ValueError):  # none, damaged, or with other fields: all is read again
        seen = files.read_sealed(out / "summaries.json", LARGEST_SUMMARIES, dict[str, Summary])
    wanted = [name for name in dict.fromkeys(ids) if name in there]
    unread = [name for name in wanted if anew or name not in seen]
    read = dict(zip(unread, files.each(lambda name: _summary(out, name, mend), unread), strict=True))
    known = {name: summary for name, summary in {**seen, **read}.items() if summary and name in there}
    if len(unread) >= WORTH_WRITING or not seen.keys() <= known.keys():
        with suppress(OSError):  # a folder that may only be read
            files.write_sealed(out / "summaries.json", known)
    return {name: known[name] for name in wanted if name in known}


def _summary(out: Path, name: str, mend: bool) -> Summary | None:
    with suppress(FileNotFoundError):  # removed since
        if record := read_or_put_aside(out, name, mend):
            return Summary(
                record["status"], record["seconds"], record["provenance"]["data"]["fingerprint"],
                provenance.label(record["provenance"]), record_path(out, name).stat().st_mtime, diagnosis.kinds(record),
                record["provenance"].get("versions", {}).get("torch", "unknown"), record["provenance"]["hardware"],
            )  # fmt: skip
    return None


def names(out: Path) -> set[str]:
    """The ids of all cells that have a record, whole or damaged."""
    return {name.removesuffix(".json") for name in _names(out / "records")}


def files_of(source: Path) -> list[Path]:
    """What a source of records consists of: an output folder or a .jsonl file (merged records) of itself, any other
    folder of the .jsonl files in it."""
    merged = [] if (source / "records").is_dir() else sorted(source.glob("*.jsonl"))
    return merged or [source]


def load(source: Path) -> list[Record]:
    """All records of a source (files_of), each once, sorted by id.

    Raises BadRecord for the first damaged one, because a figure must not silently leave a cell out, and where two
    disagree about a cell; OSError as open() does.
    """
    once: dict[str, Record] = {}
    for record in (record for path in files_of(source) for record in _each(path)):
        if once.setdefault(record["id"], record)["checksum"] != record["checksum"]:
            raise BadRecord(f"{source}: record {record['id']} is there twice, and the two differ; keep one of them")
    return [once[key] for key in sorted(once)]


def merge(records: Iterable[Record], path: Path) -> int:
    """Write records as JSON lines, one a line, sorted by id, atomically; the number written is returned."""
    by_id = {record["id"]: record for record in records}
    lines = [json.dumps(by_id[key], allow_nan=False) + "\n" for key in sorted(by_id)]
    write_atomically(path, "".join(lines).encode())
    return len(lines)


def write_failure(out: Path, cell: Cell, text: str) -> Path:
    """Keep the traceback of a failed cell. A failure is no record: the next run tries the cell again."""
    path = failure_path(out, cell.id)
    if path.is_dir():
        files.remove(path)
    write_atomically(path, f"{json.dumps(cell.to_dict())}\n{text}\n".encode())
    return path


def clear_failure(out: Path, cell_id: str) -> None:
    """Forget that a cell failed."""
    files.remove(failure_path(out, cell_id))


def content_of(path: Path) -> bytes:
    """What a record's file holds. Raises BadRecord for what is no file or larger than any record."""
    try:
        return files.read(path, LARGEST)
    except ValueError as error:
        raise BadRecord(f"{path}: {error}") from None


def parse(content: bytes, where: str, cell_id: str | None = None) -> Record:
    """The record in one line of JSON; of this cell, if that is given. Raises BadRecord naming `where`."""
    record = unseal(content, where, schema.Record)
    if cell_id not in (None, record["id"]):
        raise BadRecord(f"{where}: the record is of another cell ({record['id']!r})")
    return record


def unseal(content: bytes, where: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The dict in one line of JSON, if its checksum fits and it is of this kind. Raises BadRecord naming `where`."""
    try:
        value = msgspec.json.decode(content, type=dict)
        rest, fits = {key: part for key, part in value.items() if key != "checksum"}, False
        with suppress(OverflowError):  # an integer of more than 64 bits
            # the same JSON ten times as fast, but for rare numbers (1e-05) and what is not ASCII
            fits = value.get("checksum") == hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()
        if not fits and value.get("checksum") != checksum(rest):
            raise ValueError("checksum does not match: it is damaged")
        msgspec.convert(value, kind)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"{where}: {brief(error)}") from None
    return value


def checksum(value: dict[str, Any]) -> str:
    """SHA-256 of canonical JSON: sorted keys, no blanks, numbers as Python writes them; without any checksum."""
    rest = {key: part for key, part in value.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


TIMES = {"seconds", "images_per_second", "evaluation_seconds", "checkpoint_seconds", "written", "attempts", "checksum"}


def without_times(value: Any) -> Any:
    """A record, or a part of one, without what differs between two runs of one cell: compare records by this."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if key not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def _read(path: Path) -> Record:
    return parse(content_of(path), str(path), path.stem)


def _each(source: Path) -> Iterator[Record]:
    if not source.is_file():
        yield from (_read(source / "records" / name) for name in sorted(_names(source / "records")))
        return
    with files.open_regular(source) as file:
        for number, line in enumerate(iter(lambda: file.readline(LARGEST), b""), 1):
            if len(line) == LARGEST:
                raise BadRecord(f"{source}: it has a line of {LARGEST:,} bytes or more, which no record has")
            yield parse(line, f"{source}, line {number}")


def _names(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".json")] if folder.exists() else []
