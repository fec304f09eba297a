"""`python -m analysis figures`: find the records, draw each figure, write it beside the numbers it shows.

    python -m analysis figures fig2
    python -m analysis figures --recorded --out figures

For each figure: NAME.png, NAME.pdf and NAME.csv, one row per record; with --no-caption also NAME.txt, the caption.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import experiments
from analysis.results.markdown import csv_text
from analysis.results.panels import records_shown
from analysis.results.studies import StudyResult, study_results, to_type
from analysis.results.table import Chart, all_charts, charts
from experiments.declare import Experiment
from paper_repro.cli import UsageError, python_m
from paper_repro.files import write_atomically
from paper_repro.records import BadRecord, Record, files_of, load, without_times

T = TypeVar("T")
KINDS = ("png", "pdf")
WIDTHS = {"column": 3.25, "text": 5.5, "page": 6.75}  # inches: ICML's column and page, the text of NeurIPS and ICLR
FEW = 3  # figures or statistics are made here in the time that processes take to start
COLUMNS = (
    "optimizer", "alpha", "decay", "decay_unit", "seed", "status", "validation_error", "test_error", "train_loss",
    "train_error", "epochs", "batch_size", "schedule", "dataset", "model", "id", "commit",
)  # fmt: skip


def make(
    names: Sequence[str], sources: Sequence[Path], out: Path, changes: Mapping[str, Any] = {}, **form: Any
) -> Iterator[Path]:
    """Draw the figures of these experiments (of all with records, when none is named) and yield each written path.

    sources: as of read_records. changes: to fields of the declared cells, as in the runs, and "quick" for those of
    quick runs. form: as of write_figure. Raises UsageError; nothing is written before all that was asked for is known
    to be drawable.
    """
    for name in names:
        if experiments.get(name).study is not None and changes.keys() - {"quick"}:
            raise UsageError(f"{name} has no cells to change: --set is for the others")
    studies = [each for name in names or experiments.names() if (each := experiments.get(name)).study is not None]
    drawn: list[Chart | StudyResult] = [*study_results(studies, sources, bool(names), "quick" in changes)]
    records: list[Record] = []
    grids = [name for name in names if experiments.get(name).study is None]
    if grids or not names:
        records = read_records(sources, next(iter(names), "fig2"), changes)
        drawn = [*(charts := charts_of(grids, records, sources, changes)), *drawn]
        if not charts and (changes.keys() - {"quick"} or not drawn):
            raise UsageError(nothing("any experiment", "fig2", records, sources, changes))
    for item in drawn:  # an experiment of your own may name what there is not
        module = item.experiment.figure.partition(".")[0] if isinstance(item, Chart) else "studies"
        if find_spec(f"{__name__}.{module}") is None:
            raise UsageError(f"{item.experiment.name}: no figure {item.experiment.figure!r} in analysis/figures")
    yield from _written(drawn, out, form)


def make_published(names: Sequence[str], out: Path, **form: Any) -> Iterator[Path]:
    """Draw the paper's own figures from the values read off them, for these experiments (for all that have any)."""
    known = importlib.import_module("analysis.figures.published").FIGURES  # only now, as in write_figure
    for name in names:
        if name not in known:
            raise UsageError(f"no values of the paper's own figures for {name!r}; there are for: {', '.join(known)}")
    yield from _written(list(dict.fromkeys(names or known)), out, form)


