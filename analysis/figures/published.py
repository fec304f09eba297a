"""The paper's own figures, drawn from the values that were read off them (experiments/published).

python -m analysis figures --published fig2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.figures import heat_maps
from analysis.figures.heat_maps import Scale
from analysis.figures.style import COLOURS, add_legend, plain_log, with_panels
from analysis.results import published
from analysis.results.panels import Panel, at_border
from analysis.results.published import Reading, panel_of
from analysis.results.words import BOUNDARY, L2, NAMES, OPTIMIZERS, decay_symbol, format_number

RUNS = "Every value is of a single run, selected and reported on the test set: readings, not the authors' data."
RESTARTED = {"adamwr": "adamw", "sgdwr": "sgdw"}
METRICS = {
    "training_loss": "training loss (nats)", "top1_error_percent": "test error (%)",
    "top5_error_percent": "top-5 test error (%)",
}  # fmt: skip
AXES = {"decay": "L2 factor of Adam; normalized decay of AdamW", "epoch": "epoch"}


@dataclass(frozen=True)
class Source:
    """Where an experiment's counterpart stands in the paper.

    number: the figure's, in words. over: what its plots are over; "" for maps. panels: names of `figure` and `panel` in
    figures.csv, row by row. facets: what sets panels of one optimizer apart. note: what else the caption must say.
    """

    number: str
    over: str  # "", "decay" or "epoch"
    panels: tuple[tuple[str, str], ...]
    columns: int
    facets: tuple[str, ...] = ()
    note: str = ""


def _of(figure: str, *panels: str) -> tuple[tuple[str, str], ...]:
    return tuple((figure, panel) for panel in panels)


_STEPS = [
    _of("fig1", f"{name}_fixed", f"{name}_step_drop") + _of("fig2", f"{name}_cosine") for name in ("adam", "adamw")
]
_CIFAR = [f"cifar_adamw_{unit}_{epochs}" for unit in ("raw", "norm") for epochs in (25, 100, 400)]
_IMAGENET = [f"in32_{name}_norm_{epochs}" for name in ("adamw", "sgdw") for epochs in (1, 16, 64)]
_NOTE = "The cosine panels are figure 2's, at figure 1's decays; their rings are figure 2's ten best."
FIGURES = {
    "fig1": Source("figure 1", "", (*_STEPS[0], *_STEPS[1]), 3, ("schedule",), _NOTE),
    "fig2": Source("figure 2", "", _of("fig2", *(f"{name}_cosine" for name in OPTIMIZERS)), 2),
    "fig3": Source("figure 3", "decay", _of("fig3", "training_loss_vs_decay", "test_error_vs_decay"), 2),
    "fig4": Source(
        "figure 4 and supplementary figure 5", "epoch", _of("fig4", "cifar_training_loss", "cifar_test_error"), 2
    ),
    "fig4_imagenet32": Source(
        "figure 4 and supplementary figure 6", "epoch", _of("fig4", "in32_training_loss", "in32_test_error"), 2
    ),
    "supp2": Source("supplementary figure 2", "", _of("supp2", "adam_fixed"), 1),
    "supp3": Source("supplementary figure 3 (upper half)", "", _of("supp3", *_CIFAR), 3, ("epochs",)),
    "supp3_imagenet32": Source("supplementary figure 3 (lower half)", "", _of("supp3", *_IMAGENET), 3, ("epochs",)),
    "supp4": Source("supplementary figure 4", "decay", _of("supp4", "test_error_vs_decay"), 1),
}


def draw(experiment: str) -> Figure:
    """The paper's counterpart of an experiment's figure."""
    source, panels = FIGURES[experiment], readings(experiment)
    text = caption(source, panels)
    if not source.over:
        maps = [panel_of(panel, source.facets) for panel in panels]
        return heat_maps.compose(maps, scales(maps, METRICS[panels[0][0].metric]), source.columns, text)
    figure, places = with_panels(1, source.columns, 2.4, text)
    for axes, panel in zip(places, panels, strict=True):
        draw_plot(axes, panel, source.over)
        if source.over == "decay" or axes is places[0]:  # over epochs all panels have the same lines
            add_legend(axes, "best")
    return figure


def readings(experiment: str) -> list[list[Reading]]:
    """What it shows, panel by panel. What another figure lends is cut to the decays of the figure's own panels."""
    every, source = published.load(), FIGURES[experiment]
    panels = [[r for r in every if (r.figure, r.panel) == place] for place in source.panels]
    own = source.panels[0][0]
    decays = {r.decay for panel in panels for r in panel if r.figure == own}
    return [[r for r in panel if r.figure == own or r.decay in decays] for panel in panels]


def table(experiment: str) -> str:
    """The rows of figures.csv that it shows."""
    return published.rows([reading for panel in readings(experiment) for reading in panel])


def scales(maps: Sequence[Panel], label: str) -> list[Scale]:
    """Each map's colours, from the lowest reading to the top of the paper's scale; all the same where the paper clips
    all of them at the same value."""
    own = []
    for panel in maps:
        values = [tile.test_error or 0.0 for tile in panel.tiles.values()]
        own.append(Scale(min(values), max(values), any("≥" in tile.label for tile in panel.tiles.values()), label))
    if all(scale.clipped for scale in own) and len({scale.high for scale in own}) == 1:
        return [replace(own[0], low=min(scale.low for scale in own))] * len(own)
    return own


