"""Forest plots of the statistics of separability: a line for each panel, a column for each number with its interval."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from analysis.figures.style import colour
from analysis.results.words import Estimate
from analysis.statistics.separability import Row
from analysis.statistics.surface import LEAST

NAME = 24  # letters of a line of a name
FEW_TILES, NO_NOISE, ALL_NOISE = "too little measured", "noise not known", "noise only"


@dataclass(frozen=True)
class Column:
    """What one plot shows of a row, or the words that stand there instead. factor: 100 for shares in percent."""

    title: str
    of: Callable[[Row], Estimate | str]
    guides: tuple[float, ...] = ()
    factor: float = 1.0


def _ridge(row: Row) -> Estimate | str:
    return row.ridge.slope or ("at the edge" if row.ridge.at_edge == len(row.ridge.u) > 0 else "too few rows")


def _interaction(row: Row) -> Estimate | str:
    if row.interaction is None:
        return _lacking(row)
    return ALL_NOISE if math.isnan(row.interaction.value) else row.interaction  # NaN: the errors vary no more than runs


def _regret(row: Row) -> Estimate | str:
    return row.regret.decay_first if row.regret else _lacking(row)


def _lacking(row: Row) -> str:
    """Why there is no number, as the table says it."""
    return FEW_TILES if row.tiles < LEAST else NO_NOISE


COLUMNS = (
    Column("ridge\nslope", _ridge, (0.0, -1.0)),
    Column("interaction\n(%)", _interaction, (0.0,), 100),
    Column("regret\n(points)", _regret, (0.0,)),
    Column("basin\n(%)", lambda row: row.basin or _lacking(row), (), 100),
)


def named(row: Row) -> str:
    """A row's name in lines that leave room for the columns."""
    return textwrap.fill(row.panel, NAME)


def heights(rows: Sequence[Row]) -> list[float]:
    """Where each row's line is, from 0 downwards; half a line between ours and the paper's."""
    return [-place - 0.5 * row.is_paper for place, row in enumerate(rows)]


def draw(places: Sequence[Axes], rows: Sequence[Row]) -> None:
    """A column of COLUMNS in each of the axes; the first names the rows."""
    ys = heights(rows)
    for axes, column in zip(places, COLUMNS, strict=True):
        for guide in column.guides:
            axes.axvline(guide, ls="--" if guide else ":", lw=0.7, color="0.6", zorder=0)
        for y, row in zip(ys, rows, strict=True):
            _draw_row(axes, y, row, column, [other.optimizer for other in rows])
        axes.set_ylim(min(ys) - 0.6, 0.6)
        axes.set_yticks(ys, [named(row) for row in rows] if axes is places[0] else [])
        axes.tick_params(axis="y", length=0)
        axes.set_title(column.title, fontsize=6, pad=3)
        axes.margins(x=0.12)
        if all(isinstance(column.of(row), str) for row in rows):
            axes.set_xticks([])  # there is nothing to read off
        else:
            axes.locator_params(axis="x", nbins=2)  # more would touch


def _draw_row(axes: Axes, y: float, row: Row, column: Column, among: Sequence[str]) -> None:
    tint, shown = colour(row.optimizer, among), column.of(row)
    if isinstance(shown, str):
        words = textwrap.fill(shown, 12)
        axes.text(
            0.5, y, words, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=4.8, color="0.3",
            linespacing=1, bbox={"fc": "white", "ec": "none", "pad": 0.3},
        )  # fmt: skip
        return
    if shown.low is not None and shown.high is not None:
        axes.plot([shown.low * column.factor, shown.high * column.factor], [y, y], "-", lw=1, color=tint)
    mark = "white" if row.is_paper else tint
    axes.plot([shown.value * column.factor], [y], "o", ms=3.5, mew=0.8, color=tint, mfc=mark)
