"""Which records make which figure: pure functions, decided by what the records hold, not by where they lie.

A record belongs to a profile when its cell, the swept fields and the data set taken away, equals one of the profile's
declared cells treated likewise. So a grid that a user widened is one sweep with the declared one, and the same sweep
on other data is a figure of its own, while cells with other epochs, models or sizes never mix with either.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from experiments.declare import EACH_ITS_OWN, SWEPT, Experiment
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record
from paper_repro.records.provenance import distinct, label

Settings = tuple[object, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Chart:
    """What one figure shows: the records of one profile on one data set, beside the cells that were declared."""

    experiment: Experiment
    profile: str
    dataset: str
    declared: tuple[Cell, ...]  # seed 0, `dataset` already put in
    records: tuple[Record, ...]
    beyond: tuple[Record, ...] = ()  # further seeds of single cells, which no map shows beside cells with fewer

    @property
    def stem(self) -> str:
        """The name of its files: what was changed is named, and the data set unless the profile declares it."""
        own = {cell.dataset for cell in self.experiment.profiles[self.profile].cells}
        named = [] if self.dataset in own or not own else [self.dataset]
        changes = self.experiment.changes.items()
        named += [f"{field}_{','.join(map(str, value)) if field == 'seed' else value}" for field, value in changes]
        parts = [self.experiment.name, self.profile, *(re.sub("[^A-Za-z0-9_.+-]", "_", part) for part in named)]
        return "-".join(parts)

    @functools.cached_property
    def whole(self) -> bool:
        """Whether each declared cell was run, with whatever seed."""
        return {Cell.from_dict(record["cell"]).replace(seed=0) for record in self.records} >= set(self.declared)

    @functools.cached_property
    def measure(self) -> str:
        """What is shown of the final numbers: the experiment's measure, plain error where the records lack that."""
        finals = [record["final"] for record in self.records if record["final"]]
        wanted = self.experiment.measure
        return wanted if finals and all(f"test_{wanted}" in final for final in finals) else "error"


def charts(experiment: Experiment, records: Iterable[Record], alone: bool = False) -> list[Chart]:
    """A Chart for each profile and data set that has records, in the order of the profiles, then of the data sets.

    Records of no profile are left out, those without what the user set, and, unless `alone`, a comparison of which
    only one variant has records. Raises UsageError where records of different data meet under one name.
    """
    declared = {name: {settings(cell, experiment.swept) for cell in p.cells} for name, p in experiment.profiles.items()}
    datasets = {name: {cell.dataset for cell in p.cells} for name, p in experiment.profiles.items()}

    def profiles(cell: Cell) -> list[str]:
        """Those it belongs to. One that declares the cell's very data set goes before all others."""
        fits = [name for name, kinds in declared.items() if settings(cell, experiment.swept) in kinds]
        return [name for name in fits if cell.dataset in datasets[name]] or fits

    groups: dict[tuple[str, str], list[Record]] = {}
    records = [record for record in records if experiment.wants(record["cell"])]
    for record, fits in zip(records, of_cells(records, profiles), strict=True):
        for profile in fits:
            groups.setdefault((profile, record["cell"]["dataset"]), []).append(record)
    order = list(experiment.profiles)
    keys = sorted(groups, key=lambda key: (order.index(key[0]), key[1]))
    return [_chart(experiment, *key, groups[key]) for key in keys if alone or _compares(experiment, groups[key])]


def all_charts(asked: Sequence[Experiment], records: Sequence[Record]) -> list[Chart]:
    """The charts of all of these. A comparison of which only one variant has records, as when a sweep begins, is among
    them where no other chart shows those records."""
    found = [chart for experiment in asked for chart in charts(experiment, records)]
    shown = {record["id"] for chart in found for record in (*chart.records, *chart.beyond)}
    rest = [record for record in records if record["id"] not in shown]
    return found + [chart for experiment in asked for chart in charts(experiment, rest, alone=True) if rest]


def settings(cell: Cell, swept: tuple[str, ...] = SWEPT) -> Settings:
    """All that the cells of one sweep have in common: every field but the swept ones and the data set, by name."""
    return _in_common(swept)(cell)


