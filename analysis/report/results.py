"""A section for each figure: ours, the paper's own, what was selected, the statistics, and the command."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.claims import power
from analysis.claims.sources import READINGS, Paper, Run
from analysis.figures.captions import selected_among
from analysis.report.appendix import linked
from analysis.report.summary import scale_of, seeds
from analysis.results.markdown import Table
from analysis.results.panels import Panel, Tile, panels
from analysis.results.series import variants
from analysis.results.studies import StudyResult, to_type
from analysis.results.table import Chart
from analysis.results.words import NAMES, distinct_texts, format_number
from experiments.ranking import selection_split

HEADER = ("", "ours: test error", "the paper's figure", "seeds", "runs", "cost")


@dataclass(frozen=True)
class Drawn:
    """Of one figure: its images, ours first, each a line of Markdown, and its tables."""

    images: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def section(chart: Chart, drawn: Drawn, is_on_top: bool = False) -> Iterator[str | Table]:
    """Of a grid of cells. is_on_top: the page begins with its figure."""
    experiment, profile = chart.experiment, chart.experiment.profiles[chart.profile]
    yield f"### {experiment.title} ({experiment.name}, {chart.profile}, {chart.dataset})"
    last = max(record["cell"]["seed"] for record in chart.records)
    more = f" --seeds {1 + last}" * (last >= profile.seeds and "seed" not in experiment.changes)
    again = _again(experiment.name, chart.profile, chart.other_data, experiment.changes, more)
    extent = f"{len(chart.records):,} {linked(chart.stem, 'runs')}, {seeds(chart)}, {power.hours(chart.records)}"
    yield f"{scale_of(chart)}. {extent}.{again}{' Our figure is the first of this page.' * is_on_top}"
    yield from drawn.images[is_on_top:]
    for table in (selected(chart), *drawn.tables):
        yield replace(table, name=f"{chart.stem}-{table.name}", caption=f"{experiment.title}: {table.caption}")


def study(result: StudyResult, drawn: Drawn) -> Iterator[str | Table]:
    """Of what is no grid of cells."""
    yield f"### {result.experiment.title} ({result.experiment.name}, {result.profile})"
    took = f" It took {result.seconds:.0f} seconds." if result.provenance else ""
    rows = f" ({linked(result.stem, 'rows')})" if result.rows else ""
    again = ""
    if result.provenance:
        changes = {"quick": "run"} if result.profile.endswith("-quick") else {}
        again = _again(result.experiment.name, result.profile.removesuffix("-quick"), result.other_data, changes)
    yield f"{result.note[:1].upper()}{result.note[1:]}.{took}{rows}{again}"
    yield from drawn.images


def _again(name: str, profile: str, data: str, changes: Mapping[str, Any], more: str = "") -> str:
    """What to type to run it again."""
    return f" To run it again: `{to_type(name, (), changes, profile, data)}{more}`."


def selected(chart: Chart) -> Table:
    """A row for each panel, or for each variant where these are compared."""
    has_panels = chart.experiment.figure != "seeds"
    rows, among = (_panels(chart), selected_among(panels(chart))) if has_panels else (_variants(chart), "")
    caption = (
        f"the cells with the lowest {selection_split(chart.records)} error and their test errors (± standard deviation "
        "over seeds), beside the lowest value read off the paper's figure. Seeds: those of the selected cell by which "
        f"it was selected; where more were trained since, the mean of all follows.{among}"
    )
    table = Table(HEADER, tuple(rows), "selected", caption)
    kept = [place for place, cells in enumerate(zip(*table.rows, strict=True)) if any(cells)]
    lines = [tuple(line[place] for place in kept) for line in (table.header, *table.rows)]
    return replace(table, header=lines[0], rows=tuple(lines[1:]))


def _panels(chart: Chart) -> Iterator[tuple[str, ...]]:
    paper = Paper()
    for panel in panels(chart):
        records, best = [r for tile in panel.tiles.values() for r in tile.records], panel.best
        text = "every run diverged"
        if best is not None:
            alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
            place = f"α = {alpha}, {_decay_sign(panel.decay_unit)} = {decay}"
            text = f"[{_error(best)}](figures/{chart.stem}.csv#{best.records[0]['id']}) at {place}"
            text += ", on the grid boundary" * panel.on_boundary
            every = best.with_all_seeds()
            if len(every.seeds) > len(best.seeds):
                text += f"; {_error(every)} over {len(every.seeds)} seeds"
        count = str(len(best.seeds) if best else 0)
        yield panel.name, text, _lowest_reading(chart, panel, paper), count, str(len(records)), power.hours(records)


def _error(tile: Tile) -> str:
    """Its mean test error with the deviation between seeds."""
    if tile.test_error is None:
        return f"{len(tile.seeds)} seeds, of which some diverged"
    return f"{tile.test_error:.2f}" + ("" if tile.spread is None else f" ± {tile.spread:.2f}") + " %"


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
            yield f"{NAMES.get(optimizer, optimizer)}, {variant.name}", spread, "", count, "", ""
