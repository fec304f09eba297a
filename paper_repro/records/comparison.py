"""A record beside that of the same cell trained again: equal to the last bit, or how far apart for what seeds do."""

import functools
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from paper_repro.cell import Cell
from paper_repro.records.store import Record, without_times

NUMBERS = ("test_error", "validation_error", "train_loss", "train_error")  # of a final result
MOST = 4  # standard deviations between seeds


class Change(NamedTuple):
    """A final number: as recorded, the difference when trained again, and the standard deviation between seeds."""

    recorded: float
    difference: float
    deviation: float | None  # None: not known

    @property
    def deviations(self) -> float | None:
        """The difference's size in deviations between seeds; None where these are not known."""
        if self.difference == 0:
            return 0.0
        if not self.deviation:  # where all seeds end alike, no difference is noise
            return None if self.deviation is None else math.inf
        return abs(self.difference) / self.deviation


class Comparison(NamedTuple):
    """What compare() says. is_equal: every number of the record, of each epoch too, came out again to the last bit."""

    record: Record
    again: Record | None  # None: it failed
    is_equal: bool
    changes: dict[str, Change]  # by the names of NUMBERS, where both have them

    @property
    def deviations(self) -> float | None:
        """The largest of the changes in deviations between seeds; None where that is not known."""
        sizes = [change.deviations for change in self.changes.values()]
        known = [size for size in sizes if size is not None]
        return max(known, default=0.0) if len(known) == len(sizes) else None

    @property
    def is_refuted(self) -> bool:
        """Whether the cell failed, ended in another status or has a number beyond MOST deviations."""
        if self.again is None or self.again["status"] != self.record["status"]:
            return True
        return (self.deviations or 0) > MOST


def compare(record: Record, again: Record | None, noise: Mapping[str, float]) -> Comparison:
    """The record beside that of the same cell trained again. noise: standard deviations between seeds, where known."""
    before, after = record["final"] or {}, (again and again["final"]) or {}
    both = [name for name in NUMBERS if None not in (before.get(name), after.get(name))]
    changes = {name: Change(before[name], after[name] - before[name], noise.get(name)) for name in both}
    numbers = {key: without_times(record[key]) for key in ("status", "diverged", "epochs", "final")}
    return Comparison(record, again, again is not None and _holds(again, numbers), changes)


def _holds(value: Any, numbers: Any) -> bool:
    """Whether these are in it, which may have more: older records have fewer curves."""
    if isinstance(numbers, dict):
        return isinstance(value, dict) and all(_holds(value.get(key), part) for key, part in numbers.items())
    if isinstance(numbers, list):
        return len(value) == len(numbers) and all(map(_holds, value, numbers))
    return bool(value == numbers)


def noise(cell: Cell, finals: Mapping[Cell, Mapping[str, float | None] | None]) -> dict[str, float]:
    """Standard deviations between seeds of the final numbers of such a cell, where other cells in `finals` tell them.

    The larger of that over the other seeds of the cell, and that pooled over all cells of its setting (which differ
    from it in optimizer, alpha, decay and seed alone): a few seeds lie close together by chance. The cell itself counts
    in neither, or a record that is wrong would widen what it is measured by.
    """
    seeds: dict[Cell, list[Mapping[str, float | None]]] = defaultdict(list)
    for other, final in finals.items():
        if final and other != cell and _setting(other) == _setting(cell):
            seeds[other.replace(seed=0)].append(final)
    result = {}
    for name in NUMBERS:
        values = {
            point: [value for each in known if (value := each.get(name)) is not None] for point, known in seeds.items()
        }
        several = {point: (statistics.variance(each), len(each) - 1) for point, each in values.items() if len(each) > 1}
        if several:
            pooled = sum(variance * freedom for variance, freedom in several.values())
            pooled /= sum(freedom for _, freedom in several.values())
            own, _ = several.get(cell.replace(seed=0), (0.0, 0))
            result[name] = math.sqrt(max(pooled, own))
    return result


@functools.lru_cache(maxsize=2**18)  # asked of each record for each cell that is compared
def _setting(cell: Cell) -> Cell:
    return cell.replace(optimizer="any", alpha=0.0, decay=0.0, seed=0)
