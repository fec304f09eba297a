"""What cells would cost that were not trained yet, from the seconds of those that were."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.claims import costs
from analysis.results.table import of_cells, provenance
from experiments.declare import PROFILES, Experiment, Profile
from paper_repro.cell import Cell
from paper_repro.records import Record

NEVER = "never measured"
SAME = ("image_size", "train_examples", "precision")
GUESSED = ("cpu",)  # scales whose nets are so small that another net's time is better than none
# What makes no difference to the time of an epoch, or none to speak of.
FREE = ("dataset", "alpha", "decay", "seed", "epochs", "schedule", "decay_unit", "label_noise", "evaluate_every")


@dataclass(frozen=True)
class Price:
    """Of so many cells (0: of what is no cells): hours of a core or of a GPU, as costs.unit names them."""

    cells: int
    hours: float
    unit: str = "core"

    def times(self, count: int) -> Price:
        return dataclasses.replace(self, cells=count * self.cells, hours=count * self.hours)

    def shared(self, count: int) -> Price:
        """By so many seeds that were run together."""
        return dataclasses.replace(self, hours=self.hours / count)

    def words(self) -> str:
        """12 cells, 0.3 core-hours."""
        told = costs.said({self.unit: self.hours})
        return f"{self.cells:,} cell{'s' * (self.cells != 1)}, {told}" if self.cells else told


def of_a_seed(records: Iterable[Record]) -> Price:
    """One more seed of all of these cells: each takes as long as the median of its seeds, as one that ran beside other
    work may have taken many times as long."""
    records = list(records)
    seconds: dict[Cell, list[float]] = {}
    for record, cell in zip(records, of_cells(records, lambda cell: cell.replace(seed=0)), strict=True):
        seconds.setdefault(cell, []).append(record["seconds"])
    hours = sum(map(statistics.median, seconds.values())) / 3600
    units = {costs.unit(provenance(record)) for record in records}
    return Price(len(seconds), hours, max(units, default="core"))


def one_of_each(records: Iterable[Record]) -> list[Record]:
    """A record of each cell, whatever its seed; a finished one where there is one."""
    ordered = sorted(records, key=lambda record: bool(record["status"] == "finished"))
    return list(dict(zip(of_cells(ordered, lambda cell: cell.replace(seed=0)), ordered, strict=True)).values())


def of_a_first_run(experiment: Experiment, records: Sequence[Record]) -> str:
    """What the experiment costs at each scale but the demo's, in words: what was not recorded yet of it."""
    if experiment.study is not None:
        return f"a study of minutes; its time was {NEVER}"
    told = [_at(name, experiment.profiles[name], records) for name in PROFILES[1:] if name in experiment.profiles]
    costly = [words for words in told if words.endswith(NEVER)]
    cheap = [words for words in told if words not in costly]
    return "; ".join([*cheap, *costly])


def _at(name: str, profile: Profile, records: Sequence[Record]) -> str:
    """The median epoch of the most similar recorded cells gives the time."""
    there = set(of_cells(records, _bare))
    missing = [cell for cell in profile.with_seeds(profile.seeds) if _bare(cell) not in there]
    if not missing:
        return f"{name}: its cells are recorded; others that the rule needs (the noise is figure 2's) are not"
    epochs, model = sum(cell.epochs for cell in missing), missing[0].model
    alike = _most_similar(missing[0], records)
    if not alike or (alike[0]["cell"]["model"] != model and name not in GUESSED):
        return f"{name}: {len(missing)} cells, {epochs:,} epochs in all, {NEVER}"
    epoch = statistics.median(record["seconds"] / record["cell"]["epochs"] for record in alike)
    price = Price(len(missing), epoch * epochs / 3600, costs.unit(provenance(alike[0])))
    other = alike[0]["cell"]["model"]
    return f"{name}: about {price.words()}" + (f", if {model} is as fast as {other}" if other != model else "")


def _most_similar(cell: Cell, records: Sequence[Record]) -> list[Record]:
    """Of finished cells with as many training pictures, as large, those with the most settings in common."""
    own = cell.to_dict()
    compared = [name for name in own if name not in FREE]
    found: dict[tuple[bool, int], list[Record]] = {}
    for record, other in zip(records, of_cells(records, Cell.to_dict), strict=True):
        if record["status"] == "finished" and all(other[name] == own[name] for name in SAME):
            likeness = other["model"] == cell.model, sum(other[name] == own[name] for name in compared)
            found.setdefault(likeness, []).append(record)
    return found[max(found)] if found else []


def _bare(cell: Cell) -> Cell:
    return cell.replace(dataset="any", seed=0)
