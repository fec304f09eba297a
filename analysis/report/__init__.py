"""`python -m analysis report`: all that the records say, as one page to read, a text, and tables for a paper.

OUT/report.html     whole in itself: opens without a network, on a phone, in print
OUT/report.md       the same as Markdown, with its pictures in OUT/figures
OUT/claims.json     every claim, its verdicts, and the ids of the records behind them
OUT/figures/        PNG and CSV of every figure, with --pdf PDF too; published.csv: the values of the paper's own
OUT/tables/         every table as LaTeX; all.tex shows them all
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import experiments
from analysis.claims import CLAIMS, ledger
from analysis.claims import sources as claim_sources
from analysis.figures import charts_of, check_writable, nothing, processes
from analysis.report import appendix, checklists, drawing, html, latex, markdown, method, oddities, results, summary
from analysis.results import published
from analysis.results.document import Block, Document, Heading, Table
from analysis.results.table import Chart
from paper_repro.cli import UsageError
from paper_repro.files import write_atomically

TITLE = "Decoupled weight decay, reproduced: a report"


def make(
    sources: Sequence[Path], out: Path, changes: Mapping[str, Any] = {}, kinds: Sequence[str] = ("png",)
) -> Iterator[Path]:
    """Write the report on these sources and changes, which are as for figures; yield each path.

    kinds: of the files of each picture; "png" must be among them. Raises UsageError for damaged records and where
    nothing can be written.
    """
    evidence = claim_sources.evidence(sources, changes)
    shown = charts_of(experiments.names(), evidence.records, sources, changes, named=False)
    if not shown and (changes.keys() - {"quick"} or not any(study.provenance for study in evidence.studies)):
        raise UsageError(nothing("any experiment", "fig2", evidence.records, sources, changes))
    check_writable(out)
    shown.sort(key=_place)
    with processes() as drawers:
        pending = drawing.start(drawers, shown, evidence.studies, out / "figures", kinds)
        decided = ledger.decide(CLAIMS, evidence)  # meanwhile
        for drawing_of in pending.values():
            yield from (out / "figures" / f"{picture.name}.png" for picture in drawing_of.result().pictures)
        document = Document(TITLE, tuple(_blocks(evidence, decided, shown, pending, sum(map(_failures, sources)))))
    yield from _written(document, decided, out)


def _place(chart: Chart) -> tuple[bool, bool, str]:
    """The paper's figures first, and demos last: they are evidence of nothing."""
    return chart.profile == "demo", not chart.experiment.name.startswith(("fig", "supp")), chart.stem


def _blocks(
    evidence: claim_sources.Evidence,
    decided: list[ledger.Decided],
    shown: list[Chart],
    pending: drawing.Pending,
    failures: int,
) -> Iterator[Block]:
    yield from summary.section(evidence, decided)
    yield from summary.claims(decided)
    yield Heading(2, "Results", "results")
    for chart in shown:
        yield from results.section(chart, pending[chart.stem].result())
    for study in evidence.studies:
        yield from results.study(study, pending[study.stem].result())
    yield from oddities.section(shown)
    yield from method.section()
    yield from checklists.section(shown, evidence.records)
    yield from appendix.compute(shown, evidence.studies, evidence.records, failures)
    yield from appendix.environment(evidence.records, evidence.studies)
    yield from appendix.citing(evidence.records)
    yield from appendix.appendix(shown, evidence.studies)


def _written(document: Document, decided: list[ledger.Decided], out: Path) -> Iterator[Path]:
    tables = [block for block in document.blocks if isinstance(block, Table)]
    files = {"report.html": html.page(document), "report.md": markdown.page(document)}
    files["claims.json"] = ledger.as_json(decided)
    files["figures/published.csv"] = published.FILE.read_text(encoding="utf-8")
    files |= {f"tables/{table.name}.tex": latex.table(table) for table in tables}
    files["tables/all.tex"] = latex.document([table.name for table in tables])
    for name, text in files.items():
        try:
            write_atomically(out / name, text.encode())
        except OSError as error:
            raise UsageError(f"cannot write {out / name}: {error.strerror}") from None
        yield out / name


def _failures(source: Path) -> int:
    """Cells of an output folder that failed and were not trained since."""
    return len(list((source / "failures").glob("*.txt"))) if source.is_dir() else 0
