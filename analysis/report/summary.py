"""The first page: what was found, in numbers that the records give, and the table of claims."""

from collections.abc import Iterator, Sequence

from analysis.claims import ledger, power
from analysis.claims.ledger import PAPER, TEXT, Decided
from analysis.claims.rules import ABSENT, FAILS, HOLDS, OPEN
from analysis.claims.sources import CLEAN, SETTINGS, Evidence, Paper, Verdict
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
    yield from _slopes(next((each for each in map(evidence.at, SETTINGS) if each.chart("fig2")), evidence))


def claims(decided: Sequence[Decided]) -> list[Table]:
    """The ledger, its verdicts with links to their records."""

    def link(words: str, verdict: Verdict) -> str:
        if not verdict.stem:
            return words
        count = len(verdict.records)
        return f"{words} {linked(verdict.stem, f'{count} records' if count else 'rows')}"

    return ledger.tables(decided, link)


def _sentences(evidence: Evidence, decided: Sequence[Decided]) -> Iterator[str]:
    """Which claims came out how on clean labels. No totals: claims are not of one kind."""
    for kind in (PAPER, TEXT):
        for outcome in (HOLDS, FAILS, OPEN, ABSENT):
            of_kind = [each for each in decided if each.claim.table == kind and CLEAN.name in each.verdicts]
            found = [each.claim for each in of_kind if each.verdicts[CLEAN.name].outcome == outcome]
            if found:
                names = "; ".join(f"{claim.name} {claim.text}" for claim in found)
                yield f"{kind[:1].upper()}{kind[1:]}, clean labels, **{outcome}**: {names}."
    scales = listed({v.scale for each in decided for v in each.verdicts.values() if v.scale})
    records = evidence.records
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
