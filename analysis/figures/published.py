"""The paper's own figures, drawn from the values that were read off them (experiments/published).

python -m analysis figures --published fig2
"""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import experiments
from analysis.figures import heat_maps
from analysis.figures.curves import DECAYS
from analysis.figures.style import COLOURS, WIDE, legend_above, plain_log, with_panels
from analysis.results import published
from analysis.results.panels import Panel, at_border
from analysis.results.published import Reading, panel_of
from analysis.results.words import BOUNDARY, L2, NAMES, OPTIMIZERS, decay_symbol, format_number

METRICS = {
    "training_loss": "training loss (nats)", "top1_error_percent": "test error (%)",
    "top5_error_percent": "top-5 test error (%)",
}  # fmt: skip
AXES = {"decay": DECAYS, "epoch": "epoch"}
DATA = {"cifar10": "CIFAR-10", "imagenet32": "ImageNet32x32"}
HOW = {  # it was read, by what its plots are over
    "": "read by inverting the colour bar of each panel. Numbers are errors in %, rounded as the reading error asks; "
    "≥: clipped at the top of the paper's scale, at least about this. Star and title: the lowest reading. "
    f"On the {BOUNDARY} a better value may lie beyond.",
    "decay": "read off its plots. Filled: reading error known (bar); hollow: not known. Star: the lowest error; on the "
    f"{BOUNDARY} a lower one may lie beyond.",
    "epoch": "read off its plots. Filled: reading error known (bar); hollow: not known. Lines join readings of one "
    "run; between them nothing was read. What the paper does not print is inferred or left out: see the notes in the "
    "CSV.",
}


class Source(NamedTuple):
    """Where an experiment's counterpart stands in the paper.

    number: the figure's, in words. over: what its plots are over; "" for maps. panels: `figure` and the beginning of
    `panel` in figures.csv, in the order in which they are drawn. note: what else the caption must say.
    """

    number: str
    over: str  # "", "decay" or "epoch"
    panels: tuple[tuple[str, str], ...]
    note: str = ""


FIGURES = {
    "fig1": Source(
        "Figure 1", "", (("fig1", "adam_"), ("fig2", "adam_"), ("fig1", "adamw_"), ("fig2", "adamw_")),
        " The cosine panels are figure 2's, at figure 1's decays; their rings are figure 2's ten best.",
    ),
    "fig2": Source("Figure 2", "", (("fig2", ""),)),
    "fig3": Source("Figure 3", "decay", (("fig3", "training"), ("fig3", "test"))),
    "fig4": Source(
        "Figure 4 and supplementary figure 5", "epoch", (("fig4", "cifar_training"), ("fig4", "cifar_test"))
    ),
    "fig4_imagenet32": Source(
        "Figure 4 and supplementary figure 6", "epoch", (("fig4", "in32_training"), ("fig4", "in32_test"))
    ),
    "supp2": Source("Supplementary figure 2", "", (("supp2", ""),)),
    "supp3": Source("Supplementary figure 3 (upper half)", "", (("supp3", "cifar_"),)),
    "supp3_imagenet32": Source("Supplementary figure 3 (lower half)", "", (("supp3", "in32_"),)),
    "supp4": Source("Supplementary figure 4", "decay", (("supp4", ""),)),
}  # fmt: skip


def draw(experiment: str) -> Figure:
    """The paper's counterpart of an experiment's figure."""
    over, panels, text = FIGURES[experiment].over, readings(experiment), caption(experiment)
    if not over:
        drawn = maps(experiment)
        return heat_maps.compose(drawn, METRICS[panels[0][0].metric], f"{text} {heat_maps.reading_colours(drawn)}")
    figure, places = with_panels(1, len(panels), 2.4, text, WIDE)
    for axes, panel in zip(places, panels, strict=True):
        _draw_plot(axes, panel, over)
        if over == "decay":
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    if over == "epoch":  # all panels have the same lines
        legend_above(figure, places[:1], 36)
    return figure


def readings(experiment: str) -> list[list[Reading]]:
    """What it shows, panel by panel. What another figure lends is cut to the decays of the figure's own panels."""
    every, own = published.load(), FIGURES[experiment].panels[0][0]
    panels: dict[tuple[str, str], list[Reading]] = {}
    for figure, beginning in FIGURES[experiment].panels:
        for reading in every:
            if reading.figure == figure and reading.panel.startswith(beginning):
                panels.setdefault((figure, reading.panel), []).append(reading)
    decays = {reading.decay for (figure, _), panel in panels.items() for reading in panel if figure == own}
    return [[r for r in panel if r.figure == own or r.decay in decays] for panel in panels.values()]


