"""Files below an output folder, where anything may lie and any write may fail.

Never more is read than was foreseen, and nothing from what is no file. A write that fails is a StorageError, which no
run is to blame for: one line with the file's name and what to do.
"""

import errno
import functools
import hashlib
import itertools
import os
import shutil
import stat
import uuid
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from paper_repro.cli import brief

SMALL = 2**16  # bytes: more than a process has to say of itself
AT_ONCE = 32  # files, where many are read
Item = TypeVar("Item")
Result = TypeVar("Result")


def open_regular(path: Path, largest: int | None = None) -> BufferedReader:
    """Open for reading. Raises ValueError for what is no regular file, or larger; OSError as open() does.

    A pipe would keep its reader waiting and a device like /dev/zero has no end: neither is waited for nor read.
    """
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        link_to_nowhere = isinstance(error, FileNotFoundError) and path.is_symlink()
        if link_to_nowhere or error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):  # ENXIO: a socket
            raise ValueError(f"it is no file ({error.strerror})") from None
        raise
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and (largest is None or status.st_size <= largest):
        return file
    file.close()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a pipe or a device, not a file")
    raise ValueError(f"it has {status.st_size:,} bytes, and {largest:,} at most are read")


def read(path: Path, largest: int) -> bytes:
    """The whole content. Raises as open_regular()."""
    with open_regular(path, largest) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def tail(path: Path, most: int) -> str:
    """The last bytes of a text, however large it is. Raises as open_regular()."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most).decode(errors="replace")


def each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The function of each item, in order; of many at once, because a busy file server is slow to answer one question,
    and no slower to answer many. Raises what the function does, and StorageError where no thread can be started."""
    if len(items) < AT_ONCE:
        return [function(item) for item in items]
    size = -(-len(items) // AT_ONCE)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(itertools.chain(*pool.map(lambda part: [function(item) for item in part], parts)))
    except RuntimeError as error:
        raise StorageError(errno.EAGAIN, str(error)) from None


ADVICE = {
    errno.ENOSPC: "make room (df -h and df -i show what is full)",
    errno.EDQUOT: "your quota is used up: make room",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
    errno.EROFS: "the file system may only be read: have it mounted to be written",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "this machine has too many files open: close some",
    errno.EAGAIN: "no more processes or threads may be started: end some or raise the limit (ulimit -u)",
    errno.ENOMEM: "free some memory",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "have the right to write there given (ls -l shows whose it is)"),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST), "move away what is in the way"),
}


class StorageError(OSError):
    """A file cannot be written, or nothing more be opened or started: no run is to blame, and all would fail alike."""

    @classmethod
    def at(cls, path: Path, error: OSError) -> "StorageError":
        return error if isinstance(error, StorageError) else cls(error.errno, error.strerror or str(error), str(path))

    def __str__(self) -> str:
        return error_line(self)


def error_line(error: OSError) -> str:
    """An error of the operating system in one line: the file, what is wrong, what to do."""
    line = ": ".join(str(part) for part in (error.filename, error.strerror) if part) or OSError.__str__(error)
    if error.errno not in ADVICE:
        return line
    return f"{line}; {ADVICE[error.errno]}, then type the same command again: it goes on from what is saved"


def concerns_all(error: OSError) -> bool:
    """Whether every other run would meet this error too."""
    return isinstance(error, StorageError) or error.errno in (errno.EMFILE, errno.ENFILE)


def set_aside(path: Path) -> Path:
    """Rename what lies there, whatever it is, to *.damaged (or *.damaged2, ...); its new place."""
    number = 1
    while os.path.lexists(aside := path.with_suffix(f".damaged{number if number > 1 else ''}")):
        number += 1
    path.rename(aside)
    return aside


def remove(path: Path) -> None:
    """Remove what lies there, whatever it is; nothing is fine too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@functools.cache
def machine() -> str:
    """This machine's kernel and process namespace, in which a process id means something; "" without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _writer() -> str:
    """This machine in a word, for names of files."""
    return f"{zlib.crc32(machine().encode()):08x}"


def temporary(path: Path) -> Path:
    """A name for writing `path` that nobody else draws, and that says whose it is."""
    return path.with_name(f".{path.name}.{_writer()}-{os.getpid()}-{uuid.uuid4().hex}.tmp")


def clear_temporaries(folder: Path, before: float | None = None) -> None:
    """Remove the temporary files that writers who were killed left in a folder.

    Of this machine's writers it is seen whether they live; others' are left if written after `before` (None: none is).
    """
    ours = _writer()
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if path.name.startswith(".") and path.name.endswith(".tmp")]:
            writer, process = (*path.stem.rpartition(".")[2].split("-"), "")[:2]
            is_gone = writer == ours and process.isdigit() and not os.path.exists(f"/proc/{process}")
            with suppress(OSError):
                if before is None or is_gone or path.lstat().st_mtime < before:
                    path.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Put content at path so that a reader, or a machine that dies now, sees all of it or none of it.

    The temporary file lies in the same folder, because only then is the rename atomic, and has a name of its own, as
    two may write at once. The folder is synced too: without that the new name may not survive a crash. Raises
    StorageError, an OSError that names the path; what was there is whole then.
    """
    draft = temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(draft, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError.at(path, error) from None


class _Sealed(Struct):
    checksum: str
    content: Raw


def write_sealed(path: Path, value: Any) -> None:
    """Put the value at path as JSON, with its checksum. Raises as write_atomically()."""
    content = msgspec.json.encode(value)
    write_atomically(path, msgspec.json.encode(_Sealed(hashlib.sha256(content).hexdigest(), Raw(content))))


def read_sealed(path: Path, largest: int, kind: type[Result]) -> Result:
    """What write_sealed() has put there. Raises ValueError, naming the file, for what is damaged or of another kind;
    OSError as open() does."""
    try:
        file = msgspec.json.decode(read(path, largest), type=_Sealed)
        if hashlib.sha256(file.content).hexdigest() != file.checksum:
            raise ValueError("checksum does not match")
        return msgspec.json.decode(file.content, type=kind)
    except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
        raise ValueError(f"{path}: damaged ({brief(error)})") from None
