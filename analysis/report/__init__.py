"""`python -m analysis report`: all that the records say, as one page to read, a text, and tables for a paper.

OUT/report.html     whole in itself: opens without a network, on a phone, in print
OUT/report.md       the same as Markdown, with its images in OUT/figures
OUT/statement.md    a reproducibility statement to paste into a paper
OUT/claims.json     every claim, its verdicts, and the ids of the records behind them, as claims.schema.json says
OUT/figures/        PNG and CSV of every figure, with --pdf PDF too, also of statistics, which the page has as tables;
                    published.csv: the values of the paper's own; claims.csv: rules; environment.csv: what trained
OUT/tables/         the tables of results and claims as LaTeX; all.tex shows them all
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from analysis.claims import CLAIMS, ledger, sources
from analysis.figures import charts_of, check_writable, nothing, processes, write
from analysis.report import appendix, claims_json, render, results, summary
from analysis.report.results import Drawn
from analysis.report.statement import statement
from analysis.results import published
from analysis.results.markdown import Table, csv_text
from analysis.results.studies import StudyResult
from analysis.results.table import Chart
from analysis.statistics import power_laws
from paper_repro.cli import UsageError
from paper_repro.files import write_atomically
from paper_repro.records import Record

TEMPLATE = Path(__file__).with_name("report.md")  # with the prose, the method and the BibTeX
PAPER = ("fig", "supp")  # experiments that are figures of the paper
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
    # The paper's figures first, and demos last: where there is more of an experiment they are evidence of nothing.
    charts.sort(key=lambda c: (c.profile == "demo", not c.experiment.name.startswith(PAPER), c.stem))
    beyond_demo = {chart.experiment.name for chart in charts if chart.profile != "demo"}
    charts = [chart for chart in charts if chart.profile != "demo" or chart.experiment.name not in beyond_demo]
    noise = [record for chart in charts if chart.experiment.name in power_laws.MAPS for record in chart.records]
    theirs = importlib.import_module("analysis.figures.published").FIGURES
    names = {chart.stem: chart.experiment.repeats or chart.experiment.name for chart in reversed(charts)}
    beside = {name: stem for stem, name in names.items() if name in theirs}  # the first chart of each
    top = next((chart for chart in charts if names[chart.stem] == "fig2"), next(iter(charts), None))
    whole = [chart for chart in charts if (names[chart.stem].startswith(PAPER) and chart.whole) or chart is top]
    further = [chart for chart in charts if chart not in whole]
    items: list[Chart | StudyResult] = [*charts, *evidence.studies]
    with processes() as drawers:
        pending = {
            item.stem: drawers.submit(_draw, item, noise, beside, out / "figures", kinds)
            for item in sorted(items, key=lambda item: item.experiment.figure not in SLOW)
        }
        decided = ledger.decide(CLAIMS, evidence)  # meanwhile
        drawn = {}
        for stem, future in pending.items():
            drawn[stem] = future.result()
            yield from (out / image.partition("](")[2].removesuffix(")") for image in drawn[stem].images)
    failures = sum(len(list((path / "failures").glob("*.txt"))) for path in paths)  # not trained since
    origins = [record["provenance"] for record in evidence.records]
    of_studies = [study.provenance for study in evidence.studies if study.provenance]
    citing = appendix.citing(evidence.records)
    parts: dict[str, list[str | Table]] = {
        "scale": [*summary.scale(evidence, top)],
        "findings": [*summary.findings(decided), *(drawn[top.stem].images[:1] if top else ())],
        "claims": [*summary.claims(decided, (ledger.FACT, ledger.PAPER))],
        "results": [block for chart in whole for block in results.section(chart, drawn[chart.stem], chart is top)],
        "texts": [*summary.claims(decided, (ledger.TEXT,))],
        "further": [block for chart in further for block in results.section(chart, drawn[chart.stem])]
        + [block for study in evidence.studies for block in results.study(study, drawn[study.stem])],
        "anomalies": [appendix.anomalies(charts)],
        "checklists": [appendix.checklists(evidence.records)],
        "compute": [appendix.compute(charts, evidence.studies, evidence.records, failures)],
        "environment": [f"{appendix.environment(origins)} ({appendix.linked('environment', 'each')})."],
    }
    tables = [block for blocks in parts.values() for block in blocks if isinstance(block, Table) and block.name]
    texts = {name: "\n\n".join(_explained_once(blocks)) for name, blocks in parts.items()}
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(texts, **citing)
    files = {
        "claims.json": claims_json.claims(decided), "claims.schema.json": claims_json.schema(),
        "statement.md": statement(evidence.records, decided, top, appendix.environment(origins), citing),
        "figures/claims.csv": csv_text(summary.RULES_HEADER, summary.rules(decided)),
        "figures/environment.csv": appendix.origins_table([*origins, *of_studies]),
        "figures/published.csv": published.FILE.read_text("utf-8"), "report.md": text,
        **{f"tables/{table.name}.tex": render.latex(table) for table in tables},
        "tables/all.tex": render.latex_document([table.name for table in tables]),
    }  # fmt: skip
    for name, content in files.items():
        write_atomically(out / name, content.encode())
        yield out / name
    write_atomically(out / "report.html", render.page(text, out).encode())
    yield out / "report.html"


def _explained_once(blocks: Sequence[str | Table]) -> Iterator[str]:
    """The blocks as Markdown; of tables of one kind (STEM-selected) only the first with what its columns are."""
    seen = set()
    for block in blocks:
        kind = block.name.rpartition("-")[2] if isinstance(block, Table) else ""
        yield block.markdown() if isinstance(block, Table) and kind in seen else str(block)
        seen |= {kind} - {""}


def _draw(
    item: Chart | StudyResult, noise: Sequence[Record], beside: Mapping[str, str], folder: Path, kinds: Sequence[str]
) -> Drawn:
    """Ours, the paper's own where `beside` says so, and tables of the statistics, which are drawn for themselves.

    noise: records of several seeds, for the noise of single runs. beside: by the name of a figure of the paper the
    chart that has it at its side.
    """
    statistics, title = importlib.import_module("analysis.report.tables"), item.experiment.title
    paths, tables = {f"Ours: {title}": write(item, folder, kinds)}, ()
    published = [name for name, stem in beside.items() if stem == item.stem]
    for name in published:
        paths[f"The paper's own figure, from the values read off it: {title}"] = write(name, folder, kinds)
    if item.experiment.figure in statistics.FIGURES:
        computed = statistics.Statistics.of(item, noise)
        computed.write(folder, kinds)
        tables = tuple(computed.tables(bool(published)))
    images = [(words, path) for words, group in paths.items() for path in group if path.suffix == ".png"]
    return Drawn(tuple(f"![{words}](figures/{path.name})" for words, path in images), tables)
