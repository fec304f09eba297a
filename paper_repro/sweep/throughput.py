"""How fast cells train here: tried with a few of their updates, which are thrown away."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import torch

from paper_repro.cell import Cell
from paper_repro.data import Arrays, Form
from paper_repro.data.split import Dataset, prepare
from paper_repro.files import write_atomically
from paper_repro.sweep import floors
from paper_repro.sweep.engine import MOST_ON_A_GPU, kind_of
from paper_repro.training import cuda, memory
from paper_repro.training.run import Run
from paper_repro.training.train import update

WORTH_IT = 1.1  # the gain for which the number of cells at once is doubled
TRIED_FLOP = 1e11  # of one update on a CPU: seconds on a slow one
SPEED = ("model", "batch_size", "precision", "compile", "deterministic")  # that change how long an image takes
SHARE_OF_MEMORY = 0.8  # of what is free: the data, the allocator's slack and other people want some
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_ON_A_GPU)]


def images_per_second(cells: Sequence[Cell], data: Dataset, device: str, seconds: float = 3.0) -> float:
    """Training images a second of all these cells together, side by side in a thread each.

    Measured for about so many seconds (one update of each at least) after each has made two to warm up. What goes wrong
    in a thread is raised here.
    """
    ready = threading.Barrier(len(cells))

    def rate(cell: Cell) -> float:
        try:
            with tempfile.TemporaryDirectory() as folder, cuda.prepared(cell, device):
                return _rate(Run(cell, data, Path(folder), device), ready, seconds)
        except threading.BrokenBarrierError:
            return 0.0  # another's error
        except Exception:
            ready.abort()
            raise

    with ThreadPoolExecutor(len(cells)) as threads:
        return sum(threads.map(rate, cells))


def _rate(run: Run, ready: threading.Barrier, seconds: float) -> float:
    updates = _endless(run)
    for _ in range(2):  # on a GPU the first is recorded, the second repeated
        next(updates)
    run.progress.cursor.item()  # waits for the device
    ready.wait()
    began, images, made = time.perf_counter(), 0, 0
    while not made or time.perf_counter() - began < seconds:
        images, made = images + next(updates), made + 1
        if made % 32 == 0:
            run.progress.cursor.item()  # or the host would run far ahead of the clock
    run.progress.cursor.item()
    return images / (time.perf_counter() - began)


def _endless(run: Run) -> Iterator[int]:
    """The updates of a run, one epoch over and over, without evaluations and checkpoints; yields their images."""
    make_update = update if run.device == "cpu" else cuda.Recorded(update)
    while True:
        run.begin_epoch()
        for count in run.remaining_counts():
            make_update(run, count)
            yield count
        run.progress.cursor.zero_()


def kind_of_speed(cell: Cell) -> Cell:
    """The cell with all at one value that does not change how fast it trains an image."""
    kept = {name: getattr(cell, name) for name in (*SPEED, "augment", "image_size")}
    return Cell(cell.dataset, optimizer="adamw", alpha=0.0, decay=0.0, epochs=1000, validation_examples=0, **kept)


def estimate_seconds(cells: Sequence[Cell], arrays: Arrays, form: Form, device: str, at_once: int) -> dict[Cell, float]:
    """About how long each kind of cell will take on `form` many images beside at_once - 1 others in its process.

    Its speed is tried on the images in arrays.
    """
    rates: dict[Cell, float] = {}
    for kind in {kind_of_speed(cell) for cell in cells}:
        data = prepare(arrays, kind).to(device)
        tried = lighter(kind, data) if device == "cpu" else kind
        rates[kind] = images_per_second(_copies(tried, at_once), data, device, seconds=1.0) / at_once
    return {kind_of(cell): floors.images_of(cell, form) / rates[kind_of_speed(cell)] for cell in cells}


def lighter(cell: Cell, data: Dataset) -> Cell:
    """The cell with batches of fewer images where an update of its large network would take a CPU long."""
    cost = floors.of_cell(cell, data.num_classes, data.image_size, data.channels)
    most = cell.batch_size if cost is None else int(cell.batch_size * TRIED_FLOP / max(cost.flop, 1))
    return cell.replace(batch_size=min(cell.batch_size, max(2, most)))


def cells_at_once(cell: Cell, data: Dataset, device: str, out: Path | None = None) -> int:
    """How many cells like this one to train side by side on a GPU: as many as make the whole faster and fit.

    out: the sweep's folder, whose throughput.json keeps what was measured, so that a minute of trials is paid once for
    each GPU, network, batch size and precision.
    """
    size = "x".join(map(str, data.train.images.shape[1:]))
    settings = [f"images={size}", *(f"{name}={getattr(cell, name)}" for name in SPEED)]
    key = ", ".join([torch.cuda.get_device_name(device), *settings])
    if known := _measured(out).get(key):
        return known
    count = _fastest_here(cell, data, device)
    if out is not None and out.is_dir():
        with suppress(OSError):  # a full disk, or a folder that may only be read: it is tried again then
            content = json.dumps({**_measured(out), key: count}, indent=1)  # another run may have added to it meanwhile
            write_atomically(out / "throughput.json", content.encode())
    return count


def _measured(out: Path | None) -> dict[str, int]:
    """What throughput.json holds; nothing where it is not there or damaged."""
    if out is None:
        return {}
    try:
        return msgspec.json.decode((out / "throughput.json").read_bytes(), type=dict[str, Count])
    except (OSError, ValueError):
        return {}


def _fastest_here(cell: Cell, data: Dataset, device: str) -> int:
    free = torch.cuda.mem_get_info(device)[0]

    def memory_lasts(count: int) -> bool:
        used_by_half = free - torch.cuda.mem_get_info(device)[0]
        return 2 * used_by_half < SHARE_OF_MEMORY * free

    return fastest(lambda count: images_per_second(_copies(cell, count), data, device), memory_lasts)


def _copies(cell: Cell, count: int) -> list[Cell]:
    return [cell.replace(seed=seed) for seed in range(count)]


def fastest(rate: Callable[[int], float], may_try: Callable[[int], bool]) -> int:
    """The power of two up to which doubling raises the rate by a tenth each time."""
    count, best = 1, rate(1)
    while 2 * count <= MOST_ON_A_GPU and may_try(2 * count):
        try:
            faster = rate(2 * count)
        except Exception as error:
            if not memory.has_run_out(error):
                raise
            break
        if faster < WORTH_IT * best:
            break
        count, best = 2 * count, faster
    return count
