"""Training loss and test error over the epochs: of the selected cells (the paper's figure 4), and of long runs at one
learning rate and many decays (its figure 3 and supplementary figure 4).

With warm restarts the results are those at the ends of the cycles, which are marked; between them the error is that of
a run in the middle of its schedule.
"""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.captions import caption, error_name, selected_among
from analysis.figures.style import WIDE, colour, label_ends, legend_above, plain_log, with_panels
from analysis.results.panels import Panel, panels
from analysis.results.series import curve
from analysis.results.table import Chart
from analysis.results.words import BOUNDARY, L2, NAMES, decay_symbol, distinct_texts
from experiments.ranking import selection_split

LOSS, DECAYS = "training loss (nats)", r"Adam: L2 factor; AdamW: normalized $\lambda$"
LONG_HEIGHT = 2.0  # inches of a panel of long runs
LONG_RUNS = (
    "Loss and error over the epochs: every run, the lighter the larger its decay; thick: the selected run of each "
    "optimizer. Final errors over the decay: a star marks the selected run. Error over loss: the selected runs, a dot "
    "for each evaluated epoch; the name stands at the last."
)


def draw(chart: Chart) -> Figure:
    """Training loss on the left, test error on the right, of the panels with a finished run."""
    finished = [(panel, panel.best) for panel in panels(chart) if panel.best]
    text = caption(chart, reading([panel for panel, _ in finished]))
    figure, (losses, errors) = with_panels(1, 2, 2.6, text, WIDE)
    by_schedule = any("schedule" in panel.facets for panel, _ in finished)
    for panel, best in finished:
        alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
        label = rf"{panel.name} ($\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay})"
        tint = colour(panel.optimizer, [other.optimizer for other, _ in finished])
        for axes, name in ((losses, "train_loss"), (errors, f"test_{chart.measure}")):
            line, ends = (curve(best.records, name, only) for only in (None, "ends_cycle"))
            style = "--" if by_schedule and not ends.epochs else "-"
            axes.plot(line.epochs, line.values, style, color=tint, label=label)
            if line.deviations:
                low, high = ([v + k * d for v, d in zip(line.values, line.deviations, strict=True)] for k in (-1, 1))
                axes.fill_between(line.epochs, low, high, color=tint, alpha=0.15, lw=0)
            axes.plot(ends.epochs, ends.values, "o", color=tint)
    losses.set(xlabel="epoch", ylabel=LOSS)
    errors.set(xlabel="epoch", ylabel=f"{error_name(chart)} (%)")
    if finished:  # else every run diverged: nothing for a legend, nor for a logarithmic axis
        losses.set_yscale("log")
        plain_log(losses.yaxis)
        legend_above(figure, [losses], 36)
    return figure


def reading(panels: Sequence[Panel]) -> str:
    """How to read it, and how many epochs AdamW takes to Adam's final training loss, where both are there once."""
    runs = {panel.optimizer: panel.best for panel in panels if panel.best}
    over = ", the mean over its seeds; bands: ± one standard deviation between seeds"
    has_bands = any(len(panel.best.seeds) > 1 for panel in panels if panel.best)
    text = f"A line is the selected cell of its grid{over * has_bands}.{selected_among(panels)}"
    if any(curve(panel.best.records, "train_loss", "ends_cycle").epochs for panel in panels if panel.best):
        text += " Marks: ends of cycles, where a restarted run has its results."
    if len(runs) == len(panels) and {"adam", "adamw"} <= runs.keys():
        adam, adamw = (curve(runs[name].records, "train_loss") for name in ("adam", "adamw"))
        if adam.values:
            there = adamw.first_at_most(adam.values[-1])
            reached = f"reaches it after {there} epochs" if there else "never reaches it"
            text += f" Adam's final training loss is {adam.values[-1]:.3g}, after {adam.epochs[-1]} epochs: "
            text += f"AdamW {reached}."
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
    figure, (losses, errors, finals, generalisation) = with_panels(2, 2, LONG_HEIGHT, caption(chart, text), WIDE)
    ends: dict[Axes, list[tuple[float, str, str]]] = {losses: [], errors: []}
    for panel in grids:
        tint, name = colour(panel.optimizer, ()), NAMES.get(panel.optimizer, panel.optimizer)
        tiles = sorted((tile for tile in panel.tiles.values() if not tile.diverged), key=lambda tile: tile.decay)
        for tile in tiles:
            alpha = 1 - 0.7 * panel.decays.index(tile.decay) / max(1, len(panel.decays) - 1)
            is_best = panel.best is not None and tile.place == panel.best.place
            for axes, field in ((losses, "train_loss"), (errors, measured)):
                line = curve(tile.records, field)
                axes.plot(line.epochs, line.values, color=tint, lw=1.8 if is_best else 0.6, alpha=alpha)
                if line.values and (is_best or tile is tiles[-1]):
                    decay = f"{decay_symbol(panel.decay_unit)} = {distinct_texts(panel.decays)[tile.decay]}"
                    ends[axes].append((line.values[-1], name if is_best else decay, tint))
        finals.plot([t.decay for t in tiles], [fmean(t.errors()) for t in tiles], "o-", color=tint, ms=2.5)
        if tiles:
            kind, end = "L2" if panel.optimizer in L2 else "decoupled", tiles[-1]
            _name(finals, f"{name} ({kind})", (end.decay, fmean(end.errors())), (-5, 0), tint)
        if panel.best:
            finals.plot([panel.best.decay], [fmean(panel.best.errors())], "*", color=tint, ms=8, mec="k", mew=0.4)
            at, loss = (curve(panel.best.records, field) for field in (measured, "train_loss"))
            loss_at = dict(zip(loss.epochs, loss.values, strict=True))
            generalisation.plot([loss_at[e] for e in at.epochs], at.values, "o", color=tint, ms=2, mew=0, alpha=0.7)
            if at.values:
                _name(generalisation, name, (loss_at[at.epochs[-1]], at.values[-1]), (16, -9), tint)
    losses.set(xlabel="epoch", ylabel=LOSS, yscale="log")
    plain_log(losses.yaxis)
    errors.set(xlabel="epoch")
    has_decays = any(tile.decay for panel in grids for tile in panel.tiles.values() if not tile.diverged)
    finals.set(xlabel=DECAYS, xscale="log" if has_decays else "linear")
    generalisation.set(xlabel=LOSS, xscale="log")
    generalisation.margins(0.1, 0.12)
    plain_log(generalisation.xaxis)
    for axes in (errors, finals, generalisation):
        axes.set_ylabel(f"{error_name(chart)} (%)")
    for axes, labels in ends.items():
        label_ends(axes, labels, LONG_HEIGHT)
    return figure


def _name(axes: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], tint: str) -> None:
    """A text so many points right of and above a place, which it ends at."""
    axes.annotate(text, place, xytext=shift, textcoords="offset points", ha="right", va="center", color=tint)
