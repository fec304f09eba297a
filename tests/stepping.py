"""A small problem for optimizers to step on: three parameters in two groups, and their gradients from numpy.

Gradients come from one numpy function, evaluated at each side's own parameters, so that a deviation feeds back into all
later steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paper_repro import SGD, SGDW, Adam, AdamW

Array = np.ndarray[Any, np.dtype[np.float64]]
ALL = [SGD, SGDW, Adam, AdamW]
EXAMPLES = np.random.default_rng(2).normal(size=(16, 8))  # five inputs and three targets
RATES = ((0.02, 2e-3), (0.005, 6e-3))  # lr and decay of the group of w and b, and of the group of v


def start() -> list[Array]:
    random = np.random.default_rng(1)
    return [random.normal(size=shape) for shape in ((5, 4), (4,), (4, 3))]


def gradient(parameters: Sequence[Array]) -> list[Array]:
    """Of the mean of log cosh(tanh(X w + b) v - Y) over 16 examples."""
    w, b, v = parameters
    x, y = EXAMPLES[:, :5], EXAMPLES[:, 5:]
    hidden = np.tanh(x @ w + b)
    error = np.tanh(hidden @ v - y) / len(x)
    back = (error @ v.T) * (1 - hidden**2)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error]


def has_gradient(step: int, index: int) -> bool:
    """b has none in every seventh update."""
    return not (index == 1 and step % 7 == 3)


def tensors(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.tensor(array, dtype=dtype, requires_grad=True) for array in start()]


def groups(params: list[Tensor]) -> list[dict[str, Any]]:
    members = (params[:2], params[2:])
    return [{"params": m, "lr": lr, "decay": decay} for m, (lr, decay) in zip(members, RATES, strict=True)]


def run(
    optimizer: torch.optim.Optimizer, params: list[Tensor], steps: range | int, scheduler: Any = None
) -> list[Array]:
    """Updates with `gradient`; returns the parameters."""
    for step in range(steps) if isinstance(steps, int) else steps:
        for index, (p, g) in enumerate(
            zip(params, gradient([p.detach().double().numpy() for p in params]), strict=True)
        ):
            p.grad = torch.tensor(g).to(p.dtype) if has_gradient(step, index) else None
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [p.detach().double().numpy().copy() for p in params]


def difference(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    return float(max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(ours, theirs, strict=True)))
