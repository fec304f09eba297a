"""The laws of the best decay: against batch size or epochs, per update on the left and normalized on the right.

A row of axes for each quantity and what is held fixed, a colour for each optimizer. The paper's own are open.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption
from analysis.figures.style import colour, make_room, plain_log, with_panels
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, NAMES, format_estimate
from analysis.statistics.power_laws import NORMALIZED, RAW, Line, on_both_axes, predicted

HEIGHT = 2.3  # inches of a panel
APART = 0.05  # octaves between the points of laws that share an x
SYMBOLS = {RAW: r"$\lambda$", NORMALIZED: r"$\lambda_{\mathrm{norm}}$"}
LEGEND, WORDS = 0.06, 0.18  # shares of an axis' height: a line of the legend, the words on the grid boundary
STYLES = ("--", ":", "-.")  # of the guides
READING = (
    "Best decay, of errors averaged over the better half of the learning rates, with 95 % intervals (none where the "
    "noise of single runs is not known); in the legend its exponent. On the grid boundary the best may lie beyond the "
    "decays that were run, so there is no point. Grey: what is predicted, through the middle of the points."
)
COMPUTED = "Decays were swept {} only; the other axis is computed from it, times or over sqrt(updates)."


def draw(chart: Chart, lines: Sequence[Line]) -> Figure:
    """Two axes for each quantity."""
    shown = on_both_axes(lines)
    kinds = list(dict.fromkeys(_kind(line) for line in shown))
    figure, places = with_panels(len(kinds), 2, HEIGHT, caption(chart, _reading(shown)))
    for axes, (kind, unit) in zip(places, itertools.product(kinds, SYMBOLS), strict=True):
        _draw_axes(axes, [line for line in shown if (_kind(line), line.unit) == (kind, unit)])
        quantity, held = kind
        axes.set_title(f"{held}: best decay {unit}" if held else f"best decay {unit}", pad=3)
        axes.set_xlabel(quantity)
        axes.set_ylabel(SYMBOLS[unit], labelpad=1)
    return figure


def _kind(line: Line) -> tuple[str, str]:
    """What shares a row of axes."""
    return line.quantity, line.held


def _reading(shown: Sequence[Line]) -> str:
    swept = sorted({RAW if line.unit == NORMALIZED else NORMALIZED for line in shown if line.computed})
    open_marks = " Open: the paper's own figure, as read off its colours." * any(line.is_paper for line in shown)
    return " ".join([READING + open_marks, *(COMPUTED.format(unit) for unit in swept)])


def _draw_axes(axes: Axes, lines: Sequence[Line]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for place, line in enumerate(lines):
        _draw_line(axes, line, (place - (len(lines) - 1) / 2) * APART, [other.optimizer for other in lines])
    for group in ([line for line in lines if not line.is_paper], [line for line in lines if line.is_paper]):
        _draw_guides(axes, group)
    _say_edges(axes, lines)
    ticks = sorted({x for line in lines for x in line.law.best})
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    axes.minorticks_off()
    plain_log(axes.yaxis)
    legend = axes.legend(frameon=False, fontsize=5.5, handlelength=2.2, loc="upper left")
    has_edges = any(best is None for line in lines for best in line.law.best.values())
    make_room(axes, LEGEND * len(legend.get_texts()), WORDS * has_edges)


def _draw_line(axes: Axes, line: Line, shift: float, among: Sequence[str]) -> None:
    tint = colour(line.optimizer, among)
    for x, best in line.law.best.items():
        if best is not None and best.low is not None and best.high is not None:
            axes.plot([x * 2**shift] * 2, [2**best.low, 2**best.high], "-", lw=0.8, color=tint)
    axes.plot(
        [x * 2**shift for x in line.law.best], [2**best.value if best else np.nan for best in line.law.best.values()],
        "--o" if line.is_paper else "-o", ms=3.5, lw=0.7, color=tint, mfc="white" if line.is_paper else tint,
        label=_legend(line),
    )  # fmt: skip


def _legend(line: Line) -> str:
    """The name, without what the title says, and the exponent."""
    exponent = format_estimate(line.law.exponent) if line.law.exponent else "too few best decays inside the axis"
    name = line.who if line.is_paper else NAMES.get(line.optimizer, line.optimizer)
    return f"{name}: {exponent}"


def _draw_guides(axes: Axes, lines: Sequence[Line]) -> None:
    """What is predicted, through the middle of all points of these lines."""
    points = [(np.log2(x), best.value) for line in lines for x, best in line.law.best.items() if best is not None]
    if not points:
        return
    middle = np.mean(points, 0)
    x = np.log2(sorted({x for line in lines for x in line.law.best}))
    for (name, power), style in zip(predicted(lines[0]).items(), STYLES, strict=False):
        label = None if lines[0].is_paper else f"{name}: {power:.2g}"
        axes.plot(2**x, 2 ** (middle[1] + power * (x - middle[0])), style, lw=0.7, color="0.5", zorder=0, label=label)


def _say_edges(axes: Axes, lines: Sequence[Line]) -> None:
    """Words in the line's colour at the places without a point."""
    for place, line in enumerate(lines):
        for x, best in line.law.best.items():
            if best is None:
                tint = colour(line.optimizer, [other.optimizer for other in lines])
                axes.annotate(
                    BOUNDARY, (x, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                    xytext=(6 * (place - (len(lines) - 1) / 2), 2),
                    rotation=90, ha="center", va="bottom", fontsize=5, color=tint,
                )  # fmt: skip
