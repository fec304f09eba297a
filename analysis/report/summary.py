"""The first page: what was found, in numbers that the records give, and the table of claims."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analysis.claims import ledger, power
from analysis.claims.ledger import Decided
from analysis.claims.rules import FAILS, HOLDS, OUTCOMES
from analysis.claims.sources import Evidence, Paper
from analysis.report.appendix import linked, listed
from analysis.results.markdown import Table
from analysis.results.words import NAMES, format_estimate
from analysis.statistics.ridge import ridge
from analysis.statistics.surface import panel_surface
from experiments.declare import describe_changes
from experiments.ranking import selection_split

PREDICTED = {
    "sgd": "-1 (Proposition 1: λ α counts)", "sgdw": "0 (the claim)", "adam": "none (Proposition 2)",
    "adamw": "0 (the claim)",
}  # fmt: skip


def section(evidence: Evidence, decided: Sequence[Decided]) -> Iterator[str | Table]:
    """What a reader wants first."""
    if evidence.changes:
        yield describe_changes(evidence.changes)
    yield "\n".join(f"- {sentence}" for sentence in _sentences(evidence, decided))
    yield from _slopes(evidence)


def claims(decided: Sequence[Decided]) -> Table:
    """The ledger, its verdicts with links to their records."""
    table, rows = ledger.table(decided), []
    for (name, text, ours, paper, *rest), each in zip(table.rows, decided, strict=True):
        count = len(each.ours.records)
        behind = f" {linked(each.ours.stem, f'{count} records' if count else 'rows')}" if each.ours.stem else ""
        theirs = f"{paper} {linked('published', 'readings')}" * bool(paper)
        rows.append((name, text, ours + behind, theirs, *rest))
    return replace(table, rows=tuple(rows))


def _sentences(evidence: Evidence, decided: Sequence[Decided]) -> Iterator[str]:
    pairs = [(each.claim, each.ours.outcome, each.paper.outcome if each.paper else "") for each in decided]
    here, paper = (Counter(filter(None, outcomes)) for outcomes in list(zip(*pairs, strict=True))[1:])
    counts = [", ".join(f"{of[name]} {name}" for name in OUTCOMES if of[name]) for of in (here, paper)]
    yield f"Of {len(decided)} [claims](#claims) our records decide: {counts[0]}."
    yield f"By the same rules the paper's own figures decide, of {paper.total()}: {counts[1]}."
    for outcome in (HOLDS, FAILS):
        if texts := [f"{claim.name} {claim.text}" for claim, ours, _ in pairs if ours == outcome]:
            yield f"**{outcome}** here: {'; '.join(texts)}."
    if names := [claim.name for claim, *outcomes in pairs if set(outcomes) == {HOLDS, FAILS}]:
        yield f"Ours and the paper's figures disagree on: {', '.join(names)}."
    records, scales = evidence.records, listed({each.ours.scale for each in decided if each.ours.scale})
    yield f"Scale of the evidence: {scales or 'none'}. All runs together: {len(records)} cells, {power.hours(records)}."


def _slopes(evidence: Evidence) -> Iterator[str | Table]:
    """The paper's central claim as a number: how the best decay moves with the learning rate."""
    chart, paper = evidence.chart("fig2"), Paper()
    if chart is None:
        return
    rows = []
    for panel in evidence.panels("fig2"):
        name, ours = panel.optimizer, ridge(panel_surface(panel, selection_split(chart.records))).slope
        rows.append((
            NAMES.get(name, name), format_estimate(ours) if ours else "too few rows",
            format_estimate(paper.slope(name)) if name in NAMES else "", PREDICTED.get(name, ""),
        ))  # fmt: skip
    caption = (
        "Slope of the best log decay over the log learning rate, with 95 % intervals: 0 means that decay can be tuned "
        "by itself. In torch's convention, weight_decay = λ / α, each is smaller by 1."
    )
    header = ("", f"ours ({chart.profile}, {chart.dataset})", "the paper's figure 2", "predicted")
    yield Table(header, tuple(rows), "slopes", caption)
    yield f"Behind this: {linked(chart.stem, 'records')}, {linked('published', 'readings of the paper')}."
