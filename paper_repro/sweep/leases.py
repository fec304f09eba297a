"""Leases: who is at work on a name, as files that hold on network file systems too. No locks, no server.

FOLDER/X/NAME.G says who works on NAME; of several generations G the highest holds. X is one of 16 folders, the same for
all generations of a name, so that thousands of leases need not be listed to take one. A lease is made by linking a
whole file to the next generation's name, which succeeds for one process only (on NFS too, where locks often do not).
Its modification time is its heartbeat. Times are compared on the file server's clock alone, because those of two
machines may differ by minutes.

A lease is stale when its process is seen to be gone from this machine, or when its heart has not beaten for STALE
seconds; the next generation may then be linked. An owner that was only asleep sees its file gone, or another's in its
place, at its next beat: it is `lost` and must stop. That two may overlap for one beat does no harm: both would write
the same bytes.

Any process may fall asleep between any two lines here, for longer than STALE. So a new owner beats once and looks
again: it gives way to a higher generation, and to a lower one that lives.
"""

import errno
import json
import os
import re
import socket
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from paper_repro import files
from paper_repro.files import machine

BEAT = 20.0  # seconds
STALE = 180.0  # seconds without a beat: longer than NFS keeps attributes (60 s) and a file server stutters
FILE = re.compile(r"([^.].*)\.([0-9]+)")  # NAME.G; drafts begin with a dot
SHARDS = 16  # which of four thousand leases hold 250 each: they are listed at once

Identity = dict[str, Any]


class Owner(NamedTuple):
    """Who holds a name: what it wrote of itself, and the seconds since its last beat."""

    identity: Identity
    age: float

    @property
    def is_alive(self) -> bool:
        # one of the future, from before the server's clock was put right, would live until then
        return abs(self.age) < STALE and process_is_alive(self.identity) is not False


class Lease:
    """A name that this process holds."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self._text = path, text
        self.lost = False

    def beat(self) -> None:
        try:
            if self._is_there():
                os.utime(self.path)
            else:
                self.lost = True
        except FileNotFoundError:
            self.lost = True
        except OSError:
            pass  # a file server that stutters: the next beat tells

    def release(self) -> None:
        with suppress(OSError):  # gone already; or left to become stale
            if self._is_there():
                self.path.unlink()

    def _is_there(self) -> bool:
        """Whether the file is this lease: once all had released the name, another may have got the same generation."""
        return self.path.read_bytes() == self._text.encode()


def folder_of(out: Path) -> Path:
    """Where the runs below `out` say which cells they are training."""
    return out / "claims"


@contextmanager
def hold(folder: Path, name: str) -> Iterator[Lease | None]:
    """Hold the name, its heart beating, while the block runs; None where another process holds it.

    Raises files.StorageError, an OSError, where the folder cannot be written.
    """
    lease = acquire(folder, name)
    if lease is None:
        yield None
        return
    with beating(lease.beat):
        try:
            yield lease
        finally:
            lease.release()


@contextmanager
def beating(beat: Callable[[], None]) -> Iterator[None]:
    """Call `beat` every BEAT seconds, from a thread of its own, while the block runs; a beat that fails is left out."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):
                beat()

    heart = threading.Thread(target=go_on, daemon=True)
    try:
        heart.start()
    except RuntimeError as error:
        raise files.StorageError(errno.EAGAIN, str(error)) from None
    try:
        yield
    finally:
        over.set()
        heart.join()


