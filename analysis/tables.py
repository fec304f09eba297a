"""`python -m analysis statistics`: how separable each heat map is, as numbers, beside the paper's own figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import experiments
from analysis import separability
from analysis.figures import check_writable, read_records
from analysis.select import Refused, charts
from paper_repro.records import write_atomically


def make(names: Sequence[str], source: Path | None, out: Path | None) -> Iterator[str]:
    """The tables of these experiments (of all heat maps with records, when none is named), as Markdown.

    source: as for figures. out: a folder for the numbers as CSV. Raises Refused with one line.
    """
    maps = [name for name in experiments.names() if experiments.get(name).figure == "heat_maps"]
    for name in names:
        if name not in maps:
            raise Refused(f"{name} is no heat map over learning rate and decay: one of {', '.join(maps)}")
    records = read_records(source)
    if out is not None:
        check_writable(out)
    found = [chart for name in names or maps for chart in charts(experiments.get(name), records)]
    if not found:
        raise Refused(f"no records of {', '.join(names or maps)}; make some with: python -m experiments run fig2")
    for chart in found:
        rows = [*separability.of_chart(chart), *separability.of_paper(chart.experiment.name)]
        yield f"{chart.stem}\n\n{separability.markdown(rows)}"
        if out is not None:
            path = out / f"{chart.stem}-separability.csv"
            write_atomically(path, separability.table(rows).encode())
            yield str(path)
