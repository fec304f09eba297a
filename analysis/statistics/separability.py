"""Is the search space separable? Every statistic of it, for each panel of a heat map, beside the paper's own figure.

Ridge and interaction are of the validation errors; what choices are worth is read off the test errors. The
paper's panels have one run a tile and were selected and reported on the test set; their noise is that of single runs
(0.14 points, from tiles that its figures show twice) and the error of reading them.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.results import published
from analysis.results.markdown import Table, csv_text
from analysis.results.panels import panels
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, NAMES, UNITS, Estimate, distinct_texts, facet_text, format_estimate
from analysis.statistics.interaction import interaction
from analysis.statistics.ridge import Ridge, ridge
from analysis.statistics.surface import LEAST, Surface, panel_surface, published_surface
from analysis.statistics.tuning_cost import tuning_cost
from experiments.ranking import selection_split

PAPER = {  # the figure with the paper's panels, and how their names begin
    "fig1": ("fig1", ""), "fig2": ("fig2", ""), "supp3": ("supp3", "cifar_"), "supp3_imagenet32": ("supp3", "in32_"),
}  # fmt: skip
TOO_FEW = "too few rows"
STATISTICS = "ridge_slope", "interaction", "basin_size", "regret_alpha_first", "regret_decay_first", "regret_worst"


@dataclass(frozen=True)
class Row:
    """The statistics of one panel, by name; in place of one, why there is none. tiles: with an error, of those run;
    runs: of a tile, at most.

    optimizer, facets: whose panel it is, and what sets it apart from the optimizer's others.
    """

    panel: str
    optimizer: str
    facets: str
    tiles: int
    runs: int
    ridge: Ridge
    statistics: dict[str, Estimate | str]

    @property
    def is_paper(self) -> bool:
        return self.panel.startswith("paper, ")

    def text(self, name: str, percent: bool = False) -> str:
        """A statistic in words."""
        part = self.statistics[name]
        if isinstance(part, str):
            return part
        return "noise only" if math.isnan(part.value) else format_estimate(part, percent)  # no more than runs vary


def chart_rows(chart: Chart) -> list[Row]:
    """A row for each panel of a heat map."""
    split, rows = selection_split(chart.records), []
    for panel in panels(chart):
        words = ", ".join(filter(None, (facet_text(panel.facets), UNITS.get(panel.facets.get("decay_unit", "")))))
        rows.append(panel_row(panel.optimizer, words, panel_surface(panel, split), panel_surface(panel, "test")))
    return rows


@functools.cache
def published_rows(experiment: str) -> tuple[Row, ...]:
    """The same for the paper's own figure of this name; none where it has no heat maps."""
    (figure, start), readings, rows = PAPER.get(experiment, ("", "")), published.load(), []
    panels = {r.panel: r.optimizer for r in readings if r.figure == figure and r.panel.startswith(start)}
    for panel, optimizer in sorted(panels.items(), key=lambda item: list(NAMES).index(item[1])):
        surface = published_surface(readings, figure, panel)
        facets = published.words(panel.replace(f"{optimizer}_", ""))
        rows.append(panel_row(optimizer, facets, surface, surface, "paper, "))
    return tuple(rows)


def panel_row(optimizer: str, facets: str, selection: Surface, test: Surface, source: str = "") -> Row:
    """The statistics of a panel's errors by which cells are selected, and of its test errors."""
    tiles = int(np.isfinite(selection.means).sum())
    reason = "too little measured" if tiles < LEAST else "noise not known"
    slopes, costs = ridge(selection), tuning_cost(selection, test)
    statistics: dict[str, Estimate | str] = dict.fromkeys(STATISTICS, reason)
    few = BOUNDARY if slopes.on_boundary == len(slopes.u) > 0 else TOO_FEW
    statistics |= {"ridge_slope": slopes.slope or few, "interaction": interaction(selection) or reason}
    statistics |= vars(costs) if costs else {}
    panel = source + NAMES.get(optimizer, optimizer) + f", {facets}" * bool(facets)
    return Row(panel, optimizer, facets, tiles, int(selection.counts.max(initial=0)), slopes, statistics)


CAPTION = (
    "How separable learning rate and decay are. Ridge: slope of the best decay over the learning rate on logarithmic "
    "axes (0: decay can be tuned alone). Interaction: share of the basin's variance that no sum of a row and a column "
    "explains. Regret: error lost by tuning one at a time. Basin: share of tiles within 10 % of the lowest error. "
    "Brackets: 95 % intervals."
)
HEADER = (
    "panel", "tiles", "runs", "ridge: d log λ* / d log α", "interaction", "regret, points: mean, worst",
    "basin",
)  # fmt: skip


def table(rows: Sequence[Row]) -> Table:
    """A row for each panel."""
    return Table(HEADER, tuple(map(_cells, rows)), "separability", CAPTION)


def _cells(row: Row) -> tuple[str, ...]:
    slope = row.text("ridge_slope")
    if row.ridge.on_boundary and slope != BOUNDARY:
        slope += f" ({row.ridge.on_boundary} row{'s' * (row.ridge.on_boundary > 1)} on the grid boundary)"
    costs = [row.text(f"regret_{order}") for order in ("decay_first", "worst")]
    costs = costs[:1] if isinstance(row.statistics["regret_worst"], str) else costs
    return (
        row.panel, str(row.tiles), str(row.runs), slope, row.text("interaction", True), ", ".join(costs),
        row.text("basin_size", True),
    )  # fmt: skip


def numbers(rows: Sequence[Row]) -> str:
    """All numbers as CSV: a line for each panel and statistic, empty where there is none; then the best decays of
    each learning rate."""
    lines: list[tuple[object, ...]] = []
    for row in rows:
        place = row.panel, row.tiles, row.runs
        for name, part in row.statistics.items():  # "nan", not empty, where all is noise
            values = ("", None, None) if isinstance(part, str) else (str(part.value), part.low, part.high)
            lines.append((*place, name, *values))
        alphas = 2.0**row.ridge.u
        texts = distinct_texts(alphas, lambda value, digits: f"{value:.{digits}g}", 4)
        for alpha, best in zip(alphas, row.ridge.best, strict=True):
            decay = float(2.0**best) if np.isfinite(best) else BOUNDARY
            lines.append((*place, f"best_decay_at_alpha_{texts[alpha]}", decay, None, None))
    columns = ("panel", "tiles", "runs", "statistic", "value", "low", "high")
    return csv_text(columns, lines)
