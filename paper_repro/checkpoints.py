"""Checkpoints of an unfinished cell: two generations, each whole or absent, each with its checksum.

OUT/checkpoints/<cell id>/<updates made>.pt holds 32 bytes of SHA-256 and then what torch.save wrote: tensors and plain
values only, so that it loads with weights_only=True and cannot run code.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from paper_repro.records import write_atomically

KEPT = 2


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
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            print(f"{path}: damaged checkpoint ({error}); going on from an older one", file=sys.stderr)
    return None


def remove(folder: Path) -> None:
    """Remove a finished cell's checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path, device: str) -> dict[str, Any]:
    content = path.read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError("checksum does not match")
    state: dict[str, Any] = torch.load(io.BytesIO(content[32:]), map_location=device, weights_only=True)
    return state


def _generations(folder: Path) -> list[Path]:
    """Newest first: the names are zero-padded numbers of updates."""
    return sorted(folder.glob("*.pt"), reverse=True)
