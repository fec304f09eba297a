"""What a part of the chaos test reports, and the table of all of it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HEADER = ("part", "what was done", "times", "differences")


@dataclass(frozen=True)
class Row:
    """One kind of disturbance. tried: how often. differences: whatever was lost, doubled, changed, let in or not said
    (a record that is not byte for byte the undisturbed one, times aside; a traceback; a hang); 0 is wanted."""

    part: str
    what: str
    tried: int
    differences: int


class Part(Protocol):
    """A module of this folder. It prints what it found different, with all that is needed to see it again."""

    def rows(self, long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
        """Disturb; everything is written below `folder`. long: the full form instead of CI's."""
        ...


def line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def markdown(rows: Iterable[Row]) -> list[str]:
    """The table; the last row has all differences."""
    rows = list(rows)
    body = [line((row.part, row.what, f"{row.tried:,}", row.differences)) for row in rows]
    total = line(("in all", "", "", sum(row.differences for row in rows)))
    return [line(HEADER), line(["---"] * len(HEADER)), *body, total]
