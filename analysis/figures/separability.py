"""How separable each panel is, drawn: the ridges on the left, every statistic with its interval on the right.

A ridge is the best decay of each learning rate; it lies level where decay can be tuned alone. Panels that differ in a
facet (a schedule, a budget) have axes of their own; the paper's stand in a column beside ours. The right is a forest
plot: a line for each panel, a column for each number.
"""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.captions import caption
from analysis.figures.style import colour, make_room, new_figure
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, L2, NAMES, format_number
from analysis.statistics.separability import TOO_FEW, Row

RIDGE, BETWEEN, FOREST_LINE = 1.1, 0.47, 0.2  # inches of height: of axes, between them, of a row of the forest
NAME = 24  # letters of a line of a name
GUIDES = {"slope 0: decay tuned alone": (0.0, ":"), "slope -1: L2 in SGD (Prop. 1)": (-1.0, "--")}
COLUMNS = {  # of the forest plot: title, guides, factor (shares are in percent)
    "ridge_slope": ("ridge\nslope", (0.0, -1.0), 1), "interaction": ("interaction\n(%)", (0.0,), 100),
    "regret_decay_first": ("regret\n(points)", (0.0,), 1), "basin_size": ("basin\n(%)", (), 100),
}  # fmt: skip
WORDS = 0.5  # of the height of axes: what the words on the grid boundary take, upright
READING = (
    "Left: the best decay of each learning rate (the lowest point of a parabola through its lowest tile and the two "
    f"beside it); {BOUNDARY}: the best may lie beyond the decays that were run. Dotted: slope 0, what decoupling "
    "promises; dashed: slope -1, what Proposition 1 predicts for L2 in SGD. Right, with 95 % intervals (no bar: one "
    "run of each tile, the noise is not known): the slope of these ridges; interaction, the share of variance that no "
    "a(α) + b(λ) explains; regret, test error lost on average by choosing first λ, then α; basin, the share of tiles "
    "within 10 % of the lowest error. Filled: ours."
)
OPEN = "Open: the paper's own figure, as read off its colours."


def draw(chart: Chart, rows: Sequence[Row]) -> Figure:
    """The figure of a chart. rows: ours, then the paper's."""
    columns: list[dict[str, list[Row]]] = []  # rows that share axes: all optimizers at the same facets
    for part in ([row for row in rows if not row.is_paper], [row for row in rows if row.is_paper]):
        if part:
            columns.append({row.facets: [other for other in part if other.facets == row.facets] for row in part})
    deep = max(len(by_facets) for by_facets in columns)
    text = caption(chart, f"{READING} {OPEN}" if any(row.is_paper for row in rows) else READING)
    figure = new_figure(max(deep * (RIDGE + BETWEEN), FOREST_LINE * (len(rows) + 1) + 0.4) + 0.35, text)
    left, right = figure.subfigures(1, 2, width_ratios=(3, 4))
    legend: dict[str, Artist] = {}
    places = left.subplots(deep, len(columns), squeeze=False)
    for column, by_facets in enumerate(columns):
        for axes in places[len(by_facets) :, column]:
            axes.remove()
        for axes, (facets, group) in zip(places[:, column], by_facets.items(), strict=False):
            who = "paper" if group[0].is_paper else "here"
            title = textwrap.fill(f"{who}, {facets}" if facets else who, NAME)
            axes.set_title(title, fontsize=6, pad=3, linespacing=1)
            draw_ridges(axes, group)
            axes.set_ylabel("" if column else r"best $\lambda$", labelpad=0)
            for line, label in zip(*axes.get_legend_handles_labels(), strict=True):
                legend.setdefault(label, line)  # where both have a line, ours
    left.legend(list(legend.values()), list(legend), fontsize=5.2, ncols=2, frameon=False, loc="outside upper left")
    _draw_forest(list(right.subplots(1, len(COLUMNS))), rows)
    return figure


