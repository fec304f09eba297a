"""A heat map's content: records averaged over seeds, and the best tile of each panel. No drawing here.

A panel is one optimizer's grid at one value of each facet of the experiment (a schedule, a budget). A tile is all its
records of one alpha and decay: one per seed. Errors are in percent.
"""

import functools
import itertools
import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.results.table import Chart, cell_of, settings
from analysis.results.words import OPTIMIZERS, format_error, panel_name
from experiments.ranking import common_seeds, error_of, rank, selection_split
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record

SAME = 1e-6  # relative: rates or decays that differ by less are one number, rounded in two ways: no neighbours


@dataclass(frozen=True)
class Tile:
    """The records of one alpha and decay, sorted by seed: those of the seeds that the map has in common, or by which
    the tile was selected. further: of other seeds."""

    alpha: float
    decay: float
    records: tuple[Record, ...]
    measure: str = "error"
    text: str = ""  # what is to stand in it, if not its error
    is_ringed: bool = False  # circled in the paper
    further: tuple[Record, ...] = ()

    @property
    def place(self) -> tuple[float, float]:
        return self.alpha, self.decay

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(record["cell"]["seed"] for record in self.records)

    @property
    def diverged(self) -> int:
        """How many of the seeds diverged. One is enough to call the tile diverged: it has no mean error then."""
        return sum(record["status"] == "diverged" for record in self.records)

    def errors(self, split: str = "test") -> list[float]:
        """One final number for each finished seed. Raises UsageError where a finished record does not hold it."""
        return [error_of(record, split, self.measure) for record in self.records if record["status"] == "finished"]

    def by_seed(self) -> dict[int, Record]:
        """All its records, the further ones too."""
        return {record["cell"]["seed"]: record for record in (*self.records, *self.further)}

    def at(self, seeds: Iterable[int]) -> "Tile":
        """The tile with the records of these seeds; the others are its further ones."""
        wanted, every = set(seeds), sorted(self.by_seed().items())
        chosen = tuple(record for seed, record in every if seed in wanted)
        return replace(self, records=chosen, further=tuple(record for seed, record in every if seed not in wanted))

    def with_all_seeds(self) -> "Tile":
        """The tile with its further seeds among the others."""
        return self.at(self.by_seed())

    @property
    def test_error(self) -> float | None:
        """Mean over the seeds in percent, None when any seed diverged."""
        return None if self.diverged else statistics.fmean(self.errors())

    @property
    def label(self) -> str:
        """What stands in the tile, empty without a mean error."""
        return self.text or ("" if self.test_error is None else format_error(self.test_error))

    @property
    def spread(self) -> float | None:
        """Standard deviation of the test error over seeds (n - 1), None for fewer than two finished seeds."""
        errors = self.errors()
        return statistics.stdev(errors) if len(errors) > 1 else None


@dataclass(frozen=True)
class Panel:
    """One optimizer's map. Axes ascend and hold every declared and every recorded value."""

    optimizer: str
    facets: dict[str, Any]  # the value of each facet of the experiment
    decay_unit: str
    alphas: tuple[float, ...]
    decays: tuple[float, ...]
    tiles: dict[tuple[float, float], Tile]  # by (alpha, decay); what was not run is absent
    candidates: tuple[Tile, ...]  # those among which the best was chosen, best first
    best: Tile | None  # with the seeds by which it was selected; None when nothing finished
    finalists: tuple[Tile, ...] = ()  # the candidates that further seeds ranked anew, with these; best first
    ties: tuple[Tile, ...] = ()  # as low as the best, of readings alone

    @property
    def name(self) -> str:
        """The optimizer and its facets."""
        return panel_name(self.optimizer, self.facets)

    @property
    def judged(self) -> dict[tuple[float, float], Tile]:
        """The tiles that have all the seeds by which the map is judged, and those that diverged. One that lacks some is
        drawn, but may not be selected and moves no statistic."""
        chosen = {tile.place for tile in self.candidates}
        return {place: tile for place, tile in self.tiles.items() if tile.diverged or place in chosen}

    @functools.cached_property
    def selected_too_high(self) -> float:
        """By how many points another candidate looks better than the selected cell, over all seeds of each, in the
        errors that select; 0 where none does. One lucky seed selects a cell that falls back with further seeds."""
        if self.best is None:
            return 0.0
        split = selection_split(record for tile in self.candidates for record in tile.records)
        every = {tile.place: tile.with_all_seeds() for tile in self.candidates}
        errors = {at: statistics.fmean(found) for at, tile in every.items() if (found := tile.errors(split))}
        return errors[self.best.place] - min(errors.values())

    @property
    def on_boundary(self) -> bool:
        """Whether nothing was run beyond the best tile at its own rate or decay, so that a better one may lie there."""
        return self.best is not None and at_border(self.best.place, self.tiles, (self.alphas, self.decays))


