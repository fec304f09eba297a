"""The best decay against batch size, a row for each optimizer: error over decay, with the number of epochs fixed and
with the number of updates fixed, and the best decay over batch size, per update and normalized (lambda / sqrt(b / BT)).

The guides go through the best decay of the batch size that both plans share.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption, selected_among
from analysis.figures.style import COLOURS, legend_above, with_panels
from analysis.results.panels import Panel, panels
from analysis.results.series import EPOCHS, UPDATES, Best, bests, of_plan
from analysis.results.table import Chart
from analysis.results.words import NAMES, NO_CANDIDATE, decay_symbol
from experiments.ranking import selection_split

HEIGHT = 1.7  # inches of a panel
READING = (
    "For each optimizer: test error over the decay, a line for each batch size b; and the decay with the lowest "
    "{split} error over the batch size, per update and normalized by sqrt(b / BT); open: on the grid boundary, the "
    "best may lie beyond."
)
GUIDES = {":": ("in proportion to b", 1.0), "--": ("to its square root", 0.5)}


def draw(chart: Chart) -> Figure:
    """Four axes for each optimizer."""
    grids = panels(chart)
    optimizers = list(dict.fromkeys(panel.optimizer for panel in grids))
    text = caption(chart, READING.format(split=selection_split(chart.records)) + selected_among(grids))
    figure, places = with_panels(len(optimizers), 4, HEIGHT, text)
    for row, optimizer in enumerate(optimizers):
        own, best = [panel for panel in grids if panel.optimizer == optimizer], bests(chart, optimizer)
        left, second, third, right = places[4 * row : 4 * row + 4]
        for axes, plan in ((left, EPOCHS), (second, UPDATES)):
            _draw_errors(axes, of_plan(own, plan))
            axes.set_title(f"{NAMES.get(optimizer, optimizer)}, {plan}", pad=3)
        left.set_ylabel("test error (%)")
        for axes, normalized in ((third, False), (right, True)):
            _draw_bests(axes, best, normalized)
            axes.set_title(f"best decay, {'normalized' if normalized else 'per update'}", pad=3)
        for axes in (left, second, third, right):
            if not axes.lines:
                axes.text(0.5, 0.5, textwrap.fill(NO_CANDIDATE, 16), ha="center", transform=axes.transAxes)
    legend_above(figure, places, 18)
    return figure


def _draw_errors(axes: Axes, panels: Sequence[Panel]) -> None:
    if not any(panel.candidates for panel in panels):
        return  # a logarithmic axis cannot be drawn without a number
    for place, panel in enumerate(panels):
        errors = sorted((t.decay, t.test_error) for t in panel.tiles.values() if t.test_error is not None)
        tint = colormaps["viridis"](0.9 * place / max(1, len(panels) - 1))
        x, y = [decay for decay, _ in errors], [error for _, error in errors]
        axes.plot(x, y, "o-", ms=2, lw=0.7, color=tint, label=f"b = {panel.facets['batch_size']}")
    axes.set_xscale("log")
    axes.set_xlabel(" or ".join(dict.fromkeys(decay_symbol(panel.decay_unit) for panel in panels)))


def _draw_bests(axes: Axes, bests: Sequence[Best], normalized: bool) -> None:
    if not bests:
        return
    for plan, tint, shift in ((EPOCHS, COLOURS["adamw"], 0.97), (UPDATES, COLOURS["adam"], 1.03)):
        points = [
            (best.batch_size * shift, best.normalized if normalized else best.decay, best.on_boundary)
            for best in bests
            if best.plan == plan
        ]
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], "-", lw=0.7, color=tint, label=plan)
        for x, y, on_boundary in points:
            axes.plot([x], [y], "o", ms=3.5, color=tint, mfc="white" if on_boundary else tint)
    sizes = sorted({best.batch_size for best in bests})
    shared = [best for best in bests if best.plan == EPOCHS and replace(best, plan=UPDATES) in bests]
    for best in [] if normalized else shared:  # in proportion to the batch size, and to its root
        for style, (name, power) in GUIDES.items():
            guide = [best.decay * (size / best.batch_size) ** power for size in sizes]
            axes.plot(sizes, guide, style, lw=0.6, color="0.5", zorder=0, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel("batch size b")
