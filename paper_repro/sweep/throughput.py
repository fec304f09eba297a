"""How fast cells train here: tried with a few of their updates, which are thrown away."""

from __future__ import annotations

import json
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from paper_repro.cell import Cell
from paper_repro.data import Arrays, Form
from paper_repro.data.split import Dataset, prepare
from paper_repro.files import write_atomically
from paper_repro.sweep import floors
from paper_repro.sweep.engine import MOST_ON_A_GPU
from paper_repro.training import cuda, memory
from paper_repro.training.run import Run
from paper_repro.training.train import update

WORTH_IT = 1.1  # the gain for which the number of cells at once is doubled
TRIED_FLOP = 1e11  # of one update on a CPU: seconds on a slow one
SHARE_OF_MEMORY = 0.8  # of what is free: the data, the allocator's slack and other people want some


def images_per_second(cells: Sequence[Cell], data: Dataset, device: str, seconds: float = 3.0) -> float:
    """Training pictures a second of all these cells together, side by side in a thread each.

    Measured for about so many seconds (one update of each at least) after each has made two to warm up.
    What goes wrong in a thread is raised here.
    """
    ready = threading.Barrier(len(cells))
    rates: list[float] = []
    errors: list[Exception] = []

    def try_out(cell: Cell) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder, cuda.prepared(cell, device):
                rates.append(_rate(Run(cell, data, Path(folder), device), ready, seconds))
        except threading.BrokenBarrierError:
            pass  # another's error
        except Exception as error:
            errors.append(error)
            ready.abort()

    threads = [threading.Thread(target=try_out, args=(cell,)) for cell in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(rates)


def _rate(run: Run, ready: threading.Barrier, seconds: float) -> float:
    updates = _endless(run)
    for _ in range(2):  # on a GPU the first is recorded, the second repeated
        next(updates)
    _wait_for_device(run)
    ready.wait()
    began, images, made = time.perf_counter(), 0, 0
    while not made or time.perf_counter() - began < seconds:
        images, made = images + next(updates), made + 1
        if made % 32 == 0:
            _wait_for_device(run)  # or the host would run far ahead of the clock
    _wait_for_device(run)
    return images / (time.perf_counter() - began)


def _endless(run: Run) -> Iterator[int]:
    """The updates of a run, one epoch over and over, without evaluations and checkpoints; yields their pictures."""
    make_update = update if run.device == "cpu" else cuda.Recorded(update)
    while True:
        run.begin_epoch()
        for count in run.remaining_counts():
            make_update(run, count)
            yield count
        run.progress.cursor.zero_()


def _wait_for_device(run: Run) -> None:
    run.progress.cursor.item()


def images_of(cell: Cell, train: int, test: int) -> float:
    """How many pictures the cell learns from, counting an evaluated one as a third; of a data set with so many."""
    learnt = cell.train_examples or train - cell.validation_examples
    looks = math.ceil(cell.epochs / cell.evaluate_every) * (cell.validation_examples + test)
    return cell.epochs * learnt + looks / 3


def kind_of_speed(cell: Cell) -> Cell:
    """The cell with all at one value that does not change how fast it trains a picture."""
    return cell.replace(
        alpha=0.0, decay=0.0, seed=0, epochs=1000, schedule="fixed", decay_unit="step", decay_on="all", label_noise=0.0,
        evaluate_every=1, validation_examples=0, train_examples=None, optimizer="adamw",
    )  # fmt: skip


def estimate_seconds(cells: Sequence[Cell], arrays: Arrays, form: Form, device: str, at_once: int) -> dict[Cell, float]:
    """About how long each cell will take on `form` many pictures beside at_once - 1 others in its process.

    Its speed is tried on the pictures in arrays.
    """
    rates: dict[Cell, float] = {}
    for kind in {kind_of_speed(cell) for cell in cells}:
        data = prepare(arrays, kind).to(device)
        tried = lighter(kind, data) if device == "cpu" else kind
        rates[kind] = images_per_second(_copies(tried, at_once), data, device, seconds=1.0) / at_once
    return {cell: images_of(cell, form.train, form.test) / rates[kind_of_speed(cell)] for cell in cells}


def lighter(cell: Cell, data: Dataset) -> Cell:
    """The cell with batches of fewer images where an update of its large net would take a CPU long."""
    cost = floors.of_cell(cell, data.num_classes, data.image_size, data.channels)
    most = cell.batch_size if cost is None else int(cell.batch_size * TRIED_FLOP / max(cost.flop, 1))
    return cell.replace(batch_size=min(cell.batch_size, max(2, most)))


def cells_at_once(cell: Cell, data: Dataset, device: str, out: Path | None = None) -> int:
    """How many cells like this one to train side by side on a GPU: as many as make the whole faster and fit.

    out: the sweep's folder, whose throughput.json keeps what was found, so that a minute of trials is paid once for
    each GPU, net, batch size and precision.
    """
    wanted = {name: getattr(cell, name) for name in ("model", "batch_size", "precision", "compile", "deterministic")}
    size = "x".join(map(str, data.train.images.shape[1:]))
    key = ", ".join([torch.cuda.get_device_name(device), f"images={size}", *(f"{n}={v}" for n, v in wanted.items())])
    kept = out / "throughput.json" if out and out.is_dir() else None
    known = _read(kept)
    if key not in known:
        known[key] = _tried_out(cell, data, device)
        if kept:  # read once more: another run may have added to it meanwhile
            with suppress(OSError):  # a full disk, or a folder that may only be read: it is tried out again then
                write_atomically(kept, json.dumps({**_read(kept), key: known[key]}, indent=1).encode())
    return known[key]


def _read(path: Path | None) -> dict[str, int]:
    """What throughput.json holds; nothing of one that is not there or that holds something else."""
    try:
        known = json.loads(path.read_text()) if path else {}
    except (OSError, ValueError):
        return {}
    entries = known.items() if isinstance(known, dict) else ()
    return {key: value for key, value in entries if type(value) is int and 1 <= value <= MOST_ON_A_GPU}


def _tried_out(cell: Cell, data: Dataset, device: str) -> int:
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
