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
from pathlib import Path
from typing import Any

import torch

from paper_repro import files
from paper_repro.records import write_atomically
from paper_repro.texts import brief

KEPT = 2
warnings.filterwarnings("ignore", "Detected pickle protocol")  # of a damaged one, which is told in a line of ours
LARGEST = 2**34  # bytes of a checkpoint: a hundred times that of the paper's largest net


def folder_of(out: Path, cell_id: str) -> Path:
    return out / "checkpoints" / cell_id


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write the state after `step` updates and remove all generations but the newest two."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomically(folder / f"{step:09d}.pt", hashlib.sha256(content).digest() + content)
    for old in _generations(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def load(folder: Path, cell_id: str, device: str) -> dict[str, Any] | None:
    """The newest state that is whole, None where there is none. A damaged one is named on stderr and passed over."""
    for path in _generations(folder):
        try:
            state = _read(path, device)
            if state["id"] != cell_id:
                raise ValueError("it is another cell's")
            return state
        except Exception as error:  # a damaged one may raise anything
            print(f"{path}: damaged checkpoint ({brief(error)}); going on from an older one", file=sys.stderr)
    return None


def remove(folder: Path) -> None:
    """Remove a finished cell's checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path, device: str) -> dict[str, Any]:
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
    state: dict[str, Any] = torch.load(body, map_location=device, weights_only=True)
    return state


def _generations(folder: Path) -> list[Path]:
    """Newest first: the names are zero-padded numbers of updates."""
    return sorted(folder.glob("*.pt"), reverse=True)
