"""How separable each panel is, drawn: the ridges on the left, every statistic with its interval on the right.

A ridge is the best decay of each learning rate; it lies level where decay can be tuned alone. Panels that differ in a
facet (a schedule, a budget) have axes of their own; the paper's stand in a column beside ours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from analysis.figures import forest
from analysis.figures.captions import caption
from analysis.figures.style import DPI, LINE, WIDTH, colour, make_room, new_figure, write_caption
from analysis.results.table import Chart
from analysis.results.words import L2, NAMES, format_number
from analysis.statistics.separability import Row

RIDGE, BETWEEN, FOREST_LINE = 1.1, 0.47, 0.2  # inches of height: of axes, between them, of a row of the forest
TOP, UNDER = 0.55, 0.3  # above and below the axes
LEFT, LETTER, RIGHT = 2.95, 0.047, 0.06  # inches of width: the ridges, a letter of the forest's names, the margin
TICKS = 0.43  # a ridge's ticks and label
GUIDES = {"slope 0: decay tuned alone": (0.0, ":"), "slope -1: L2 in SGD (Prop. 1)": (-1.0, "--")}
EDGE, NO_LINE = "at the edge", "too few rows"
WORDS = 0.38  # inches: the words at the edge, upright
READING = (
    "Left: the best decay of each learning rate (the lowest point of a parabola through its lowest tile and the two "
    "beside it); at the edge: the best may lie beyond the decays that were run. Dotted: slope 0, what decoupling "
    "promises; dashed: slope -1, what Proposition 1 predicts for L2 in SGD. Right, with 95 % intervals (no bar: one "
    "run of each tile, the noise is not known): the slope of these ridges; interaction, the share of variance that no "
    "a(α) + b(λ) explains; regret, test error lost on average by choosing first λ, then α; basin, the share of tiles "
    "within 10 % of the selected one. Filled: ours."
)
OPEN = "Open: the paper's own figure, as read off its colours."


def draw(chart: Chart, rows: Sequence[Row]) -> Figure:
    """The figure of a chart. rows: ours, then the paper's."""
    parts = [[row for row in rows if row.is_paper == is_paper] for is_paper in (False, True)]
    columns = [_by_facets(part) for part in parts if part]
    lines = textwrap.wrap(caption(chart, f"{READING} {OPEN}" if parts[1] else READING), LINE)
    deep = max(len(by_facets) for by_facets in columns)
    body = max(deep * (RIDGE + BETWEEN) - BETWEEN, FOREST_LINE * (1.2 - forest.heights(rows)[-1]))
    under = 0.1 + 0.108 * len(lines) + UNDER
    figure = new_figure(under + body + TOP)
    _draw_ridges(figure, columns, under, body)
    _draw_forest(figure, rows, under, body)
    write_caption(figure, lines, under - UNDER, under + body + TOP)
    return figure


def _by_facets(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that share axes: all optimizers at the same facets."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.facets, []).append(row)
    return found


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches."""
    whole = figure.get_figheight()
    return figure.add_axes((left / WIDTH, bottom / whole, width / WIDTH, height / whole))


def _draw_ridges(figure: Figure, columns: Sequence[dict[str, list[Row]]], under: float, body: float) -> None:
    """A column of axes for ours and one for the paper's."""
    height = (body + BETWEEN) / max(len(by_facets) for by_facets in columns) - BETWEEN
    share = LEFT / len(columns)
    for column, by_facets in enumerate(columns):
        for place, (facets, rows) in enumerate(by_facets.items()):
            bottom = under + body - height - place * (height + BETWEEN)
            axes = _axes(figure, TICKS + column * share, bottom, share - TICKS, height)
            who = "paper" if rows[0].is_paper else "here"
            title = textwrap.fill(f"{who}, {facets}" if facets else who, forest.NAME)
            axes.set_title(title, fontsize=6, pad=3, linespacing=1)
            draw_ridges(axes, rows)
            axes.set_ylabel("" if column else r"best $\lambda$", labelpad=0)
    _draw_legend(figure)


def _draw_legend(figure: Figure) -> None:
    """Of all axes so far; where both have a line, ours."""
    told: dict[str, Artist] = {}
    for axes in figure.axes:
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True):
            told.setdefault(label, line)
    figure.legend(
        list(told.values()), list(told), fontsize=5.2, ncols=2, frameon=False, loc="upper left",
        bbox_to_anchor=(0.005, 1),
    )  # fmt: skip


def draw_ridges(axes: Axes, rows: Sequence[Row]) -> None:
    """One line for each row: best decay over learning rate, and the guides through the middle of all."""
    u, v = (np.concatenate([getattr(row.ridge, name) for row in rows]) for name in ("u", "best"))
    if not np.isfinite(v).any():
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, EDGE if len(v) else NO_LINE, transform=axes.transAxes, ha="center", fontsize=5)
        return
    axes.set(xscale="log", yscale="log")
    for row in rows:
        _draw_ridge(axes, row, colour(row.optimizer, [other.optimizer for other in rows]))
    low, high = axes.get_xlim()  # of the points; the words at the edge need room as well
    low, high = min(low, 2 ** u.min() / 1.2), max(high, 1.2 * 2 ** u.max())
    axes.set(xlim=_a_decade((low, high)), ylim=_a_decade(axes.get_ylim()))
    make_room(axes, 0, WORDS * DPI / axes.bbox.height if np.isnan(v).any() else 0)
    _draw_guides(axes, u, v)
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
    kind = "L2 factor" if row.optimizer in L2 else "decoupled"
    axes.plot(
        2**row.ridge.u, 2**row.ridge.best, "--o" if row.is_paper else "-o", color=tint, lw=0.8, ms=2.5, mew=0.7,
        mfc="white" if row.is_paper else tint, label=f"{NAMES.get(row.optimizer, row.optimizer)} ({kind})",
    )  # fmt: skip
    for u in row.ridge.u[np.isnan(row.ridge.best)]:
        axes.annotate(
            EDGE, (2**u, 0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
            rotation=90, ha="center", va="bottom", fontsize=4, color=tint,
        )  # fmt: skip


def _draw_guides(axes: Axes, u: NDArray[np.float64], v: NDArray[np.float64]) -> None:
    """Through the middle of all best decays, and no wider than they are."""
    known = np.isfinite(v)
    middle, span = (u[known].mean(), v[known].mean()), np.array([u.min(), u.max()])
    for name, (slope, style) in GUIDES.items():
        guide = 2 ** (middle[1] + slope * (span - middle[0]))
        axes.plot(2**span, guide, style, lw=0.7, color="0.6", zorder=0, label=name, scaley=False)


def _draw_forest(figure: Figure, rows: Sequence[Row], under: float, body: float) -> None:
    left = LEFT + 0.17 + LETTER * max(len(line) for row in rows for line in forest.named(row).splitlines())
    share = (WIDTH - left - RIGHT) / len(forest.COLUMNS)
    places = [_axes(figure, left + n * share, under, share - 0.06, body) for n in range(len(forest.COLUMNS))]
    forest.draw(places, rows)
