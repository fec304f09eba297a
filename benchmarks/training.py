"""Training speed of the paper's network, small and large: one cell, and as many side by side as the machine takes."""

import functools
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from benchmarks import Row, plain, together
from benchmarks.plain import BATCH
from paper_repro.cell import Cell
from paper_repro.data.split import prepare
from paper_repro.sweep import engine, floors, throughput

NETWORKS = ("shake_shake-26-2x16d", "shake_shake-26-2x64d")
CELL_IMAGES = 100 * 50_000  # the paper's: 100 epochs of CIFAR-10


class Speed(NamedTuple):
    """images: a second. memory: the process's peak, in GB; on a GPU that of the GPU's memory."""

    images: float
    memory: float


def rows(device: str, quick: bool) -> Iterator[Row]:
    """Images a second, cells an hour, share of the peak, memory, for both networks. quick: the small one, briefly."""
    seconds = 1.0 if quick else 30.0
    peak = together(peak_rate, [(device,)])[0]
    for network in NETWORKS[:1] if quick else NETWORKS:
        (theirs,) = together(plain_speed, [(network, device, seconds)])
        # on a CPU a process a core, each with one thread, which loads its images itself
        tuned = together(tuned_speed, [(network, device, seconds)] * (cores() if device == "cpu" else 1))
        for compile in [False] if quick else [False, True]:
            if device == "cpu":
                yield from _on_cpu(network, seconds, compile, theirs, sum(tuned), peak, quick)
            else:
                yield from _on_gpu(network, seconds, compile, theirs, sum(tuned), peak)


def _on_cpu(
    network: str, seconds: float, compile: bool, theirs: Speed, tuned: float, peak: float, quick: bool
) -> Iterator[Row]:
    how = f"{network}{', compiled' * compile}"
    if not quick:
        one = ours([(network, "cpu", seconds, compile, 1)])[0]
        yield Row(f"{how}: one cell on one core", one.images, theirs.images, "images/s")
    each = ours([(network, "cpu", seconds, compile, 1)] * cores())
    images = sum(speed.images for speed in each)
    yield Row(f"{how}: {cores()} cells on {cores()} cores", images, theirs.images, "images/s")
    yield Row(f"{how}: the same, beside bf16, channels_last, a process a core", images, tuned, "images/s")
    yield from _derived(how, images, max(speed.memory for speed in each), theirs, peak * cores())


def _on_gpu(network: str, seconds: float, compile: bool, theirs: Speed, tuned: float, peak: float) -> Iterator[Row]:
    how = f"{network}{', compiled' * compile}"
    one = ours([(network, "cuda", seconds, compile, 1)])[0]
    (count,) = together(at_once, [(network, "cuda", compile)])
    many = ours([(network, "cuda", seconds, compile, count)])[0]
    apart = ours([(network, "cuda", seconds, compile, 1)] * min(count, 8))
    yield Row(f"{how}: one cell", one.images, theirs.images, "images/s")
    yield Row(f"{how}: one cell, beside bf16 and channels_last", one.images, tuned, "images/s")
    yield Row(f"{how}: {count} cells in one process", many.images, theirs.images, "images/s")
    yield Row(f"{how}: {len(apart)} processes of one", sum(s.images for s in apart), theirs.images, "images/s")
    yield from _derived(how, max(one.images, many.images), many.memory, theirs, peak)
    free = ours([(network, "cuda", seconds, compile, 1, False)])[0]
    yield Row(f"{how}: deterministic beside free kernels, one cell", one.images, free.images, "images/s")


def _derived(how: str, images: float, memory: float, theirs: Speed, peak: float) -> Iterator[Row]:
    hours = 3600 / CELL_IMAGES
    work = floors.cost(how.partition(",")[0], BATCH).flop / BATCH
    yield Row(f"{how}: cells of 100 epochs", images * hours, theirs.images * hours, "cells/hour")
    yield Row(f"{how}: share of bf16 peak", 100 * images * work / peak, 100 * theirs.images * work / peak, "%")
    yield Row(f"{how}: peak memory of a process", memory, theirs.memory, "GB")


def plain_speed(network: str, device: str, seconds: float) -> Speed:
    return Speed(plain.images_per_second(network, device, seconds, cores()), _memory(device))


def tuned_speed(network: str, device: str, seconds: float) -> float:
    """Of the tuned loop."""
    on_cpu = device == "cpu"
    return plain.images_per_second(network, device, seconds, 1 if on_cpu else cores(), True, 0 if on_cpu else 2)


def ours(arguments: Sequence[tuple[Any, ...]]) -> list[Speed]:
    """our_speed(*a) for each a, at once, in processes like a sweep's workers."""
    return together(our_speed, arguments, engine.TRAINING)


def cores() -> int:
    return len(os.sched_getaffinity(0))


def our_speed(
    network: str, device: str, seconds: float, compile: bool, count: int, deterministic: bool = True
) -> Speed:
    """`count` cells side by side in this process."""
    cells = [_cell(network, compile, deterministic).replace(seed=seed) for seed in range(count)]
    data = prepare(plain.random_images(), cells[0]).to(device)
    return Speed(throughput.images_per_second(cells, data, device, seconds), _memory(device))


def at_once(network: str, device: str, compile: bool) -> int:
    cell = _cell(network, compile)
    return throughput.cells_at_once(cell, prepare(plain.random_images(), cell).to(device), device)


def _cell(network: str, compile: bool, deterministic: bool = True) -> Cell:
    return Cell(
        "noise", network, "adamw", 1e-3, 2.5e-4, epochs=100, precision="bf16", validation_examples=0, compile=compile,
        deterministic=deterministic,
    )  # fmt: skip


def _memory(device: str) -> float:
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return torch.cuda.max_memory_reserved() / 1e9


def peak_rate(device: str) -> float:
    """Operations a second that bf16 work can reach here: of one core, or of the GPU, in a large matrix product.

    A CPU does less in most products than in a good convolution, so there it is the fastest of several of both.
    """
    torch.set_num_threads(1)
    sizes = (8192,) if device != "cpu" else (512, 1024, 2048)
    rates = [_rate(2 * n**3, functools.partial(torch.matmul, *_square(n, device)), device) for n in sizes]
    if device == "cpu":
        maps, weights = torch.randn(BATCH, 128, 16, 16), torch.randn(128, 128, 3, 3)
        both = [tensor.bfloat16().to(memory_format=torch.channels_last) for tensor in (maps, weights)]
        work = 2 * maps.numel() * weights[0].numel()
        rates.append(_rate(work, functools.partial(torch.conv2d, *both, padding=1), device))
    return max(rates)


def _square(size: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    return a, b.t()


def _rate(operations: int, work: Callable[[], object], device: str) -> float:
    took = []
    for _ in range(15):
        began = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    return operations / min(took)
