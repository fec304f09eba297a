"""Long runs at one learning rate and many decays (the paper's figure 3 and supplementary figure 4), in four panels.

Training loss and test error against the epoch, a line for each decay; final test error against the decay; and test
error against training loss for the selected run of each optimizer, a dot for each epoch that was evaluated.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption, error_name
from analysis.figures.style import colour, plain_log, with_panels
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, L2, NAMES, distinct_texts

LOSS, DECAYS = "training loss (nats)", "L2 factor of Adam; normalized decay of AdamW"
READING = (
    "Above: every run, the lighter the larger its decay. Below left: final errors; a star marks what was selected. "
    "Below right: the selected runs, a dot for each evaluated epoch."
)


def draw(chart: Chart) -> Figure:
    """The four panels."""
    grids, measured = panels(chart), f"test_{chart.measure}"
    figure, (losses, errors, finals, generalisation) = with_panels(
        2, 2, 2.0, caption(chart, f"{READING} {_selection(chart, grids)}")
    )
    for panel in grids:
        _draw_runs(losses, panel, "train_loss")
        _draw_runs(errors, panel, measured)
        _draw_finals(finals, panel)
        _draw_selected(generalisation, panel, measured)
    losses.set(xlabel="epoch", ylabel=LOSS, yscale="log")
    plain_log(losses.yaxis)
    errors.set(xlabel="epoch")
    has_decays = any(tile.decay for panel in grids for tile in panel.tiles.values() if not tile.diverged)
    finals.set(xlabel=DECAYS, xscale="log" if has_decays else "linear")
    finals.legend()
    generalisation.set(xlabel=LOSS, xscale="log")
    plain_log(generalisation.xaxis)
    for axes in (errors, finals, generalisation):
        axes.set_ylabel(f"{error_name(chart)} (%)")
    return figure


def _draw_runs(axes: Axes, panel: Panel, name: str) -> None:
    for place, decay in enumerate(panel.decays):
        for tile in panel.tiles.values():
            if tile.decay == decay and not tile.diverged:
                line = curve(tile.records, name)
                share = place / max(1, len(panel.decays) - 1)
                axes.plot(line.epochs, line.values, color=colour(panel.optimizer, ()), lw=0.6, alpha=1 - 0.7 * share)


def _draw_finals(axes: Axes, panel: Panel) -> None:
    tiles = sorted((tile for tile in panel.tiles.values() if not tile.diverged), key=lambda tile: tile.decay)
    tint, kind = colour(panel.optimizer, ()), "L2" if panel.optimizer in L2 else "decoupled"
    means, label = (
        [statistics.fmean(tile.errors()) for tile in tiles],
        f"{NAMES.get(panel.optimizer, panel.optimizer)} ({kind})",
    )
    axes.plot([tile.decay for tile in tiles], means, "o-", color=tint, ms=2.5, label=label)
    if panel.best is not None:
        axes.plot([panel.best.decay], [statistics.fmean(panel.best.errors())], "*", color=tint, ms=8, mec="k", mew=0.4)


def _draw_selected(axes: Axes, panel: Panel, measured: str) -> None:
    if panel.best is not None:
        errors, losses = (curve(panel.best.records, name) for name in (measured, "train_loss"))
        loss_at = dict(zip(losses.epochs, losses.values, strict=True))
        x = [loss_at[epoch] for epoch in errors.epochs]
        axes.plot(x, errors.values, "o", color=colour(panel.optimizer, ()), ms=2, mew=0, alpha=0.7)


def _selection(chart: Chart, grids: Sequence[Panel]) -> str:
    texts = [
        f"{NAMES.get(panel.optimizer, panel.optimizer)} {panel.best.test_error:.2f} % "
        f"at {distinct_texts(panel.decays)[panel.best.decay]}{f' ({BOUNDARY})' * panel.at_edge}"
        for panel in grids
        if panel.best is not None and panel.best.test_error is not None
    ]
    return f"Selected by {selection_split(chart.records)} error: {'; '.join(texts)}." if texts else ""
