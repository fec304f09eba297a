"""Which records make which figure: pure functions, decided by what the records hold, not by where they lie.

A record belongs to a profile when its cell, the swept fields and the data set taken away, equals one of the profile's
declared cells treated likewise. So a grid that a user widened is one sweep with the declared one, and the same sweep
on other data is a figure of its own, while cells with other epochs, models or sizes never mix with either.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.declare import EACH_ITS_OWN, SWEPT, Experiment
from experiments.ranking import common_seeds, measure_of
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record

Settings = tuple[object, ...]


@dataclass(frozen=True)
class Chart:
    """What one figure shows: the records of one profile on one data set, beside the cells that were declared."""

    experiment: Experiment
    profile: str
    dataset: str
    declared: tuple[Cell, ...]  # seed 0, `dataset` already put in
    records: tuple[Record, ...]  # by optimizer, alpha, decay, seed
    beyond: tuple[Record, ...] = ()  # further seeds of single cells, which no map shows beside cells with fewer

    @property
    def other_data(self) -> str:
        """The data set's name; "" where the profile declares it."""
        return "" if self.dataset in {c.dataset for c in self.experiment.profiles[self.profile].cells} else self.dataset

    @property
    def stem(self) -> str:
        """The name of its files: what was changed is named, and the data set unless the profile declares it."""
        changes = self.experiment.changes.items()
        named = [f"{field}_{','.join(map(str, value)) if field == 'seed' else value}" for field, value in changes]
        parts = (re.sub("[^A-Za-z0-9_.+-]", "_", part) for part in (self.other_data, *named) if part)
        return "-".join((self.experiment.name, self.profile, *parts))

    @functools.cached_property
    def _run(self) -> set[Cell]:
        return set(map(cell_of, self.records)) & set(self.declared)

    @property
    def whole(self) -> bool:
        """Whether each declared cell was run, with whatever seed."""
        return len(self._run) == len(set(self.declared))

    @property
    def extent(self) -> str:
        """96 of 196 cells."""
        return f"{len(self._run)} of {len(set(self.declared))} cells"

    @functools.cached_property
    def measure(self) -> str:
        """What is shown of the final numbers: the experiment's measure, plain error where the records lack that."""
        return measure_of(self.experiment.measure, self.records)


def charts(experiment: Experiment, records: Iterable[Record], alone: bool = False) -> list[Chart]:
    """A Chart for each profile and data set that has records, in the order of the profiles, then of the data sets.

    Records of no profile are left out, those without what the user set, and, unless `alone`, a comparison of which
    only one variant has records. Raises UsageError where records of different data meet under one name.
    """
    declared = {
        name: ({settings(cell, experiment.swept) for cell in profile.cells}, {cell.dataset for cell in profile.cells})
        for name, profile in experiment.profiles.items()
    }

    @functools.cache
    def profiles(cell: Cell) -> list[str]:
        """Those it belongs to. One that declares the cell's very data set goes before all others."""
        fits = [name for name, (kinds, _) in declared.items() if settings(cell, experiment.swept) in kinds]
        return [name for name in fits if cell.dataset in declared[name][1]] or fits

    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if experiment.wants(record["cell"]):
            for profile in profiles(cell_of(record)):
                groups.setdefault((profile, record["cell"]["dataset"]), []).append(record)
    order = list(experiment.profiles)
    keys = sorted(groups, key=lambda key: (order.index(key[0]), key[1]))
    # A map by itself compares within itself; facets and variants want at least two kinds of cells.
    alone = alone or ("alpha" in experiment.swept and not experiment.facets)
    return [
        _chart(experiment, *key, groups[key])
        for key in keys
        if alone or len({settings(cell_of(record), _kinds(experiment, key[0])) for record in groups[key]}) > 1
    ]


def _kinds(experiment: Experiment, profile: str) -> tuple[str, ...]:
    """The fields in which cells may differ and be of one kind: the optimizer among them, unless it is all that sets
    kinds apart."""
    several = len(set(map(settings, experiment.profiles[profile].cells))) > 1
    return SWEPT if several else EACH_ITS_OWN


def all_charts(asked: Sequence[Experiment], records: Sequence[Record]) -> list[Chart]:
    """The charts of all of these. A comparison of which only one variant has records, as when a sweep begins, is among
    them where no other chart shows those records."""
    result = [chart for experiment in asked for chart in charts(experiment, records)]
    drawn = {record["id"] for chart in result for record in (*chart.records, *chart.beyond)}
    rest = [record for record in records if record["id"] not in drawn]
    return result + [chart for experiment in asked for chart in charts(experiment, rest, alone=True) if rest]


@functools.cache  # asked for a hundred thousand times in a report
def settings(cell: Cell, swept: tuple[str, ...] = SWEPT) -> Settings:
    """All that the cells of one sweep have in common: every field but the swept ones and the data set, by name."""
    return tuple(value for name, value in cell.to_dict().items() if name not in (*swept, "dataset"))


def cell_of(record: Record) -> Cell:
    """The record's Cell at seed 0: one and the same for all its seeds."""
    return _cell(tuple({**record["cell"], "seed": 0}.items()))


@functools.cache  # every experiment asks for all of them
def _cell(fields: tuple[tuple[str, Any], ...]) -> Cell:
    return Cell.from_dict(dict(fields))


def _chart(experiment: Experiment, profile: str, dataset: str, records: list[Record]) -> Chart:
    declared = tuple(cell.replace(dataset=dataset, seed=0) for cell in experiment.profiles[profile].cells)
    records = sorted(records, key=lambda record: [record["cell"][name] for name in SWEPT])
    common = _at_common_seeds(records) if "alpha" in experiment.swept else records
    used = {record["id"] for record in common}
    beyond = tuple(record for record in records if record["id"] not in used)
    chart = Chart(experiment, profile, dataset, declared, tuple(common), beyond)
    marks = {record["provenance"]["data"]["fingerprint"]: record["id"] for record in records}
    if len(marks) > 1:
        texts = " and ".join(f"{mark} (as in record {name})" for mark, name in list(marks.items())[:2])
        raise UsageError(f"{chart.stem}: the records were trained on different data, fingerprints {texts}")
    return chart


def _at_common_seeds(records: Sequence[Record]) -> list[Record]:
    """Of each grid the seeds by which it is judged (common_seeds); a cell without all of these keeps those it has.

    Cells that another experiment ran with many more seeds are beside the others in a map with the same number of them.
    """
    seeds: dict[Cell, set[int]] = {}
    for record in records:
        seeds.setdefault(cell_of(record), set()).add(record["cell"]["seed"])
    grids: dict[Settings, list[Cell]] = {}
    for cell in seeds:
        grids.setdefault(settings(cell, EACH_ITS_OWN), []).append(cell)
    for cells in grids.values():
        common = common_seeds(seeds[cell] for cell in cells)
        for cell in cells:
            seeds[cell] = common if common <= seeds[cell] else seeds[cell]
    return [record for record in records if record["cell"]["seed"] in seeds[cell_of(record)]]
