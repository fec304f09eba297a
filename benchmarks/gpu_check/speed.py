"""How fast? Images a second beside a plain loop and beside what the GPU could do, and where the time goes.

The floor of a network is the time that its updates take, kernel by kernel, with all bytes at the rate of a large copy
and all operations at that of a large bf16 product, both measured here (floors.py counts them).
"""

import contextlib
import importlib.util
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import hardware, versions
from benchmarks.gpu_check.setting import BATCH, Setting, cell, checking, row
from paper_repro.cell import Cell
from paper_repro.data.split import Dataset
from paper_repro.studies.stepping import temporary_run
from paper_repro.sweep import floors, throughput
from paper_repro.training import memory
from paper_repro.training.train import update

COUNTS = (1, 2, 4, 8)  # cells at once


def ceilings(setting: Setting) -> None:
    """What the device is and what it does at best."""
    row(f"{hardware(setting.device)}; {versions()}")
    most, small = _ceilings(setting), torch.zeros(1024, device=setting.device)
    row("a large product in bf16", tflops=most.flop["bf16"] / 1e12)
    row("a large copy, read and written", gb_per_second=most.bytes / 1e9)
    row(
        "a small kernel, started from Python",
        microseconds=1e4 * _seconds(lambda: [small.add_(1) for _ in range(100)], setting),
    )


def _ceilings(setting: Setting) -> floors.Ceilings:
    size, length = (512, 2**22) if setting.tiny else (8192, 2**28)
    a, b = (torch.randn(size, size, device=setting.device).bfloat16() for _ in range(2))
    source, target = (torch.zeros(length, device=setting.device) for _ in range(2))
    product, copy = _seconds(lambda: a @ b, setting), _seconds(lambda: target.copy_(source), setting)
    return floors.Ceilings(2 * 4 * length / copy, {"bf16": 2 * size**3 / product})


def _seconds(work: Callable[[], object], setting: Setting) -> float:
    """The median of ten calls, after three."""
    took = []
    for _ in range(13):
        began = time.perf_counter()
        work()
        _wait(setting)
        took.append(time.perf_counter() - began)
    return statistics.median(took[3:])


def _wait(setting: Setting) -> None:
    if setting.device != "cpu":
        torch.cuda.synchronize()


def _trial(setting: Setting, network: str, **changes: Any) -> tuple[Cell, Dataset, float]:
    """A cell that does not end while it is timed, its images in whole batches, and seconds to time it for."""
    base = cell(network, epochs=1000, validation_examples=0, **changes)
    return base, setting.data(base, (2 if setting.tiny else 25) * BATCH, 10), 0.2 if setting.tiny else 1.5


def _floor(setting: Setting, network: str) -> tuple[float, float]:
    """Images a second at the floor, and as many as floors.py expects, both from what was measured here."""
    cost, most = floors.cost(network, BATCH), _ceilings(setting)
    floor = cost.images / (cost.bytes / most.bytes + cost.flop / most.flop["bf16"])
    return floor, floors.images_per_second(cost, most)


def _write_speed(network: str, column: str, rate: float, floor: float) -> None:
    """A row of the table at the end."""
    share = 100 * rate / floor
    row(f"{network}: {column}", net=network, column=column, images_per_second=rate, percent_of_floor=share)


def images(setting: Setting, network: str) -> None:
    """One cell with updates as written; 1, 2, 4 and 8 cells at once, recorded; and one with free kernels."""
    base, data, seconds = _trial(setting, network)
    floor, expected = _floor(setting, network)
    row(f"{network}: floor, and what --dry-run expects", floor=floor, expected=expected)
    with checking(f"{network}: eager"):
        _write_speed(network, "eager", _eager(base, data, setting, seconds), floor)
    rates: dict[int, float] = {}
    for count in COUNTS:
        with checking(f"{network}: K={count}"):
            memory.give_back(setting.device)
            cells = [base.replace(seed=seed) for seed in range(count)]
            try:
                rates[count] = throughput.images_per_second(cells, data, setting.device, seconds)
            except Exception as error:
                if count == 1 or not memory.has_run_out(error):
                    raise
                row(f"{network}: {count} cells at once do not fit")
                break
            _write_speed(network, f"K={count}", rates[count], floor)
    with checking(f"{network}: free kernels"):
        free = throughput.images_per_second([base.replace(deterministic=False)], data, setting.device, seconds)
        _write_speed(network, "free", free, floor)
        row(f"{network}: what deterministic kernels cost", times_as_long=free / rates[1])
    gains = {f"from_{low}_to_{high}": rates[high] / rates[low] for low, high in itertools.pairwise(rates)}
    chosen = throughput.fastest(rates.__getitem__, rates.__contains__)
    row(f"{network}: K doubled while that gains {throughput.WORTH_IT} times", K=chosen, **gains)


