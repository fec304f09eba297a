"""How much decay takes off each weight of a network in training, against that weight's gradient scale.

Adam with L2 moves a weight by eta alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), and m is a sum over past
updates of lambda theta and of the bare gradient. Both sums are kept apart here, so that the step splits exactly into
what L2 does and what the loss does. For AdamW the decay is what remains of the step when Adam's is taken off.

settings: cell (of both), optimizers ([name, alpha, decay]). Measured at the last update of the middle epoch. Rows,
shares per update and divided by eta:

    "scale"      optimizer, scale (middle of an octave of sqrt(v / (1 - beta2^t))), weights, low, median, high (10, 50
                 and 90 % of the share of the weight that decay takes off)
    "parameter"  optimizer, name, scale, rate (alpha / (sqrt(v) + eps)), share: medians over a tensor's weights
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.studies.stepping import Rows, load_prepared, temporary_run
from paper_repro.training.run import Run
from paper_repro.training.train import update

SMALLEST = 1e-4  # a weight nearer to 0 has no share to speak of
FEWEST = 20  # weights in a bin


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """The rows of all optimizers."""
    base = Cell.from_dict(settings["cell"])
    dataset = load_prepared(base, data)
    rows: Rows = []
    for name, alpha, decay in settings["optimizers"]:
        with temporary_run(base.replace(optimizer=name, alpha=alpha, decay=decay), dataset, device) as run:
            names = [parameter for parameter, _ in run.model.named_parameters()]
            rows += _rows(name, names, [_shares(run, *weight) for weight in zip(*_watch(run), strict=True)])
    return rows, dataset.name, dataset.fingerprint


def _watch(run: Run) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    """Train to the middle. Returns the weights, what they were before and after the last update, and the part of its m
    that lambda theta has made."""
    (group,) = run.optimizer.param_groups
    weights = list(run.model.parameters())
    l2 = [torch.zeros_like(weight) for weight in weights]
    before = after = [weight.detach().clone() for weight in weights]
    for _ in run.updates(update, (run.cell.epochs // 2) * run.updates_per_epoch):
        beta1 = group["betas"][0]
        before, after = after, [weight.detach().clone() for weight in weights]
        torch._foreach_mul_(l2, beta1)
        torch._foreach_add_(l2, before, alpha=(1 - beta1) * group["decay"])
    return weights, before, after, l2


def _shares(run: Run, weight: Tensor, before: Tensor, after: Tensor, l2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of one tensor's weights: gradient scale, rate, and share that decay took off in the last update."""
    state, (group,) = run.optimizer.state[weight], run.optimizer.param_groups
    eta, t, (beta1, beta2) = optim.eta(group), state["step"].item(), group["betas"]
    scale = (state["v"] / (1 - beta2**t)).sqrt()
    rate = optim.alpha(group) / (scale + group["eps"])
    if run.cell.optimizer == "adamw":
        taken = before - after - eta * rate * state["m"] / (1 - beta1**t)
    else:
        taken = eta * rate * l2 / (1 - beta1**t)
    kept = before.abs() > SMALLEST
    return scale[kept], rate[kept], (taken / before / eta)[kept]


def _rows(optimizer: str, names: list[str], parts: list[tuple[Tensor, Tensor, Tensor]]) -> Rows:
    rows: Rows = []
    for name, part in zip(names, parts, strict=True):
        if len(part[0]):
            medians = {key: x.median().item() for key, x in zip(("scale", "rate", "share"), part, strict=True)}
            rows.append({"what": "parameter", "optimizer": optimizer, "name": name, **medians})
    scale, _, share = (torch.cat(column).double() for column in zip(*parts, strict=True))
    octave = scale.clamp(min=1e-30).log2().floor()
    for place in sorted(set(octave.tolist())):
        shares = share[octave == place]
        if len(shares) >= FEWEST:
            low, median, high = shares.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
            values = {"scale": 2.0 ** (place + 0.5), "weights": len(shares), "low": low, "median": median, "high": high}
            rows.append({"what": "scale", "optimizer": optimizer, **values})
    return rows
