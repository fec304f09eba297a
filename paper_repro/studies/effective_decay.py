"""How much decay takes off each weight of a network in training, against that weight's gradient scale.

Adam with L2 moves a weight by eta alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), and m is a sum over past
updates of lambda theta and of the bare gradient. Both sums are kept apart here, so that the step splits exactly into
what L2 does and what the loss does. For AdamW the decay is what remains of the step when Adam's is taken off.

settings: cell (of both), optimizers ([name, alpha, decay]), bins (an octave of sqrt(v) each). Measured at the last
update of the middle epoch. Rows, shares per update and divided by eta:

    "scale"      optimizer, scale (the bin's middle, of sqrt(v / (1 - beta2^t))), weights, low, median, high (10, 50 and
                 90 % of the share of the weight that decay takes off)
    "parameter"  optimizer, name, scale, rate (alpha / (sqrt(v) + eps)), share: medians over a tensor's weights
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.studies.stepping import Rows, dataset_of, run_of, updates
from paper_repro.training.run import Run

SMALLEST = 1e-4  # a weight nearer to 0 has no share to speak of
FEWEST = 20  # weights in a bin


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """The rows of all optimizers."""
    base = Cell.from_dict(settings["cell"])
    dataset = dataset_of(base, data)
    rows: Rows = []
    for name, alpha, decay in settings["optimizers"]:
        with run_of(base.replace(optimizer=name, alpha=alpha, decay=decay), dataset, device) as run:
            rows += _rows(name, _Watch(run))
    return rows, dataset.name, dataset.fingerprint


class _Watch:
    """A run up to its middle, and what its last update did to each weight."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.names = [name for name, _ in run.model.named_parameters()]
        self.weights = list(run.model.parameters())
        self.l2 = [torch.zeros_like(weight) for weight in self.weights]  # the part of m that lambda theta has made
        (self.group,) = run.optimizer.param_groups
        most = (run.cell.epochs // 2) * run.updates_per_epoch
        self.before = self._copies()
        for _ in updates(run, most):
            beta1 = self.group["betas"][0]
            torch._foreach_mul_(self.l2, beta1)
            torch._foreach_add_(self.l2, self.before, alpha=(1 - beta1) * self.group["decay"])
            self.taken_from, self.before = self.before, self._copies()

    def _copies(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self.weights]

    def shares(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of one tensor's weights: gradient scale, rate, and share that decay took off in the last update."""
        state, group = self.run.optimizer.state[self.weights[place]], self.group
        eta, alpha = optim.eta(group), optim.alpha(group)
        t, (beta1, beta2) = state["step"].item(), group["betas"]
        scale = (state["v"] / (1 - beta2**t)).sqrt()
        rate = alpha / (scale + group["eps"])
        before, after = self.taken_from[place], self.before[place]
        if self.run.cell.optimizer == "adamw":
            taken = before - after - eta * rate * state["m"] / (1 - beta1**t)
        else:
            taken = eta * rate * self.l2[place] / (1 - beta1**t)
        kept = before.abs() > SMALLEST
        return scale[kept], rate[kept], (taken / before / eta)[kept]


def _rows(name: str, watch: _Watch) -> Rows:
    rows: Rows = []
    parts = [watch.shares(place) for place in range(len(watch.names))]
    for parameter, (scale, rate, share) in zip(watch.names, parts, strict=True):
        if len(share):
            medians = {"scale": scale, "rate": rate, "share": share}
            values = {key: value.median().item() for key, value in medians.items()}
            rows.append({"what": "parameter", "optimizer": name, "name": parameter, **values})
    scale, _, share = (torch.cat(column).double() for column in zip(*parts, strict=True))
    octave = scale.clamp(min=1e-30).log2().floor()
    for place in sorted(set(octave.tolist())):
        shares = share[octave == place]
        if len(shares) >= FEWEST:
            low, median, high = shares.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
            middle = 2.0 ** (place + 0.5)
            values = {"scale": middle, "weights": len(shares), "low": low, "median": median, "high": high}
            rows.append({"what": "scale", "optimizer": name, **values})
    return rows
