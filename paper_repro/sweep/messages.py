"""What a sweep's parent and its workers say to each other. No torch here: the parent of a sweep stays small."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from paper_repro.cell import Cell


class Task(NamedTuple):
    """What every worker of a sweep needs to know."""

    out: Path
    data: Path  # an .npz file, or the folder of built-in data sets
    device: str
    wait_for_others: bool = True  # for cells that another run is training, instead of passing over them


class Message(NamedTuple):
    """kind: "started", "epoch" (so many epochs are done), then "finished", "diverged", "failed" (text: traceback),
    "stopped", "busy" (another run is training it), "memory" (there was not enough of it) or "trouble" (text: what every
    other cell would meet too, as a full disk). odd: kinds of what looks odd in its curves (diagnosis.py)."""

    kind: str
    cell: Cell
    epochs: int = 0
    text: str = ""
    odd: tuple[str, ...] = ()
