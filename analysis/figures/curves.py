"""Training loss and test error at any time: the selected cell of each panel, averaged over seeds (the paper's figure
4).

With warm restarts the results are those at the ends of the cycles, which are marked; between them the error is that of
a run in the middle of its schedule.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption, error_name
from analysis.figures.style import colour, plain_log, with_panels
from analysis.results.panels import Panel, panels
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import decay_symbol, distinct_texts

HEIGHT = 2.4  # inches of a panel
# Okabe and Ito's colours, told apart by the colour-blind; an optimizer keeps its own.


def draw(chart: Chart) -> Figure:
    """Training loss on the left, test error on the right."""
    shown = [panel for panel in panels(chart) if panel.best is not None]
    figure, (losses, errors) = with_panels(1, 2, HEIGHT, caption(chart, reading(chart, shown)))
    draw_part(losses, "losses", chart, shown)
    if shown:  # else every run diverged: nothing for a legend
        add_legend(losses, "lower left")
    draw_part(errors, "errors", chart, shown)
    return figure


def draw_part(axes: Axes, part: str, chart: Chart, shown: Sequence[Panel]) -> None:
    """The "losses" or the "errors" over the epochs, of the panels with a finished run."""
    shown = [panel for panel in shown if panel.best is not None]
    for panel in shown:
        _draw_curve(axes, panel, shown, "train_loss" if part == "losses" else f"test_{chart.measure}")
    axes.set(xlabel="epoch", ylabel="training loss (nats)" if part == "losses" else f"{error_name(chart)} (%)")
    if part == "losses" and shown:  # nothing to show makes no logarithmic axis
        axes.set_yscale("log")
        plain_log(axes.yaxis)


def add_legend(axes: Axes, where: str) -> None:
    axes.legend(fontsize=5.5, loc=where, framealpha=0.85, edgecolor="none")


def reading(chart: Chart, shown: Sequence[Panel]) -> str:
    """How to read it, and how soon one curve is where another ends."""
    over = ", mean over the seeds" if any(panel.best and len(panel.best.seeds) > 1 for panel in shown) else ""
    text = f"The cell of each grid that was selected{over}."
    if any(panel.best and curve(panel.best.records, "train_loss", "ends_cycle").epochs for panel in shown):
        text += " Marks: ends of cycles, where a restarted run has its results."
    return f"{text} {_race(shown)}".strip()


def _race(shown: Sequence[Panel]) -> str:
    """How many epochs AdamW takes to Adam's final training loss, where both are there once."""
    runs = {panel.optimizer: panel.best for panel in shown}
    if len(runs) != len(shown) or runs.get("adam") is None or runs.get("adamw") is None:
        return ""
    losses = {name: curve(tile.records, "train_loss") for name, tile in runs.items() if tile is not None}
    if not losses["adam"].values:
        return ""
    last, level = losses["adam"].epochs[-1], losses["adam"].values[-1]
    there = losses["adamw"].first_at_most(level)
    took = f"after {there} epochs" if there else "never"
    return f"AdamW reaches Adam's final training loss ({level:.3g}, {last} epochs) {took}."


def _draw_curve(axes: Axes, panel: Panel, shown: Sequence[Panel], name: str) -> None:
    assert panel.best is not None
    line, ends = (curve(panel.best.records, name, only) for only in (None, "ends_cycle"))
    alpha, decay = distinct_texts(panel.alphas)[panel.best.alpha], distinct_texts(panel.decays)[panel.best.decay]
    place = rf"$\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay}"
    tint = colour(panel.optimizer, [other.optimizer for other in shown])
    style = "-" if ends.epochs or not any("schedule" in other.facets for other in shown) else "--"
    axes.plot(line.epochs, line.values, style, color=tint, lw=0.8, label=f"{panel.name} ({place})")
    axes.plot(ends.epochs, ends.values, "o", color=tint, ms=3)
