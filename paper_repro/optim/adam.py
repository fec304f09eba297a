"""Adam and AdamW (Algorithm 2), on torch's fused kernels. reference.py has the algorithm line by line."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from paper_repro.optim.base import Batch, Betas, Group, Optimizer, Params, alpha


class Adam(Optimizer):
    """Adam with L2 regularisation (Algorithm 2, L2 term).

    g = grad + lambda theta;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
    theta = theta - eta alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Args: params, tensors or group dicts; lr, alpha >= 0; decay, the L2 factor >= 0; betas in [0, 1); eps > 0.
    t counts the updates of each parameter and is never reset, not by a warm restart either.
    """

    STATE, KNOWN = ("m", "v", "step"), ("lr", "decay", "betas", "eps")

    def __init__(
        self, params: Params, lr: float = 1e-3, *, decay: float = 0.0, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        **unknown: Any,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "decay": decay, "betas": betas, "eps": eps}, unknown)

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        self._step(torch._fused_adam_, group["decay"], group, batch)  # which adds weight_decay * theta to the gradient

    def _step(self, kernel: Callable[..., None], weight_decay: float, group: Group, batch: Batch) -> None:
        torch._foreach_add_(batch.state("step"), 1)
        with batch.laid_out_as("m") as (params, gradients, m):
            kernel(
                params, gradients, m, batch.state("v"), [], batch.state("step"),
                lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1], weight_decay=weight_decay,
                eps=group["eps"], amsgrad=False, maximize=False,
            )  # fmt: skip


class AdamW(Adam):
    """Adam with decoupled weight decay (Algorithm 2, decay term).

    m, v and the step of Adam from the bare gradient;  theta = theta - eta (alpha step + lambda theta)

    Args as Adam; decay is lambda, multiplied by the schedule eta but not by alpha. With decay 0 it is Adam bit for bit.
    """

    decoupled = True

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        # The decay term of line 12. torch's kernel multiplies theta by 1 - lr * weight_decay before its step: that is
        # 1 - eta * lambda, as lr is eta * alpha. At alpha 0 nothing moves but by this.
        full, weight_decay = alpha(group), 0.0
        if full:
            weight_decay = group["decay"] / full
        elif group["decay"]:
            torch._foreach_mul_(batch.params, 1 - eta * group["decay"])
        self._step(torch._fused_adamw_, weight_decay, group, batch)
