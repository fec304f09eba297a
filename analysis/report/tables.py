"""`python -m analysis statistics`: how separable each map is and by which laws the best decay goes, beside the paper's
own figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import experiments
from analysis.figures import KINDS, charts_of, check_writable, in_parallel, nothing, read_records, write_figure
from analysis.figures.captions import of_several_codes
from analysis.results.markdown import Table
from analysis.results.panels import panels
from analysis.results.table import Chart
from analysis.statistics import estimate, power_laws, separability
from experiments.declare import describe_changes
from paper_repro.cli import UsageError
from paper_repro.records import Record

FIGURES = ("heat_maps", "batch_sizes", "curves")  # what statistics are of
FEW = 6  # panels of which every pair is compared


def make(
    names: Sequence[str], sources: Sequence[Path], out: Path | None, changes: Mapping[str, Any] = {}, **form: Any
) -> Iterator[str]:
    """The tables of these experiments (of all that have records, when none is named), as Markdown.

    sources, changes, form: as for figures. out: a folder for the numbers as CSV and for their figures. Raises
    UsageError.
    """
    known = [name for name in experiments.names() if experiments.get(name).figure in FIGURES]
    for name in names:
        if name not in known:
            raise UsageError(f"{name} has no statistics: one of {', '.join(known)}")
    records = read_records(sources, next(iter(names), "fig2"), changes)
    charts = charts_of(names, records, sources, changes)
    if not charts:
        raise UsageError(nothing("any map", "fig2", records, sources, changes))
    drawn = [chart for chart in charts if chart.experiment.figure in FIGURES]
    if not drawn:
        yield f"no statistics: there are figures alone of {', '.join(chart.stem for chart in charts)}"
    if out is not None:
        check_writable(out)
    if changes:
        yield f"{describe_changes(changes)}\n"
    for lines in in_parallel([partial(_lines, chart, records, out, form) for chart in drawn]):
        yield from lines


def _lines(chart: Chart, records: Sequence[Record], out: Path | None, form: Mapping[str, Any]) -> list[str]:
    """Of one chart."""
    computed = Statistics.of(chart, records)
    lines = [f"{chart.stem}\n\n{computed.markdown()}", *filter(None, [of_several_codes(chart.records)])]
    return lines + ([] if out is None else [str(path) for path in computed.write(out, **form)])


@dataclass(frozen=True)
class Statistics:
    """All that is computed of a chart, once: resampling takes seconds. Empty: what it has none of."""

    chart: Chart
    rows: list[separability.Row]
    laws: list[power_laws.Law]

    @classmethod
    def of(cls, chart: Chart, records: Sequence[Record]) -> Statistics:
        """records: all there are, for the noise of single runs."""
        name, is_map = chart.experiment.repeats or chart.experiment.name, chart.experiment.figure == "heat_maps"
        rows = [*separability.chart_rows(chart), *separability.published_rows(name)] if is_map else []
        return cls(chart, rows, [*power_laws.chart_laws(chart, records), *power_laws.published_laws(name)])

    def markdown(self) -> str:
        """All tables under each other."""
        return "\n".join(table.markdown() for table in self.tables()) or "one run of each: nothing to say\n"

    def tables(self, with_paper: bool = True) -> list[Table]:
        """Separability, laws and comparisons, those that there are; of the paper's own figure too."""
        pairs = estimate.compare(selected) if len(selected := panels(self.chart)) <= FEW else []
        rows = [row for row in self.rows if with_paper or not row.is_paper]
        laws = [law for law in self.laws if with_paper or not law.is_paper]
        tables = [separability.table(rows)] if rows else []
        tables += [power_laws.table(laws)] if laws else []
        return tables + ([estimate.table(pairs)] if pairs else [])

    def write(self, out: Path, kinds: Sequence[str] = KINDS, **form: Any) -> list[Path]:
        """Figures and numbers as STEM-separability and STEM-laws; the path of each file. form: as of write_figure."""
        paths, stem = [], self.chart.stem
        if self.rows:
            numbers = separability.numbers(self.rows)
            paths += write_figure(
                out, f"{stem}-separability", "separability", [self.chart, self.rows], numbers, kinds, **form
            )
        if self.laws:
            numbers = power_laws.numbers(self.laws)
            paths += write_figure(out, f"{stem}-laws", "power_laws", [self.chart, self.laws], numbers, kinds, **form)
        return paths
