"""What stands behind the results: anomalies, checklists, compute, environment, records, and how to cite them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.claims import power
from analysis.results.markdown import Table, csv_text, literal
from analysis.results.studies import StudyResult
from analysis.results.table import Chart, cell_of
from analysis.results.words import DIGITS, distinct_texts, short_commit
from experiments import declare
from paper_repro.records import Record, diagnosis

ANOMALIES = (
    "Cells that diverged, and what looks unusual in the curves of others, each kind once for a cell. The thresholds, "
    "and why they are what they are, stand in `paper_repro/records/diagnosis.py`."
)
CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"


def anomalies(charts: Sequence[Chart]) -> Table | str:
    """Of the cells in the figures, by kind, with the usual remedy."""
    records = {record["id"]: (chart.stem, record) for chart in reversed(charts) for record in chart.records}
    kinds = (
        (name, [diagnosis.DIVERGED] * (record["status"] == "diverged") + diagnosis.kinds(record))
        for name, (_, record) in sorted(records.items())
    )
    rows = []
    for group in diagnosis.groups(kinds):
        stem, record = records[group["first"]]
        if group["kind"] == diagnosis.DIVERGED:
            seen = f"step {record['diverged']['step']}: {record['diverged']['reason']}"
        else:
            each = next(each for each in diagnosis.of(record) if each["kind"] == group["kind"])
            seen = f"epoch {each['epoch']}: {_number(each.get('value'))}, against {_number(each.get('usual'))}"
        link = f"[{record['id']}](figures/{stem}.csv#{record['id']})"
        rows.append((str(group["kind"]), str(group["cells"]), link, seen, str(group["remedy"])))
    header = ("what", "cells", "the first", "what was seen there", "usual remedy")
    none = "None: no cell diverged, and no curve shows a spike, a blow-up or training that is dead."
    return Table(header, tuple(rows), "", ANOMALIES) if rows else none


def _number(value: float | None) -> str:
    return "an overflow" if value is None else f"{value:.4g}"


def checklists(records: Sequence[Record]) -> str:
    """What the records answer of the checklists that stand in report.md."""
    diverged = sum(record["status"] == "diverged" for record in records)
    interrupted = sum(record["provenance"].get("attempts", 1) > 1 for record in records)
    return (
        f"- **Number of training runs**: {len(records):,}, of which {diverged} diverged.\n"
        f"- **Compute**: {power.hours(records)}, interrupted attempts of {interrupted} finished runs included.\n"
        f"- **Seeds**: {listed(record['cell']['seed'] for record in records)}."
    )


def compute(charts: Sequence[Chart], studies: Sequence[StudyResult], records: Sequence[Record], failures: int) -> Table:
    """Every sweep's search space and what it took; failures: cells that failed and left no record."""
    rows = []
    for chart in charts:
        cells = [cell_of(record) for record in chart.records]
        ends = [[pick(getattr(cell, name) for cell in cells) for pick in (min, max)] for name in ("alpha", "decay")]
        bounds = [" to ".join(distinct_texts(pair)[end] for end in pair) for pair in ends]
        fields = ("optimizer", *chart.experiment.facets)
        tried = "; ".join(f"{name}: {listed(getattr(cell, name) for cell in cells)}" for name in fields)
        parameters = listed(f"{record['parameters']:,}" for record in chart.records)
        rows.append((linked(chart.stem), *_spent(chart.records), *bounds, tried, parameters))
    drawn = {record["id"] for chart in charts for record in chart.records}
    if rest := [record for record in records if record["id"] not in drawn]:
        rows.append(("in no figure", *_spent(rest), "", "", "", ""))
    rows += [(linked(s.stem), "a study", "", f"{s.seconds:.0f} s", *[""] * 5) for s in studies if s.rows]
    header = (
        "sweep",
        "runs",
        "diverged",
        "time",
        "of a run",
        "bounds of α",
        "bounds of λ",
        "other settings",
        "parameters",
    )
    caption = (
        "Every sweep's search space and time of training (of a run: the median, the shortest and the longest), all "
        "attempts of a cell counted. A cell that two figures share is counted in both; each once, they are "
        f"{power.hours(records)}. Cells that failed and were not trained since: {failures}; their time is not known."
    )
    return Table(header, tuple(rows), "compute", caption)


def _spent(records: Sequence[Record]) -> tuple[str, ...]:
    diverged, seconds = [r for r in records if r["status"] == "diverged"], sorted(r["seconds"] for r in records)
    lost = f"{len(diverged)} ({power.hours(diverged)})" if diverged else "0"
    took = f"{seconds[len(seconds) // 2]:,.1f} s ({seconds[0]:,.1f} to {seconds[-1]:,.1f})"
    return str(len(records)), lost, power.hours(records), took


ORIGINS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "commit": short_commit,
    "versions": lambda each: " ".join(f"{name} {value}" for name, value in each.get("versions", {}).items()),
    "hardware": lambda each: str(each["hardware"]),
    "data": lambda each: f"{each['data']['name']} {each['data']['fingerprint']}".removesuffix(" none"),
}


def environment(origins: Sequence[Mapping[str, Any]]) -> str:
    """What trained, of the provenance of all records: each kind with its number of runs, the most frequent first.
    In Markdown, in which words of records are words."""
    texts = []
    for name, text in ORIGINS.items():
        counts = Counter(map(text, origins)).most_common()
        kinds = ", ".join(f"{value}{f' ({count:,})' * (len(counts) > 1)}" for value, count in counts)
        texts.append(f"{len(counts)} commits" if name == "commit" else f"{name} {kinds}")
    return literal("; ".join(reversed(texts)))


def origins_table(origins: Sequence[Mapping[str, Any]]) -> str:
    """The same as CSV, a line for each combination."""
    kinds = Counter(tuple(text(each) for text in ORIGINS.values()) for each in origins)
    return csv_text((*ORIGINS, "records"), [(*kind, count) for kind, count in sorted(kinds.items())])


def citing(records: Sequence[Record]) -> dict[str, str]:
    """What the BibTeX entry of this software says."""
    commits = listed(record["provenance"]["commit"][:DIGITS] for record in records) or "none"
    stated = dict(line.split(": ", 1) for line in CITATION.read_text(encoding="utf-8").splitlines() if ": " in line)
    return {"year": stated["date-released"][:4], "version": stated["version"], "commits": commits}


def linked(stem: str, words: str = "") -> str:
    """A link to the rows behind a figure."""
    return f"[{words or stem}](figures/{stem}.csv)"


def listed(values: Iterable[object]) -> str:
    """Distinct values in order, numbers by their size: "a, b, and 3 more"."""

    def place(word: str) -> tuple[float, str]:
        digits = word.replace(",", "").replace(".", "", 1).removeprefix("-")
        return (float(word.replace(",", "")) if digits.isdigit() else float("inf")), word

    return declare.listed(sorted({str(value) for value in values}, key=place))
