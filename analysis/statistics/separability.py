"""Is the search space separable? Every statistic of it, for each panel of a heat map, beside the paper's own figure.

Ridge and interaction are of the validation errors; what choices are worth is read off the test errors. The
paper's panels have one run a tile and were selected and reported on the test set; their noise is that of single runs
(0.14 points, from tiles that its figures show twice) and the error of reading them.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from analysis.results import published
from analysis.results.document import Table
from analysis.results.panels import panels, selection_split
from analysis.results.table import Chart
from analysis.results.words import NAMES, UNITS, Estimate, distinct_texts, facet_text, format_estimate
from analysis.statistics import interaction as additive
from analysis.statistics import ridge
from analysis.statistics import tuning_cost as regret
from analysis.statistics.ridge import Ridge
from analysis.statistics.surface import LEAST, Surface, of_panel, of_readings
from analysis.statistics.tuning_cost import Regret

PAPER = {
    "fig1": ("adam_fixed", "adam_step_drop", "adamw_fixed", "adamw_step_drop"),
    "fig2": ("sgd_cosine", "sgdw_cosine", "adam_cosine", "adamw_cosine"),
    "supp3": tuple(f"cifar_adamw_{unit}_{epochs}" for unit in ("raw", "norm") for epochs in (25, 100, 400)),
    "supp3_imagenet32": tuple(f"in32_{name}_norm_{epochs}" for name in ("adamw", "sgdw") for epochs in (1, 16, 64)),
}
IN_FIGURE = {"supp3_imagenet32": "supp3"}


@dataclass(frozen=True)
class Row:
    """The statistics of one panel. tiles: with an error, of those run; runs: of a tile, at most.

    optimizer, facets: whose panel it is, and what sets it apart from the optimizer's others.
    """

    panel: str
    tiles: int
    runs: int
    ridge: Ridge
    interaction: Estimate | None
    regret: Regret | None
    basin: Estimate | None
    optimizer: str = ""
    facets: str = ""

    @property
    def is_paper(self) -> bool:
        return self.panel.startswith("paper, ")


def of_chart(chart: Chart) -> list[Row]:
    """A row for each panel of a heat map."""
    split = selection_split(chart.records)
    rows = []
    for panel in panels(chart):
        words = ", ".join(filter(None, (facet_text(panel.facets), UNITS.get(panel.facets.get("decay_unit", "")))))
        name = NAMES.get(panel.optimizer, panel.optimizer) + (f", {words}" if words else "")
        row = _row(name, of_panel(panel, split), of_panel(panel, "test"))
        rows.append(replace(row, optimizer=panel.optimizer, facets=words))
    return rows


@functools.cache
def of_paper(experiment: str) -> tuple[Row, ...]:
    """The same for the paper's own figure of this name; none where it has no heat maps."""
    readings, figure = published.load(), IN_FIGURE.get(experiment, experiment)
    rows = []
    for panel in PAPER.get(experiment, ()):
        surface, parts = of_readings(readings, figure, panel), panel.split("_")
        optimizer = next(part for part in parts if part in NAMES)
        facets = published.words("_".join(part for part in parts if part != optimizer))
        name = f"paper, {NAMES[optimizer]}, {facets}"
        rows.append(replace(_row(name, surface, surface), optimizer=optimizer, facets=facets))
    return tuple(rows)


def _row(name: str, selection: Surface, test: Surface) -> Row:
    known = np.isfinite(selection.means)
    return Row(
        name, int(known.sum()), int(np.isfinite(selection.runs).sum(2).max(initial=0)), ridge.ridge(selection),
        additive.interaction(selection), regret.regret(selection, test),
        regret.basin_size(test),
    )  # fmt: skip


CAPTION = (
    "How separable learning rate and decay are. Ridge: slope of the best decay over the learning rate on logarithmic "
    "axes (0: decay can be tuned alone). Interaction: share of the basin's variance that no sum of a row and a column "
    "explains. Regret: error lost by tuning one at a time. Basin: share of tiles within 10 % of the selected one. "
    "Brackets: 95 % intervals."
)
HEADER = (
    "panel", "tiles", "runs", "ridge: d log λ* / d log α", "interaction", "regret, points: mean, worst",
    "basin",
)  # fmt: skip


def table(rows: Sequence[Row]) -> Table:
    """A row for each panel."""
    return Table(HEADER, tuple(_words(row) for row in rows), "separability", CAPTION)


def _words(row: Row) -> tuple[str, ...]:
    edge = f" ({row.ridge.at_edge} rows at the edge)" if row.ridge.at_edge else ""
    slope = format_estimate(row.ridge.slope) if row.ridge.slope else "too few rows"
    little = "too little measured" if row.tiles < LEAST else "noise not known"
    costs = f"{format_estimate(row.regret.decay_first)}, {format_estimate(row.regret.worst)}" if row.regret else little
    return (
        row.panel, str(row.tiles), str(row.runs), slope + edge, _interaction(row.interaction, little), costs,
        format_estimate(row.basin, percent=True) if row.basin else little,
    )  # fmt: skip


def _interaction(found: Estimate | None, little: str) -> str:
    """Where the noise that is to be expected exceeds all variance there is no share of it."""
    if found is None:
        return little
    return format_estimate(found, percent=True) if np.isfinite(found.value) else "noise only"


def numbers(rows: Sequence[Row]) -> str:
    """All numbers as CSV: a line for each panel and statistic, empty where there is none; then the best decays of
    each learning rate."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("panel", "tiles", "runs", "statistic", "value", "low", "high"))
    for row in rows:
        for name, estimate in _estimates(row).items():
            parts = ("", "", "") if estimate is None else (estimate.value, estimate.low, estimate.high)
            writer.writerow((row.panel, row.tiles, row.runs, name, *parts))
        alphas = 2.0**row.ridge.u
        texts = distinct_texts(alphas, lambda value, digits: f"{value:.{digits}g}", 4)
        for alpha, best in zip(alphas, row.ridge.best, strict=True):
            decay = 2.0**best if np.isfinite(best) else "at the edge"
            writer.writerow((row.panel, row.tiles, row.runs, f"best_decay_at_alpha_{texts[alpha]}", decay, "", ""))
    return text.getvalue()


def _estimates(row: Row) -> dict[str, Estimate | None]:
    found = {"ridge_slope": row.ridge.slope, "interaction": row.interaction, "basin_size": row.basin}
    return found | {f"regret_{field.name}": getattr(row.regret, field.name, None) for field in fields(Regret)}
