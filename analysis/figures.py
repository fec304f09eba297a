"""`python -m analysis figures`: find the records, draw each figure, write it beside the numbers it shows.

    python -m analysis figures fig2
    python -m analysis figures --recorded --out figures

For each figure: NAME.png, NAME.pdf and NAME.csv, one row per record.
"""

from __future__ import annotations

import csv
import importlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import experiments
from analysis import findings, paper_layout
from analysis.findings import RECORDED
from analysis.select import Chart, Refused, charts, how_to_make, provenance
from experiments.declare import Experiment
from paper_repro.cli import no_such
from paper_repro.reading import load
from paper_repro.records import BadRecord, Record, write_atomically
from paper_repro.texts import python_m

COLUMNS = (
    "optimizer", "alpha", "decay", "decay_unit", "seed", "status", "validation_error", "test_error", "train_loss",
    "train_error", "epochs", "batch_size", "schedule", "dataset", "model", "id", "commit",
)  # fmt: skip


def make(
    names: Sequence[str], source: Path | None, out: Path, changes: Mapping[str, Any] = {}, quick: bool = False
) -> Iterator[Path]:
    """Draw the figures of these experiments (of all with records, when none is named) and yield each written path.

    source: an output folder of runs or a .jsonl file of records; None for the committed ones. changes: to fields of
    the declared cells, as in the runs; quick: those of quick runs. Raises Refused with one line; nothing is written
    before all that was asked for is known to be drawable.
    """
    known = experiments.names()
    for name in names:
        if name not in known:
            raise Refused(no_such("experiment", name, known))
    asked = [experiments.get(name) for name in dict.fromkeys(names or known)]
    if quick:
        asked = [experiment.quick() for experiment in asked]
    grids = [experiment for experiment in asked if experiment.study is None]
    measured = findings.shown([experiment for experiment in asked if experiment.study is not None], source, bool(names))
    records = read_records(source) if grids else []
    wanted = [chart for each in grids for chart in _charts_of(each, changes, records, source, names)]
    if not wanted and not measured:
        raise Refused(_nothing(f"any experiment ({', '.join(known)})", "fig2", records, source))
    check_writable(out)
    for chart in wanted:
        for module in (chart.experiment.figure, *chart.experiment.also):
            yield from write_chart(chart, out, module)
    for result in measured:
        yield from write_figure(out, result.stem, result.experiment.figure, [result], result.table())


def make_published(names: Sequence[str], out: Path) -> Iterator[Path]:
    """Draw the paper's own figures from the values read off them, for these experiments (for all that have any)."""
    # Only now, as in write_figure.
    published = importlib.import_module("analysis.published_figures")
    for name in names:
        if name not in published.FIGURES:
            known = ", ".join(published.FIGURES)
            raise Refused(f"no values of the paper's own figures for {name!r}; there are for: {known}")
    check_writable(out)
    for name in dict.fromkeys(names or published.FIGURES):
        yield from write_figure(out, f"{name}-published", "published_figures", [name], published.table(name))


def make_paper(
    names: Sequence[str], source: Path | None, out: Path, changes: Mapping[str, Any] = {}, quick: bool = False
) -> Iterator[Path]:
    """As make, laid out as these figures of the paper (as all that have records)."""
    for name in names:
        if name not in paper_layout.FIGURES:
            raise Refused(f"the paper's layout has no figure {name!r}; it has: {', '.join(paper_layout.FIGURES)}")
    records = read_records(source)
    wanted: list[paper_layout.Laid] = []
    for name in dict.fromkeys(names or paper_layout.FIGURES):
        asked = [experiments.get(each) for each in paper_layout.FIGURES[name].experiments]
        asked = [each.quick() for each in asked] if quick else asked
        filled = paper_layout.laid(name, {e.name: _charts_of(e, changes, records, source, ()) for e in asked})
        if name in names and not filled:
            raise Refused(_nothing(name, asked[0].name, records, source))
        wanted += filled
    if not wanted:
        raise Refused(_nothing("any figure of the paper's layout", "fig2", records, source))
    check_writable(out)
    for laid in wanted:
        yield from write_figure(out, laid.stem, "paper_figures", [laid], table(laid.records))