def maps(experiment: str) -> list[Panel]:
    """Its heat maps as panels."""
    facets = [name for name in experiments.get(experiment).facets if name != "decay_unit"]
    return [panel_of(panel, facets) for panel in readings(experiment)]


def table(experiment: str) -> str:
    """The rows of figures.csv that it shows."""
    return published.rows([reading for panel in readings(experiment) for reading in panel])


def _draw_plot(axes: Axes, panel: Sequence[Reading], over: str) -> None:
    """Readings of one metric over the decay or the epoch, a line for each optimizer in the colour of ours; of errors
    over the decay a star at the lowest. Filled: with a known reading error, drawn as a bar; hollow: without."""
    metric, names = panel[0].metric, {reading.optimizer for reading in panel}
    for name in sorted(names, key=lambda name: (OPTIMIZERS.index(name.removesuffix("r")), name)):
        points = [(getattr(r, over), r) for r in panel if r.optimizer == name and getattr(r, over) is not None]
        xs, line = zip(*sorted(points, key=lambda point: float(point[0])), strict=True)
        tint, is_restarted = COLOURS[name.removesuffix("r")], name.endswith("r")
        marker, style = "s" if is_restarted else "o", "-" if over == "decay" or is_restarted else "--"
        label = _label(line, over)
        if over == "decay" and metric != "training_loss":
            lowest = min(line, key=lambda reading: reading.value)
            axes.plot([lowest.decay], [lowest.value], "*", color=tint, ms=9, mec="k", mew=0.4, zorder=4)
            edge = f" ({BOUNDARY})" * at_border((0.0, lowest.decay), [(0.0, reading.decay) for reading in line])
            label += f", lowest {lowest.value:g} at {format_number(lowest.decay)}{edge}"
        axes.plot(xs, [r.value for r in line], marker + style, color=tint, ms=3.5, mfc="white", mew=0.8, label=label)
        if known := [(x, r.value, r.reading_error) for x, r in zip(xs, line, strict=True) if r.reading_error]:
            x, y, bars = zip(*known, strict=True)
            axes.errorbar(x, y, yerr=bars, fmt=marker, color=tint, ms=3.5, mew=0.8, elinewidth=0.8, capsize=1.5)
    axes.set(xlabel=AXES[over], ylabel=METRICS[metric], xscale="log" if over == "decay" else "linear")
    if over == "epoch":
        axes.set_xlim(0, 1.03 * max(reading.epoch for reading in panel))
    if metric == "training_loss":
        axes.set_yscale("log")
        plain_log(axes.yaxis)


def _label(line: Sequence[Reading], over: str) -> str:
    """Who it is; over epochs also its schedule, learning rate and decay as far as the paper has them."""
    first, name = line[0], line[0].optimizer
    if over == "decay":
        return f"{NAMES[name]} ({'L2' if name in L2 else 'decoupled'})"
    symbol = decay_symbol("normalized" if first.decay_kind == "normalized" else "step")
    known = [(mark, value) for mark, value in ((r"$\alpha$", first.alpha), (symbol, first.decay)) if value is not None]
    places = f" ({', '.join(f'{mark} = {format_number(value)}' for mark, value in known)})" * bool(known)
    return f"{NAMES[name.removesuffix('r')]}, {'restarts' if name.endswith('r') else 'cosine'}{places}"


def caption(experiment: str) -> str:
    """What was read, how, and how far it can be trusted."""
    source, every = FIGURES[experiment], [reading for panel in readings(experiment) for reading in panel]
    known = sorted({r.reading_error for r in every if r.reading_error is not None and not r.clipped})
    span = " to ".join(f"{error:g}" for error in dict.fromkeys((*known[:1], *known[-1:])))
    error = f"Reading error: ±{span} points." if known else "No reading error is known."
    epochs = ", ".join(map(str, sorted({reading.epochs for reading in every})))
    rings = " Rings: circled in the paper as one of a panel's ten best." * any(r.among_best_ten for r in every)
    return (
        f"{source.number} of the paper, {HOW[source.over]}{rings}{source.note} {error} "
        "Every value is of a single run, selected and reported on the test set: readings, not the authors' data. "
        f"{' and '.join(sorted({DATA[reading.dataset] for reading in every}))}, {epochs} epochs. "
        "Source: experiments/published/figures.csv."
    )
