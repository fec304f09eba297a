"""Nets that torch.compile changes are not trained; the project's own are not changed."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paper_repro import models
from paper_repro.training.compiled import Compiled, distance

# torch's own compiler trips over torch's deprecations.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]


class InPlace(torch.autograd.Function):
    """Twice its input, computed in place: what torch 2.11 compiles into a zero gradient."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.mul(x, 1.0).mul_(2)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * grad


class Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return InPlace.apply(self.linear(x))


def test_a_net_whose_gradients_vanish_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"gradients of doubling-1 \(relative distance 1\): .* compile=false"):
        Compiled(Doubling(), "doubling-1")(torch.ones(4, 3))


def test_shake_shake_keeps_its_gradients_and_the_check_leaves_it_as_it_was() -> None:
    torch.manual_seed(0)
    model = models.build("shake_shake-8-2x8d", 10, 16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert distance(model, (torch.randn(8, 3, 16, 16), torch.rand(8, *model.noise_shape))) < 1e-4
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
