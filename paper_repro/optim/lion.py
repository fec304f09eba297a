"""Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2) with the paper's decoupled decay: an example of your own.

c = beta1 m + (1 - beta1) grad;  theta = theta - eta (alpha sign(c) + lambda theta);  m = beta2 m + (1 - beta2) grad
"""

from typing import Any

import torch
from torch import Tensor

from paper_repro.optim.base import Batch, Betas, Group, Optimizer, Params


class Lion(Optimizer):
    """Every weight moves by the learning rate. group["lr"] is eta alpha, group["decay"] lambda, as everywhere here."""

    STATE, KNOWN = ("m",), ("lr", "decay", "betas")
    decoupled = True

    def __init__(
        self, params: Params, lr: float = 1e-4, *, decay: float = 0.0, betas: Betas = (0.9, 0.99), **unknown: Any
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "betas": betas}, unknown)

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        for parameter, gradient, momentum in zip(batch.params, batch.gradients, batch.state("m"), strict=True):
            direction = torch.lerp(gradient, momentum, beta1).sign_()
            parameter.mul_(1 - eta * group["decay"]).add_(direction, alpha=-lr)
            momentum.lerp_(gradient, 1 - beta2)


def build(params: Params, alpha: float, decay: float) -> Lion:
    """As a Cell with optimizer="lion" asks for it."""
    return Lion(params, lr=alpha, decay=decay)
