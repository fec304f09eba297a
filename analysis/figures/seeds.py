"""Variants of a cell side by side, one panel per optimizer: a dot for each seed, the mean, and its 95 % interval.

A variant is what the declared cells of an optimizer differ in (precision, groups, ...). Each is compared with the first
one declared, seed by seed, because cells of one seed share their initial weights and their order of images.
"""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption
from analysis.figures.style import with_panels
from analysis.results.series import Variant, variants
from analysis.results.table import Chart
from analysis.results.words import NAMES
from analysis.statistics.estimate import paired_difference

READING = (
    "Circles: test errors of single seeds. Lines: their means. Numbers: mean difference from the leftmost and its 95 % "
    "interval, paired by seed."
)


def draw(chart: Chart) -> Figure:
    """The figure of a chart."""
    optimizers = list(dict.fromkeys(cell.optimizer for cell in chart.declared))
    figure, places = with_panels(1, len(optimizers), 1.7, caption(chart, READING))
    for axes, optimizer in zip(places, optimizers, strict=True):
        draw_panel(axes, variants(chart, optimizer))
        axes.set_title(NAMES.get(optimizer, optimizer), pad=4)
    places[0].set_ylabel("test error (%)")
    return figure


def draw_panel(axes: Axes, columns: Sequence[Variant]) -> None:
    """A column for each variant, with its difference from the first."""
    for place, variant in enumerate(columns):
        if not variant.errors:
            continue
        errors = list(variant.errors.values())
        axes.plot([place] * len(errors), errors, "o", mfc="none", mec="0.4", mew=0.6)
        axes.plot([place - 0.22, place + 0.22], [variant.mean] * 2, color="crimson", lw=1.2)
        if place:
            difference, half = paired_difference(columns[0], variant)
            text = f"{difference:+.2f}" + ("" if math.isnan(half) else f"\n± {half:.2f}")
            axes.annotate(text, (place, 1), xycoords=("data", "axes fraction"), ha="center", va="top")
    names = [variant.name + (f"\n{variant.diverged} diverged" if variant.diverged else "") for variant in columns]
    axes.set_xticks(range(len(columns)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, max(1, len(columns)) - 0.5)
    axes.margins(y=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
