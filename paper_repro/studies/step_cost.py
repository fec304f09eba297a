"""Time and memory of an optimizer step: L2 beside decoupled, ours beside torch's, on the parameters of a net.

settings: models, rounds. Rows: model, parameters, optimizer ("sgd", "sgdw", "adam", "adamw", and torch's as "torch SGD,
L2", "torch Adam, L2", "torch AdamW": the faster of fused and foreach), milliseconds (best median of several
allocations; all optimizers take turns, so that noise falls on all alike), bytes (of state, for each parameter).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.optimizer_step import in_turns, parameters
from paper_repro import optim
from paper_repro.studies.stepping import Rows

ALLOCATIONS = 3
LR, DECAY = 1e-3, 1e-4

Maker = Callable[[list[Tensor]], torch.optim.Optimizer]
OURS: dict[str, list[Maker]] = {
    name: [lambda params, name=name: optim.build(name, params, LR, DECAY)]  # type: ignore[misc]
    for name in optim.BUILT_IN
}
KINDS: tuple[dict[str, bool], ...] = ({"fused": True}, {"foreach": True})
THEIRS: dict[str, list[Maker]] = {
    "torch SGD, L2": [
        lambda params, kind=kind: torch.optim.SGD(params, lr=LR, momentum=0.9, weight_decay=DECAY, **kind)  # type: ignore[misc]
        for kind in KINDS
    ],
    "torch Adam, L2": [
        lambda params, kind=kind: torch.optim.Adam(params, lr=LR, weight_decay=DECAY, **kind)  # type: ignore[misc]
        for kind in KINDS
    ],
    "torch AdamW": [
        lambda params, kind=kind: torch.optim.AdamW(params, lr=LR, weight_decay=DECAY / LR, **kind)  # type: ignore[misc]
        for kind in KINDS
    ],
}


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each net and optimizer; no data set is used."""
    if device == "cpu":
        torch.set_num_threads(1)  # as cells are trained
    rows: Rows = []
    for model in settings["models"]:
        rows += _of_net(model, int(settings["rounds"]), device)
    return rows, "none", "none"


def _of_net(model: str, rounds: int, device: str) -> Rows:
    makers = [(name, make) for name, kinds in (OURS | THEIRS).items() for make in kinds]
    best: dict[str, float] = {}
    state: dict[str, float] = {}
    for _ in range(ALLOCATIONS):
        optimizers = [make(parameters(device, model)) for _, make in makers]
        times = in_turns([optimizer.step for optimizer in optimizers], rounds, device)
        for (name, _), optimizer, took in zip(makers, optimizers, times, strict=True):
            best[name] = min(took, best.get(name, took))
            state[name] = state_bytes(optimizer)
    count = sum(tensor.numel() for tensor in parameters(device, model))
    return [
        {
            "model": model,
            "parameters": count,
            "optimizer": name,
            "milliseconds": best[name],
            "bytes": state[name] / count,
        }
        for name in best
    ]


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """What the optimizer keeps for all its parameters."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))
