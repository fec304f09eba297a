"""The values read off the paper's curves: final numbers over the decay, and numbers over the epochs.

In the colours of our own curves. Filled: with a known reading error, drawn as a bar; hollow: without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.figures.curves import add_legend
from analysis.figures.style import COLOURS, plain_log, with_panels
from analysis.results.panels import at_border
from analysis.results.published import Reading
from analysis.results.words import L2, NAMES, OPTIMIZERS, decay_symbol, format_number

HEIGHT = 2.4  # inches of a panel
RESTARTED = {"adamwr": "adamw", "sgdwr": "sgdw"}
METRICS = {
    "training_loss": "training loss (nats)", "top1_error_percent": "test error (%)",
    "top5_error_percent": "top-5 test error (%)",
}  # fmt: skip
Group = list[Reading]


def over_decays(panels: Sequence[Sequence[Reading]], columns: int, caption: str) -> Figure:
    """Final numbers against the decay, a panel for each metric, a star at each optimizer's lowest error."""
    figure, places = _draw(panels, columns, caption, _finals, "L2 factor of Adam; normalized decay of AdamW")
    for axes in places:
        add_legend(axes, "best")
    return figure


def over_epochs(panels: Sequence[Sequence[Reading]], columns: int, caption: str) -> Figure:
    """Numbers against the epoch, a panel for each metric."""
    figure, places = _draw(panels, columns, caption, _curve, "epoch")
    for axes in places:
        axes.set_xlim(0, 1.03 * max(reading.epoch for readings in panels for reading in readings))
    add_legend(places[0], "best")
    return figure


def _draw(
    panels: Sequence[Sequence[Reading]], columns: int, caption: str, drawn: Callable[[Axes, Group], None], x: str
) -> tuple[Figure, list[Axes]]:
    figure, places = with_panels(-(-len(panels) // columns), columns, HEIGHT, caption)
    for axes, readings in zip(places, panels, strict=True):
        for group in groups(readings):
            drawn(axes, group)
        axes.set(xlabel=x, ylabel=METRICS[readings[0].metric])
        if readings[0].metric == "training_loss":
            axes.set_yscale("log")
            plain_log(axes.yaxis)
            axes.yaxis.set_major_formatter(
                FuncFormatter(lambda value, place: format_number(value))
            )  # 0.0005 would not fit
    return figure, places


def groups(readings: Sequence[Reading]) -> list[Group]:
    """The readings of each optimizer, in the order of our panels, those with restarts behind those without."""
    names = {reading.optimizer for reading in readings}
    order = sorted(names, key=lambda name: (OPTIMIZERS.index(RESTARTED.get(name, name)), name in RESTARTED))
    return [[reading for reading in readings if reading.optimizer == name] for name in order]


def _finals(axes: Axes, group: Group) -> None:
    group = sorted((r for r in group if r.decay is not None), key=lambda reading: reading.decay or 0.0)
    name, tint = group[0].optimizer, COLOURS[group[0].optimizer]
    kind = "L2" if name in L2 else "decoupled"
    label = f"{NAMES[name]} ({kind})"
    if group[0].metric != "training_loss":
        lowest = min(group, key=lambda reading: reading.value)
        label += f", lowest {lowest.value:g} at {format_number(lowest.decay or 0.0)}"
        label += " (at the edge)" * at_border((0.0, lowest.decay or 0.0), [(0.0, r.decay or 0.0) for r in group])
        axes.plot([lowest.decay or 0.0], [lowest.value], "*", color=tint, ms=9, mec="k", mew=0.4, zorder=4)
    _points(axes, [reading.decay or 0.0 for reading in group], group, tint, "-", label)
    axes.set_xscale("log")


def _curve(axes: Axes, group: Group) -> None:
    group = sorted(group, key=lambda reading: reading.epoch)
    name = group[0].optimizer
    own = RESTARTED.get(name, name)
    label = f"{NAMES[own]}, {'restarts' if name in RESTARTED else 'cosine'}{_place(group[0])}"
    _points(axes, [reading.epoch for reading in group], group, COLOURS[own], "-" if name in RESTARTED else "--", label)


def _points(axes: Axes, xs: Sequence[float], group: Group, tint: str, style: str, label: str) -> None:
    marker = "s" if group[0].optimizer in RESTARTED else "o"
    values = [reading.value for reading in group]
    axes.plot(xs, values, f"{marker}{style}", color=tint, lw=0.8, ms=3.5, mfc="white", mew=0.8, label=label)
    for x, reading in zip(xs, group, strict=True):
        error = reading.reading_error
        if error is not None:
            axes.errorbar(
                [x], [reading.value], yerr=error, fmt=marker, color=tint, ms=3.5, mew=0.8, elinewidth=0.8, capsize=1.5
            )


def _place(reading: Reading) -> str:
    """Learning rate and decay as far as the paper has them."""
    unit = "normalized" if reading.decay_kind == "normalized" else "step"
    told = [rf"$\alpha$ = {format_number(reading.alpha)}"] if reading.alpha is not None else []
    told += [f"{decay_symbol(unit)} = {format_number(reading.decay)}"] if reading.decay is not None else []
    return f" ({', '.join(told)})" if told else ""
