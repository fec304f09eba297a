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


class Question(NamedTuple):
    """What the parent must know before it trains (preflight.py)."""

    cells: tuple[Cell, ...]  # one of each kind
    data: Path
    out: Path | None  # where what is tried out is kept
    device: str | None  # None: a GPU where there is one
    estimate: bool  # say how long each of these cells takes; without their data, from stand-ins
    at_once: bool  # also try how many cells a GPU takes side by side


class Reckoned(NamedTuple):
    """What a cell would take on a GPU, reckoned from its net and the card's data sheet (floors.py)."""

    change: str  # of the cell: "" or what to --set
    card: str
    cell: Cell
    seconds: float


class Answer(NamedTuple):
    """error: why the cells cannot be trained, one or two lines; the rest is of no use then."""

    error: str = ""
    device: str = "cpu"
    fingerprint: str = ""  # of the data; empty where there was none to plan with
    seconds: tuple[tuple[Cell, float], ...] = ()  # about how long each takes
    note: str = ""  # what else there is to say
    warnings: tuple[str, ...] = ()  # what can be trained and is probably not meant, a line each
    at_once: int = 1
    on_gpus: tuple[Reckoned, ...] = ()  # where there is no GPU, of each kind of cell
