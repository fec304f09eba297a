"""The first page: the scale of the evidence, what was found, and the claims."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from analysis.claims import ledger, power
from analysis.claims.ledger import FACT, Decided
from analysis.claims.rules import FAILS, HOLDS, NOT_RUN
from analysis.claims.sources import Evidence, Verdict
from analysis.report.appendix import linked
from analysis.results.markdown import Table
from analysis.results.table import Chart, cell_of
from experiments.declare import describe_changes

# Claims on the paper's main points, of which the first four that are decided stand on top.
FINDINGS = ("5", "1c", "10", "12", "15", "5b", "4", "6", "3", "11", "14")
RULES = ("what decides", "to decide")  # columns of the ledger that have a file of their own
RULES_HEADER = ("claim", "text", "source", *RULES, "command")


def scale(evidence: Evidence, chart: Chart | None) -> Iterator[str]:
    """How much was run. chart: the one that the page begins with."""
    if evidence.changes:
        yield describe_changes(evidence.changes)
    text = f"**Scale.** {len(evidence.records):,} training runs, {power.hours(evidence.records)}."
    if chart is not None:
        epochs = sorted({record["cell"]["epochs"] for record in chart.records})
        text += f" The figure below: {len(chart.records):,} of them, {seeds(chart)}, "
        text += f"{' or '.join(map(str, epochs))} epochs on {chart.dataset} ({scale_of(chart)})."
    yield text


def scale_of(chart: Chart) -> str:
    """What its cells train and on what."""
    return chart.experiment.profiles[chart.profile].describe(chart.declared)


def seeds(chart: Chart) -> str:
    """Of each cell: "3 seeds", "2 to 3 seeds"."""
    counts = Counter(map(cell_of, chart.records)).values()
    low, high = min(counts), max(counts)
    return f"{high} seed{'s' * (high > 1)}" if low == high else f"{low} to {high} seeds"


def findings(decided: Sequence[Decided]) -> list[str]:
    """The first four decided claims of FINDINGS as a list, each with its numbers and those of the paper's figure."""
    claims, found = {each.claim.name: each for each in decided}, []
    for each in filter(None, map(claims.get, FINDINGS)):
        run = (item for item in each.verdicts.items() if item[1].outcome in (HOLDS, FAILS))
        for setting, verdict in itertools.islice(run, 1):
            is_so = verdict.outcome == HOLDS
            where = f"claim {each.claim.name}, {setting}{' labels' * (setting != 'GPU')}"
            says = f"{each.claim.text}." if is_so else f"“{each.claim.text}” does not hold."
            theirs = f" In the paper's figure: {each.paper.words}." if each.paper else ""
            here = _link(f"Here: {verdict.words} ({verdict.scale})", verdict)
            found.append(f"- **{'As' if is_so else 'Not as'} in the paper** ({where}): {says} {here}.{theirs}")
    return ["\n".join(found[:4]) or "No claim of the paper is decided by these records."]


def claims(decided: Sequence[Decided], kinds: Sequence[str]) -> Iterator[str | Table]:
    """The verdicts on claims of these kinds that were tested, linked to their records; and which were not."""
    of_kinds = [each for each in decided if each.claim.table in kinds]
    tested = [each for each in of_kinds if each.ours.outcome != NOT_RUN]
    for table in sorted(ledger.tables(tested, _link), key=lambda table: table.caption == ledger.CAPTIONS[FACT]):
        lines = [[cell * (not cell.startswith(f"**{NOT_RUN}**")) for cell in row] for row in table.rows]
        columns = dict(zip(table.header, zip(*lines, strict=True), strict=True))
        kept = {name: cells for name, cells in columns.items() if name not in RULES and any(cells)}
        caption = table.caption.replace(ledger.TO_DECIDE, "")
        yield Table(tuple(kept), tuple(zip(*kept.values(), strict=True)), table.name, caption)
    rest = "; ".join(f"{each.claim.name} {each.claim.text}" for each in of_kinds if each not in tested)
    yield f"Not run: {rest or 'none'}. {linked('claims', 'The rule of each claim, and what would decide it')}."


def rules(decided: Sequence[Decided]) -> Iterator[tuple[str, ...]]:
    """The rows of figures/claims.csv."""
    for each in decided:
        claim = each.claim
        needed = each.needed.words if each.needed else ""
        yield claim.name, claim.text, claim.source, claim.rule, needed, "; ".join(each.to_run)


def _link(words: str, verdict: Verdict) -> str:
    """With a link to the records behind a verdict."""
    if not verdict.stem:
        return words
    count = len(verdict.records)
    return f"{words} {linked(verdict.stem, f'{count:,} records' if count else 'rows')}"
