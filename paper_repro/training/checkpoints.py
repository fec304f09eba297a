"""Checkpoints of an unfinished cell: two generations, each whole or absent, each with its checksum.

OUT/checkpoints/<cell id>/<updates made>.pt holds 32 bytes of SHA-256 and then what torch.save wrote: tensors and plain
values only, so that it loads with weights_only=True and cannot run code.
"""

import hashlib
import io
import shutil
import sys
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from paper_repro import files
from paper_repro.cli import brief
from paper_repro.training import memory

KEPT = 2
warnings.filterwarnings("ignore", "Detected pickle protocol")  # of a damaged one, which gets a line of ours
LARGEST = 2**34  # bytes of a checkpoint: a hundred times that of the paper's largest network
State = dict[str, Any]


def folder_of(out: Path, cell_id: str) -> Path:
    return out / "checkpoints" / cell_id


def save(folder: Path, step: int, state: State) -> None:
    """Write the state after `step` updates and remove all generations but the newest two."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    files.write_atomically(folder / f"{step:09d}.pt", hashlib.sha256(content).digest() + content)
    for old in _generations(folder)[KEPT:]:
        files.remove(old)


def load(folder: Path, origin: State, device: str, take: Callable[[State], None] = lambda state: None) -> State | None:
    """The newest state that is whole, holds the entries of `origin` (cell, code, data) and that `take`, which goes on
    from it or raises, accepts; None where there is none. One that does not fit is put aside and named on stderr: it
    would otherwise count as one of the newest two."""
    files.clear_temporaries(folder)  # who calls this holds the cell, so that nobody else is writing
    generations = _generations(folder)
    for path in generations:
        try:
            state = _read(path, device)
            others = [name for name, value in origin.items() if state.get(name) != value]
            if others:
                raise ValueError(f"it is of another {' and '.join(others)}")
            take(state)
            return state
        except Exception as error:  # a damaged one may raise anything
            if memory.has_run_out(error) or (isinstance(error, OSError) and files.concerns_all(error)):
                raise  # the file may be whole, but there is no descriptor or memory left to read it
            last = path == generations[-1]
            then = "no older one is whole: the cell begins anew" if last else "going on from an older one"
            print(f"{path}: unusable checkpoint ({brief(error)}); {then}", file=sys.stderr)
            with suppress(OSError):  # a folder that may only be read
                files.set_aside(path)
    return None


def remove(folder: Path) -> None:
    """Remove a finished cell's checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path, device: str) -> State:
    content = files.read(path, LARGEST)
    checksum, body = content[:32], io.BytesIO(content[32:])
    if hashlib.sha256(body.getbuffer()).digest() != checksum:
        raise ValueError("checksum does not match")
    with zipfile.ZipFile(body) as archive:  # torch.save packs nothing: a packed file could grow without end
        parts = archive.infolist()
    packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    if packed or sum(part.file_size for part in parts) > len(content):
        raise ValueError("it claims to be larger than its file")
    body.seek(0)
    state: State = torch.load(body, map_location=device, weights_only=True)
    return state


def _generations(folder: Path) -> list[Path]:
    """Newest first: the names are zero-padded numbers of updates."""
    return sorted(folder.glob("*.pt"), reverse=True)