@functools.cache  # a getter in C: settings are asked for a hundred thousand times in a report
def _in_common(swept: tuple[str, ...]) -> Callable[[Cell], Settings]:
    names = (field.name for field in dataclasses.fields(Cell))
    return operator.attrgetter(*(name for name in names if name not in (*swept, "dataset")))


def of_cells(records: Iterable[Record], function: Callable[[Cell], T]) -> list[T]:
    """function(cell) of each record, where the seed does not matter: worked out once for all seeds of a cell."""
    known: dict[tuple[object, ...], T] = {}
    results = []
    for record in records:
        rest = {**record["cell"], "seed": 0}
        key = (tuple(rest), tuple(rest.values()))
        if key not in known:
            known[key] = function(_cell(*key))
        results.append(known[key])
    return results


@functools.cache  # every experiment asks for all of them
def _cell(names: tuple[str, ...], values: tuple[Any, ...]) -> Cell:
    return Cell.from_dict(dict(zip(names, values, strict=True)))


def fingerprint(record: Record) -> str | None:
    """The fingerprint of the data a record was trained on, None where the record does not say."""
    found = provenance(record).get("data") or {}
    return found.get("fingerprint") if isinstance(found, dict) else None


def provenance(record: Record) -> dict[str, object]:
    """A record's provenance, empty where there is none."""
    return record.get("provenance") or {}


def codes(records: Iterable[Record]) -> list[str]:
    """The versions of the code that made these records, by commit or source: one, if their numbers are the same."""
    unknown = {"commit": "unknown", "dirty": False}
    return distinct(label({**unknown, **provenance(record)}) for record in records)


def _compares(experiment: Experiment, records: Iterable[Record]) -> bool:
    """A map by itself compares within itself; facets and variants want at least two kinds of cells."""
    return ("alpha" in experiment.swept and not experiment.facets) or len(set(of_cells(records, settings))) > 1


def _chart(experiment: Experiment, profile: str, dataset: str, records: list[Record]) -> Chart:
    declared = tuple(cell.replace(dataset=dataset, seed=0) for cell in experiment.profiles[profile].cells)
    common = _at_common_seeds(records) if "alpha" in experiment.swept else records
    used = {record["id"] for record in common}
    beyond = [record for record in records if record["id"] not in used]
    chart = Chart(experiment, profile, dataset, declared, *(tuple(sorted(r, key=_order)) for r in (common, beyond)))
    marks = {mark: record["id"] for record in records if (mark := fingerprint(record)) is not None}
    if len(marks) > 1:
        texts = " and ".join(f"{mark} (as in record {name})" for mark, name in list(marks.items())[:2])
        raise UsageError(f"{chart.stem}: the records were trained on different data, fingerprints {texts}")
    return chart


def common_seeds(seeds_of_cells: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The set of seeds that most cells have; of equally frequent ones the largest."""
    sets = Counter(seeds_of_cells)
    return min(sets, key=lambda seeds: (-sets[seeds], -len(seeds), seeds), default=())


def _at_common_seeds(records: Sequence[Record]) -> list[Record]:
    """Of each grid the seeds that most of its cells have; a cell without all of these keeps those it has.

    Cells that another experiment ran with many more seeds are beside the others in a map with the same number of them.
    """
    grids: dict[Settings, dict[tuple[float, float], dict[int, Record]]] = {}
    for grid, record in zip(of_cells(records, lambda cell: settings(cell, EACH_ITS_OWN)), records, strict=True):
        cell = record["cell"]
        grids.setdefault(grid, {}).setdefault((cell["alpha"], cell["decay"]), {})[cell["seed"]] = record
    kept: set[str] = set()
    for cells in grids.values():
        common = set(common_seeds(tuple(sorted(seeds)) for seeds in cells.values()))
        for seeds in cells.values():
            kept |= {record["id"] for seed, record in seeds.items() if seed in common or not common <= seeds.keys()}
    return [record for record in records if record["id"] in kept]


def _order(record: Record) -> tuple[str, float, float, int]:
    cell = record["cell"]
    return cell["optimizer"], cell["alpha"], cell["decay"], cell["seed"]
