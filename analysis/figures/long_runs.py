"""Long runs at one learning rate and many decays (the paper's figure 3 and supplementary figure 4), in four panels.

Training loss and test error against the epoch, a line for each decay; final test error against the decay; and test
error against training loss for the selected run of each optimizer, a dot for each epoch that was evaluated.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption, error_name
from analysis.figures.style import colour, plain_log, with_panels
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import L2, NAMES, distinct_texts

HEIGHT = 2.0  # inches of a panel
READING = (
    "Above: every run, the lighter the larger its decay. Below left: final errors; a star marks what was selected. "
    "Below right: the selected runs, a dot for each evaluated epoch."
)


def draw(chart: Chart) -> Figure:
    """The four panels."""
    shown = panels(chart)
    figure, places = with_panels(2, 2, HEIGHT, caption(chart, reading(chart, shown)))
    for axes, part in zip(places, PARTS, strict=True):
        draw_part(axes, part, chart, shown)
    return figure


def draw_part(axes: Axes, part: str, chart: Chart, shown: Sequence[Panel]) -> None:
    """One of the four panels, by its name in PARTS."""
    drawn, x, y = PARTS[part]
    for panel in shown:
        drawn(axes, panel, chart)
    axes.set(xlabel=x, ylabel=y or f"{error_name(chart)} (%)")
    if part == "finals":
        axes.legend(frameon=False, fontsize=6)


def reading(chart: Chart, shown: Sequence[Panel]) -> str:
    """How to read it, and what was selected."""
    return f"{READING} {_selection(chart, shown)}"


def _losses(axes: Axes, panel: Panel, chart: Chart) -> None:
    _lines(axes, panel, "train_loss")
    axes.set_yscale("log")
    plain_log(axes.yaxis)


def _errors(axes: Axes, panel: Panel, chart: Chart) -> None:
    _lines(axes, panel, f"test_{chart.measure}")


def _lines(axes: Axes, panel: Panel, name: str) -> None:
    for place, decay in enumerate(panel.decays):
        for tile in panel.tiles.values():
            if tile.decay == decay and not tile.diverged:
                line = curve(tile.records, name)
                share = place / max(1, len(panel.decays) - 1)
                axes.plot(line.epochs, line.values, color=colour(panel.optimizer, ()), lw=0.6, alpha=1 - 0.7 * share)


def _finals(axes: Axes, panel: Panel, chart: Chart) -> None:
    tiles = sorted((tile for tile in panel.tiles.values() if not tile.diverged), key=lambda tile: tile.decay)
    tint = colour(panel.optimizer, ())
    means = [statistics.fmean(tile.errors()) for tile in tiles]
    kind = "L2" if panel.optimizer in L2 else "decoupled"
    axes.plot(
        [tile.decay for tile in tiles], means, "o-", color=tint, ms=2.5, lw=0.8,
        label=f"{NAMES.get(panel.optimizer, panel.optimizer)} ({kind})",
    )  # fmt: skip
    if panel.best is not None:
        axes.plot([panel.best.decay], [statistics.fmean(panel.best.errors())], "*", color=tint, ms=8, mec="k", mew=0.4)
    if any(tile.decay for tile in tiles):
        axes.set_xscale("log")


def _generalisation(axes: Axes, panel: Panel, chart: Chart) -> None:
    if panel.best is None:
        return
    errors = curve(panel.best.records, f"test_{chart.measure}")
    losses = curve(panel.best.records, "train_loss")
    of_epoch = dict(zip(losses.epochs, losses.values, strict=True))
    x = [of_epoch[epoch] for epoch in errors.epochs]
    axes.plot(x, errors.values, "o", color=colour(panel.optimizer, ()), ms=2, mew=0, alpha=0.7)
    axes.set_xscale("log")
    plain_log(axes.xaxis)


LOSS, DECAYS = "training loss (nats)", "L2 factor of Adam; normalized decay of AdamW"
# How each is drawn, and what stands on its axes (the error unless named).
PARTS: dict[str, tuple[Callable[[Axes, Panel, Chart], None], str, str]] = {
    "losses": (_losses, "epoch", LOSS),
    "errors": (_errors, "epoch", ""),
    "finals": (_finals, DECAYS, ""),
    "generalisation": (_generalisation, LOSS, ""),
}


def _selection(chart: Chart, shown: Sequence[Panel]) -> str:
    told = [
        f"{NAMES.get(panel.optimizer, panel.optimizer)} {panel.best.test_error:.2f} % "
        f"at {distinct_texts(panel.decays)[panel.best.decay]}{' (at the edge)' * panel.at_edge}"
        for panel in shown
        if panel.best is not None and panel.best.test_error is not None
    ]
    return f"Selected by {selection_split(chart.records)} error: {'; '.join(told)}." if told else ""