def acquire(folder: Path, name: str) -> Lease | None:
    """Take the name, from nobody or from a stale owner. The caller beats and releases (or uses hold())."""
    shard = _shard(folder, name)
    draft = files.temporary(shard / name)
    text = json.dumps({**myself(), "claim": draft.name})
    try:
        try:
            shard.mkdir(parents=True, exist_ok=True)
            draft.write_text(text)
        except FileNotFoundError as error:  # nobody has taken a draft away yet
            raise files.StorageError.at(shard / name, error) from None
        now = draft.stat().st_mtime
        before = _files(folder, name)
        if before and _is_held(before[-1], now):
            return None
        lease = Lease(shard / f"{name}.{_generation(before[-1]) + 1 if before else 1}", text)
        try:
            os.link(draft, lease.path)
        except FileExistsError:
            if draft.stat().st_nlink != 2:  # else it was our own link, and the server's answer to it was lost
                return None
        return lease if _stands(lease, folder, name, now) else None
    except FileNotFoundError:
        return None  # asleep for a day: the draft was removed as one that a kill had left
    except OSError as error:
        raise files.StorageError.at(shard / name, error) from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _stands(lease: Lease, folder: Path, name: str, now: float) -> bool:
    """Whether a lease just linked holds: between the look before and the link others may have come and gone."""
    lease.beat()  # who judged it by the time of its draft judges again
    after = _files(folder, name)  # our own link has made the client read the folder anew
    stale = after[:-1]
    if lease.lost or after[-1:] != [lease.path] or any(_is_held(path, now) for path in stale):
        lease.release()
        return False
    for path in stale:
        with suppress(OSError):
            files.remove(path)
    return True


def owners(folder: Path, names: Collection[str] | None = None) -> dict[str, Owner]:
    """Everyone who holds a name in the folder (one of these names), the stale ones too."""
    found = _all_files(folder / f"{number:x}" for number in range(SHARDS))
    newest = {name: paths[-1] for name, paths in found.items() if names is None or name in names}
    if not newest:
        return {}
    now = clock(folder)
    everyone = zip(newest, files.each(lambda path: _read(path, now), list(newest.values())), strict=True)
    return {name: owner for name, owner in everyone if owner is not None}


def forget(folder: Path, names: Collection[str]) -> None:
    """Remove the leases on these names that nobody needs any more and whose owners are dead."""
    dead = [name for name, owner in owners(folder, names).items() if not owner.is_alive]
    for path in [path for name in dead for path in _files(folder, name)]:
        files.remove(path)


def clock(folder: Path) -> float:
    """The time on the clock of the folder's file server, in seconds since 1970; where it is read-only, our own."""
    probe = files.temporary(folder / "clock")
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink()


def _is_held(path: Path, now: float) -> bool:
    owner = _read(path, now)
    return owner is not None and owner.is_alive


def _read(path: Path, now: float) -> Owner | None:
    """Where what the owner wrote of itself is damaged, only its heart can tell."""
    try:
        with files.open_regular(path, files.SMALL) as file:  # to open it makes an NFS client ask for its times anew
            identity, beat = msgspec.json.decode(file.read(), type=dict), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        identity, beat = {}, path.lstat().st_mtime
    return Owner(identity, now - beat)


def _files(folder: Path, name: str) -> list[Path]:
    """The name's leases, by generation."""
    return _all_files([_shard(folder, name)]).get(name, [])


def _all_files(shards: Iterable[Path]) -> dict[str, list[Path]]:
    by_name = defaultdict[str, list[Path]](list)
    for shard in shards:
        with suppress(FileNotFoundError, NotADirectoryError):
            for match in filter(None, map(FILE.fullmatch, os.listdir(shard))):
                by_name[match[1]].append(shard / match[0])
    return {name: sorted(paths, key=_generation) for name, paths in by_name.items()}


def _shard(folder: Path, name: str) -> Path:
    return folder / f"{zlib.crc32(name.encode()) % SHARDS:x}"


def _generation(path: Path) -> int:
    return int(path.suffix[1:])


def myself() -> Identity:
    """What tells this process from every other: machine (kernel and process namespace), id, time of its start."""
    job = {"job": os.environ["SLURM_JOB_ID"]} if "SLURM_JOB_ID" in os.environ else {}
    pid = os.getpid()
    return {"host": socket.gethostname(), "machine": machine(), "pid": pid, "started": started(pid), **job}


def process_is_alive(owner: Identity) -> bool | None:
    """Whether the process runs; None where that cannot be seen from here: another machine, or one without /proc."""
    if not owner.get("machine") or owner["machine"] != machine():
        return None
    return owner.get("started") is not None and started(owner.get("pid")) == owner["started"]


def started(pid: Any) -> int | None:
    """When a process was started, in ticks since the machine was: no later process has both the same. None: it is gone
    (or dead and not yet buried)."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError, TypeError, OverflowError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
