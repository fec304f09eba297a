"""What else a decay does, apart from its convention: without gradients, in groups, in other types of numbers."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from paper_repro.decay.probe import MIDDLE, SAME, SCALES, Probe, anything, misfit, multiple, near

FEW = 6  # updates
SMALL = 1e-3  # share of a weight at which types of numbers are tried: float32 resolves it
MANY, UPDATES, MOVES = (128, 128), 40, 2e-3  # weights in bfloat16; so much of a weight an update moves it by
CHANGED = 100  # weights at least that the decay should put on another number of bfloat16


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

    def groups_ignored() -> bool | None:
        """A second group gets half the decay, by the entries of a group that a decay of one half changes."""
        changed = {name: value for name, value in halved.items() if name != "params" and value != entries[name]}
        bare, second = probe.run(weights, few, decay=0.0), slice(2, None)
        apart = bare - probe.run(weights, few, arrange=lambda p: [{"params": p[:2]}, {"params": p[2:], **changed}])
        half, whole = taken(decay=0.5)[:, second], taken(decay=1.0)[:, second]
        if misfit(half, whole) < SAME or not anything(half):
            return None  # half the decay does nothing that could be seen
        return not changed or not near(multiple(apart[:, second], half), 1, SAME)

    def two_dtypes() -> float | None:
        """Of what is taken off where all are of one type; of the parameter that is farthest from 1."""
        ratios = []
        for on in foreach:
            mixed, of_one = taken(dtypes=(torch.float64, torch.float32), **on), taken(**on)
            ratios += [multiple(mixed[:, i], of_one[:, i]) for i in range(len(SCALES)) if anything(of_one[:, i], 1e-5)]
        return max(ratios, key=lambda ratio: abs(ratio - 1), default=None)

    def in_bf16() -> float | None:
        """Of what float64 loses on average, of many weights so large that a gradient moves them by MOVES."""
        noise = torch.randn(UPDATES, 1, *MANY, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        octave = torch.linspace(-0.5, 0.5, noise[0].numel(), dtype=torch.float64).view(1, 1, *MANY)
        start = 2**octave * noise[:1].sign()
        start *= probe.run(start, noise, decay=0.0).diff(dim=0).square().mean().sqrt() / MOVES
        bf16, expected = (
            multiple(probe.taken(start, noise, dtypes=(dtype,))[-1], start[0])
            for dtype in (torch.bfloat16, torch.float64)
        )
        resolved = abs(expected) * noise[0].numel() > CHANGED * torch.finfo(torch.bfloat16).eps
        return bf16 / expected if resolved and math.isfinite(bf16) else None

    tries: dict[str, Callable[[], Any]] = {
        "without_gradient": lambda: anything(taken(without=0)[:, 0]),
        "zero_gradient": lambda: anything(taken(gradients=few * torch.tensor([0.0, 1.0, 1.0]).view(-1, 1, 1))[:, 0]),
    }
    if share:
        not_seen = False if anything(taken()) else None
        tries |= {
            "vectors": lambda: anything(taken(weights=weights.flatten(2), gradients=few.flatten(2))) or not_seen,
            "groups_ignored": groups_ignored,
            "foreach_differs": lambda: misfit(taken(**foreach[0]), taken(**foreach[-1])) > SAME,
            "two_dtypes": two_dtypes,
            "in_bf16": in_bf16,
        }
    result = {}
    for name, tried in tries.items():
        with suppress(Exception):  # of code that is not ours, so of any kind
            result[name] = tried()
    return result
