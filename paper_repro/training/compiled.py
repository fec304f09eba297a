"""torch.compile, not taken on trust.

torch 2.11 compiles an autograd.Function that works in place in its forward pass into one whose gradients are zero, and
says nothing. So before a compiled net trains, its gradients are compared with those of the net as written.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

FARTHEST = 0.5  # relative distance of gradients: rounding to bfloat16 makes a few hundredths, a wrong gradient makes 1
_CHECKED: set[tuple[object, ...]] = set()


class WrongGradients(RuntimeError):
    """A net that torch.compile changes."""


class Compiled:
    """The net through torch.compile, for one batch size. Nets of one kind share what is compiled in a process.

    The first call for each kind of net and input compares gradients, on a copy, and raises WrongGradients.
    """

    def __init__(self, model: nn.Module, kind: str) -> None:
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where there is no CUDA
        self._model, self._kind = model, kind
        self._compiled: Callable[..., Tensor] = torch.compile(model, dynamic=False)

    def __call__(self, *inputs: Tensor) -> Tensor:
        first = inputs[0]
        key = (self._kind, first.shape, first.dtype, first.device, torch.is_autocast_enabled(first.device.type))
        if key not in _CHECKED:
            apart = distance(self._model, inputs)
            if apart > FARTHEST:
                raise WrongGradients(
                    f"torch.compile changes the gradients of {self._kind} (relative distance {apart:.2g}): "
                    "train it with compile=false"
                )
            _CHECKED.add(key)
        return self._compiled(*inputs)


def distance(model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """||compiled - written|| / ||written|| over all gradients of a scalar of the outputs, from copies of the net.

    NaN where the net as written has no finite gradient to compare with.
    """
    written, compiled = copy.deepcopy(model), copy.deepcopy(model)
    expected = _gradients(written, written, inputs)
    found = _gradients(compiled, torch.compile(compiled, dynamic=False), inputs)
    return float(torch.linalg.vector_norm(found - expected) / torch.linalg.vector_norm(expected))


def _gradients(model: nn.Module, call: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
    model.zero_grad()
    call(*inputs).float().square().mean().backward()  # type: ignore[no-untyped-call]
    return torch.cat(
        [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in model.parameters()]
    )
