"""The paper's own figures, drawn from the values that were read off them (experiments/published).

python -m analysis figures --published fig2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures import published_curves, published_maps
from analysis.results import published
from analysis.results.published import Reading

RUNS = "Every value is of a single run, selected and reported on the test set: readings, not the authors' data."


@dataclass(frozen=True)
class Source:
    """Where an experiment's counterpart stands in the paper.

    number: the figure's, in words. panels: names of `figure` and `panel` in figures.csv, row by row. facets: what sets
    panels of one optimizer apart. note: what else the caption must say.
    """

    number: str
    kind: str  # "maps", "decays" or "epochs"
    panels: tuple[tuple[str, str], ...]
    columns: int
    facets: tuple[str, ...] = ()
    note: str = ""


def _of(figure: str, *panels: str) -> tuple[tuple[str, str], ...]:
    return tuple((figure, panel) for panel in panels)


FIGURES = {
    "fig1": Source(
        "figure 1",
        "maps",
        tuple(
            ("fig2" if how == "cosine" else "fig1", f"{name}_{how}")
            for name in ("adam", "adamw")
            for how in ("fixed", "step_drop", "cosine")
        ),
        columns=3,
        facets=("schedule",),
        note="The cosine panels are figure 2's, at figure 1's decays; their rings are figure 2's ten best.",
    ),
    "fig2": Source("figure 2", "maps", _of("fig2", *(f"{o}_cosine" for o in ("sgd", "sgdw", "adam", "adamw"))), 2),
    "fig3": Source("figure 3", "decays", _of("fig3", "training_loss_vs_decay", "test_error_vs_decay"), 2),
    "fig4": Source(
        "figure 4 and supplementary figure 5", "epochs", _of("fig4", "cifar_training_loss", "cifar_test_error"), 2
    ),
    "fig4_imagenet32": Source(
        "figure 4 and supplementary figure 6", "epochs", _of("fig4", "in32_training_loss", "in32_test_error"), 2
    ),
    "supp2": Source("supplementary figure 2", "maps", _of("supp2", "adam_fixed"), 1),
    "supp3": Source(
        "supplementary figure 3 (upper half)",
        "maps",
        _of("supp3", *(f"cifar_adamw_{unit}_{epochs}" for unit in ("raw", "norm") for epochs in (25, 100, 400))),
        columns=3,
        facets=("epochs",),
    ),
    "supp3_imagenet32": Source(
        "supplementary figure 3 (lower half)",
        "maps",
        _of("supp3", *(f"in32_{name}_norm_{epochs}" for name in ("adamw", "sgdw") for epochs in (1, 16, 64))),
        columns=3,
        facets=("epochs",),
    ),
    "supp4": Source("supplementary figure 4", "decays", _of("supp4", "test_error_vs_decay"), 1),
}


def draw(experiment: str) -> Figure:
    """The paper's counterpart of an experiment's figure."""
    source, panels = FIGURES[experiment], readings(experiment)
    text = caption(source, panels)
    if source.kind == "maps":
        maps = [published_maps.panel_of(panel, source.facets) for panel in panels]
        return published_maps.draw(maps, source.columns, text)
    drawn = published_curves.over_decays if source.kind == "decays" else published_curves.over_epochs
    return drawn(panels, source.columns, text)


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


def caption(source: Source, panels: Sequence[Sequence[Reading]]) -> str:
    """What was read, how, and how far it can be trusted."""
    every = [reading for panel in panels for reading in panel]
    number = f"{source.number[0].upper()}{source.number[1:]}"
    how = _maps(every) if source.kind == "maps" else _plots(source)
    text = f"{number} of the paper, {how} {source.note}".strip()
    return f"{text} {_errors(every)} {RUNS} {_trained(every)}"


def _maps(every: Sequence[Reading]) -> str:
    text = "read by inverting the colour bar of each panel. Numbers are errors in %, "
    text += "rounded as the reading error asks. Star and title: the lowest reading."
    if clipped := sorted({reading.value for reading in every if reading.clipped}):
        tops = " or ".join(f"≥{value:g}" for value in clipped)
        text += f" {tops}: clipped at the top of the paper's scale, at least about this."
    if any(reading.among_best_ten for reading in every):
        text += " Rings: circled in the paper as one of a panel's ten best."
    return f"{text} At the edge: on the border of the grid, a better value may lie beyond."


def _plots(source: Source) -> str:
    text = "read off its plots. Filled: reading error known (bar); hollow: not known."
    if source.kind == "decays":
        return f"{text} Star: the lowest error. At the edge: on the border of what is shown."
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
