"""The laws of the best decay, ours and the paper's: in batch size and in epochs, per update and normalized."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import experiments
from analysis import published
from analysis.batch_sizes import EPOCHS, UPDATES, of_plan
from analysis.heat_maps import NAMES
from analysis.panels import Panel, panels, selection_split
from analysis.scaling import Law, law
from analysis.select import Chart, charts
from analysis.separability import said
from analysis.surfaces import Surface, basin, of_panel
from paper_repro.records import Record

PAPER = {  # optimizer, panels, budgets
    "supp3": (("AdamW", "cifar_adamw", (25, 100, 400), ("raw", "norm")),),
    "supp3_imagenet32": (
        ("AdamW", "in32_adamw", (1, 16, 64), ("norm",)),
        ("SGDW", "in32_sgdw", (1, 16, 64), ("norm",)),
    ),
}
UNITS = {"raw": "per update", "norm": "normalized", "step": "per update", "normalized": "normalized"}


@dataclass(frozen=True)
class Line:
    """A law: of which optimizer's best decay (in which unit) in what, with what held fixed."""

    who: str
    unit: str
    quantity: str  # "batch size" or "epochs"
    law: Law


def of_chart(chart: Chart, records: Sequence[Record]) -> list[Line]:
    """The laws that a chart's panels hold; records: all there are, for the noise of single runs."""
    found = panels(chart)
    split = selection_split(chart.records)
    lines = []
    for optimizer in dict.fromkeys(panel.optimizer for panel in found):
        own = [panel for panel in found if panel.optimizer == optimizer]
        lines_of = list(_series(chart, own))
        sigma = _sigma(optimizer, chart, records) if lines_of else None
        for quantity, unit, series, words in lines_of:
            surfaces = {x: _surface(panel, split, sigma) for x, panel in series.items()}
            lines.append(Line(f"{NAMES.get(optimizer, optimizer)}{words}", UNITS[unit], quantity, law(surfaces)))
    return lines


def of_paper(experiment: str) -> list[Line]:
    """The same from the paper's own figures."""
    readings = published.load()
    return [
        Line(f"paper, {name}, {panel.partition('_')[0]}", UNITS[unit], "epochs", law(
            {float(t): published.surface(readings, "supp3", f"{panel}_{unit}_{t}") for t in budgets}
        ))
        for name, panel, budgets, units in PAPER.get(experiment, ())
        for unit in units
    ]  # fmt: skip


def markdown(lines: Sequence[Line]) -> str:
    """A table to read."""
    header = ("best decay of", "in", "exponent", "best decays", "within the interval")
    rows = [header, ("---",) * len(header)]
    for line in lines:
        best = ", ".join(
            f"{x:g}: {'edge' if found is None else f'{2**found.value:.2g}'}" for x, found in line.law.best.items()
        )
        exponent = said(line.law.exponent) if line.law.exponent else "at the edge"
        holds = line.law.supports(line.quantity) if line.unit == "per update" else _normalized(line.law)
        rows.append((f"{line.who}, {line.unit}", line.quantity, exponent, best, ", ".join(holds) or "none"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _normalized(found: Law) -> list[str]:
    """On the normalized axis the paper's rule is an exponent of 0."""
    exponent = found.exponent
    if exponent is None or exponent.low is None or exponent.high is None:
        return []
    return ["the paper's square root"] * (exponent.low <= 0 <= exponent.high)


def _series(chart: Chart, own: Sequence[Panel]) -> Iterator[tuple[str, str, dict[float, Panel], str]]:
    """Panels by what they differ in: quantity, unit of decay, panels by its values, and what is held fixed."""
    if chart.experiment.figure == "batch_sizes":
        for plan in (EPOCHS, UPDATES):
            yield "batch size", "step", {float(p.facets["batch_size"]): p for p in of_plan(own, plan)}, f", {plan}"
    elif "epochs" in chart.experiment.facets:
        for unit in dict.fromkeys(panel.decay_unit for panel in own):
            yield "epochs", unit, {float(p.facets["epochs"]): p for p in own if p.decay_unit == unit}, ""


def _surface(panel: Panel, split: str, sigma: float | None) -> Surface:
    return dataclasses.replace(of_panel(panel, split), known_sigma=sigma)


def _sigma(optimizer: str, chart: Chart, records: Sequence[Record]) -> float | None:
    """The deviation of single runs of this optimizer at this scale: that of figure 2's seeds."""
    for other in charts(experiments.get("fig2"), records):
        if (other.profile, other.dataset) == (chart.profile, chart.dataset):
            for panel in panels(other):
                surface = of_panel(panel, selection_split(other.records))
                if panel.optimizer == optimizer and len(surface.deviations(basin(surface))):
                    return surface.sigma(basin(surface))
    return None
