"""Time and memory of an optimizer step: L2 beside decoupled, ours beside torch's, on the parameters of a network.

settings: models, rounds. Rows: model, parameters, optimizer ("sgd", "sgdw", "adam", "adamw", and torch's as "torch SGD,
L2", "torch Adam, L2", "torch AdamW": the faster of fused and foreach), milliseconds (best median of several
allocations; all optimizers take turns, so that noise falls on all alike), bytes (of state, for each parameter).
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from paper_repro import optim
from paper_repro.studies.stepping import Rows, random_parameters, state_bytes, time_in_turns

ALLOCATIONS = 3
LR, DECAY = 1e-3, 1e-4

Maker = Callable[..., torch.optim.Optimizer]
THEIRS: dict[str, Maker] = {
    "torch SGD, L2": partial(torch.optim.SGD, lr=LR, momentum=0.9, weight_decay=DECAY),
    "torch Adam, L2": partial(torch.optim.Adam, lr=LR, weight_decay=DECAY),
    "torch AdamW": partial(torch.optim.AdamW, lr=LR, weight_decay=DECAY / LR),
}
MAKERS: list[tuple[str, Maker]] = [
    *((name, partial(optim.build, name, alpha=LR, decay=DECAY)) for name in optim.BUILT_IN),
    *((name, partial(make, **{kind: True})) for name, make in THEIRS.items() for kind in ("fused", "foreach")),
]


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """A row for each network and optimizer; no data set is used."""
    if device == "cpu":
        torch.set_num_threads(1)  # as cells are trained
    rows: Rows = []
    for model in settings["models"]:
        count = sum(tensor.numel() for tensor in random_parameters(device, model))
        best: dict[str, dict[str, Any]] = {}
        for _ in range(ALLOCATIONS):
            optimizers = [make(random_parameters(device, model)) for _, make in MAKERS]
            times = time_in_turns([optimizer.step for optimizer in optimizers], int(settings["rounds"]), device)
            for (name, _), optimizer, milliseconds in zip(MAKERS, optimizers, times, strict=True):
                if name not in best or milliseconds < best[name]["milliseconds"]:
                    best[name] = {"milliseconds": milliseconds, "bytes": state_bytes(optimizer) / count}
        rows += [{"model": model, "parameters": count, "optimizer": name, **row} for name, row in best.items()]
    return rows, "none", "none"
