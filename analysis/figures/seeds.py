"""Variants of a cell side by side, one panel per optimizer: a dot for each seed, the mean, and its 95 % interval.

A variant is what the declared cells of an optimizer differ in (precision, groups, ...). Each is compared with the first
one declared, seed by seed, because cells of one seed share their initial weights and their order of pictures.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption
from analysis.figures.style import WIDTH, new_figure, write_caption
from analysis.results.series import Variant, variants
from analysis.results.table import Chart
from analysis.results.words import NAMES
from analysis.statistics.estimate import paired_difference

PANEL = 1.5  # inches of height
READING = (
    "Circles: test errors of single seeds. Lines: their means. Numbers: mean difference from the leftmost variant "
    "and its 95 % interval, paired by seed."
)


def draw(chart: Chart) -> Figure:
    """The figure of a chart."""
    optimizers = list(dict.fromkeys(cell.optimizer for cell in chart.declared))
    lines = textwrap.wrap(caption(chart, READING), 148)
    under = 0.1 + 0.108 * len(lines)
    height = under + 0.55 + PANEL + 0.3
    figure = new_figure(height)
    width = (WIDTH - 0.55) / len(optimizers)
    for number, optimizer in enumerate(optimizers):
        box = (0.5 + number * width, under + 0.55, width - 0.4, PANEL)
        axes = figure.add_axes((box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height))
        draw_panel(axes, variants(chart, optimizer))
        axes.set_title(NAMES.get(optimizer, optimizer), pad=4)
        if number == 0:
            axes.set_ylabel("test error (%)")
    write_caption(figure, lines, under, height)
    return figure


def draw_panel(axes: Axes, shown: Sequence[Variant]) -> None:
    for place, variant in enumerate(shown):
        if not variant.errors:
            continue
        axes.plot(
            [place] * len(variant.errors), list(variant.errors.values()), "o", ms=3, mfc="none", mec="0.4", mew=0.6
        )
        axes.plot([place - 0.22, place + 0.22], [variant.mean] * 2, color="crimson", lw=1.2)
        if place:
            difference, half = paired_difference(shown[0], variant)
            text = f"{difference:+.2f}" + ("" if math.isnan(half) else f"\n± {half:.2f}")
            axes.annotate(text, (place, 1), xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=5.5)
    names = [variant.name + (f"\n{variant.diverged} diverged" if variant.diverged else "") for variant in shown]
    axes.set_xticks(range(len(shown)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, max(1, len(shown)) - 0.5)
    axes.margins(y=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
