"""The laws of the best decay, ours and the paper's: in batch size, epochs and updates, per update and normalized."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

import experiments
from analysis.results import published
from analysis.results.document import Table
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import EPOCHS, UPDATES, known_updates, of_plan, updates
from analysis.results.table import Chart, charts
from analysis.results.words import NAMES, Estimate, format_estimate
from analysis.statistics import predictions
from analysis.statistics.scaling import Law, Optimum, exponents_of, law, law_of, optimum
from analysis.statistics.surface import Surface, basin, of_panel, of_readings
from paper_repro.records import Record

PAPER = {  # optimizer, panels, budgets
    "supp3": (("AdamW", "cifar_adamw", (25, 100, 400), ("raw", "norm")),),
    "supp3_imagenet32": (
        ("AdamW", "in32_adamw", (1, 16, 64), ("norm",)),
        ("SGDW", "in32_sgdw", (1, 16, 64), ("norm",)),
    ),
}
EXAMPLES = {"cifar": 50_000, "in32": 1_281_167}  # training pictures of the paper's runs, in batches of BATCH
BATCH = 128
UNITS = {"raw": "per update", "norm": "normalized", "step": "per update", "normalized": "normalized"}

Series = Sequence[tuple[float, int]]  # values of a quantity, each with the place of its panel


@dataclass(frozen=True)
class Line:
    """A law: of which optimizer's best decay (in which unit) in what, with what held fixed.

    updates: of a run at each x; empty where that is not known. computed: decays were swept in the other unit.
    """

    who: str
    unit: str
    quantity: str  # "batch size" or "epochs"
    law: Law
    optimizer: str = ""
    held: str = ""
    updates: Mapping[float, float] = field(default_factory=dict)
    computed: bool = False

    @property
    def is_paper(self) -> bool:
        return self.who.startswith("paper, ")

    @property
    def exponents(self) -> Mapping[str, Estimate | None]:
        """By the quantity of predictions.py."""
        at_updates = self.quantity == predictions.BATCH and self.held == UPDATES
        return {predictions.BATCH_AT_UPDATES if at_updates else self.quantity: self.law.exponent}

    @property
    def rests_on(self) -> str:
        """The best decays."""
        best = self.law.best.items()
        return ", ".join(f"{x:g}: {'edge' if found is None else f'{2**found.value:.2g}'}" for x, found in best)


@dataclass(frozen=True)
class Joint:
    """A law of all panels of an optimizer, that differ in batch size and epochs alike. exponents: by quantity."""

    who: str
    unit: str
    exponents: Mapping[str, Estimate | None]
    inside: int  # panels with their best decay inside the grid
    panels: int

    @property
    def quantity(self) -> str:
        return " and ".join(self.exponents)

    @property
    def rests_on(self) -> str:
        return f"{self.inside} of {self.panels} panels"


def of_chart(chart: Chart, records: Sequence[Record]) -> list[Line]:
    """The laws that a chart's panels hold; records: all there are, for the noise of single runs."""
    return [
        _line(optimizer, own, _in_unit(own, optima, unit), quantity, unit, series, held)
        for optimizer, own, optima in _optimizers(chart, records)
        for quantity, unit, series, held in _series(chart, own)
    ]


def _line(
    optimizer: str, own: Sequence[Panel], best: Sequence[Optimum], quantity: str, unit: str, series: Series, held: str
) -> Line:
    who = f"{NAMES.get(optimizer, optimizer)}{f', {held}' if held else ''}"
    counts = {x: updates(_one(own[place])) for x, place in series}
    known = {x: count for x, count in counts.items() if count is not None}
    computed = any(UNITS[own[place].decay_unit] != unit for _, place in series)
    found = law_of({x: best[place] for x, place in series})
    return Line(who, unit, quantity, found, optimizer, held, known if len(known) == len(counts) else {}, computed)


def joint(chart: Chart, records: Sequence[Record]) -> list[Joint]:
    """The laws of all panels together: in updates, and in batch size and epochs. None but of a chart of batch sizes:
    elsewhere the batch is fixed, and updates are in proportion to epochs."""
    if chart.experiment.figure != "batch_sizes":
        return []
    return [
        Joint(
            f"{NAMES.get(optimizer, optimizer)}, all panels",
            unit,
            exponents,
            sum(o.estimate is not None for o in optima),
            len(own),
        )
        for optimizer, own, optima in _optimizers(chart, records)
        for unit in ("per update", "normalized")
        for exponents in _jointly(own, _in_unit(own, optima, unit))
    ]


