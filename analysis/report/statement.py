"""A reproducibility statement to paste into a paper, filled from the records."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from analysis.claims import power
from analysis.claims.ledger import PAPER, Decided
from analysis.claims.rules import ABSENT, FAILS, HOLDS, NOT_RUN, OPEN
from analysis.report.appendix import listed
from analysis.report.summary import FINDINGS, scale_of, seeds
from analysis.results.table import Chart
from paper_repro.records import Record

TEMPLATE = Path(__file__).with_name("statement.md")
IN_FULL = {HOLDS: "Held", FAILS: "Did not hold"}  # others by number alone
IN_SHORT = {OPEN: "Open", ABSENT: "Without their premise", NOT_RUN: "Not run"}


def statement(
    records: Sequence[Record],
    decided: Sequence[Decided],
    chart: Chart | None,
    environment: str,
    citing: Mapping[str, str],
) -> str:
    """Markdown of about 300 words. chart: the map that the report begins with; environment: what trained, in words."""
    diverged = sum(record["status"] == "diverged" for record in records)
    numbers = listed(record["cell"]["seed"] for record in records)
    runs = f"{len(records):,} training runs ({power.hours(records)}; seeds {numbers}), of which {diverged} diverged"
    figure = ""
    if chart is not None:
        figure = f"{chart.experiment.title}: {len(chart.records):,} of them, {seeds(chart)}, on {chart.dataset}, "
        figure += f"{scale_of(chart)}."
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        citing, runs=runs, map=figure, verdicts=" ".join(_verdicts(decided)), environment=environment
    )


def _verdicts(decided: Sequence[Decided]) -> Iterator[str]:
    """Sentences: the main claims that held and that did not, in words, with the settings; of the rest the numbers."""
    rest = [each for each in decided if each.claim.table == PAPER]
    for outcome, words in IN_FULL.items():
        of_outcome = [each for each in rest if _where(each, outcome)]
        main = [each for each in of_outcome if each.claim.name in FINDINGS]
        others = ", ".join(each.claim.name for each in of_outcome if each not in main)
        texts = [f"{each.claim.text} ({_where(each, outcome)})" for each in main] + [f"also {others}"] * bool(others)
        if texts:
            yield f"{words}: {'; '.join(texts)}."
        rest = [each for each in rest if each not in of_outcome]
    for outcome, words in IN_SHORT.items():
        if named := [each.claim.name for each in rest if each.ours.outcome == outcome]:
            yield f"{words}: {', '.join(named)}."


def _where(each: Decided, outcome: str) -> str:
    """The settings with this outcome."""
    return ", ".join(setting for setting, verdict in each.verdicts.items() if verdict.outcome == outcome)
