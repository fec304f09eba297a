"""What else a decay does, apart from its convention: without gradients, in groups, in other types of numbers."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from paper_repro.decay.probe import MIDDLE, SAME, SCALES, Probe, anything, misfit, multiple, near

FEW = 6  # updates
SMALL = 1e-3  # share of a weight at which types of numbers are tried: bfloat16, of 8 bits, resolves 4e-3


def findings(probe: Probe, held: Tensor, gradients: Tensor, share: float) -> dict[str, Any]:
    """Fields of measure.Measured; without those that the optimizer refuses. share: at the probe's lr and decay."""
    alike = gradients[:, MIDDLE : MIDDLE + 1].expand_as(gradients)
    weights, few = held[:FEW], alike[:FEW]
    raised = max(1.0, SMALL / share) if share else 1.0
    entries, halved = (
        probe.make([nn.Parameter(held[0, 0].clone())], probe.lr, k * probe.decay).param_groups[0] for k in (1.0, 0.5)
    )
    foreach: list[dict[str, Any]] = [{}, {"foreach": True}] if "foreach" in entries else [{}]

    def taken(**settings: Any) -> Tensor:
        return probe.taken(**{"weights": weights, "gradients": few, "decay": raised, **settings})

    def groups_ignored() -> bool:
        """A second group gets half the decay, by the entries of a group that a decay of one half changes."""
        changed = {name: value for name, value in halved.items() if name != "params" and value != entries[name]}
        bare, second = probe.run(weights, few, decay=0.0), slice(2, None)
        apart = bare - probe.run(weights, few, arrange=lambda p: [{"params": p[:2]}, {"params": p[2:], **changed}])
        return not changed or not near(multiple(apart[:, second], taken(decay=0.5)[:, second]), 1, SAME)

    def two_dtypes() -> float:
        """Of what is taken off where all are of one type; of the parameter that is farthest from 1."""
        ratios = [
            multiple(taken(dtypes=(torch.float64, torch.float32), **on)[:, i], taken(**on)[:, i])
            for on in foreach for i in range(len(SCALES))
        ]  # fmt: skip
        return max(ratios, key=lambda ratio: abs(ratio - 1))

    def in_bf16() -> float | None:
        """By what float64 loses, of weights of 1.5 that are left to the optimizer under gradients of almost 0."""
        start = 1.5 * held[:1].sign()
        runs = [
            taken(weights=start, gradients=(1e-6 * start).expand_as(held), dtypes=(dtype,))[-1]
            for dtype in (torch.bfloat16, torch.float64)
        ]
        return multiple(*runs) if anything(runs[1]) else None

    tries: dict[str, Callable[[], Any]] = {
        "without_gradient": lambda: anything(taken(without=0)[:, 0]),
        "zero_gradient": lambda: anything(taken(gradients=few * torch.tensor([0.0, 1.0, 1.0]).view(-1, 1, 1))[:, 0]),
    }
    if share:
        tries |= {
            "vectors": lambda: anything(taken(weights=weights.flatten(2), gradients=few.flatten(2))),
            "groups_ignored": groups_ignored,
            "foreach_differs": lambda: misfit(taken(**foreach[0]), taken(**foreach[-1])) > SAME,
            "two_dtypes": two_dtypes,
            "in_bf16": in_bf16,
        }
    result = {}
    for name, tried in tries.items():
        with suppress(Exception):  # of code that is not ours, so of any kind
            result[name] = tried()
    return result | {"share_in_bf16": share * raised or None}