def at_border(
    place: tuple[float, float], places: Iterable[tuple[float, float]], axes: Sequence[Sequence[float]] = ()
) -> bool:
    """Whether these hold nothing beyond an alpha at its own decay, or beyond a decay at its own alpha, on either side.

    What diverged was run. An axis of one value has no border; decay 0 is one, beyond which nothing can be run.
    axes: all values of alpha and of decay, also those that were not run yet; else those of the places.
    """
    places = list(places)
    for axis, other in ((0, 1), (1, 0)):
        at, every = place[axis], axes[axis] if axes else [each[axis] for each in places]
        run = [each[axis] for each in places if math.isclose(each[other], place[other], rel_tol=SAME)]
        is_inside = min(run) < at * (1 - SAME) and max(run) > at * (1 + SAME)
        if not is_inside and not all(math.isclose(value, at, rel_tol=SAME) for value in every):
            return True
    return False


def beside(value: float, run: Sequence[float]) -> tuple[int, int]:
    """Where the next smaller and the next larger value stand among ascending ones; -1 and their number for none."""
    return bisect_left(run, value * (1 - SAME)) - 1, bisect_right(run, value * (1 + SAME))


def panels(chart: Chart) -> list[Panel]:
    """A Panel for each optimizer and facet with records: the paper's four first, others behind them by name.

    Facets come in the order in which they were declared; the first of them varies fastest.
    """
    facets = chart.experiment.facets
    orders = {field: list(dict.fromkeys(getattr(cell, field) for cell in chart.declared)) for field in facets}

    @functools.cache
    def place(cell: Cell) -> tuple[Any, ...]:
        """Where the panel of this cell stands among the others."""
        known: list[tuple[list[Any], Any]] = [(list(OPTIMIZERS), cell.optimizer)]
        known += [(orders[field], getattr(cell, field)) for field in reversed(facets)]
        return tuple((order.index(value), "") if value in order else (len(order), value) for order, value in known)

    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in chart.records:
        groups.setdefault(place(cell_of(record)), []).append(record)
    further: dict[Cell, list[Record]] = {}
    for record in chart.beyond:
        further.setdefault(cell_of(record), []).append(record)
    split, result = selection_split(chart.records), []
    for key, records in sorted(groups.items()):
        first, tiles = cell_of(records[0]), {}
        if len({settings(cell_of(record)) for record in records}) > 1:
            name = first.optimizer
            raise UsageError(f"{chart.stem}: cells of {name} differ in more than alpha, decay and seed: not one map")
        for at, group in itertools.groupby(records, lambda record: (record["cell"]["alpha"], record["cell"]["decay"])):
            common = tuple(group)
            more = tuple(further.get(cell_of(common[0]), ()))
            tiles[at] = Tile(*at, common, chart.measure, further=more)
        places = {*tiles, *((cell.alpha, cell.decay) for cell in chart.declared if place(cell) == key)}
        alphas, decays = (tuple(sorted(set(values))) for values in zip(*places, strict=True))
        values = {field: getattr(first, field) for field in facets}
        result.append(Panel(
            first.optimizer, values, first.decay_unit, alphas, decays, tiles, *_select(tiles, split),
        ))  # fmt: skip
    return result


def best_tile(tiles: Iterable[Tile], split: str) -> Tile | None:
    """The best of some of a panel's candidates by the errors of a split, as the panel's own best is selected."""
    return _select({tile.place: tile for tile in tiles}, split)[1]


def _select(
    tiles: Mapping[tuple[float, float], Tile], split: str
) -> tuple[tuple[Tile, ...], Tile | None, tuple[Tile, ...]]:
    """candidates, best and finalists of a Panel."""
    needed = common_seeds(tile.seeds for tile in tiles.values())
    measure = next((tile.measure for tile in tiles.values()), "error")
    order, refined, best = rank({at: tile.by_seed() for at, tile in tiles.items()}, needed, split, measure)
    finalists = {at: tiles[at].at(seeds) for at, seeds in refined.items()}
    chosen = None if best is None else finalists.get(best, tiles[best])
    return tuple(tiles[at] for at in order), chosen, tuple(finalists.values())


def records_shown(chart: Chart) -> list[Record]:
    """The records of a chart's maps, and those of further seeds that selected what is starred in them."""
    shown = {record["id"]: record for record in chart.records}
    if chart.beyond:
        every = (record for panel in panels(chart) for tile in panel.finalists for record in tile.records)
        shown |= {record["id"]: record for record in every}
    return list(shown.values())
