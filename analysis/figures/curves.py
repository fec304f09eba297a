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
from analysis.figures.style import add_legend, colour, plain_log, with_panels
from analysis.results.panels import Panel, Tile, panels
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import decay_symbol, distinct_texts


def draw(chart: Chart) -> Figure:
    """Training loss on the left, test error on the right, of the panels with a finished run."""
    finished = [(panel, panel.best) for panel in panels(chart) if panel.best is not None]
    figure, (losses, errors) = with_panels(1, 2, 2.4, caption(chart, reading(chart, [panel for panel, _ in finished])))
    for panel, best in finished:
        _draw_curve(losses, panel, best, "train_loss", finished)
        _draw_curve(errors, panel, best, f"test_{chart.measure}", finished)
    losses.set(xlabel="epoch", ylabel="training loss (nats)")
    errors.set(xlabel="epoch", ylabel=f"{error_name(chart)} (%)")
    if finished:  # else every run diverged: nothing for a legend, nor for a logarithmic axis
        losses.set_yscale("log")
        plain_log(losses.yaxis)
        add_legend(losses, "lower left")
    return figure


def reading(chart: Chart, maps: Sequence[Panel]) -> str:
    """How to read it, and how soon one curve is where another ends."""
    bests = [panel.best for panel in maps if panel.best]
    over = ", mean over the seeds" if any(len(best.seeds) > 1 for best in bests) else ""
    text = f"The cell of each grid that was selected{over}."
    if any(curve(best.records, "train_loss", "ends_cycle").epochs for best in bests):
        text += " Marks: ends of cycles, where a restarted run has its results."
    return f"{text} {_race(maps)}".strip()


def _race(maps: Sequence[Panel]) -> str:
    """How many epochs AdamW takes to Adam's final training loss, where both are there once."""
    runs = {panel.optimizer: panel.best for panel in maps}
    adam, adamw = (best and curve(best.records, "train_loss") for best in (runs.get("adam"), runs.get("adamw")))
    if len(runs) != len(maps) or not adam or not adamw or not adam.values:
        return ""
    last, level = adam.epochs[-1], adam.values[-1]
    there = adamw.first_at_most(level)
    took = f"after {there} epochs" if there else "never"
    return f"AdamW reaches Adam's final training loss ({level:.3g}, {last} epochs) {took}."


def _draw_curve(axes: Axes, panel: Panel, best: Tile, name: str, among: Sequence[tuple[Panel, Tile]]) -> None:
    line, ends = (curve(best.records, name, only) for only in (None, "ends_cycle"))
    alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
    place = rf"$\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay}"
    tint = colour(panel.optimizer, [other.optimizer for other, _ in among])
    style = "-" if ends.epochs or not any("schedule" in other.facets for other, _ in among) else "--"
    axes.plot(line.epochs, line.values, style, color=tint, label=f"{panel.name} ({place})")
    axes.plot(ends.epochs, ends.values, "o", color=tint)