def draw_plot(axes: Axes, panel: Sequence[Reading], over: str) -> None:
    """Readings of one metric over the decay or the epoch, a line for each optimizer in the colour of ours; of errors
    over the decay a star at the lowest. Filled: with a known reading error, drawn as a bar; hollow: without."""
    metric, names = panel[0].metric, {reading.optimizer for reading in panel}
    for name in sorted(names, key=lambda name: (OPTIMIZERS.index(RESTARTED.get(name, name)), name in RESTARTED)):
        found = [(getattr(r, over), r) for r in panel if r.optimizer == name and getattr(r, over) is not None]
        xs, own = zip(*sorted(found, key=lambda pair: float(pair[0])), strict=True)
        tint, marker = COLOURS[RESTARTED.get(name, name)], "s" if name in RESTARTED else "o"
        label = _label(own, over) + (_lowest(axes, own) if over == "decay" and metric != "training_loss" else "")
        style = "-" if over == "decay" or name in RESTARTED else "--"
        values = [r.value for r in own]
        axes.plot(xs, values, marker + style, color=tint, lw=0.8, ms=3.5, mfc="white", mew=0.8, label=label)
        if known := [
            (x, r.value, r.reading_error) for x, r in zip(xs, own, strict=True) if r.reading_error is not None
        ]:
            x, y, bars = zip(*known, strict=True)
            axes.errorbar(x, y, yerr=bars, fmt=marker, color=tint, ms=3.5, mew=0.8, elinewidth=0.8, capsize=1.5)
    axes.set(xlabel=AXES[over], ylabel=METRICS[metric], xscale="log" if over == "decay" else "linear")
    if over == "epoch":
        axes.set_xlim(0, 1.03 * max(reading.epoch for reading in panel))
    if metric == "training_loss":
        axes.set_yscale("log")
        plain_log(axes.yaxis)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: format_number(value)))  # 0.0005: too long


def _label(own: Sequence[Reading], over: str) -> str:
    """Who it is; over epochs also its schedule, learning rate and decay as far as the paper has them."""
    first, name = own[0], own[0].optimizer
    if over == "decay":
        return f"{NAMES[name]} ({'L2' if name in L2 else 'decoupled'})"
    unit = "normalized" if first.decay_kind == "normalized" else "step"
    places = [rf"$\alpha$ = {format_number(first.alpha)}"] if first.alpha is not None else []
    places += [f"{decay_symbol(unit)} = {format_number(first.decay)}"] if first.decay is not None else []
    schedule = "restarts" if name in RESTARTED else "cosine"
    return f"{NAMES[RESTARTED.get(name, name)]}, {schedule}" + f" ({', '.join(places)})" * bool(places)


def _lowest(axes: Axes, own: Sequence[Reading]) -> str:
    """Star the lowest error over the decay, and return what the legend says of it."""
    lowest = min(own, key=lambda reading: reading.value)
    decay = lowest.decay or 0.0
    axes.plot([decay], [lowest.value], "*", color=COLOURS[lowest.optimizer], ms=9, mec="k", mew=0.4, zorder=4)
    edge = f" ({BOUNDARY})" * at_border((0.0, decay), [(0.0, reading.decay or 0.0) for reading in own])
    return f", lowest {lowest.value:g} at {format_number(decay)}{edge}"


def caption(source: Source, panels: Sequence[Sequence[Reading]]) -> str:
    """What was read, how, and how far it can be trusted."""
    every = [reading for panel in panels for reading in panel]
    how = _plots(source) if source.over else _maps(every)
    text = f"{source.number[0].upper()}{source.number[1:]} of the paper, {how} {source.note}".strip()
    return f"{text} {_errors(every)} {RUNS} {_trained(every)}"


def _maps(every: Sequence[Reading]) -> str:
    text = "read by inverting the colour bar of each panel. Numbers are errors in %, "
    text += "rounded as the reading error asks. Star and title: the lowest reading."
    if clipped := sorted({reading.value for reading in every if reading.clipped}):
        tops = " or ".join(f"≥{value:g}" for value in clipped)
        text += f" {tops}: clipped at the top of the paper's scale, at least about this."
    if any(reading.among_best_ten for reading in every):
        text += " Rings: circled in the paper as one of a panel's ten best."
    return f"{text} On the {BOUNDARY} a better value may lie beyond."


def _plots(source: Source) -> str:
    text = "read off its plots. Filled: reading error known (bar); hollow: not known."
    if source.over == "decay":
        return f"{text} Star: the lowest error; on the {BOUNDARY} a lower one may lie beyond."
    text += " Lines join readings of one run; between them nothing was read."
    return f"{text} What the paper does not print is inferred or left out: see the notes in the CSV."


def _errors(every: Sequence[Reading]) -> str:
    known = sorted({r.reading_error for r in every if r.reading_error is not None and not r.clipped})
    if not known:
        return "No reading error is known."
    span = f"{known[0]:g}" if len(known) == 1 else f"{known[0]:g} to {known[-1]:g}"
    beside = " beside the clipped ones" if any(reading.clipped for reading in every) else ""
    return f"Reading error: ±{span} points{beside}."


def _trained(every: Sequence[Reading]) -> str:
    budgets = ", ".join(map(str, sorted({reading.epochs for reading in every})))
    names = {"cifar10": "CIFAR-10", "imagenet32": "ImageNet32x32"}
    where = " and ".join(sorted({names.get(reading.dataset, reading.dataset) for reading in every}))
    return f"{where}, {budgets} epoch{'s' * (budgets != '1')}. Source: experiments/published/figures.csv."
