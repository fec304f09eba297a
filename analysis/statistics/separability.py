"""Is the search space separable? Every statistic of it, for each panel of a heat map, beside the paper's own figure.

Ridge and interaction are of the validation errors; what choices are worth is read off the test errors. The
paper's panels have one run a tile and were selected and reported on the test set; their noise is that of single runs
(0.14 points, from tiles that its figures show twice) and the error of reading them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from analysis.results import published
from analysis.results.markdown import Table
from analysis.results.panels import panels, selection_split
from analysis.results.table import Chart
from analysis.results.words import NAMES, UNITS, Estimate, distinct_texts, facet_text, format_estimate
from analysis.statistics.interaction import interaction
from analysis.statistics.ridge import Ridge, ridge
from analysis.statistics.surface import LEAST, Surface, of_panel, of_readings
from analysis.statistics.tuning_cost import Regret, basin_size, regret

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
    optimizer: str
    facets: str
    tiles: int
    runs: int
    ridge: Ridge
    interaction: Estimate | None
    regret: Regret | None
    basin: Estimate | None

    @property
    def is_paper(self) -> bool:
        return self.panel.startswith("paper, ")

    @property
    def missing(self) -> str:
        """Why there is no number."""
        return "too little measured" if self.tiles < LEAST else "noise not known"


def of_chart(chart: Chart) -> list[Row]:
    """A row for each panel of a heat map."""
    split, rows = selection_split(chart.records), []
    for panel in panels(chart):
        words = ", ".join(filter(None, (facet_text(panel.facets), UNITS.get(panel.facets.get("decay_unit", "")))))
        rows.append(_row("", panel.optimizer, words, of_panel(panel, split), of_panel(panel, "test")))
    return rows


@functools.cache
def of_paper(experiment: str) -> tuple[Row, ...]:
    """The same for the paper's own figure of this name; none where it has no heat maps."""
    readings, rows = published.load(), []
    for panel in PAPER.get(experiment, ()):
        surface, parts = of_readings(readings, IN_FIGURE.get(experiment, experiment), panel), panel.split("_")
        optimizer = next(part for part in parts if part in NAMES)
        facets = published.words("_".join(part for part in parts if part != optimizer))
        rows.append(_row("paper, ", optimizer, facets, surface, surface))
    return tuple(rows)


def _row(source: str, optimizer: str, facets: str, selection: Surface, test: Surface) -> Row:
    known = np.isfinite(selection.means)
    return Row(
        source + NAMES.get(optimizer, optimizer) + f", {facets}" * bool(facets), optimizer, facets, int(known.sum()),
        int(np.isfinite(selection.runs).sum(2).max(initial=0)), ridge(selection), interaction(selection),
        regret(selection, test), basin_size(test),
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
    return Table(HEADER, tuple(map(_cells, rows)), "separability", CAPTION)


def _cells(row: Row) -> tuple[str, ...]:
    slope = format_estimate(row.ridge.slope) if row.ridge.slope else "too few rows"
    slope += f" ({row.ridge.at_edge} rows on the grid boundary)" if row.ridge.at_edge else ""
    share = format_estimate(row.interaction, percent=True) if row.interaction else row.missing
    if row.interaction and np.isnan(row.interaction.value):  # the noise to be expected exceeds all variance
        share = "noise only"
    costs = [format_estimate(part) for part in (row.regret.decay_first, row.regret.worst)] if row.regret else []
    basin = format_estimate(row.basin, percent=True) if row.basin else row.missing
    return row.panel, str(row.tiles), str(row.runs), slope, share, ", ".join(costs) or row.missing, basin


def numbers(rows: Sequence[Row]) -> str:
    """All numbers as CSV: a line for each panel and statistic, empty where there is none; then the best decays of
    each learning rate."""
    lines: list[tuple[object, ...]] = []
    for row in rows:
        estimates = {"ridge_slope": row.ridge.slope, "interaction": row.interaction, "basin_size": row.basin}
        estimates |= {f"regret_{field.name}": getattr(row.regret, field.name, None) for field in fields(Regret)}
        for name, part in estimates.items():
            values = (
                (str(part.value), part.low, part.high) if part else ("", None, None)
            )  # "nan", not empty, where all is noise
            lines.append((row.panel, row.tiles, row.runs, name, *values))
        alphas = 2.0**row.ridge.u
        texts = distinct_texts(alphas, lambda value, digits: f"{value:.{digits}g}", 4)
        for alpha, best in zip(alphas, row.ridge.best, strict=True):
            decay = float(2.0**best) if np.isfinite(best) else "at the edge"
            lines.append((row.panel, row.tiles, row.runs, f"best_decay_at_alpha_{texts[alpha]}", decay, None, None))
    columns = ("panel", "tiles", "runs", "statistic", "value", "low", "high")
    return pd.DataFrame(lines, columns=columns).to_csv(index=False, lineterminator="\n")
