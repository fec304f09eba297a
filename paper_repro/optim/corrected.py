"""AdamW whose decay follows the square of the schedule (Defazio, arXiv:2506.02285: AdamC), as of arXiv:1711.05101.

m, v and step of AdamW from the bare gradient;  theta = theta - eta alpha step - eta^2 lambda theta

The source's decay is torch's with alpha_t^2 / alpha_max in place of alpha_t; that is eta^2 alpha weight_decay, and here
eta^2 lambda. It corrects layers before a normalization alone; this form corrects whatever decays, as timm's
corrected_weight_decay does and arXiv:2512.08217 argues for.
"""

import torch
from torch import Tensor

from paper_repro.optim.adam import AdamW
from paper_repro.optim.base import Batch, Group, Params


class Corrected(AdamW):
    """Args as AdamW. group["lr"] is eta alpha, group["decay"] lambda, as everywhere here."""

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        if group["decay"]:
            torch._foreach_mul_(batch.params, 1 - eta * eta * group["decay"])  # first, as it is of the old theta
        self._step(torch._fused_adam_, 0.0, group, batch)


def build(params: Params, alpha: float, decay: float) -> Corrected:
    """As a Cell with optimizer="corrected" asks for it."""
    return Corrected(params, lr=alpha, decay=decay)
