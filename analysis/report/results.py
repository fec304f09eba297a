"""A section for each figure: ours, the paper's own, what was selected, the statistics, and the command."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.claims import power
from analysis.claims.sources import READINGS, Paper, Run
from analysis.report.appendix import linked
from analysis.results.markdown import Table
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import variants
from analysis.results.studies import Shown, to_type
from analysis.results.table import Chart
from analysis.results.words import NAMES, distinct_texts, format_number, panel_name
from experiments.declare import options

HEADER = ("", "ours: test error", "the paper's figure", "n", "cost")


@dataclass(frozen=True)
class Drawn:
    """Of one figure: its images, ours first, each a line of Markdown, and its tables."""

    images: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def section(chart: Chart, drawn: Drawn) -> Iterator[str | Table]:
    """Of a grid of cells."""
    experiment = chart.experiment
    yield f"### {experiment.title} ({experiment.name}, {chart.profile}, {chart.dataset})"
    seeds = len({record["cell"]["seed"] for record in chart.records})
    extent = f"{len(chart.records)} cells, {seeds} seed{'s' * (seeds > 1)}, {power.hours(chart.records)}"
    yield f"Scale: {experiment.profiles[chart.profile].describe(chart.declared)}. {extent}."
    yield from drawn.images
    yield f"Behind this: {linked(chart.stem, 'records')}, {linked('published', 'readings of the paper')}."
    yield selected(chart)
    yield from (replace(table, name=f"{chart.stem}-{table.name}") for table in drawn.tables)
    yield _code(command(chart))


def study(shown: Shown, drawn: Drawn) -> Iterator[str | Table]:
    """Of what is no grid of cells."""
    yield f"### {shown.experiment.title} ({shown.experiment.name}, {shown.profile})"
    took = f" It took {shown.seconds:.0f} seconds." if shown.provenance else ""
    rows = f" ({linked(shown.stem, 'rows')})" if shown.rows else ""
    yield f"{shown.note[:1].upper()}{shown.note[1:]}.{took}{rows}"
    yield from drawn.images
    if shown.provenance:
        changes = {"quick": "run"} if shown.profile.endswith("-quick") else {}
        profile = shown.profile.removesuffix("-quick")
        declared = shown.experiment.profiles[profile].settings.get("cell") or {}
        data = "" if shown.dataset == declared.get("dataset") or "cell" not in shown.settings else shown.dataset
        yield _code(_typed(shown.experiment.name, profile, data, changes))


def selected(chart: Chart) -> Table:
    """A row for each panel, or for each variant where these are compared."""
    rows = _variants(chart) if chart.experiment.figure == "seeds" else _panels(chart)
    caption = (
        f"{chart.experiment.title}: the cells selected on {selection_split(chart.records)} error and their test errors "
        "(± standard deviation between seeds), beside the lowest value read off the paper's figure. n: seeds of the "
        "selected cell, of all records."
    )
    return Table(HEADER, tuple(rows), f"{chart.stem}-selected", caption)


def _panels(chart: Chart) -> Iterator[tuple[str, ...]]:
    paper = Paper()
    for panel in panels(chart):
        own = [record for tile in panel.tiles.values() for record in tile.records]
        yield (
            panel_name(panel.optimizer, panel.facets), _best(chart, panel), _paper_s(chart, panel, paper),
            f"{len(panel.best.seeds) if panel.best else 0} of {len(own)}", power.hours(own),
        )  # fmt: skip


def _best(chart: Chart, panel: Panel) -> str:
    best = panel.best
    if best is None or best.test_error is None:
        return "every run diverged"
    unit = "λ_norm" if panel.decay_unit == "normalized" else "λ"
    boundary = ", on the grid boundary" if panel.at_edge else ""
    place = f"α = {distinct_texts(panel.alphas)[best.alpha]}, {unit} = {distinct_texts(panel.decays)[best.decay]}"
    error = f"{statistics.fmean(best.errors()):.2f}" + ("" if best.spread is None else f" ± {best.spread:.2f}")
    return f"[{error} %](figures/{chart.stem}.csv#{best.records[0]['id']}) at {place}{boundary}"


def _paper_s(chart: Chart, panel: Panel, paper: Paper) -> str:
    """The paper's lowest value where a panel of ours stands, and where that lies; empty where it has no such panel."""
    name = chart.experiment.name
    schedule = str(panel.facets.get("schedule", "fixed" if name == "supp2" else "cosine")).partition(":")[0]
    readings = paper.beside(name, Run(panel.optimizer, schedule))
    if not readings:
        return ""
    best = min(readings, key=lambda reading: reading.value)
    if READINGS.get(name, ("",))[0] == "fig4":
        return f"{best.value:.2f} % after {best.epoch} epochs"
    unit = "λ_norm" if best.decay_kind == "normalized" else "λ"
    known = {name: value for name, value in (("α", best.alpha), (unit, best.decay)) if value is not None}
    return f"{best.value:.2f} % at {', '.join(f'{name} = {format_number(value)}' for name, value in known.items())}"


def _variants(chart: Chart) -> Iterator[tuple[str, ...]]:
    for optimizer in dict.fromkeys(cell.optimizer for cell in chart.declared):
        for variant in variants(chart, optimizer):
            spread = f"{variant.mean:.2f} ± {variant.deviation:.2f} %" if variant.errors else "every run diverged"
            count = f"{len(variant.errors)}" + f"; {variant.diverged} diverged" * bool(variant.diverged)
            yield f"{NAMES.get(optimizer, optimizer)}, {variant.name}", spread, "", count, ""


def command(chart: Chart) -> str:
    """What to type to run it again, and to draw it."""
    profile = chart.experiment.profiles[chart.profile]
    own = {cell.dataset for cell in profile.cells}
    seeds = 1 + max(record["cell"]["seed"] for record in chart.records)
    data, changes = "" if chart.dataset in own else chart.dataset, chart.experiment.changes
    more = f" --seeds {seeds}" if seeds > profile.seeds and "seed" not in changes else ""
    return _typed(chart.experiment.name, chart.profile, data, changes, more)


def _typed(name: str, profile: str, data: str, changes: Mapping[str, Any], more: str = "") -> str:
    draw = shlex.join(["python", "-m", "analysis", "figures", name, *options(changes)])
    return f"{to_type(name, (), changes, profile, data)}{more}\n{draw}"


def _code(lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines.splitlines())
