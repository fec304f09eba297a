"""How separable each panel is, drawn: the ridges above, every statistic with its interval below.

A ridge is the best decay of each learning rate; it lies level where decay can be tuned alone. Panels that differ in a
facet (a schedule, a budget) have axes of their own; the paper's stand behind ours. Below is a forest plot: a line for
each panel, a column for each number.
"""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.captions import caption
from analysis.figures.style import (
    BETWEEN,
    BEYOND,
    NARROW,
    colour,
    figure_width,
    legend_above,
    make_room,
    new_figure,
)
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, L2, NAMES, format_number
from analysis.statistics.separability import TOO_FEW, Row

RIDGE, FOREST_LINE = 1.2, 0.27  # inches of height: of axes, of a row of the forest
NAME = 5  # letters of a line of a name, for an inch of the figure
GUIDES = {"slope 0: decay tuned alone": (0.0, ":"), "slope -1: L2 in SGD (Prop. 1)": (-1.0, "--")}
COLUMNS = {  # of the forest plot: title, guides, factor (shares are in percent)
    "ridge_slope": ("ridge\nslope", (0.0, -1.0), 1), "interaction": ("interaction\n(%)", (0.0,), 100),
    "regret_decay_first": ("regret\n(points)", (0.0,), 1), "basin_size": ("basin\n(%)", (), 100),
}  # fmt: skip
MARKS = 0.1  # of the height of axes: what the marks of the grid boundary take
READING = (
    "Above: the best decay of each learning rate (the lowest point of a parabola through its lowest tile and the two "
    f"beside it); {BEYOND}: on the {BOUNDARY}, the best may lie beyond the decays that were run. Dotted: slope 0, what "
    "decoupling promises; dashed: slope -1, what Proposition 1 predicts for L2 in SGD. Below, with 95 % intervals (no "
    "bar: one run of each tile, the noise is not known): the slope of these ridges; interaction, the share of variance "
    "that no a(α) + b(λ) explains; regret, test error lost on average by choosing first λ, then α; basin, the share of "
    "tiles within 10 % of the lowest error. Filled: ours."
)
OPEN = "Open: the paper's own figure, as read off its colours."


def draw(chart: Chart, rows: Sequence[Row]) -> Figure:
    """The figure of a chart. rows: ours, then the paper's."""
    groups: dict[tuple[bool, str], list[Row]] = {}  # rows that share axes: all optimizers at the same facets
    for row in rows:
        groups.setdefault((row.is_paper, row.facets), []).append(row)
    text = caption(chart, f"{READING} {OPEN}" if any(row.is_paper for row in rows) else READING)
    columns = min(len(groups), max(2, int(figure_width() / NARROW)))
    deep = -(-len(groups) // columns)
    heights = deep * (RIDGE + BETWEEN) + 0.5, FOREST_LINE * (len(rows) + 1) + 0.6
    figure = new_figure(sum(heights), text)
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    places = list(above.subplots(deep, columns, squeeze=False).flat)
    for place, (axes, ((is_paper, facets), group)) in enumerate(zip(places, groups.items(), strict=False)):
        who, letters = "paper" if is_paper else "here", int(NAME * figure_width())
        axes.set_title(textwrap.fill(f"{who}, {facets}" if facets else who, letters), pad=3, linespacing=1)
        draw_ridges(axes, group)
        axes.set_ylabel("" if place % columns else r"best $\lambda$", labelpad=0)
    for axes in places[len(groups) :]:
        axes.remove()
    legend_above(above, places[: len(groups)], 30)
    _draw_forest(list(below.subplots(1, len(COLUMNS))), rows)
    return figure


def draw_ridges(axes: Axes, rows: Sequence[Row]) -> None:
    """One line for each row: best decay over learning rate, and the guides through the middle of all."""
    u, v = (np.concatenate([getattr(row.ridge, name) for row in rows]) for name in ("u", "best"))
    known = np.isfinite(v)
    if not known.any():
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, BOUNDARY if len(v) else TOO_FEW, transform=axes.transAxes, ha="center")
        return
    axes.set(xscale="log", yscale="log")
    for row in rows:
        _draw_ridge(axes, row, colour(row.optimizer, [other.optimizer for other in rows]))
    low, high = axes.get_xlim()  # of the points; the words on the boundary need room as well
    low, high = min(low, 2 ** u.min() / 1.2), max(high, 1.2 * 2 ** u.max())
    axes.set(xlim=_a_decade((low, high)), ylim=_a_decade(axes.get_ylim()))
    make_room(axes, 0, MARKS if not known.all() else 0)
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
            BEYOND, (2**u, 0), xycoords=("data", "axes fraction"), xytext=(0, 1), textcoords="offset points",
            ha="center", va="bottom", color=tint,
        )  # fmt: skip


def _draw_forest(places: Sequence[Axes], rows: Sequence[Row]) -> None:
    """A column of COLUMNS in each of the axes; the first names the rows. Half a line between ours and the paper's."""
    ys = [-place - 0.5 * row.is_paper for place, row in enumerate(rows)]
    for axes, (statistic, (title, guides, factor)) in zip(places, COLUMNS.items(), strict=True):
        for guide in guides:
            axes.axvline(guide, ls="--" if guide else ":", lw=0.7, color="0.6", zorder=0)
        are_drawn = [_draw_row(axes, y, row, statistic, factor, rows) for y, row in zip(ys, rows, strict=True)]
        names = [textwrap.fill(row.panel, int(NAME * figure_width())) for row in rows]
        axes.set_yticks(ys, names) if axes is places[0] else axes.set_yticks([])
        axes.set_ylim(min(ys) - 0.6, 0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, pad=3)
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
            0.5, y, textwrap.fill(row.text(statistic), 11), transform=axes.get_yaxis_transform(), ha="center",
            va="center", color="0.3", linespacing=1, bbox={"fc": "white", "ec": "none", "pad": 0.3},
        )  # fmt: skip
        return False
    if part.low is not None and part.high is not None:
        axes.plot([part.low * factor, part.high * factor], [y, y], "-", lw=1, color=tint)
    mark = "white" if row.is_paper else tint
    axes.plot([part.value * factor], [y], "o", ms=3.5, mew=0.8, color=tint, mfc=mark)
    return True
