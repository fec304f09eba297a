"""Where each panel stands in the paper's figures, and which charts of ours fill the places. No drawing here.

python -m analysis figures --paper fig1
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.results.panels import Panel
from analysis.results.table import Chart
from paper_repro.cell import Cell
from paper_repro.records import Record


@dataclass(frozen=True)
class Place:
    """One panel of the paper: what of which experiment it shows.

    shows: "map", or the part of a figure of curves or long runs. schedule: its kind. budget: which of the declared
    numbers of epochs, counted from the shortest, as profiles have their own.
    """

    experiment: str
    shows: str
    optimizers: tuple[str, ...]
    schedule: str = ""
    decay_unit: str = ""
    budget: int | None = None

    def holds(self, panel: Panel, chart: Chart) -> bool:
        """Whether a panel of our chart is the one that stands here."""
        budgets = sorted({cell.epochs for cell in chart.declared})
        facets = panel.facets
        return (
            panel.optimizer in self.optimizers
            and self.schedule in ("", str(facets.get("schedule")).partition(":")[0])
            and self.decay_unit in ("", panel.decay_unit)
            and (self.budget is None or facets["epochs"] in budgets[self.budget : self.budget + 1])
        )


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper. places: row by row. own_scales: whether each map has its own colours, as in the paper."""

    number: str
    columns: int
    places: tuple[Place, ...]
    own_scales: bool = False

    @property
    def experiments(self) -> list[str]:
        return list(dict.fromkeys(place.experiment for place in self.places))


@dataclass(frozen=True)
class Laid:
    """A figure of the paper filled with our charts of one profile; an experiment without records is absent."""

    name: str
    figure: PaperFigure
    charts: Mapping[str, Chart]  # by experiment

    @property
    def stem(self) -> str:
        """As that of the first chart, under the figure's name."""
        chart = next(iter(self.charts.values()))
        return f"paper-{self.name}{chart.stem.removeprefix(chart.experiment.name)}"

    @property
    def records(self) -> list[Record]:
        return [record for chart in self.charts.values() for record in chart.records]


def _maps(experiment: str, *optimizers: str) -> tuple[Place, ...]:
    return tuple(Place(experiment, "map", (name,)) for name in optimizers)


def _budgets(experiment: str, optimizer: str, unit: str) -> tuple[Place, ...]:
    return tuple(Place(experiment, "map", (optimizer,), decay_unit=unit, budget=place) for place in range(3))


def _long(experiment: str) -> tuple[Place, ...]:
    parts = ("losses", "errors", "finals", "generalisation")
    return tuple(Place(experiment, part, ("adam", "adamw")) for part in parts)


def _curves(experiment: str, *parts: str) -> tuple[Place, ...]:
    return tuple(Place(experiment, part, ("sgdw", "adam", "adamw")) for part in parts)


FIGURES = {
    "fig1": PaperFigure(
        "figure 1",
        3,
        tuple(
            Place("fig1", "map", (name,), schedule=how)
            for name in ("adam", "adamw")
            for how in ("fixed", "step_drop", "cosine")
        ),
    ),
    "fig2": PaperFigure("figure 2", 2, _maps("fig2", "sgd", "sgdw", "adam", "adamw")),
    "fig3": PaperFigure("figure 3", 2, _long("fig3")),
    "fig4": PaperFigure("figure 4", 2, (*_curves("fig4", "errors"), *_curves("fig4_imagenet32", "errors"))),
    "supp2": PaperFigure("supplementary figure 2", 1, _maps("supp2", "adam")),
    "supp3": PaperFigure(
        "supplementary figure 3",
        3,
        (
            *_budgets("supp3", "adamw", "step"),
            *_budgets("supp3", "adamw", "normalized"),
            *_budgets("supp3_imagenet32", "adamw", "normalized"),
            *_budgets("supp3_imagenet32", "sgdw", "normalized"),
        ),
        own_scales=True,
    ),
    "supp4": PaperFigure("supplementary figure 4", 2, _long("supp4")),
    "supp5": PaperFigure("supplementary figure 5", 2, _curves("fig4", "errors", "losses")),
    "supp6": PaperFigure("supplementary figure 6", 2, _curves("fig4_imagenet32", "errors", "losses")),
}


def laid(name: str, found: Mapping[str, Sequence[Chart]]) -> list[Laid]:
    """The figure once for each profile and data set of its first experiment, and for each chart left over.

    found: the charts of each of its experiments. A chart stands beside those of its profile, on the same data set
    where there is one.
    """
    figure = FIGURES[name]
    charts = {each: [*_restricted(figure, found.get(each, ()))] for each in figure.experiments}
    first, *others = figure.experiments
    filled = []
    for chart in charts[first]:
        beside = {each: fit for each in others if (fit := _beside(chart, charts[each]))}
        filled.append(Laid(name, figure, {first: chart, **beside}))
    used = [chart for each in filled for chart in each.charts.values()]
    alone = [(each, chart) for each in others for chart in charts[each] if chart not in used]
    return filled + [Laid(name, figure, {each: chart}) for each, chart in alone]


def missing(place: Place, chart: Chart, shown: Sequence[Panel]) -> list[Cell]:
    """A declared cell for each curve that the place should show, and of which nothing was run."""
    facets = chart.experiment.facets
    there = {(panel.optimizer, *(panel.facets[field] for field in facets)) for panel in shown}
    declared = {(c.optimizer, *(getattr(c, field) for field in facets)): c for c in reversed(chart.declared)}
    return [cell for kind, cell in declared.items() if kind not in there and cell.optimizer in place.optimizers][::-1]


def _restricted(figure: PaperFigure, charts: Sequence[Chart]) -> Iterator[Chart]:
    """Without the optimizers that the paper's figure does not have."""
    for chart in charts:
        places = [place for place in figure.places if place.experiment == chart.experiment.name]
        wanted = {name for place in places for name in place.optimizers}
        records = tuple(record for record in chart.records if record["cell"]["optimizer"] in wanted)
        declared = tuple(cell for cell in chart.declared if cell.optimizer in wanted)
        if records:
            yield dataclasses.replace(chart, declared=declared, records=records)


def _beside(chart: Chart, others: Sequence[Chart]) -> Chart | None:
    fits = [other for other in others if other.profile == chart.profile]
    return next((other for other in fits if other.dataset == chart.dataset), fits[0] if fits else None)
