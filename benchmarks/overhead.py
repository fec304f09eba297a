"""What a sweep of many cells costs besides training, seen on cells that make a single update of a tiny network.

The parent of a sweep and its workers are processes of their own here as always, so that the memory of each can be
measured. Only `direct` needs torch.
"""

import io
import re
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import NamedTuple

from benchmarks import Row, together
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.sweep import engine

FEW = 10
TRIVIAL = Cell(
    dataset="synthetic", model="mlp-4x1", optimizer="sgdw", alpha=0.1, decay=0.0, epochs=1, train_examples=64,
    validation_examples=0,
)  # fmt: skip


class Sizes(NamedTuple):
    """Of a sweep: milliseconds a cell, seconds, megabytes (1e6 bytes), numbers of files."""

    each: float  # milliseconds a cell, from the difference between the whole sweep and one of FEW cells
    start: float  # seconds that the sweep of FEW cells took: a worker's start, for the most part
    again: float  # seconds to find that all are finished
    load: float  # seconds to read and check all records for a figure
    reader: float  # peak memory of that, megabytes
    parent: float
    worker: float
    files: int
    disk: float  # megabytes


def rows(cells: int) -> Iterator[Row]:
    """A sweep of so many cells with one worker, beside the same cells trained in one process without the engine."""
    (sizes,), (alone,) = together(sweep, [(cells,)]), together(direct, [(min(cells, 500),)])
    what = f"{cells} cells of one update"
    yield Row(f"{what}: a cell, with and without the engine", sizes.each, alone, "ms")
    yield Row(f"{what}: start of a sweep", sizes.start, None, "s")
    yield Row(f"{what}: typed again, all finished", sizes.again, None, "s")
    yield Row(f"{what}: reading the records for a figure", sizes.load, None, "s")
    yield Row(f"{what}: reading the records for a figure, peak memory", sizes.reader, None, "MB")
    yield Row(f"{what}: parent's peak memory", sizes.parent, None, "MB")
    yield Row(f"{what}: worker's peak memory", sizes.worker, None, "MB")
    yield Row(f"{what}: files left", sizes.files, None, "files")
    yield Row(f"{what}: on disk", sizes.disk, None, "MB")


def sweep(cells: int) -> Sizes:
    """Train them with one worker. To be called in a fresh process: memory is that of its whole life."""
    with tempfile.TemporaryDirectory() as folder:
        few, out = Path(folder, "few"), Path(folder, "out")
        start = _seconds(few, FEW)
        each = 1000 * (_seconds(out, cells) - start) / (cells - FEW)
        again = _seconds(out, cells)
        parent = _peak()  # before the records are loaded, which is what analysis does
        began = time.perf_counter()
        loaded = records.load(out)
        load, reader = time.perf_counter() - began, _peak()
        worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
        assert len(loaded) == cells
        paths = [path for path in out.rglob("*") if path.is_file()]
        disk = sum(path.stat().st_blocks * 512 for path in paths) / 1e6
        return Sizes(each, start, again, load, reader, parent, worker, len(paths), disk)


def direct(cells: int) -> float:
    """Milliseconds a cell when one process trains them one after the other."""
    import torch

    from paper_repro.data import load
    from paper_repro.data.split import prepare
    from paper_repro.training.train import train

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(load(TRIVIAL.dataset, Path(folder)), TRIVIAL)
        train(TRIVIAL, data, Path(folder))  # the first one warms up
        began = time.perf_counter()
        for seed in range(1, cells + 1):
            train(TRIVIAL.replace(seed=seed), data, Path(folder))
        return 1000 * (time.perf_counter() - began) / cells


def _seconds(out: Path, cells: int) -> float:
    began = time.perf_counter()
    with redirect_stderr(io.StringIO()):  # its progress would stand between the rows
        outcome = engine.run([TRIVIAL.replace(seed=seed) for seed in range(cells)], out, out, workers=1)
    if outcome.failed or outcome.stopped:
        raise RuntimeError(next(iter(outcome.failed.values()), "stopped"))
    return time.perf_counter() - began


def _peak() -> float:
    """This process's; ru_maxrss would count what it was forked from."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024 / 1e6