def _written(drawn: Sequence[Chart | StudyResult | str], out: Path, form: Mapping[str, Any]) -> Iterator[Path]:
    check_writable(out)
    for paths in in_parallel([partial(write, each, out, **form) for each in drawn]):
        yield from paths


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """As many as cores, spawned: numerical libraries keep threads, which a fork would lose. Whatever ends this, an
    interrupt too: what has not begun is not done."""
    context = multiprocessing.get_context("spawn")
    # A Ctrl-C goes to all processes of a terminal; the one that was typed answers it.
    pool = ProcessPoolExecutor(len(os.sched_getaffinity(0)), context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_parallel(jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What the jobs return, in order, as it is there; from processes of their own where there are more than FEW."""
    if len(jobs) <= FEW:
        yield from (job() for job in jobs)
        return
    with processes() as pool:
        for pending in [pool.submit(job) for job in jobs]:
            yield pending.result()


def changed(names: Sequence[str], changes: Mapping[str, Any]) -> list[Experiment]:
    """These experiments with the cells changed. Raises UsageError for what no cell can have."""
    try:
        return [experiments.get(name).changed(changes) for name in dict.fromkeys(names)]
    except ValueError as error:
        raise UsageError(str(error)) from None


def charts_of(
    names: Sequence[str], records: Sequence[Record], sources: Sequence[Path], changes: Mapping[str, Any]
) -> list[Chart]:
    """The charts of these experiments, of which each must have some (else UsageError); of all, where none is named."""
    if not names:
        return all_charts(changed(experiments.names(), changes), records)
    result: list[Chart] = []
    for experiment in changed(names, changes):
        result += (known := charts(experiment, records) or charts(experiment, records, alone=True))
        if not known:
            raise UsageError(nothing(experiment.name, experiment.name, records, sources, changes))
    return result


def read_records(sources: Sequence[Path], example: str = "fig2", changes: Mapping[str, Any] = {}) -> list[Record]:
    """The records of output folders, of .jsonl files and of folders of these, each cell once: that of the first source.

    What two sources have with other numbers, as from another machine, is reported on stderr. example, changes: what to
    run where there is no such folder. Raises UsageError for that, for what cannot be read, where one cell was trained
    on different data, and where two files of one source disagree about a cell.
    """
    for source in sources:
        if not source.exists():
            kind, advice = "folder", f"make records with: {to_type(example, [source], changes, here=True)}"
            if source.suffix == ".jsonl":
                kind, advice = "file", f"make it with: {python_m('experiments', 'collect', 'runs', source)}"
            raise UsageError(f"no such {kind}: {source}; {advice}")
    first_of: dict[str, tuple[Record, Path]] = {}
    for source in dict.fromkeys(sources):
        here: dict[str, tuple[Record, Path]] = {}
        others: dict[Path, list[str]] = {}
        for path, record in _read(source):
            name = record["id"]
            mine, its_path = here.setdefault(name, (record, path))
            first, from_source = first_of.setdefault(name, (record, source))
            for other, where in ((mine, its_path), (first, from_source)):
                if other["provenance"]["data"]["fingerprint"] != record["provenance"]["data"]["fingerprint"]:
                    raise UsageError(f"record {name} was trained on other data in {where} than in {path}")
            if _differ(mine, record):
                raise UsageError(f"record {name} differs between {its_path} and {path}; keep one of them")
            if mine is record and _differ(first, record):
                others.setdefault(from_source, []).append(name)
        for where, ids in others.items():
            cells = f"{len(ids)} cells have" if len(ids) > 1 else "a cell has"
            of_first = f"those of {where} are used"
            print(f"{cells} other numbers in {source} than in {where} (as {ids[0]}): {of_first}", file=sys.stderr)
    return [record for record, _ in first_of.values()]


def _read(source: Path) -> Iterator[tuple[Path, Record]]:
    """The records of an output folder, a .jsonl file or a folder of these, each with what it was read from."""
    try:
        for path in files_of(source):
            for record in load(path):
                yield path, record
    except BadRecord as error:
        raise UsageError(f"damaged record: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or source}: {error.strerror}") from None


def _differ(first: Record, second: Record) -> bool:
    """Whether two records of a cell hold other numbers, times aside."""
    names = ("status", "diverged", "final", "epochs")
    one, other = (without_times([record[name] for name in names]) for record in (first, second))
    return first["checksum"] != second["checksum"] and bool(one != other)


def check_writable(out: Path) -> None:
    """Make the output folder. Raises UsageError when that, or writing into it, is impossible."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from None


def write(drawn: Chart | StudyResult | str, out: Path, kinds: Sequence[str] = KINDS, **form: Any) -> list[Path]:
    """Draw a chart, what a study measured, or the paper's counterpart of an experiment's figure, and write its images
    in these kinds, and the numbers as CSV; their paths. form: as of write_figure."""
    if isinstance(drawn, Chart):
        stem, numbers, first = drawn.stem, table(records_shown(drawn)), drawn.experiment.figure
        stems = {first: stem} | {module: f"{stem}-{module}" for module in drawn.experiment.also}
        figures = stems.items()
        return [path for f, stem in figures for path in write_figure(out, stem, f, [drawn], numbers, kinds, **form)]
    if isinstance(drawn, StudyResult):
        return write_figure(
            out, drawn.stem, f"studies.{drawn.experiment.figure}", [drawn], drawn.table(), kinds, **form
        )
    numbers = importlib.import_module("analysis.figures.published").table(drawn)
    return write_figure(out, f"{drawn}-published", "published", [drawn], numbers, kinds, **form)


def write_figure(
    out: Path, stem: str, drawing: str, args: Sequence[object], numbers: str, kinds: Sequence[str] = KINDS,
    width: str = "text", has_caption: bool = True,
) -> list[Path]:  # fmt: skip
    """Draw with draw() of a module of this package, or with a function as "studies.step_cost"; write its image in these
    kinds and the numbers as CSV; their paths.

    width: one of WIDTHS. Without its caption a figure has that as .txt beside it.
    """
    # Only now: matplotlib takes half a second to load, which neither --help nor an error should cost.
    style = importlib.import_module("analysis.figures.style")
    module, _, function = drawing.partition(".")
    draw = getattr(importlib.import_module(f"analysis.figures.{module}"), function or "draw")
    with style.style(width):
        figure = draw(*args)
        files: dict[str, bytes] = style.render(figure, kinds, has_caption)
    if numbers:  # schedules are drawn from none
        files["csv"] = numbers.encode()
    if not has_caption:
        files["txt"] = f"{figure.get_label()}\n".encode()
    for kind, content in files.items():
        write_atomically(out / f"{stem}.{kind}", content)
    return [out / f"{stem}.{kind}" for kind in files]


def table(records: Sequence[Record]) -> str:
    """The records as CSV with a header: errors in percent, losses in nats, empty where diverged or not evaluated."""
    rows = ({**record, **record["provenance"], **(record["final"] or {}), **record["cell"]} for record in records)
    return csv_text(COLUMNS, ([row.get(name) for name in COLUMNS] for row in rows))


def nothing(
    what: str, example: str, records: Sequence[Record], sources: Sequence[Path], changes: Mapping[str, Any]
) -> str:
    """A line that says that there is no record of this, and what would make one."""
    others = f" (its {len(records)} records are of other experiments or settings)" if records else ""
    made = to_type(example, sources, changes, here=True)
    return f"no record of {what} in {' or '.join(map(str, sources))}{others}; make some with: {made}"