def of_paper(experiment: str) -> list[Line]:
    """The same from the paper's own figures."""
    readings = published.load()
    return [
        Line(f"paper, {name}, {published.words(panel.partition('_')[0])}", UNITS[unit], "epochs", law(
            {float(t): of_readings(readings, "supp3", f"{panel}_{unit}_{t}") for t in budgets}
        ), name.lower(), "", {float(t): EXAMPLES[panel.partition("_")[0]] * t / BATCH for t in budgets})
        for name, panel, budgets, units in PAPER.get(experiment, ())
        for unit in units
    ]  # fmt: skip


HEADER = ("best decay of", "in", "exponent", "best decays", "predictions")
CAPTION = "Laws of the best decay: the exponent p of λ* ~ x^p with its 95 % interval, and which predictions that holds."


def table(lines: Sequence[Line | Joint]) -> Table:
    """A row for each law."""
    return Table(HEADER, tuple(_row(line) for line in lines), "laws", CAPTION)


def _row(line: Line | Joint) -> tuple[str, ...]:
    exponents = ", ".join(format_estimate(found) if found else "at the edge" for found in line.exponents.values())
    verdict = predictions.verdict(line.exponents, line.unit == "normalized")
    quantity = "epochs or updates" if line.quantity == predictions.EPOCHS else line.quantity
    return f"{line.who}, {line.unit}", quantity, exponents, line.rests_on, verdict


def _optimizers(chart: Chart, records: Sequence[Record]) -> Iterator[tuple[str, list[Panel], list[Optimum]]]:
    """Each optimizer of a chart that holds laws, its panels, and their best decays."""
    if chart.experiment.figure != "batch_sizes" and "epochs" not in chart.experiment.facets:
        return
    found, split, sigmas = panels(chart), selection_split(chart.records), _sigmas(chart, records)
    for optimizer in dict.fromkeys(panel.optimizer for panel in found):
        own, rng = [panel for panel in found if panel.optimizer == optimizer], np.random.default_rng(0)
        yield optimizer, own, [optimum(_surface(panel, split, sigmas.get(optimizer)), rng) for panel in own]


def _series(chart: Chart, own: Sequence[Panel]) -> Iterator[tuple[str, str, Series, str]]:
    """Panels by what they differ in: quantity, unit of decay, its values with the place of their panel in `own`, and
    what is held fixed."""
    if chart.experiment.figure == "batch_sizes":
        for plan in (EPOCHS, UPDATES):
            series = [(float(panel.facets["batch_size"]), own.index(panel)) for panel in of_plan(own, plan)]
            for unit in ("per update", "normalized"):
                yield "batch size", unit, series, plan
    else:
        for unit in dict.fromkeys(panel.decay_unit for panel in own):
            series = [(float(p.facets["epochs"]), place) for place, p in enumerate(own) if p.decay_unit == unit]
            yield "epochs", UNITS[unit], series, ""


def _in_unit(own: Sequence[Panel], optima: Sequence[Optimum], unit: str) -> list[Optimum]:
    """The best decays in a unit: normalized ones of panels per update are sqrt(updates) as large."""
    return [
        found.moved(np.log2(_updates(panel)) / 2) if unit == "normalized" and panel.decay_unit == "step" else found
        for panel, found in zip(own, optima, strict=True)
    ]


def _jointly(own: Sequence[Panel], optima: Sequence[Optimum]) -> Iterator[dict[str, Estimate | None]]:
    """The exponent in updates, and those in batch size and epochs."""
    at = {
        predictions.UPDATES: [_updates(panel) for panel in own],
        predictions.BATCH: [float(panel.facets["batch_size"]) for panel in own],
        predictions.EPOCHS: [float(panel.facets["epochs"]) for panel in own],
    }
    for names in ((predictions.UPDATES,), (predictions.BATCH, predictions.EPOCHS)):
        found = exponents_of(optima, np.array([at[name] for name in names]).T)
        yield dict(zip(names, found, strict=True)) if found else dict.fromkeys(names)


def _updates(panel: Panel) -> float:
    return known_updates(_one(panel))


def _one(panel: Panel) -> Record:
    """Of its records, which share all that counts updates."""
    return next(iter(panel.tiles.values())).records[0]


def _surface(panel: Panel, split: str, sigma: float | None) -> Surface:
    return dataclasses.replace(of_panel(panel, split), known_sigma=sigma)


def _sigmas(chart: Chart, records: Sequence[Record]) -> dict[str, float]:
    """The deviation of single runs of each optimizer at this scale: that of figure 2's seeds."""
    found: dict[str, float] = {}
    for other in charts(experiments.get("fig2").changed(chart.experiment.changes), records):
        if (other.profile, other.dataset) == (chart.profile, chart.dataset):
            for panel in panels(other):
                surface = of_panel(panel, selection_split(other.records))
                sigma = surface.sigma(basin(surface))
                if sigma is not None:
                    found.setdefault(panel.optimizer, sigma)
    return found
