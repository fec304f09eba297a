"""A heat map's content: records averaged over seeds, and the best tile of each panel. No drawing here.

A panel is one optimizer's grid at one value of each facet of the experiment (a schedule, a budget). A tile is all its
records of one alpha and decay: one per seed. Errors are in percent.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.results.table import Chart, Settings, common_seeds, of_cells, settings
from analysis.results.words import OPTIMIZERS, format_error, panel_name
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record

SAME = 1e-6  # relative: rates or decays that differ by less are one number, rounded in two ways: no neighbours


@dataclass(frozen=True)
class Tile:
    """The records of one alpha and decay, sorted by seed."""

    alpha: float
    decay: float
    records: tuple[Record, ...]
    measure: str = "error"
    text: str = ""  # what is to stand in it, if not its error
    is_ringed: bool = False  # circled in the paper

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
        return [_final(record, f"{split}_{self.measure}") for record in self.records if record["status"] == "finished"]

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
    candidates: tuple[Tile, ...]  # those among which the best was chosen
    best: Tile | None  # None when nothing finished
    beyond: tuple[Record, ...] = ()  # further seeds of single tiles: for comparisons, not for choosing
    ties: tuple[Tile, ...] = ()  # as low as the best, of readings alone

    @property
    def name(self) -> str:
        """The optimizer and its facets."""
        return panel_name(self.optimizer, self.facets)

    def with_all_seeds(self, tile: Tile) -> Tile:
        """The tile with its further seeds."""
        own = [record for record in self.beyond if (record["cell"]["alpha"], record["cell"]["decay"]) == tile.place]
        return replace(tile, records=_by_seed((*tile.records, *own)))

    @property
    def at_edge(self) -> bool:
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
        every = sorted(axes[axis] if axes else (each[axis] for each in places))
        own = sorted(each[axis] for each in places if math.isclose(each[other], place[other], rel_tol=SAME))
        below, above = beside(place[axis], own)
        was_searched = beside(place[axis], every) != (-1, len(every))
        if was_searched and (below < 0 or above == len(own)):
            return True
    return False


def beside(value: float, run: Sequence[float]) -> tuple[int, int]:
    """Where the next smaller and the next larger value stand among ascending ones; -1 and their number for none."""
    return bisect_left(run, value * (1 - SAME)) - 1, bisect_right(run, value * (1 + SAME))


def panels(chart: Chart) -> list[Panel]:
    """A Panel for each optimizer and facet with records: the paper's four first, others behind them by name.

    Facets come in the order in which they were declared; the first of them varies fastest.
    """
    groups: dict[tuple[Any, ...], list[Record]] = {}
    kinds: dict[tuple[Any, ...], Settings] = {}
    told = of_cells(chart.records, lambda cell: (_place(chart, cell), settings(cell)))
    for record, (place, kind) in zip(chart.records, told, strict=True):
        if kinds.setdefault(place, kind) != kind:
            name = record["cell"]["optimizer"]
            raise UsageError(f"{chart.stem}: cells of {name} differ in more than alpha, decay and seed: not one map")
        groups.setdefault(place, []).append(record)
    beyond: dict[tuple[Any, ...], list[Record]] = {}
    for record, place in zip(chart.beyond, of_cells(chart.beyond, lambda cell: _place(chart, cell)), strict=True):
        beyond.setdefault(place, []).append(record)
    return [_panel(chart, group, beyond.get(place, [])) for place, group in sorted(groups.items())]


def selection_split(records: Sequence[Record]) -> str:
    """The split that selects: validation where pictures were held out, if not test, as the paper did."""
    return "validation" if any(record["cell"]["validation_examples"] for record in records) else "test"


def candidates(tiles: Sequence[Tile]) -> tuple[Tile, ...]:
    """The tiles that may be compared: none of their seeds diverged, and they have all common seeds.

    A mean over one lucky seed must not win against a mean over three.
    """
    needed = set(common_seeds(tile.seeds for tile in tiles))
    return tuple(tile for tile in tiles if not tile.diverged and needed <= set(tile.seeds))


def best_tile(tiles: Sequence[Tile], split: str) -> Tile | None:
    """The tile with the lowest mean error of a split; equal ones by the mean loss of the same, then alpha, decay."""

    def rank(tile: Tile) -> tuple[float, float, float, float]:
        # Rounded, so that equal error counts summed in another order stay equal.
        error = round(statistics.fmean(tile.errors(split)), 9)
        return error, _mean_loss(tile, f"{split}_loss"), tile.alpha, tile.decay

    return min(tiles, key=rank, default=None)


def _place(chart: Chart, cell: Cell) -> tuple[Any, ...]:
    """Where the panel of this cell stands among the others."""

    def rank(field: str) -> tuple[int, Any]:
        declared, own = list(dict.fromkeys(getattr(known, field) for known in chart.declared)), getattr(cell, field)
        return (declared.index(own), 0) if own in declared else (len(declared), own)

    name = cell.optimizer
    optimizer = (OPTIMIZERS.index(name), "") if name in OPTIMIZERS else (len(OPTIMIZERS), name)
    return optimizer, *(rank(field) for field in reversed(chart.experiment.facets))


def _panel(chart: Chart, records: Sequence[Record], beyond: Sequence[Record]) -> Panel:
    first = records[0]["cell"]
    facets = {field: first[field] for field in chart.experiment.facets}
    kind = {"optimizer": first["optimizer"], **facets}
    declared = [cell for cell in chart.declared if all(getattr(cell, key) == value for key, value in kind.items())]
    groups: dict[tuple[float, float], list[Record]] = {}
    for record in records:
        groups.setdefault((record["cell"]["alpha"], record["cell"]["decay"]), []).append(record)
    tiles = {place: Tile(*place, _by_seed(group), chart.measure) for place, group in groups.items()}
    alphas = {cell.alpha for cell in declared} | {alpha for alpha, _ in tiles}
    decays = {cell.decay for cell in declared} | {decay for _, decay in tiles}
    chosen = candidates(list(tiles.values()))
    best = best_tile(chosen, selection_split(chart.records))
    alpha_axis, decay_axis = tuple(sorted(alphas)), tuple(sorted(decays))
    return Panel(
        first["optimizer"], facets, first["decay_unit"], alpha_axis, decay_axis, tiles, chosen, best, tuple(beyond)
    )


def _by_seed(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: int(record["cell"]["seed"])))


def _final(record: Record, name: str) -> float:
    value = record["final"].get(name)
    if not isinstance(value, (int, float)):
        raise UsageError(f"record {record['id']} is finished but holds no {name}")
    return float(value)


def _mean_loss(tile: Tile, name: str) -> float:
    losses = [record["final"].get(name) for record in tile.records]
    return statistics.fmean(losses) if all(isinstance(loss, (int, float)) for loss in losses) else math.inf
