"""What the racers' logs say: who held what, and what of it should not have been."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Disturbed:
    """What was done to the racers, by the names of their logs; times are of the clock that all processes share."""

    killed: set[str] = field(default_factory=set)
    slept: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # longer than STALE: from, to

    @property
    def times(self) -> int:
        return len(self.killed) + sum(map(len, self.slept.values()))


@dataclass
class Hold:
    """A racer's work on a name. end: infinite where it did not come to say. done: it meant to leave a result."""

    name: str
    racer: str
    begin: float
    end: float = math.inf
    done: bool = False
    lost: bool = False
    is_last: bool = False  # of this racer


def holds(folder: Path) -> dict[str, list[Hold]]:
    """By name, in the order in which they began."""
    found: dict[str, list[Hold]] = {}
    for path in (folder / "logs").glob("*.jsonl"):
        last = Hold("", path.stem, 0.0)
        for line in path.read_text().splitlines():
            said = json.loads(line)
            if "begin" in said:
                last = Hold(said["begin"], path.stem, said["at"])
                found.setdefault(last.name, []).append(last)
            else:
                last.end, last.done, last.lost = said["at"], said["done"], said["lost"]
        last.is_last = True
    return {name: sorted(each, key=lambda hold: hold.begin) for name, each in found.items()}


def wrong(names: Iterable[str], folder: Path, disturbed: Disturbed, must_notice: bool) -> list[str]:
    """Every hold that should not have been, in words; nothing where each name was done once.

    must_notice: a racer looks at its claim before it says that it is done.
    """
    found = holds(folder)
    return [text for name in names for text in _wrong_with(found.get(name, []), name, disturbed, must_notice)]


def _wrong_with(history: list[Hold], name: str, disturbed: Disturbed, must_notice: bool) -> list[str]:
    undisturbed = [hold for hold in history if not _excused(hold, disturbed)]
    results = sum(hold.done and not hold.lost for hold in undisturbed)
    # One that was killed may have left its result, and not come to say so: that is looked for on disk.
    said = [f"{name}: never done"] * (not any(hold.done or _excused(hold, disturbed) for hold in history))
    said += [f"{name}: done {results} times by processes that nothing had been done to"] * (results > 1)
    said += [f"{name}: taken from {hold.racer}, awake and alive" for hold in undisturbed if hold.lost]
    for first, second in itertools.pairwise(history):
        if second.begin < first.end and not _excused(first, disturbed):
            said.append(f"{name}: {second.racer} began it while {first.racer} held it")
        if must_notice and second.begin < first.end < math.inf and not first.lost:
            said.append(f"{name}: {first.racer} did not notice that {second.racer} had taken it over")
    return said


def _excused(hold: Hold, disturbed: Disturbed) -> bool:
    """Whether its process was killed, or slept for longer than STALE, while (or just before) it held the name."""
    naps = disturbed.slept.get(hold.racer, [])
    return (hold.is_last and hold.racer in disturbed.killed) or any(
        start <= hold.end and hold.begin <= end + 1 for start, end in naps
    )
