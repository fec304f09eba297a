"""A section for each figure: ours, the paper's own, what was selected, the statistics, and the command."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.claims import power
from analysis.report import beside
from analysis.report.drawing import Drawn
from analysis.results import published
from analysis.results.document import Block, Code, Heading, Paragraph, Table
from analysis.results.panels import Panel, Tile, panels, selection_split
from analysis.results.series import Variant, variants
from analysis.results.studies import Shown, to_type
from analysis.results.table import Chart
from analysis.results.words import NAMES, distinct_texts
from experiments.declare import options

HEADER = ("", "ours: test error", "the paper's figure", "n", "cost")


def section(chart: Chart, drawn: Drawn) -> Iterator[Block]:
    """Of a grid of cells."""
    experiment = chart.experiment
    yield Heading(3, f"{experiment.title} ({experiment.name}, {chart.profile}, {chart.dataset})", chart.stem)
    yield Paragraph(f"Scale: {experiment.profiles[chart.profile].describe(chart.declared)}. {_cost(chart)}")
    yield from drawn.pictures
    yield selected(chart)
    for table in drawn.tables:
        yield Table(table.header, table.rows, f"{chart.stem}-{table.name}", f"{table.caption} {_behind(chart.stem)}")
    yield Code(command(chart))


def study(shown: Shown, drawn: Drawn) -> Iterator[Block]:
    """Of what is no grid of cells."""
    yield Heading(3, f"{shown.experiment.title} ({shown.experiment.name}, {shown.profile})", shown.stem)
    took = f" It took {shown.seconds:.0f} seconds." if shown.provenance else ""
    rows = f" ([rows](records:{shown.stem}))" if shown.rows else ""
    yield Paragraph(f"{shown.note[:1].upper()}{shown.note[1:]}.{took}{rows}")
    yield from drawn.pictures
    if shown.provenance:
        changes = {"quick": "run"} if shown.profile.endswith("-quick") else {}
        profile = shown.profile.removesuffix("-quick")
        declared = shown.experiment.profiles[profile].settings.get("cell") or {}
        data = "" if shown.dataset == declared.get("dataset") or "cell" not in shown.settings else shown.dataset
        yield Code(_typed(shown.experiment.name, profile, data, changes))


def selected(chart: Chart) -> Table:
    """A row for each panel, or for each variant where these are compared."""
    rows = _variants(chart) if chart.experiment.figure == "seeds" else _panels(chart)
    caption = (
        f"{chart.experiment.title}: the cells selected on {selection_split(chart.records)} error and their test errors "
        f"(± standard deviation between seeds), beside the lowest value read off the paper's figure. n: seeds of the "
        f"selected cell, of all records. {_behind(chart.stem)}"
    )
    return Table(HEADER, tuple(rows), f"{chart.stem}-selected", caption)


def _panels(chart: Chart) -> Iterator[tuple[str, ...]]:
    readings = published.load()
    for panel in panels(chart):
        own = [record for tile in panel.tiles.values() for record in tile.records]
        yield (
            panel.name, _best(chart, panel), beside.words(chart.experiment.name, panel, readings),
            f"{len(panel.best.seeds) if panel.best else 0} of {len(own)}", power.hours(own),
        )  # fmt: skip


def _best(chart: Chart, panel: Panel) -> str:
    best = panel.best
    if best is None or best.test_error is None:
        return "every run diverged"
    unit = "λ_norm" if panel.decay_unit == "normalized" else "λ"
    edge = ", at the edge" if panel.at_edge else ""
    place = f"α = {distinct_texts(panel.alphas)[best.alpha]}, {unit} = {distinct_texts(panel.decays)[best.decay]}{edge}"
    return f"[{_mean(best)} %](records:{chart.stem}/{best.records[0]['id']}) at {place}"


def _mean(tile: Tile) -> str:
    spread = "" if tile.spread is None else f" ± {tile.spread:.2f}"
    return f"{statistics.fmean(tile.errors()):.2f}{spread}"


def _variants(chart: Chart) -> Iterator[tuple[str, ...]]:
    for optimizer in dict.fromkeys(cell.optimizer for cell in chart.declared):
        for variant in variants(chart, optimizer):
            yield (
                f"{NAMES.get(optimizer, optimizer)}, {variant.name}",
                _spread(variant),
                "",
                f"{len(variant.errors)}" + f"; {variant.diverged} diverged" * bool(variant.diverged),
                "",
            )


def _spread(variant: Variant) -> str:
    return f"{variant.mean:.2f} ± {variant.deviation:.2f} %" if variant.errors else "every run diverged"


def _behind(stem: str) -> str:
    return f"([records](records:{stem}), [the paper's](records:published))"


def _cost(chart: Chart) -> str:
    seeds = len({record["cell"]["seed"] for record in chart.records})
    return f"{len(chart.records)} cells, {seeds} seed{'s' * (seeds > 1)}, {power.hours(chart.records)}."


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
