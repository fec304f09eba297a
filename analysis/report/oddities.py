"""The runs that diverged or look odd, by kind, with the usual remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.results.document import Block, Heading, Paragraph, Table
from analysis.results.table import Chart
from paper_repro.records import Record, diagnosis

HEADER = ("what", "cells", "the first", "what was seen there", "usual remedy")
CAPTION = (
    "Cells that diverged, and what looks odd in the curves of others, each kind once for a cell. The thresholds, and "
    "why they are what they are, stand in `paper_repro/records/diagnosis.py`."
)


def section(shown: Sequence[Chart]) -> Iterator[Block]:
    """Of the cells in the figures."""
    yield Heading(2, "Runs that look odd", "oddities")
    place = {record["id"]: (chart.stem, record) for chart in reversed(shown) for record in chart.records}
    if rows := [_row(group, *place[group["first"]]) for group in diagnosis.groups(_kinds(place))]:
        yield Table(HEADER, tuple(rows), "oddities", CAPTION)
    else:
        yield Paragraph("None: no cell diverged, and no curve shows a spike, a blow-up or training that is dead.")


def _kinds(place: dict[str, tuple[str, Record]]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(place):
        record = place[name][1]
        yield name, [diagnosis.DIVERGED] * (record["status"] == "diverged") + diagnosis.kinds(record)


def _row(group: dict[str, object], stem: str, record: Record) -> tuple[str, ...]:
    link = f"[{record['id']}](records:{stem}/{record['id']})"
    return str(group["kind"]), str(group["cells"]), link, _seen(group["kind"], record), str(group["remedy"])


def _seen(kind: object, record: Record) -> str:
    if kind == diagnosis.DIVERGED:
        return f"step {record['diverged']['step']}: {record['diverged']['reason']}"
    each = next(each for each in diagnosis.of(record) if each["kind"] == kind)
    return f"epoch {each['epoch']}: {_number(each.get('value'))}, against {_number(each.get('usual'))}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | int) else "an overflow"