def read_records(source: Path | None) -> list[Record]:
    """The records of `source`, the committed ones for None."""
    return read_recorded(RECORDED) if source is None else read_runs(source)


def read_runs(source: Path) -> list[Record]:
    """The records of an output folder or a .jsonl file. Raises Refused, naming the file, when they cannot be read."""
    if not source.exists():
        if source.suffix == ".jsonl":
            raise Refused(f"no such file: {source}; make it with: {python_m('experiments', 'collect', 'runs', source)}")
        raise Refused(f"no such folder: {source}; make records with: {how_to_make('fig2', source)}")
    try:
        return load(source)
    except BadRecord as error:
        raise Refused(f"damaged record: {error}") from None
    except OSError as error:
        raise Refused(f"cannot read {error.filename or source}: {error.strerror}") from None


def read_recorded(folder: Path = RECORDED) -> list[Record]:
    """The committed records of all files, each once. Raises Refused when two files disagree about a cell."""
    found: dict[str, tuple[Record, Path]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for record in read_runs(path):
            first, where = found.setdefault(record["id"], (record, path))
            if first["checksum"] != record["checksum"]:
                raise Refused(f"record {record['id']} differs between {where} and {path}; keep one of them")
    return [record for record, _ in found.values()]


def check_writable(out: Path) -> None:
    """Make the output folder. Raises Refused when that, or writing into it, is impossible."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cannot write to {out}: {error.strerror}") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise Refused(f"cannot write to {out}: permission denied")


def write_chart(chart: Chart, out: Path, module: str) -> list[Path]:
    """Draw one chart with a module of this package and write its PNG, PDF and CSV; their paths."""
    stem = chart.stem if module == chart.experiment.figure else f"{chart.stem}-{module}"
    return write_figure(out, stem, module, [chart], table(chart.records))


def write_figure(out: Path, stem: str, module: str, shown: Sequence[object], numbers: str) -> list[Path]:
    """Draw what draw() of a module of this package takes; write PNG, PDF and the numbers as CSV; their paths."""
    # Only now: matplotlib takes half a second to load, which neither --help nor an error should cost.
    pictures = importlib.import_module("analysis.pictures")
    drawing = importlib.import_module(f"analysis.{module}")
    with pictures.style():
        files: dict[str, bytes] = pictures.render(drawing.draw(*shown))
    paths = []
    if numbers:  # schedules are drawn from none
        files["csv"] = numbers.encode()
    for kind, content in files.items():
        path = out / f"{stem}.{kind}"
        try:
            write_atomically(path, content)
        except OSError as error:
            raise Refused(f"cannot write {path}: {error.strerror}") from None
        paths.append(path)
    return paths


def table(records: Sequence[Record]) -> str:
    """The records as CSV with a header: errors in percent, losses in nats, empty where diverged or not evaluated."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for record in records:
        origin = {"id": record["id"], "status": record["status"], "commit": provenance(record).get("commit")}
        writer.writerow({**(record["final"] or {}), **record["cell"], **origin})
    return text.getvalue()


def _charts_of(
    experiment: Experiment, changes: Mapping[str, Any], records: list[Record], source: Path | None, asked: Sequence[str]
) -> list[Chart]:
    name = experiment.name
    try:
        found = charts(experiment.changed(changes), records)
    except ValueError as error:
        raise error if isinstance(error, Refused) else Refused(str(error)) from None
    if name in asked and not found:
        raise Refused(_nothing(name, name, records, source, {**experiment.changes, **changes}))
    return found


def _nothing(
    what: str, example: str, records: list[Record], source: Path | None, changes: Mapping[str, Any] = {}
) -> str:
    where = RECORDED if source is None else source
    others = f" (none of its {len(records)} is of a profile; draw a run with the --set it had)" if records else ""
    fields = {name: value for name, value in changes.items() if name != "quick"}
    return f"no record of {what} in {where}{others}; make some with: " + how_to_make(
        example, source, fields, "quick" in changes
    )
