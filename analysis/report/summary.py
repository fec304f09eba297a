"""The first page: what was found, in numbers that the records give, and the table of claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from analysis.claims import ledger, power
from analysis.claims.ledger import Decided, Verdict
from analysis.claims.rules import CONTRADICTED, OUTCOMES, SUPPORTED
from analysis.claims.sources import Evidence
from analysis.results import published
from analysis.results.document import Block, Bullets, Heading, Paragraph, Table
from analysis.results.panels import selection_split
from analysis.results.words import NAMES, format_estimate
from analysis.statistics import ridge
from analysis.statistics.surface import of_panel, of_readings
from experiments.declare import told

READINGS = "[readings](records:published)"


def section(evidence: Evidence, decided: Sequence[Decided]) -> Iterator[Block]:
    """What a reader wants first."""
    yield Heading(2, "Summary", "summary")
    yield Paragraph(
        "A reproduction of Decoupled Weight Decay Regularization (Loshchilov & Hutter, ICLR 2019). Every number here "
        "is computed from records of runs, and links to them."
    )
    if evidence.changes:
        yield Paragraph(told(evidence.changes))
    yield Bullets(tuple(_sentences(evidence, decided)))
    yield from _slopes(evidence)


def claims(decided: Sequence[Decided]) -> Iterator[Block]:
    """The ledger, its verdicts with their numbers and records."""
    yield Heading(2, "Claims", "claims")
    yield Paragraph(
        "Demos on synthetic pictures are no evidence and are left out here. A claim that does not hold at a reduced "
        "scale is told to be contradicted there; that says nothing about the scale of the paper."
    )
    table = ledger.table(decided)
    rows = tuple(
        (name, text, f"{ours} {_behind(each.ours)}".strip(), f"{paper} {READINGS}" if paper else "", *rest)
        for (name, text, ours, paper, *rest), each in zip(table.rows, decided, strict=True)
    )
    yield Table(table.header, rows, table.name, table.caption, tuple(_anchor(each) for each in decided))


def _anchor(each: Decided) -> str:
    return f"claim-{each.claim.name}"


def _behind(verdict: Verdict) -> str:
    if not verdict.stem:
        return ""
    count = f"{len(verdict.records)} records" if verdict.records else "rows"
    return f"[{count}](records:{verdict.stem})"


def _sentences(evidence: Evidence, decided: Sequence[Decided]) -> Iterator[str]:
    ours = Counter(each.ours.outcome for each in decided)
    theirs = Counter(each.paper.outcome for each in decided if each.paper)
    yield f"Of {len(decided)} [claims](#claims) our records decide: {_counted(ours)}."
    yield f"By the same rules the paper's own figures decide, of {theirs.total()}: {_counted(theirs)}."
    for outcome in (SUPPORTED, CONTRADICTED):
        own = [each for each in decided if each.ours.outcome == outcome]
        told = "; ".join(f"[{each.claim.name}](#{_anchor(each)}) {each.claim.text}" for each in own)
        if own:
            yield f"**{outcome}** here: {told}."
    both = [
        each for each in decided if each.paper and {each.ours.outcome, each.paper.outcome} == {SUPPORTED, CONTRADICTED}
    ]
    disagreeing = ", ".join(f"[{each.claim.name}](#{_anchor(each)})" for each in both)
    if disagreeing:
        yield f"Ours and the paper's figures disagree on: {disagreeing}."
    records = evidence.records
    scales = power.listed({each.ours.scale for each in decided if each.ours.scale})
    yield f"Scale of the evidence: {scales or 'none'}. All runs together: {len(records)} cells, {power.hours(records)}."


def _counted(outcomes: Counter[str]) -> str:
    return ", ".join(f"{outcomes[name]} {name}" for name in OUTCOMES if outcomes[name])


def _slopes(evidence: Evidence) -> Iterator[Block]:
    """The paper's central claim as a number: how the best decay moves with the learning rate."""
    chart = evidence.chart("fig2")
    if chart is None:
        return
    readings = published.load()
    rows = []
    for panel in evidence.panels("fig2"):
        ours = ridge.ridge(of_panel(panel, selection_split(chart.records))).slope
        there = {reading.panel for reading in readings if reading.figure == "fig2"}
        name = f"{panel.optimizer}_cosine"
        paper = ridge.ridge(of_readings(readings, "fig2", name)).slope if name in there else None
        rows.append((
            NAMES.get(panel.optimizer, panel.optimizer), format_estimate(ours) if ours else "too few rows",
            format_estimate(paper) if paper else "", PREDICTED.get(panel.optimizer, ""),
        ))  # fmt: skip
    yield Table(
        ("", f"ours ({chart.profile}, {chart.dataset})", "the paper's figure 2", "predicted"), tuple(rows), "slopes",
        f"Slope of the best log decay over the log learning rate, with 95 % intervals: 0 means that decay can be tuned "
        f"by itself. In torch's convention, weight_decay = λ / α, each is less by 1. ([records](records:{chart.stem}), "
        "[the paper's](records:published))",
    )  # fmt: skip


PREDICTED = {
    "sgd": "-1 (Proposition 1: λ α counts)", "sgdw": "0 (the claim)", "adam": "none (Proposition 2)",
    "adamw": "0 (the claim)",
}  # fmt: skip
