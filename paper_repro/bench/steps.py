"""One step of each optimizer beside the faster of torch.optim's fused and foreach steps, on the same parameters."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from paper_repro import models, optim
from paper_repro.bench import Row

NET = "shake_shake-26-2x64d"
TORCH: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-4),
    "sgdw": functools.partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-4),  # torch has none: its SGD with L2
    "adam": functools.partial(torch.optim.Adam, weight_decay=1e-4),
    "adamw": functools.partial(torch.optim.AdamW, weight_decay=0.1),
}


def rows(device: str, rounds: int) -> Iterator[Row]:
    """Milliseconds, medians of so many rounds taken in turns; on a CPU with one thread, as cells are trained."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, theirs in TORCH.items():
        steps = [optim.build(name, parameters(device), 1e-3, 1e-4).step]
        steps += [theirs(parameters(device), lr=1e-3, **{kind: True}).step for kind in ("fused", "foreach")]
        ours, fused, foreach = in_turns(steps, rounds, device)
        yield Row(f"optimizer step, {name}, parameters of 26 2x64d", ours, min(fused, foreach), "ms")
    torch.set_num_threads(before)


def parameters(device: str) -> list[Tensor]:
    """The net's parameters with random gradients."""
    net = models.build(NET, 10, 32).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    return list(net.parameters())


def in_turns(steps: Sequence[Callable[[], Any]], rounds: int, device: str) -> list[float]:
    """Median milliseconds of each step, one after the other in every round, so that noise falls on all alike."""
    took: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds + 2):
        for times, step in zip(took, steps, strict=True):
            began = time.perf_counter()
            step()
            if device != "cpu":
                torch.cuda.synchronize()
            times.append(1000 * (time.perf_counter() - began))
    return [statistics.median(times[2:]) for times in took]