def draw_ridges(axes: Axes, rows: Sequence[Row]) -> None:
    """One line for each row: best decay over learning rate, and the guides through the middle of all."""
    u, v = (np.concatenate([getattr(row.ridge, name) for row in rows]) for name in ("u", "best"))
    known = np.isfinite(v)
    if not known.any():
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, BOUNDARY if len(v) else TOO_FEW, transform=axes.transAxes, ha="center", fontsize=5)
        return
    axes.set(xscale="log", yscale="log")
    for row in rows:
        _draw_ridge(axes, row, colour(row.optimizer, [other.optimizer for other in rows]))
    low, high = axes.get_xlim()  # of the points; the words on the boundary need room as well
    low, high = min(low, 2 ** u.min() / 1.2), max(high, 1.2 * 2 ** u.max())
    axes.set(xlim=_a_decade((low, high)), ylim=_a_decade(axes.get_ylim()))
    make_room(axes, 0, WORDS if not known.all() else 0)
    span = np.array([u.min(), u.max()])  # guides are no wider than the best decays
    for name, (slope, style) in GUIDES.items():
        guide = 2 ** (v[known].mean() + slope * (span - u[known].mean()))
        axes.plot(2**span, guide, style, lw=0.7, color="0.6", zorder=0, label=name, scaley=False)
    _few_ticks(axes.xaxis)
    _few_ticks(axes.yaxis)
    axes.set_xlabel(r"$\alpha$", labelpad=0)


def _a_decade(limits: tuple[float, float]) -> tuple[float, float]:
    """At least, around the same middle: noise in a level ridge shall not fill the axes."""
    low, high = np.log10(limits)
    missing = max(0.0, 1 - (high - low)) / 2
    return float(10 ** (low - missing)), float(10 ** (high + missing))


def _few_ticks(axis: Axis) -> None:
    """Powers of ten with numbers; where fewer than two are in view, 1, 3, 10 and so on."""
    low, high = np.log10(axis.get_view_interval())
    if np.floor(high) - np.ceil(low) < 1:
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: format_number(value)))
    axis.set_minor_formatter(NullFormatter())


def _draw_ridge(axes: Axes, row: Row, tint: str) -> None:
    kind, style = "L2 factor" if row.optimizer in L2 else "decoupled", "--o" if row.is_paper else "-o"
    label, mark = f"{NAMES.get(row.optimizer, row.optimizer)} ({kind})", "white" if row.is_paper else tint
    axes.plot(2**row.ridge.u, 2**row.ridge.best, style, color=tint, lw=0.8, ms=2.5, mew=0.7, mfc=mark, label=label)
    for u in row.ridge.u[np.isnan(row.ridge.best)]:
        axes.annotate(
            BOUNDARY, (2**u, 0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
            rotation=90, ha="center", va="bottom", fontsize=4, color=tint,
        )  # fmt: skip


def _draw_forest(places: Sequence[Axes], rows: Sequence[Row]) -> None:
    """A column of COLUMNS in each of the axes; the first names the rows. Half a line between ours and the paper's."""
    ys = [-place - 0.5 * row.is_paper for place, row in enumerate(rows)]
    for axes, (statistic, (title, guides, factor)) in zip(places, COLUMNS.items(), strict=True):
        for guide in guides:
            axes.axvline(guide, ls="--" if guide else ":", lw=0.7, color="0.6", zorder=0)
        are_drawn = [_draw_row(axes, y, row, statistic, factor, rows) for y, row in zip(ys, rows, strict=True)]
        names = [textwrap.fill(row.panel, NAME) for row in rows]
        axes.set_yticks(ys, names) if axes is places[0] else axes.set_yticks([])
        axes.set_ylim(min(ys) - 0.6, 0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, fontsize=6, pad=3)
        axes.margins(x=0.12)
        if any(are_drawn):
            axes.locator_params(axis="x", nbins=2)  # more would touch
        else:
            axes.set_xticks([])  # there is nothing to read off


def _draw_row(axes: Axes, y: float, row: Row, statistic: str, factor: float, among: Sequence[Row]) -> bool:
    """A point with its interval, or the words that stand there instead; whether there is a point."""
    tint, part = colour(row.optimizer, [other.optimizer for other in among]), row.statistics[statistic]
    if isinstance(part, str) or math.isnan(part.value):
        axes.text(
            0.5, y, textwrap.fill(row.text(statistic), 12), transform=axes.get_yaxis_transform(), ha="center",
            va="center", fontsize=4.8, color="0.3", linespacing=1, bbox={"fc": "white", "ec": "none", "pad": 0.3},
        )  # fmt: skip
        return False
    if part.low is not None and part.high is not None:
        axes.plot([part.low * factor, part.high * factor], [y, y], "-", lw=1, color=tint)
    mark = "white" if row.is_paper else tint
    axes.plot([part.value * factor], [y], "o", ms=3.5, mew=0.8, color=tint, mfc=mark)
    return True
