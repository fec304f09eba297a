"""Checkpoints of an unfinished cell: two generations, each whole or absent, each with its checksum.

OUT/checkpoints/<cell id>/<updates made>.pt holds 32 bytes of SHA-256 and then what torch.save wrote: tensors and plain
values only, so that it loads with weights_only=True and cannot run code.
"""

from __future__ import annotations

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
from paper_repro.files import write_atomically
from paper_repro.training import memory

KEPT = 2
warnings.filterwarnings("ignore", "Detected pickle protocol")  # of a damaged one, which is told in a line of ours
LARGEST = 2**34  # bytes of a checkpoint: a hundred times that of the paper's largest net
State = dict[str, Any]


def folder_of(out: Path, cell_id: str) -> Path:
    return out / "checkpoints" / cell_id


def save(folder: Path, step: int, state: State) -> None:
    """Write the state after `step` updates and remove all generations but the newest two."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomically(folder / f"{step:09d}.pt", hashlib.sha256(content).digest() + content)
    for old in _generations(folder)[KEPT:]:
        files.remove(old)


def load(
    folder: Path, cell_id: str, device: str, take: Callable[[State], None] = lambda state: None
) -> dict[str, Any] | None:
    """The newest state that is whole and that `take` (which goes on from it, or raises ValueError) accepts; or None.

    A damaged one is put aside and named on stderr. It would otherwise count as one of the newest two.
    """
    files.clear_temporaries(folder)  # who calls this holds the cell, so that nobody else is writing
    found = _generations(folder)
    for path in found:
        try:
            state = _read(path, device)
            if state["id"] != cell_id:
                raise ValueError("it is another cell's")
            take(state)
            return state
        except Exception as error:  # a damaged one may raise anything
            if _is_no_damage(error):
                raise
            older = "going on from an older one" if path != found[-1] else "no older one is whole: the cell begins anew"
            print(f"{path}: damaged checkpoint ({brief(error)}); {older}", file=sys.stderr)
            with suppress(OSError):  # a folder that may only be read
                files.set_aside(path)
    return None


def remove(folder: Path) -> None:
    """Remove a finished cell's checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_no_damage(error: Exception) -> bool:
    """The file may be whole, but there is no descriptor or memory left to read it."""
    return memory.has_run_out(error) or (isinstance(error, OSError) and files.concerns_all(error))


def _read(path: Path, device: str) -> State:
    content = files.read(path, LARGEST)
    checksum, body = content[:32], io.BytesIO(content[32:])
    if hashlib.sha256(body.getbuffer()).digest() != checksum:
        raise ValueError("checksum does not match")
    with zipfile.ZipFile(body) as archive:  # which torch.save leaves unpacked: a packed one could grow without end
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > len(
        content
    ):
        raise ValueError("it claims to be larger than its file")
    body.seek(0)
    state: State = torch.load(body, map_location=device, weights_only=True)
    return state


def _generations(folder: Path) -> list[Path]:
    """Newest first: the names are zero-padded numbers of updates."""
    return sorted(folder.glob("*.pt"), reverse=True)
