"""Every picture and every table of statistics of a report, drawn by as many processes as there are cores."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

from analysis.figures import write_chart, write_published, write_study
from analysis.results.document import Picture, Table
from analysis.results.studies import Shown
from analysis.results.table import Chart
from paper_repro.records import Record

SLOW = ("heat_maps", "batch_sizes")  # whose statistics take seconds: begun first


@dataclass(frozen=True)
class Drawn:
    """Of one figure: its pictures, ours first, and its tables."""

    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...] = ()


Pending = Mapping[str, "Future[Drawn]"]


def start(
    pool: Executor, shown: Sequence[Chart], studies: Sequence[Shown], folder: Path, kinds: Sequence[str]
) -> Pending:
    """Begin to draw into a folder, in these kinds of files; the drawing of each chart and study by its stem."""
    published = importlib.import_module("analysis.figures.published")
    noise = [record for chart in shown if chart.experiment.name == "fig2" for record in chart.records]
    beside = {chart.experiment.name: chart.stem for chart in reversed(shown)}  # the paper's own stands once
    pending = {}
    for chart in sorted(shown, key=lambda chart: chart.experiment.figure not in SLOW):
        name = chart.experiment.name
        theirs = name if name in published.FIGURES and beside[name] == chart.stem else None
        pending[chart.stem] = pool.submit(of_chart, chart, noise, theirs, folder, kinds)
    return pending | {study.stem: pool.submit(of_study, study, folder, kinds) for study in studies}


def of_chart(chart: Chart, noise: Sequence[Record], theirs: str | None, folder: Path, kinds: Sequence[str]) -> Drawn:
    """Ours, the paper's own where `theirs` names it, and the statistics. noise: records of several seeds, for the noise
    of single runs."""
    tables = importlib.import_module("analysis.report.tables")
    title = chart.experiment.title
    paths = [
        path
        for module in (chart.experiment.figure, *chart.experiment.also)
        for path in write_chart(chart, folder, module, kinds)
    ]
    pictures = [_picture(path, f"Ours: {title}") for path in _pngs(paths)]
    if theirs is not None:
        words = f"The paper's own figure, from the values read off it: {title}"
        pictures += [_picture(path, words) for path in _pngs(write_published(theirs, folder, kinds))]
    if chart.experiment.figure not in tables.FIGURES:
        return Drawn(tuple(pictures))
    computed = tables.Statistics.of(chart, noise)
    pictures += [_picture(path, f"Statistics of: {title}") for path in _pngs(list(computed.write(folder, kinds)))]
    return Drawn(tuple(pictures), tuple(computed.tables()))


def of_study(study: Shown, folder: Path, kinds: Sequence[str]) -> Drawn:
    """Of what is no grid of cells."""
    paths = write_study(study, folder, kinds)
    return Drawn(tuple(_picture(path, study.experiment.title) for path in _pngs(paths)))


def _pngs(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if path.suffix == ".png"]


def _picture(path: Path, words: str) -> Picture:
    return Picture(path.stem, path.read_bytes(), words)
