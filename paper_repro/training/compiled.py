"""torch.compile, not taken on trust: its gradients are compared with those of the network as written.

torch 2.11 silently compiles an autograd.Function that works in place in its forward pass into one without gradients.
"""

import copy
import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

FARTHEST = 0.5  # relative distance of gradients: rounding to bfloat16 makes a few hundredths, a wrong gradient makes 1
_CHECKED: set[tuple[object, ...]] = set()


class Compiled:
    """The network through torch.compile, for one batch size. Those of one kind share what is compiled in a process.

    The first call for each kind of network and input compares gradients, on a copy, and raises RuntimeError.
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
                raise RuntimeError(
                    f"torch.compile changes the gradients of {self._kind} (relative distance {apart:.2g}): "
                    "train it with compile=false"
                )
            _CHECKED.add(key)
        return self._compiled(*inputs)


def distance(model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """||compiled - written|| / ||written|| over all gradients of a scalar of the outputs, from copies of the network.

    NaN where the network as written has no finite gradient to compare with.
    """
    gradients = []
    for compiled in (False, True):
        network = copy.deepcopy(model)
        network.zero_grad()
        call = torch.compile(network, dynamic=False) if compiled else network
        call(*inputs).float().square().mean().backward()
        every = (torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters())
        gradients.append(torch.cat([gradient.flatten() for gradient in every]))
    written, changed = gradients
    return float(torch.linalg.vector_norm(changed - written) / torch.linalg.vector_norm(written))
