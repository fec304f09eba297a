"""The laws of the best decay: against batch size or epochs, per update on the left and normalized on the right.

A row of axes for each quantity and what is held fixed, a colour for each optimizer. The paper's own are open.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption
from analysis.figures.style import BEYOND, WIDE, colour, make_room, plain_log, with_panels
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, NAMES, format_estimate
from analysis.statistics.power_laws import NORMALIZED, RAW, Law, predicted

HEIGHT = 2.3  # inches of a panel
APART = 0.05  # octaves between the points of laws that share an x
SYMBOLS = {RAW: r"$\lambda$", NORMALIZED: r"$\lambda_{\mathrm{norm}}$"}
LEGEND, MARKS = 0.058, 0.06  # shares of an axis' height: a line of the legend, the marks of the grid boundary
STYLES = ("--", ":", "-.")  # of the guides
READING = (
    "Best decay, of errors averaged over the better half of the learning rates, with 95 % intervals (none where the "
    f"noise of single runs is not known); in the legend its exponent. {BEYOND}: on the {BOUNDARY}, the best may lie "
    "beyond the decays that were run, so there is no point. Grey: what is predicted, through the middle of the points."
)
OPEN = "Open: the paper's own figure, as read off its colours."
COMPUTED = "Decays were swept {} only; the other axis is computed from it, times or over sqrt(updates)."


def draw(chart: Chart, laws: Sequence[Law]) -> Figure:
    """Axes for each quantity and what is held fixed, and for each unit; of joint laws none."""
    lines = [line for line in laws if not line.is_joint]
    swept = sorted({RAW if line.unit == NORMALIZED else NORMALIZED for line in lines if line.computed})
    texts = [READING, *([OPEN] if any(line.is_paper for line in lines) else ()), *map(COMPUTED.format, swept)]
    kinds = list(dict.fromkeys((line.quantity, line.held) for line in lines))
    units = [unit for unit in SYMBOLS if any(line.unit == unit for line in lines)]
    figure, places = with_panels(len(kinds), len(units), HEIGHT, caption(chart, " ".join(texts)), WIDE)
    for axes, ((quantity, held), unit) in zip(places, itertools.product(kinds, units), strict=True):
        _draw_axes(axes, [line for line in lines if (line.quantity, line.held, line.unit) == (quantity, held, unit)])
        axes.set_title(f"{held}: best decay {unit}" if held else f"best decay {unit}", pad=3)
        axes.set_xlabel(quantity)
        axes.set_ylabel(SYMBOLS[unit], labelpad=1)
    return figure


def _draw_axes(axes: Axes, lines: Sequence[Law]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for place, line in enumerate(lines):
        _draw_line(axes, line, place - (len(lines) - 1) / 2, colour(line.optimizer, [each.optimizer for each in lines]))
    for is_paper in (False, True):
        _draw_guides(axes, [line for line in lines if line.is_paper == is_paper])
    points = [point for line in lines for point in line.best]
    ticks = sorted({x for x, _ in points})
    is_tight = any(high < 1.4 * low for low, high in itertools.pairwise(ticks))
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks], rotation=90 if is_tight else 0)
    axes.minorticks_off()
    plain_log(axes.yaxis)
    legend = axes.legend(loc="upper left")
    rows = sum(1 + text.get_text().count("\n") for text in legend.get_texts())
    make_room(axes, LEGEND * rows, MARKS * any(best is None for _, best in points))


def _draw_line(axes: Axes, line: Law, place: float, tint: str) -> None:
    """Points with their intervals, and marks where there is none. place: among the lines, from the middle."""
    shift = 2 ** (place * APART)
    for x, best in line.best:
        if best is None:
            axes.annotate(
                BEYOND, (x, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                xytext=(6 * place, 1), ha="center", va="bottom", color=tint,
            )  # fmt: skip
        elif best.low is not None and best.high is not None:
            axes.plot([x * shift] * 2, [2**best.low, 2**best.high], "-", lw=0.8, color=tint)
    exponent = format_estimate(line.exponent) if line.exponent else "too few points"
    name = line.who if line.is_paper else NAMES.get(line.optimizer, line.optimizer)  # the title says what is held
    axes.plot(
        [x * shift for x, _ in line.best], [2**best.value if best else np.nan for _, best in line.best],
        "--o" if line.is_paper else "-o", ms=3.5, lw=0.7, color=tint, mfc="white" if line.is_paper else tint,
        label=f"{name}:\n{exponent}" if line.is_paper else f"{name}: {exponent}",
    )  # fmt: skip


def _draw_guides(axes: Axes, lines: Sequence[Law]) -> None:
    """What is predicted to be one exponent, through the middle of all points of these lines."""
    points = [(np.log2(x), best.value) for line in lines for x, best in line.best if best is not None]
    if not points:
        return
    middle = np.mean(points, 0)
    x = np.log2(sorted({x for line in lines for x, _ in line.best}))
    ranges = predicted(next(iter(lines[0].exponents)), lines[0].unit)
    powers = {name: low for name, (low, high) in ranges.items() if low == high}
    for (name, power), style in zip(powers.items(), STYLES, strict=False):
        label = None if lines[0].is_paper else f"{name}: {power:.2g}"
        axes.plot(2**x, 2 ** (middle[1] + power * (x - middle[0])), style, lw=0.7, color="0.5", zorder=0, label=label)
