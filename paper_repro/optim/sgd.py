"""SGD and SGDW (Algorithm 1), on torch's fused and foreach kernels. reference.py has the algorithm line by line."""

from typing import Any

import torch
from torch import Tensor

from paper_repro.optim.base import Batch, Group, Optimizer, Params


class SGD(Optimizer):
    """SGD with momentum and L2 regularisation (Algorithm 1, L2 term).

    g = grad + lambda theta;  m = beta1 m + eta alpha g;  theta = theta - m

    Args: params, tensors or group dicts; lr, alpha >= 0; decay, the L2 factor >= 0, constant in time; momentum, beta1.
    The paper does not print beta1; 0.9 is what its code uses.
    """

    STATE, KNOWN = ("m",), ("lr", "decay", "momentum")

    def __init__(self, params: Params, lr: float, *, decay: float = 0.0, momentum: float = 0.9, **unknown: Any) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum}, unknown)

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        self._step(group["lr"], group["momentum"], group["decay"], batch)

    def _step(self, lr: float | Tensor, momentum: float, l2: float, batch: Batch) -> None:
        """m = momentum m + lr (grad + l2 theta);  theta = theta - m"""
        # The fused kernel takes no lr in a tensor, no momentum 0 and no sharded parameters; without L2 it is slower
        # than one operation a time.
        if not isinstance(lr, Tensor) and momentum and l2 and batch.plain:
            with batch.laid_out_as("m") as (params, gradients, m):
                torch._fused_sgd_(
                    params, gradients, m,
                    # m = momentum m + (1 - dampening) (grad + weight_decay theta);  theta = theta - lr m
                    momentum=momentum, dampening=1 - lr, weight_decay=l2, lr=1.0,
                    nesterov=False, maximize=False, is_first_step=False,
                )  # fmt: skip
            return
        m = batch.state("m")
        torch._foreach_mul_(m, momentum)
        if isinstance(lr, Tensor):
            lr = lr.reshape(())
            torch._foreach_add_(m, torch._foreach_mul(batch.gradients, lr))
        else:
            torch._foreach_add_(m, batch.gradients, alpha=lr)
        if l2:
            torch._foreach_add_(m, torch._foreach_mul(batch.params, lr * l2))
        torch._foreach_sub_(batch.params, m)


class SGDW(SGD):
    """SGD with momentum and decoupled weight decay (Algorithm 1, decay term).

    m = beta1 m + eta alpha grad;  theta = theta - m - eta lambda theta

    Args as SGD; decay is lambda, multiplied by the schedule eta but not by alpha, and never part of m.
    """

    decoupled = True

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        if group["decay"]:
            torch._foreach_mul_(batch.params, 1 - eta * group["decay"])  # line 9; first, as it is of the old theta
        self._step(group["lr"], group["momentum"], 0.0, batch)
