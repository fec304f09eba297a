"""The best decay against batch size, a row for each optimizer: error over decay, and its best point over batch size.

On the left two panels are the errors of each batch size over the decay per update, with the number of epochs fixed and
with the number of updates fixed; then the decay with the lowest validation error against the batch size, per update and
normalized (lambda / sqrt(b / BT)). Dotted guides: decay per update in proportion to the batch size and to its square
root, through the best decay of the batch size that both plans share. An open mark is on the grid boundary: the best may
lie beyond.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption
from analysis.figures.style import COLOURS, with_panels
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import EPOCHS, UPDATES, Best, bests, of_plan
from analysis.results.table import Chart
from analysis.results.words import NAMES

HEIGHT = 1.7  # inches of a panel
READING = (
    "Left: test error over the decay per update, a line for each batch size (the darker the smaller). Right: the decay "
    "with the lowest {split} error, per update and normalized by sqrt(b / BT); open: on the grid boundary, the best "
    "may lie beyond. Dotted: proportional to the batch size b; dashed: to its square root."
)


def draw(chart: Chart) -> Figure:
    """Four panels for each optimizer."""
    shown = panels(chart)
    optimizers = list(dict.fromkeys(panel.optimizer for panel in shown))
    text = caption(chart, READING.format(split=selection_split(chart.records)))
    figure, places = with_panels(len(optimizers), 4, HEIGHT, text)
    for row, optimizer in enumerate(optimizers):
        own, name = [panel for panel in shown if panel.optimizer == optimizer], NAMES.get(optimizer, optimizer)
        left = places[4 * row : 4 * row + 4]
        for axes, plan in zip(left[:2], (EPOCHS, UPDATES), strict=True):
            _draw_errors(axes, of_plan(own, plan))
            axes.set_title(f"{name}, {plan}", pad=3)
        left[0].set_ylabel("test error (%)")
        for axes, normalized in zip(left[2:], (False, True), strict=True):
            _draw_bests(axes, bests(chart, optimizer), normalized)
            axes.set_title(f"best decay, {'normalized' if normalized else 'per update'}", pad=3)
    return figure


def _say_nothing_is_left(axes: Axes) -> None:
    """A logarithmic axis cannot be drawn without a number."""
    axes.text(0.5, 0.5, "every run diverged", ha="center", transform=axes.transAxes, fontsize=6)


def _draw_errors(axes: Axes, shown: Sequence[Panel]) -> None:
    if not any(panel.candidates for panel in shown):
        _say_nothing_is_left(axes)
        return
    for place, panel in enumerate(shown):
        tiles = sorted((t for t in panel.tiles.values() if t.test_error is not None), key=lambda t: t.decay)
        tint = colormaps["viridis"](0.9 * place / max(1, len(shown) - 1))
        axes.plot(
            [t.decay for t in tiles], [statistics.fmean(t.errors()) for t in tiles], "o-", ms=2, lw=0.7, color=tint,
            label=f"b = {panel.facets['batch_size']}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel(r"$\lambda$ per update")
    axes.legend(frameon=False, fontsize=4.8, handlelength=1.2, labelspacing=0.25)


def _draw_bests(axes: Axes, found: Sequence[Best], normalized: bool) -> None:
    if not found:
        _say_nothing_is_left(axes)
        return
    for plan, tint, shift in ((EPOCHS, COLOURS["adamw"], 0.97), (UPDATES, COLOURS["adam"], 1.03)):
        own = [best for best in found if best.plan == plan]
        x = [best.batch_size * shift for best in own]
        y = [best.normalized if normalized else best.decay for best in own]
        axes.plot(x, y, "-", lw=0.7, color=tint, label=plan)
        for best, across, value in zip(own, x, y, strict=True):
            axes.plot([across], [value], "o", ms=3.5, color=tint, mfc="white" if best.at_edge else tint)
    if not normalized:
        _draw_guides(axes, found)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    sizes = sorted({best.batch_size for best in found})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel("batch size b")
    axes.legend(frameon=False, fontsize=5, handlelength=1.2)


def _draw_guides(axes: Axes, found: Sequence[Best]) -> None:
    """Proportional to the batch size and to its root, through what both plans share."""
    plans: dict[tuple[int, int], set[str]] = {}
    for best in found:
        plans.setdefault((best.batch_size, best.epochs), set()).add(best.plan)
    for best in found:
        if len(plans[best.batch_size, best.epochs]) == 2 and best.plan == EPOCHS:
            sizes = sorted({other.batch_size for other in found})
            for power, style in ((1.0, ":"), (0.5, "--")):
                guide = [best.decay * (size / best.batch_size) ** power for size in sizes]
                axes.plot(sizes, guide, style, lw=0.6, color="0.5", zorder=0)