def plain(setting: Setting, network: str) -> None:
    """The loops that bench has for opponents: as most people write it, and with bf16 and channels_last."""
    if importlib.util.find_spec("torchvision") is None:
        row(f"{network}: no plain loop, which needs torchvision")
        return
    from benchmarks import plain

    (floor, _), seconds, cores = _floor(setting, network), 0.4 if setting.tiny else 2.0, len(os.sched_getaffinity(0))
    for column in ("plain", "tuned"):
        with checking(f"{network}: {column}"):
            rate = plain.images_per_second(network, setting.device, seconds, cores, column == "tuned")
            _write_speed(network, column, rate, floor)


def _eager(base: Cell, data: Dataset, setting: Setting, seconds: float) -> float:
    """Images a second of a cell whose updates are made as written."""
    with temporary_run(base, data, setting.device) as run:
        made, images = run.updates(update), 0
        for _ in itertools.islice(made, 2):
            _wait(setting)
        began = time.perf_counter()
        while not images or time.perf_counter() - began < seconds:
            images += sum(BATCH for _ in itertools.islice(made, 2 if setting.tiny else 16))
            _wait(setting)
        return images / (time.perf_counter() - began)


def compiled(setting: Setting, network: str) -> None:
    """One cell through torch.compile, recorded."""
    base, data, seconds = _trial(setting, network, compile=True)
    began = time.perf_counter()
    rate = throughput.images_per_second([base], data, setting.device, seconds)
    row(f"{network}: compilation", seconds=time.perf_counter() - began - seconds)
    _write_speed(network, "compiled", rate, _floor(setting, network)[0])


def kernels(setting: Setting, network: str) -> None:
    """What an update consists of, from torch's profiler; kernels.txt has the names."""
    base, data, _ = _trial(setting, network)
    gpu = setting.device != "cpu"
    with temporary_run(base, data, setting.device) as run:
        made = run.updates(update)
        next(made)
        with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * gpu]) as seen:
            next(made)
            _wait(setting)
    events = [
        (event.self_device_time_total if gpu else event.self_cpu_time_total, event.count, event.key)
        for event in seen.key_averages()
        if (not gpu or event.device_type.name == "CUDA") and not event.key.startswith("Optimizer.")  # a mark, no kernel
    ]
    total, count = sum(event[0] for event in events) / 1000, sum(event[1] for event in events)
    row(f"{network}: kernels of an update", count=count, milliseconds=total, images_per_second=1000 * BATCH / total)
    with (setting.out / "kernels.txt").open("a") as file:
        file.write(f"{network}: {count} kernels, {total:.3f} ms\n")
        for microseconds, number, name in sorted(events, reverse=True)[:40]:
            file.write(f"{microseconds / 1000:9.3f} ms {number:5d} x {name[:160]}\n")


def host(setting: Setting, network: str) -> None:
    """What a cell costs beside its updates, in milliseconds: for the most part Python, which cells take in turns."""
    held = 64 if setting.tiny else 5000
    base = cell(network, validation_examples=held, epochs=100)
    data = setting.data(base, held + (8 * BATCH if setting.tiny else 45_000), 2 * held)
    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        _wait(setting)
        took[name] = min(1000 * (time.perf_counter() - began), took.get(name, float("inf")))
        return result

    with contextlib.ExitStack() as stack:
        run = timed("build", lambda: stack.enter_context(temporary_run(base, data, setting.device)))
        run.begin_epoch()
        timed("first_update", lambda: update(run, BATCH))
        replay = timed("record", lambda: setting.recorder(update, run, BATCH))
        for _ in range(2):
            timed("replay", replay)
            timed("eager_update", lambda: update(run, BATCH))
            timed("evaluate", run._evaluate)
            timed("save", run.save)
            timed("begin_epoch", run.begin_epoch)
    row(f"{network}: milliseconds of", **took)
