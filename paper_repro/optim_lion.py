"""Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2) with the paper's decoupled decay: an example of an added
optimizer.

    c = beta1 m + (1 - beta1) grad;  theta = theta - eta (alpha sign(c) + lambda theta);  m = beta2 m + (1 - beta2) grad
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Lion(torch.optim.Optimizer):
    """Every weight moves by the learning rate. group["lr"] is eta alpha, group["decay"] lambda, as everywhere here."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-4, decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "betas": betas})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's; the group remembers its alpha, so that eta can be told from it."""
        super().add_param_group(param_group)
        self.param_groups[-1].setdefault("initial_lr", self.param_groups[-1]["lr"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; the closure, if any, is called first."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            eta = group["lr"] / group["initial_lr"] if group["initial_lr"] else 0.0
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group, eta)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any], eta: float) -> None:
        state = self.state[parameter]
        if not state:
            state["m"] = torch.zeros_like(parameter)
        momentum, (beta1, beta2) = state["m"], group["betas"]
        direction = torch.lerp(gradient, momentum, beta1).sign_()
        parameter.mul_(1 - eta * group["decay"]).add_(direction, alpha=-group["lr"])
        momentum.lerp_(gradient, 1 - beta2)


def build(params: Iterable[Any], alpha: float, decay: float) -> Lion:
    """As a Cell with optimizer="lion" asks for it."""
    return Lion(params, lr=alpha, decay=decay)
