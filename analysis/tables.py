"""`python -m analysis statistics`: how separable each map is and by which laws the best decay goes, beside the paper's
own figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import experiments
from analysis import compare, laws, separability
from analysis.captions import of_several_codes
from analysis.figures import check_writable, read_records
from analysis.panels import panels
from analysis.select import Chart, Refused, charts
from paper_repro.records import Record, write_atomically

FIGURES = ("heat_maps", "batch_sizes", "curves")  # what statistics are of
FEW = 6  # panels of which every pair is compared


def make(names: Sequence[str], source: Path | None, out: Path | None) -> Iterator[str]:
    """The tables of these experiments (of all that have records, when none is named), as Markdown.

    source: as for figures. out: a folder for the numbers as CSV. Raises Refused with one line.
    """
    known = [name for name in experiments.names() if experiments.get(name).figure in FIGURES]
    for name in names:
        if name not in known:
            raise Refused(f"{name} has no statistics: one of {', '.join(known)}")
    records = read_records(source)
    if out is not None:
        check_writable(out)
    found = [chart for name in names or known for chart in charts(experiments.get(name), records)]
    if not found:
        raise Refused(f"no records of {', '.join(names or known)}; make some with: python -m experiments run fig2")
    for chart in found:
        yield f"{chart.stem}\n\n{markdown(chart, records)}"
        if several := of_several_codes(chart.records):
            yield several
        if out is not None and chart.experiment.figure == "heat_maps":
            path = out / f"{chart.stem}-separability.csv"
            write_atomically(path, separability.table(_rows(chart)).encode())
            yield str(path)


def markdown(chart: Chart, records: Sequence[Record]) -> str:
    """All tables of a chart. records: all there are, for the noise of single runs."""
    rules = [*laws.of_chart(chart, records), *laws.of_paper(chart.experiment.name)]
    pairs = compare.compare(shown) if len(shown := panels(chart)) <= FEW else []
    tables = [separability.markdown(_rows(chart))] if chart.experiment.figure == "heat_maps" else []
    tables += [laws.markdown(rules)] if rules else []
    tables += [compare.markdown(pairs)] if pairs else []
    return "\n".join(tables) or "one run of each: nothing to say\n"


def _rows(chart: Chart) -> list[separability.Row]:
    return [*separability.of_chart(chart), *separability.of_paper(chart.experiment.name)]
