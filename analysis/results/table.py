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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from experiments.declare import EACH_ITS_OWN, SWEPT, Experiment, Profile
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record
from paper_repro.records.provenance import distinct, label

Settings = tuple[tuple[str, object], ...]
T = TypeVar("T")
_NAMES = sorted(field.name for field in dataclasses.fields(Cell))


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
    found: dict[tuple[str, str], list[Record]] = {}
    scales = {name: Scale.of(profile, experiment.swept) for name, profile in experiment.profiles.items()}
    records = [record for record in records if experiment.wants(record["cell"])]
    profiles = of_cells(records, lambda cell: matching_profiles(scales, cell))
    for record, fits in zip(records, profiles, strict=True):
        for profile in fits:
            found.setdefault((profile, record["cell"]["dataset"]), []).append(record)
    order = {profile: place for place, profile in enumerate(experiment.profiles)}
    shown = [key for key in found if alone or _compares(experiment, found[key])]
    keys = sorted(shown, key=lambda key: (order[key[0]], key[1]))
    return [_chart(experiment, profile, dataset, found[profile, dataset]) for profile, dataset in keys]


def all_charts(asked: Sequence[Experiment], records: Sequence[Record]) -> list[Chart]:
    """The charts of all of these. A comparison of which only one variant has records, as when a sweep begins, is among
    them where no other chart shows those records."""
    found = [chart for experiment in asked for chart in charts(experiment, records)]
    shown = {record["id"] for chart in found for record in (*chart.records, *chart.beyond)}
    rest = [record for record in records if record["id"] not in shown]
    return found + [chart for experiment in asked for chart in charts(experiment, rest, alone=True) if rest]


@dataclass(frozen=True)
class Scale:
    """What the cells of a profile have in common."""

    templates: frozenset[Settings]
    datasets: frozenset[str]
    swept: tuple[str, ...]

    @classmethod
    def of(cls, profile: Profile, swept: tuple[str, ...]) -> Scale:
        templates = frozenset(settings(cell, swept) for cell in profile.cells)
        return cls(templates, frozenset(cell.dataset for cell in profile.cells), swept)

    def holds(self, cell: Cell) -> bool:
        return settings(cell, self.swept) in self.templates


def matching_profiles(scales: Mapping[str, Scale], cell: Cell) -> list[str]:
    """The profiles a cell belongs to. One that declares the cell's very data set goes before all others."""
    fits = [name for name, scale in scales.items() if scale.holds(cell)]
    return [name for name in fits if cell.dataset in scales[name].datasets] or fits


def settings(cell: Cell, swept: tuple[str, ...] = SWEPT) -> Settings:
    """All that the cells of one sweep have in common: every field but the swept ones and the data set."""
    names, values = _in_common(swept)
    return tuple(zip(names, values(cell), strict=True))


@functools.cache  # with a getter in C: settings are asked for a hundred thousand times in a report
def _in_common(swept: tuple[str, ...]) -> tuple[list[str], Callable[[Cell], tuple[object, ...]]]:
    names = [name for name in _NAMES if name not in swept and name != "dataset"]
    return names, operator.attrgetter(*names)


def of_cells(records: Iterable[Record], told: Callable[[Cell], T]) -> list[T]:
    """What is told of the cell of each record, where its seed does not matter: worked out once for all its seeds."""
    known: dict[tuple[object, ...], T] = {}
    found = []
    for record in records:
        rest = {**record["cell"], "seed": 0}
        key = (tuple(rest), tuple(rest.values()))
        if key not in known:
            known[key] = told(_cell(*key))
        found.append(known[key])
    return found


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


def check_one_data_set(records: Sequence[Record], where: str) -> None:
    """Raise UsageError, naming both fingerprints and a record of each, when the records do not share one data set."""
    first: dict[str, str] = {}
    for record in records:
        mark = fingerprint(record)
        if mark is not None:
            first.setdefault(mark, record["id"])
    if len(first) > 1:
        told = " and ".join(f"{mark} (as in record {name})" for mark, name in list(first.items())[:2])
        raise UsageError(f"{where}: the records were trained on different data, fingerprints {told}; draw them apart")


def _compares(experiment: Experiment, records: Iterable[Record]) -> bool:
    """A map by itself compares within itself; facets and variants want at least two kinds of cells."""
    return ("alpha" in experiment.swept and not experiment.facets) or len(set(of_cells(records, settings))) > 1


def _chart(experiment: Experiment, profile: str, dataset: str, records: list[Record]) -> Chart:
    declared = tuple(cell.replace(dataset=dataset, seed=0) for cell in experiment.profiles[profile].cells)
    common = _at_common_seeds(records) if "alpha" in experiment.swept else records
    used = {record["id"] for record in common}
    beyond = [record for record in records if record["id"] not in used]
    chart = Chart(experiment, profile, dataset, declared, *(tuple(sorted(r, key=_order)) for r in (common, beyond)))
    check_one_data_set((*chart.records, *chart.beyond), chart.stem)
    return chart


def common_seeds(seeds_of_cells: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The set of seeds that most cells have; of equally frequent ones the largest."""
    sets = Counter(seeds_of_cells)
    return min(sets, key=lambda seeds: (-sets[seeds], -len(seeds), seeds), default=())


def _at_common_seeds(records: Sequence[Record]) -> list[Record]:
    """Of each grid the seeds that most of its cells have.

    Cells that another experiment ran with many more seeds are beside the others in a map with the same number of them.
    """
    seeds: dict[Settings, dict[tuple[float, float], list[int]]] = {}
    grids = of_cells(records, lambda cell: settings(cell, EACH_ITS_OWN))
    for grid, record in zip(grids, records, strict=True):
        cell = record["cell"]
        seeds.setdefault(grid, {}).setdefault((cell["alpha"], cell["decay"]), []).append(cell["seed"])
    common = {grid: set(common_seeds(tuple(sorted(s)) for s in cells.values())) for grid, cells in seeds.items()}
    lacking = {  # cells without all of the common seeds: they keep those they have
        (grid, place) for grid, cells in seeds.items() for place, own in cells.items() if not common[grid] <= set(own)
    }

    def wanted(grid: Settings, cell: dict[str, Any]) -> bool:
        return cell["seed"] in common[grid] or (grid, (cell["alpha"], cell["decay"])) in lacking

    return [record for grid, record in zip(grids, records, strict=True) if wanted(grid, record["cell"])]


def _order(record: Record) -> tuple[str, float, float, int]:
    cell = record["cell"]
    return cell["optimizer"], cell["alpha"], cell["decay"], cell["seed"]
