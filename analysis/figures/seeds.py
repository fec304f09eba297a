"""Variants of a cell side by side, one panel per optimizer: a dot for each seed, the mean, and its 95 % interval.

A variant is what the declared cells of an optimizer differ in (precision, groups, ...). Each is compared with the first
one declared, seed by seed, because cells of one seed share their initial weights and their order of pictures.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from analysis.figures.captions import caption
from analysis.figures.heat_maps import NAMES
from analysis.figures.style import WIDTH, new_figure, write_caption
from analysis.results.table import Chart, of_cells
from analysis.statistics.surface import deviation
from paper_repro.cell import Cell
from paper_repro.records import Record

PANEL = 1.5  # inches of height
READING = (
    "Circles: test errors of single seeds. Lines: their means. Numbers: mean difference from the leftmost variant "
    "and its 95 % interval, paired by seed."
)


@dataclass(frozen=True)
class Variant:
    """Test errors in percent by seed, and how many of the variant's runs diverged."""

    name: str
    errors: dict[int, float]
    diverged: int

    @property
    def mean(self) -> float:
        return statistics.fmean(self.errors.values())

    @property
    def deviation(self) -> float:
        """Between seeds (n - 1); NaN for fewer than two."""
        return statistics.stdev(self.errors.values()) if len(self.errors) > 1 else math.nan


def draw(chart: Chart) -> Figure:
    """The figure of a chart."""
    optimizers = list(dict.fromkeys(cell.optimizer for cell in chart.declared))
    lines = textwrap.wrap(caption(chart, READING), 148)
    under = 0.1 + 0.108 * len(lines)
    height = under + 0.55 + PANEL + 0.3
    figure = new_figure(height)
    width = (WIDTH - 0.55) / len(optimizers)
    for number, optimizer in enumerate(optimizers):
        box = (0.5 + number * width, under + 0.55, width - 0.4, PANEL)
        axes = figure.add_axes((box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height))
        draw_panel(axes, variants(chart, optimizer))
        axes.set_title(NAMES.get(optimizer, optimizer), pad=4)
        if number == 0:
            axes.set_ylabel("test error (%)")
    write_caption(figure, lines, under, height)
    return figure


def variants(chart: Chart, optimizer: str) -> list[Variant]:
    """What the cells of this optimizer are, in the order they were declared, those with records only."""
    declared = [cell for cell in chart.declared if cell.optimizer == optimizer]
    differing = fields_that_differ(chart.declared)
    by_cell: dict[Cell, list[Record]] = {}
    for record, cell in zip(chart.records, of_cells(chart.records, lambda cell: cell.replace(seed=0)), strict=True):
        by_cell.setdefault(cell, []).append(record)
    return [_variant(named(cell, differing), by_cell[cell]) for cell in declared if cell in by_cell]


def fields_that_differ(cells: Sequence[Cell]) -> list[str]:
    """The fields in which cells of the same optimizer differ, in the order of the Cell."""
    first: dict[str, Cell] = {}
    differing: dict[str, None] = {}
    for cell in cells:
        reference = first.setdefault(cell.optimizer, cell).to_dict()
        differing.update(dict.fromkeys(name for name, value in cell.to_dict().items() if value != reference[name]))
    return [name for name in cells[0].to_dict() if name in differing]


def named(cell: Cell, fields: Sequence[str]) -> str:
    """The cell's values in these fields, in words: "bf16, compile"."""
    words = []
    for field in fields:
        value = getattr(cell, field)
        if value is True:
            words.append(field)
        elif value is not False:
            words.append(str(value))
    return ", ".join(words)


def paired(first: Variant, other: Variant) -> tuple[float, float]:
    """Mean difference in test error, other - first, over the seeds both have, and half its 95 % interval (t); NaN where
    there is no difference, or where the differences do not tell their scatter."""
    differences = [other.errors[seed] - first.errors[seed] for seed in first.errors if seed in other.errors]
    if not differences:
        return math.nan, math.nan
    mean, scatter, count = statistics.fmean(differences), deviation(differences), len(differences)
    return mean, math.nan if scatter is None else float(special.stdtrit(count - 1, 0.975)) * scatter / math.sqrt(count)


def _variant(name: str, records: Sequence[Record]) -> Variant:
    finished = {r["cell"]["seed"]: float(r["final"]["test_error"]) for r in records if r["status"] == "finished"}
    return Variant(name, finished, len(records) - len(finished))


def draw_panel(axes: Axes, shown: Sequence[Variant]) -> None:
    for place, variant in enumerate(shown):
        if not variant.errors:
            continue
        axes.plot(
            [place] * len(variant.errors), list(variant.errors.values()), "o", ms=3, mfc="none", mec="0.4", mew=0.6
        )
        axes.plot([place - 0.22, place + 0.22], [variant.mean] * 2, color="crimson", lw=1.2)
        if place:
            difference, half = paired(shown[0], variant)
            text = f"{difference:+.2f}" + ("" if math.isnan(half) else f"\n± {half:.2f}")
            axes.annotate(text, (place, 1), xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=5.5)
    names = [variant.name + (f"\n{variant.diverged} diverged" if variant.diverged else "") for variant in shown]
    axes.set_xticks(range(len(shown)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, max(1, len(shown)) - 0.5)
    axes.margins(y=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
