"""AdamW with cautious weight decay (Chen et al., arXiv:2510.12402, Algorithm 1) in the convention of arXiv:1711.05101.

m, v and step of AdamW from the bare gradient;  theta = theta - eta (alpha step + lambda I(step theta >= 0) theta)

A weight decays only while the step does not push it away from 0. As in the source, a step of 0 counts as agreement.
"""

import torch
from torch import Tensor

from paper_repro.optim.adam import AdamW
from paper_repro.optim.base import Batch, Group, Params


class Cautious(AdamW):
    """Args as AdamW. group["lr"] is eta alpha, group["decay"] lambda, as everywhere here."""

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        before = [parameter.clone() for parameter in batch.params]
        self._step(torch._fused_adam_, 0.0, group, batch)
        # Afterwards, when m is the new one, whose sign is the step's. Of signs, as m theta could underflow to 0.
        for parameter, theta, m in zip(batch.params, before, batch.state("m"), strict=True):
            parameter.sub_(theta * (m.sign() * theta >= 0) * (eta * group["decay"]))


def build(params: Params, alpha: float, decay: float) -> Cautious:
    """As a Cell with optimizer="cautious" asks for it."""
    return Cautious(params, lr=alpha, decay=decay)
