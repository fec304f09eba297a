"""One step of each optimizer beside the faster of torch.optim's fused and foreach steps, on the same parameters.

torch has no SGDW. What comes nearest is what its users would write: its SGD without L2, after all weights were
multiplied at once. A second row sets our SGDW beside torch's SGD with L2, which reads and writes the weights once less.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks import Row
from paper_repro import optim
from paper_repro.studies.stepping import random_parameters, time_in_turns

NETWORK = "shake_shake-26-2x64d"
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
    ours = optim.build(pair.name, random_parameters(device, NETWORK), LR, DECAY).step
    return time_in_turns(
        [ours, *(pair.theirs(random_parameters(device, NETWORK), **{k: True}) for k in ("fused", "foreach"))],
        rounds,
        device,
    )
