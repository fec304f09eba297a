"""One step of each optimizer beside the faster of torch.optim's fused and foreach steps, on the same parameters.

torch has no SGDW. What comes nearest is what its users would write: its SGD without L2, after all weights were
multiplied at once. A second row sets our SGDW beside torch's SGD with L2, which reads and writes the weights once less.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks import Row
from paper_repro import models, optim

NET = "shake_shake-26-2x64d"
LR, DECAY = 1e-3, 1e-4
ALLOCATIONS = 5  # where tensors happen to lie in memory alone makes a tenth: the best of these counts

Step = Callable[[], Any]
Maker = Callable[..., Step]


class Pair(NamedTuple):
    """An optimizer of ours by name, and torch's step made from parameters and fused=True or foreach=True."""

    what: str
    name: str
    theirs: Maker


def _sgd(params: list[Tensor], **kind: bool) -> Step:
    return torch.optim.SGD(params, lr=LR, momentum=0.9, weight_decay=DECAY, **kind).step


def _sgd_after_decay(params: list[Tensor], **kind: bool) -> Step:
    bare = torch.optim.SGD(params, lr=LR, momentum=0.9, **kind)

    @torch.no_grad()
    def step() -> None:
        torch._foreach_mul_(params, 1 - DECAY)
        bare.step()

    return step


def _adam(params: list[Tensor], **kind: bool) -> Step:
    return torch.optim.Adam(params, lr=LR, weight_decay=DECAY, **kind).step  # type: ignore[arg-type]


def _adamw(params: list[Tensor], **kind: bool) -> Step:
    return torch.optim.AdamW(params, lr=LR, weight_decay=DECAY / LR, **kind).step  # type: ignore[arg-type]


PAIRS = (
    Pair("sgd", "sgd", _sgd),
    Pair("sgdw beside torch's bare SGD and a decay by hand", "sgdw", _sgd_after_decay),
    Pair("sgdw beside torch's SGD with L2", "sgdw", _sgd),
    Pair("adam", "adam", _adam),
    Pair("adamw", "adamw", _adamw),
)


def rows(device: str, rounds: int) -> Iterator[Row]:
    """Milliseconds: the best median of so many rounds in turns; on a CPU with one thread, as cells are trained."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for pair in PAIRS:
        took = [_times(pair, device, rounds) for _ in range(ALLOCATIONS)]
        ours, fused, foreach = (min(times) for times in zip(*took, strict=True))
        yield Row(f"optimizer step, {pair.what}", ours, min(fused, foreach), "ms")
    torch.set_num_threads(before)


def _times(pair: Pair, device: str, rounds: int) -> list[float]:
    """Of ours, torch's fused and torch's foreach step, on parameters of their own."""
    ours = optim.build(pair.name, parameters(device), LR, DECAY).step
    return in_turns(
        [ours, *(pair.theirs(parameters(device), **{k: True}) for k in ("fused", "foreach"))], rounds, device
    )


def parameters(device: str, net: str = NET) -> list[Tensor]:
    """Random tensors like the net's parameters for pictures of 32 x 32, each its own gradient, all newly allocated."""
    found = [value.clone() for value in _values(device, net)]
    for parameter in found:
        parameter.grad = parameter.clone()
    return found


@functools.cache
def _values(device: str, net: str) -> list[Tensor]:
    with torch.device("meta"):
        model = models.build(net, 10, 32).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return [torch.empty_like(parameter, device=device).normal_() for parameter in model.parameters()]


def in_turns(steps: Sequence[Step], rounds: int, device: str) -> list[float]:
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
