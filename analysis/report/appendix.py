"""Where everything comes from: compute spent, environment, the records themselves, and how to cite."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from analysis.claims import power
from analysis.results import published
from analysis.results.document import Block, Code, Folded, Heading, Paragraph, Table, literal
from analysis.results.studies import Shown
from analysis.results.table import Chart, provenance
from analysis.results.words import distinct_texts
from paper_repro.records import Record

DIGITS = 12  # of a commit
HEADER = ("id", "α", "λ", "seed", "status", "validation error", "test error", "epochs", "batch", "commit")
PAPER = """@inproceedings{loshchilov2019decoupled,
  title     = {Decoupled Weight Decay Regularization},
  author    = {Loshchilov, Ilya and Hutter, Frank},
  booktitle = {International Conference on Learning Representations},
  year      = {2019},
  note      = {arXiv:1711.05101}
}"""
SOFTWARE = """@software{{paper_repro,
  title   = {{paper\\_repro: a reproduction of Decoupled Weight Decay Regularization}},
  author  = {{{{The paper\\_repro authors}}}},
  year    = {{{year}}},
  version = {{{version}}},
  note    = {{records of commits {commits}}}
}}"""
CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"


def compute(
    shown: Sequence[Chart], studies: Sequence[Shown], records: Sequence[Record], failures: int
) -> Iterator[Block]:
    """What every sweep took; failures: cells that failed and left no record."""
    yield Heading(2, "Compute", "compute")
    rows = [_spent(chart.stem, chart.records) for chart in shown]
    drawn = {record["id"] for chart in shown for record in chart.records}
    rest = [record for record in records if record["id"] not in drawn]
    rows += [_spent("", rest)] if rest else []
    rows += [
        (f"[{s.stem}](records:{s.stem})", "a study", "", "", f"{s.seconds:.0f} s") for s in studies if s.provenance
    ]
    caption = (
        "Time of training, all attempts of a cell counted. A cell that two figures share is counted in both; each "
        f"once, they are {power.hours(records)}. Cells that failed and were not trained since: {failures}; their time "
        "is not known."
    )
    yield Table(("sweep", "cells", "diverged", "interrupted", "time"), tuple(rows), "compute", caption)


def _spent(stem: str, records: Sequence[Record]) -> tuple[str, ...]:
    diverged = [record for record in records if record["status"] == "diverged"]
    lost = f"{len(diverged)} ({power.hours(diverged)})" if diverged else "0"
    name = f"[{stem}](records:{stem})" if stem else "in no figure"
    return name, str(len(records)), lost, str(power.attempts(records)), power.hours(records)


def environment(records: Sequence[Record], studies: Sequence[Shown]) -> Iterator[Block]:
    """Commits, versions, hardware and data of all records, counted."""
    yield Heading(2, "Environment", "environment")
    origins = [*(provenance(r) for r in records), *(s.provenance for s in studies if s.provenance)]
    kinds = Counter(
        (_commit(o), _versions(o.get("versions")), literal(o.get("hardware")), _data(o.get("data"))) for o in origins
    )
    rows = tuple((*kind, str(count)) for kind, count in sorted(kinds.items()))
    caption = "What trained: of how many records and studies."
    yield Table(("commit", "versions", "hardware", "data (fingerprint)", "records"), rows, "environment", caption)


def _commit(found: Mapping[str, object]) -> str:
    return literal(found.get("commit"))[:DIGITS] + (" with uncommitted changes" if found.get("dirty") else "")


def _versions(found: object) -> str:
    return (
        ", ".join(literal(f"{name} {value}") for name, value in found.items()) if isinstance(found, dict) else "unknown"
    )


def _data(found: object) -> str:
    return literal(f"{found.get('name')} ({found.get('fingerprint')})") if isinstance(found, dict) else "unknown"


def citing(records: Sequence[Record]) -> Iterator[Block]:
    """BibTeX of the paper and of this software."""
    yield Heading(2, "Citing", "citing")
    commits = power.listed(str(provenance(r).get("commit"))[:DIGITS] for r in records) or "none"
    stated = dict(line.split(": ", 1) for line in CITATION.read_text(encoding="utf-8").splitlines() if ": " in line)
    made = {"year": stated["date-released"][:4], "version": stated["version"], "commits": commits}
    yield Code(f"{PAPER}\n\n{SOFTWARE.format(**made)}")


def appendix(shown: Sequence[Chart], studies: Sequence[Shown]) -> Iterator[Block]:
    """Every record, by the figure that shows it."""
    yield Heading(2, "Records", "records")
    yield Paragraph("Each row is one run; its id is its file's name, and a hash of its settings.")
    seen: set[str] = set()
    for chart in shown:
        # A record that two figures share stands twice; links to it lead to the first.
        names = tuple("" if record["id"] in seen else f"r-{record['id']}" for record in chart.records)
        seen |= {record["id"] for record in chart.records}
        texts = {name: distinct_texts(record["cell"][name] for record in chart.records) for name in ("alpha", "decay")}
        rows = tuple(_row(record, texts) for record in chart.records)
        yield Folded(f"{chart.stem}: {len(rows)} records", Table(HEADER, rows, anchors=names), chart.stem)
    for study in studies:
        if study.rows:
            yield Folded(f"{study.stem}: {len(study.rows)} rows", _study(study), study.stem)
    header, *readings = (tuple(line) for line in csv.reader(published.FILE.read_text(encoding="utf-8").splitlines()))
    summary = f"The paper's own figures: {len(readings)} readings (`censored` ge: at least this)"
    yield Folded(summary, Table(header, tuple(readings)), "published")


def _row(record: Record, texts: Mapping[str, Mapping[float, str]]) -> tuple[str, ...]:
    cell, final = record["cell"], record["final"] or {}
    errors = [f"{final[name]:.2f}" if name in final else "" for name in ("validation_error", "test_error")]
    return (
        record["id"], *(texts[name][cell[name]] for name in texts), str(cell["seed"]), record["status"], *errors,
        str(cell["epochs"]), str(cell["batch_size"]), literal(provenance(record).get("commit"))[:DIGITS],
    )  # fmt: skip


def _study(study: Shown) -> Table:
    columns = tuple(dict.fromkeys(key for row in study.rows for key in row))
    return Table(
        tuple(map(literal, columns)), tuple(tuple(_short(row.get(key, "")) for key in columns) for row in study.rows)
    )


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} numbers, to be found in the CSV"
    return f"{value:.6g}" if isinstance(value, float) else literal(value)
