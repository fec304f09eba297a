"""Training loss and test error over the epochs: of the selected cells (the paper's figure 4), and of long runs at one
learning rate and many decays (its figure 3 and supplementary figure 4).

With warm restarts the results are those at the ends of the cycles, which are marked; between them the error is that of
a run in the middle of its schedule.
"""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.figure import Figure

from analysis.figures.captions import caption, error_name, selected_among
from analysis.figures.style import add_legend, colour, plain_log, with_panels
from analysis.results.panels import Panel, panels
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, L2, NAMES, decay_symbol, distinct_texts
from experiments.ranking import selection_split

LOSS, DECAYS = "training loss (nats)", "L2 factor of Adam; normalized decay of AdamW"
LONG_RUNS = (
    "Above: every run, the lighter the larger its decay. Below left: final errors; a star marks what was selected. "
    "Below right: the selected runs, a dot for each evaluated epoch."
)


def draw(chart: Chart) -> Figure:
    """Training loss on the left, test error on the right, of the panels with a finished run."""
    finished = [(panel, panel.best) for panel in panels(chart) if panel.best]
    text = caption(chart, reading([panel for panel, _ in finished]))
    figure, (losses, errors) = with_panels(1, 2, 2.4, text)
    by_schedule = any("schedule" in panel.facets for panel, _ in finished)
    for panel, best in finished:
        alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
        label = rf"{panel.name} ($\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay})"
        tint = colour(panel.optimizer, [other.optimizer for other, _ in finished])
        for axes, name in ((losses, "train_loss"), (errors, f"test_{chart.measure}")):
            line, ends = (curve(best.records, name, only) for only in (None, "ends_cycle"))
            style = "--" if by_schedule and not ends.epochs else "-"
            axes.plot(line.epochs, line.values, style, color=tint, label=label)
            axes.plot(ends.epochs, ends.values, "o", color=tint)
    losses.set(xlabel="epoch", ylabel=LOSS)
    errors.set(xlabel="epoch", ylabel=f"{error_name(chart)} (%)")
    if finished:  # else every run diverged: nothing for a legend, nor for a logarithmic axis
        losses.set_yscale("log")
        plain_log(losses.yaxis)
        add_legend(losses, "lower left")
    return figure


def reading(panels: Sequence[Panel]) -> str:
    """How to read it, and how many epochs AdamW takes to Adam's final training loss, where both are there once."""
    runs = {panel.optimizer: panel.best for panel in panels if panel.best}
    over = ", mean over the seeds" if any(len(panel.best.seeds) > 1 for panel in panels if panel.best) else ""
    text = f"The cell of each grid that was selected{over}.{selected_among(panels)}"
    if any(curve(panel.best.records, "train_loss", "ends_cycle").epochs for panel in panels if panel.best):
        text += " Marks: ends of cycles, where a restarted run has its results."
    if len(runs) == len(panels) and {"adam", "adamw"} <= runs.keys():
        adam, adamw = (curve(runs[name].records, "train_loss") for name in ("adam", "adamw"))
        if adam.values:
            there = adamw.first_at_most(adam.values[-1])
            text += f" AdamW reaches Adam's final training loss ({adam.values[-1]:.3g}, {adam.epochs[-1]} epochs) "
            text += f"after {there} epochs." if there else "never."
    return text


def long_runs(chart: Chart) -> Figure:
    """Training loss and test error against the epoch, a line for each decay; final test error against the decay; and
    test error against training loss for the selected run of each optimizer, a dot for each epoch that was evaluated."""
    grids, measured, selected = panels(chart), f"test_{chart.measure}", []
    for panel in grids:
        if panel.best:
            place = f"{distinct_texts(panel.decays)[panel.best.decay]}{f' ({BOUNDARY})' * panel.on_boundary}"
            selected.append(f"{NAMES.get(panel.optimizer, panel.optimizer)} {panel.best.test_error:.2f} % at {place}")
    text = (
        f"{LONG_RUNS} Selected by {selection_split(chart.records)} error: {'; '.join(selected)}.{selected_among(grids)}"
        if selected
        else LONG_RUNS
    )
    figure, (losses, errors, finals, generalisation) = with_panels(2, 2, 2.0, caption(chart, text))
    for panel in grids:
        tint, kind = colour(panel.optimizer, ()), "L2" if panel.optimizer in L2 else "decoupled"
        tiles = sorted((tile for tile in panel.tiles.values() if not tile.diverged), key=lambda tile: tile.decay)
        for tile in tiles:
            alpha = 1 - 0.7 * panel.decays.index(tile.decay) / max(1, len(panel.decays) - 1)
            for axes, name in ((losses, "train_loss"), (errors, measured)):
                line = curve(tile.records, name)
                axes.plot(line.epochs, line.values, color=tint, lw=0.6, alpha=alpha)
        label = f"{NAMES.get(panel.optimizer, panel.optimizer)} ({kind})"
        finals.plot([t.decay for t in tiles], [fmean(t.errors()) for t in tiles], "o-", color=tint, ms=2.5, label=label)
        if panel.best:
            finals.plot([panel.best.decay], [fmean(panel.best.errors())], "*", color=tint, ms=8, mec="k", mew=0.4)
            at, loss = (curve(panel.best.records, name) for name in (measured, "train_loss"))
            loss_at = dict(zip(loss.epochs, loss.values, strict=True))
            generalisation.plot([loss_at[e] for e in at.epochs], at.values, "o", color=tint, ms=2, mew=0, alpha=0.7)
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
