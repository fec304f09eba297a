"""Test errors of a study by seed, a column for each variant, beside the first: for eight_bit and fine_tuning."""

from __future__ import annotations

import statistics

from matplotlib.figure import Figure

from analysis.figures.seeds import draw_panel
from analysis.figures.style import with_panels
from analysis.results.series import Variant
from analysis.results.studies import Shown
from analysis.results.words import NAMES

READING = (
    "Circles: test errors of single seeds. Lines: their means. Numbers: mean difference from the leftmost and its 95 % "
    "interval, paired by seed."
)


def variants(shown: Shown) -> list[Variant]:
    """By the first field of the rows, in their order."""
    field = next(iter(shown.rows[0]))
    found = []
    for value in dict.fromkeys(row[field] for row in shown.rows):
        own = [row for row in shown.rows if row[field] == value]
        errors = {row["seed"]: row["test_error"] for row in own if row["test_error"] is not None}
        name = NAMES.get(value, str(value)) + _cost(own[0])
        found.append(Variant(name, errors, len(own) - len(errors)))
    return found


def draw(shown: Shown) -> Figure:
    """One panel."""
    all_variants = variants(shown)
    best = min((v for v in all_variants if v.errors), key=lambda v: statistics.fmean(v.errors.values()), default=None)
    told = f" Lowest mean: {best.name.partition(chr(10))[0]}, {best.mean:.2f} %." if best else ""
    figure, (axes,) = with_panels(1, 1, 2.0, shown.caption(READING + told))
    draw_panel(axes, all_variants)
    axes.set_ylabel("test error (%)")
    return figure


def _cost(row: dict[str, float]) -> str:
    return f"\n{row['bytes']:.1f} B, {row['milliseconds']:.2g} ms" if "bytes" in row else ""
