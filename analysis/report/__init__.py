"""`python -m analysis report`: all that the records say, as one page to read, a text, and tables for a paper.

OUT/report.html     whole in itself: opens without a network, on a phone, in print
OUT/report.md       the same as Markdown, with its images in OUT/figures
OUT/claims.json     every claim, its verdicts, and the ids of the records behind them
OUT/figures/        PNG and CSV of every figure, with --pdf PDF too; published.csv: the values of the paper's own
OUT/tables/         every table as LaTeX; all.tex shows them all
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from analysis.claims import CLAIMS, ledger, sources
from analysis.figures import charts_of, check_writable, nothing, processes, write
from analysis.report import appendix, render, results, summary
from analysis.report.results import Drawn
from analysis.results import published
from analysis.results.markdown import Table
from analysis.results.studies import StudyResult
from analysis.results.table import Chart
from analysis.statistics import power_laws
from paper_repro.cli import UsageError
from paper_repro.files import write_atomically
from paper_repro.records import Record

TEMPLATE = Path(__file__).with_name("report.md")  # with the prose, the method and the BibTeX
SLOW = ("heat_maps", "batch_sizes")  # whose statistics take seconds: begun first


def make(
    paths: Sequence[Path], out: Path, changes: Mapping[str, Any] = {}, kinds: Sequence[str] = ("png",)
) -> Iterator[Path]:
    """Write the report on these sources and changes, which are as for figures; yield each path.

    kinds: of the files of each figure; "png" must be among them. Raises UsageError with one line, for damaged records
    and where nothing can be written.
    """
    evidence = sources.evidence(paths, changes)
    charts = charts_of((), evidence.records, paths, changes)
    if not charts and (changes.keys() - {"quick"} or not any(study.provenance for study in evidence.studies)):
        raise UsageError(nothing("any experiment", "fig2", evidence.records, paths, changes))
    check_writable(out)
    # The paper's figures first, and demos last: they are evidence of nothing.
    charts.sort(key=lambda c: (c.profile == "demo", not c.experiment.name.startswith(("fig", "supp")), c.stem))
    noise = [record for chart in charts if chart.experiment.name in power_laws.MAPS for record in chart.records]
    theirs = importlib.import_module("analysis.figures.published").FIGURES
    beside = {chart.experiment.name: chart.stem for chart in reversed(charts) if chart.experiment.name in theirs}
    items: list[Chart | StudyResult] = [*charts, *evidence.studies]
    with processes() as drawers:
        pending = {
            item.stem: drawers.submit(_draw, item, noise, item.stem in beside.values(), out / "figures", kinds)
            for item in sorted(items, key=lambda item: item.experiment.figure not in SLOW)
        }
        decided = ledger.decide(CLAIMS, evidence)  # meanwhile
        drawn = {}
        for stem, future in pending.items():
            drawn[stem] = future.result()
            yield from (out / image.partition("](")[2].removesuffix(")") for image in drawn[stem].images)
    failures = sum(len(list((path / "failures").glob("*.txt"))) for path in paths)  # not trained since
    parts: dict[str, list[str | Table]] = {
        "summary": list(summary.section(evidence, decided)),
        "claims": [*summary.claims(decided)],
        "results": [block for chart in charts for block in results.section(chart, drawn[chart.stem])]
        + [block for study in evidence.studies for block in results.study(study, drawn[study.stem])],
        "anomalies": [appendix.anomalies(charts)],
        "checklists": [appendix.checklists(evidence.records)],
        "compute": [appendix.compute(charts, evidence.studies, evidence.records, failures)],
        "environment": [appendix.environment(evidence.records, evidence.studies)],
    }
    tables = [block for blocks in parts.values() for block in blocks if isinstance(block, Table)]
    texts = {name: "\n\n".join(map(str, blocks)) for name, blocks in parts.items()}
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(texts, **appendix.citing(evidence.records))
    files = {"claims.json": ledger.as_json(decided), "figures/published.csv": published.FILE.read_text("utf-8")}
    files |= {f"tables/{table.name}.tex": render.latex(table) for table in tables}
    files |= {"tables/all.tex": render.latex_document([table.name for table in tables]), "report.md": text}
    for name, content in files.items():
        write_atomically(out / name, content.encode())
        yield out / name
    write_atomically(out / "report.html", render.page(text, out).encode())
    yield out / "report.html"


def _draw(
    item: Chart | StudyResult, noise: Sequence[Record], has_theirs: bool, folder: Path, kinds: Sequence[str]
) -> Drawn:
    """Ours, the paper's own, and the statistics. noise: records of several seeds, for the noise of single runs."""
    statistics, title = importlib.import_module("analysis.report.tables"), item.experiment.title
    paths, tables = {f"Ours: {title}": write(item, folder, kinds)}, ()
    if has_theirs:
        words = f"The paper's own figure, from the values read off it: {title}"
        paths[words] = write(item.experiment.name, folder, kinds)
    if item.experiment.figure in statistics.FIGURES:
        computed = statistics.Statistics.of(item, noise)
        paths[f"Statistics of: {title}"] = computed.write(folder, kinds)
        tables = tuple(computed.tables())
    images = [(words, path) for words, group in paths.items() for path in group if path.suffix == ".png"]
    return Drawn(tuple(f"![{words}](figures/{path.name})" for words, path in images), tables)
