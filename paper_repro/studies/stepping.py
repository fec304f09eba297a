"""What studies share: a Run that leaves nothing on disk, made update by update; optimizers timed in turns."""

import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.data import Arrays, label_gaps, load
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import cuda
from paper_repro.training.run import Run

Rows = list[dict[str, Any]]


@contextmanager
def temporary_run(cell: Cell, data: Dataset, device: str) -> Iterator[Run]:
    """A run of the cell from its initial weights."""
    with tempfile.TemporaryDirectory() as folder, cuda.prepared(cell, device):
        yield Run(cell, data.to(device), Path(folder), device)


def load_prepared(cell: Cell, data: Path) -> Dataset:
    """The data set that a study's cell names, prepared for it."""
    return prepare(load_arrays(cell, data), cell)


def load_arrays(cell: Cell, data: Path) -> Arrays:
    """The data set that a study's cell names; classes without images are named on stderr."""
    arrays = load(cell.dataset, data)
    if gaps := label_gaps(arrays):
        print(f"warning: {gaps}", file=sys.stderr)
    return arrays


def random_parameters(device: str, model: str) -> list[Tensor]:
    """Random tensors like the network's parameters for images of 32 x 32, each its own gradient, newly allocated."""
    tensors = [value.clone() for value in _values(device, model)]
    for tensor in tensors:
        tensor.grad = tensor.clone()
    return tensors


@functools.cache
def _values(device: str, model: str) -> list[Tensor]:
    with torch.device("meta"):
        network = models.build(model, 10, 32).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return [torch.empty_like(parameter, device=device).normal_() for parameter in network.parameters()]


def time_in_turns(steps: Sequence[Callable[[], Any]], rounds: int, device: str) -> list[float]:
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


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """What the optimizer keeps for all its parameters."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))
