"""A section for each figure: ours, the paper's own, what was selected, the statistics, and the command."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.claims import power
from analysis.claims.sources import READINGS, Paper, Run
from analysis.figures.captions import selected_among
from analysis.report.appendix import linked
from analysis.results.markdown import Table
from analysis.results.panels import Panel, panels
from analysis.results.series import variants
from analysis.results.studies import StudyResult, to_type
from analysis.results.table import Chart
from analysis.results.words import NAMES, distinct_texts, format_number
from experiments.declare import options
from experiments.ranking import selection_split

HEADER = ("", "ours: test error", "the paper's figure", "n", "cost")


@dataclass(frozen=True)
class Drawn:
    """Of one figure: its images, ours first, each a line of Markdown, and its tables."""

    images: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def section(chart: Chart, drawn: Drawn) -> Iterator[str | Table]:
    """Of a grid of cells."""
    experiment, profile = chart.experiment, chart.experiment.profiles[chart.profile]
    yield f"### {experiment.title} ({experiment.name}, {chart.profile}, {chart.dataset})"
    seeds = {record["cell"]["seed"] for record in chart.records}
    extent = f"{len(chart.records)} cells, {len(seeds)} seed{'s' * (len(seeds) > 1)}, {power.hours(chart.records)}"
    yield f"Scale: {profile.describe(chart.declared)}. {extent}."
    yield from drawn.images
    yield f"Behind this: {linked(chart.stem, 'records')}, {linked('published', 'readings of the paper')}."
    yield selected(chart)
    yield from (replace(table, name=f"{chart.stem}-{table.name}") for table in drawn.tables)
    is_more = max(seeds) >= profile.seeds and "seed" not in experiment.changes
    more = f" --seeds {1 + max(seeds)}" * is_more
    yield _commands(experiment.name, chart.profile, chart.other_data, experiment.changes, more)


def study(result: StudyResult, drawn: Drawn) -> Iterator[str | Table]:
    """Of what is no grid of cells."""
    yield f"### {result.experiment.title} ({result.experiment.name}, {result.profile})"
    took = f" It took {result.seconds:.0f} seconds." if result.provenance else ""
    rows = f" ({linked(result.stem, 'rows')})" if result.rows else ""
    yield f"{result.note[:1].upper()}{result.note[1:]}.{took}{rows}"
    yield from drawn.images
    if result.provenance:
        changes = {"quick": "run"} if result.profile.endswith("-quick") else {}
        yield _commands(result.experiment.name, result.profile.removesuffix("-quick"), result.other_data, changes)


def _commands(name: str, profile: str, data: str, changes: Mapping[str, Any], more: str = "") -> str:
    """What to type to run it again, and to draw it."""
    draw = shlex.join(["python", "-m", "analysis", "figures", name, *options(changes)])
    return f"    {to_type(name, (), changes, profile, data)}{more}\n    {draw}"


def selected(chart: Chart) -> Table:
    """A row for each panel, or for each variant where these are compared."""
    has_panels = chart.experiment.figure != "seeds"
    rows, among = (_panels(chart), selected_among(panels(chart))) if has_panels else (_variants(chart), "")
    caption = (
        f"{chart.experiment.title}: the cells selected on {selection_split(chart.records)} error and their test errors "
        "(± standard deviation between seeds), beside the lowest value read off the paper's figure. n: seeds of the "
        f"selected cell, of all records.{among}"
    )
    return Table(HEADER, tuple(rows), f"{chart.stem}-selected", caption)


def _panels(chart: Chart) -> Iterator[tuple[str, ...]]:
    paper = Paper()
    for panel in panels(chart):
        records, best, text = (
            [r for tile in panel.tiles.values() for r in tile.records],
            panel.best,
            "every run diverged",
        )
        if best is not None:
            alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
            error = f"{best.test_error:.2f}" + ("" if best.spread is None else f" ± {best.spread:.2f}")
            place = (
                f"α = {alpha}, {_decay_sign(panel.decay_unit)} = {decay}{', on the grid boundary' * panel.on_boundary}"
            )
            text = f"[{error} %](figures/{chart.stem}.csv#{best.records[0]['id']}) at {place}"
        count = f"{len(best.seeds) if best else 0} of {len(records)}"
        yield panel.name, text, _lowest_reading(chart, panel, paper), count, power.hours(records)


def _lowest_reading(chart: Chart, panel: Panel, paper: Paper) -> str:
    """The paper's lowest value where a panel of ours stands, and where that lies; empty where it has no such panel."""
    name = chart.experiment.name
    schedule = str(panel.facets.get("schedule", "fixed" if name == "supp2" else "cosine")).partition(":")[0]
    best = min(paper.beside(name, Run(panel.optimizer, schedule)), key=lambda reading: reading.value, default=None)
    if best is None:
        return ""
    if READINGS.get(name, ("",))[0] == "fig4":
        return f"{best.value:.2f} % after {best.epoch} epochs"
    known = [(sign, x) for sign, x in (("α", best.alpha), (_decay_sign(best.decay_kind), best.decay)) if x is not None]
    return f"{best.value:.2f} % at {', '.join(f'{sign} = {format_number(value)}' for sign, value in known)}"


def _decay_sign(unit: str) -> str:
    return "λ_norm" if unit == "normalized" else "λ"


def _variants(chart: Chart) -> Iterator[tuple[str, ...]]:
    for optimizer in dict.fromkeys(cell.optimizer for cell in chart.declared):
        for variant in variants(chart, optimizer):
            spread = f"{variant.mean:.2f} ± {variant.deviation:.2f} %" if variant.errors else "every run diverged"
            count = f"{len(variant.errors)}" + f"; {variant.diverged} diverged" * bool(variant.diverged)
            yield f"{NAMES.get(optimizer, optimizer)}, {variant.name}", spread, "", count, ""
