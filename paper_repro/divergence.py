"""Whether a run has diverged, and which tensor was the first that was not finite.

An update only adds up what it measures, on the device, so that a GPU never waits for the host. Before anything is
saved, at the end of an epoch or inside it, the sums and the weights are looked at. If they are not finite, the updates
since the last checkpoint, at most about a minute of work, are made once more by a second run, with a look at every
tensor: they are a function of the cell and the step, so the second run comes by the same numbers.

What is promised: a loss or gradient that is not finite at any update is found, and so is a weight that stays so until
the next save. The record names the first such update, and of its tensors the one that was made first: the loss, then
the gradients in the order in which the backward pass makes them, then the weights in the order of the forward pass.
A norm that overflows although every value is finite is no divergence: it is recorded as null, and such epochs are made
twice. Buffers are not looked at, because a mask may hold infinities. Where a second run comes by other numbers (kernels
of a GPU that are not deterministic) and sees nothing, what can still be seen in the first is named.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from paper_repro.gpu import Update
from paper_repro.progress import Diverged, all_finite
from paper_repro.run import Run


def check(run: Run, update: Update) -> None:
    """Raise Diverged if a tensor was not finite since the last checkpoint, or is now. update: makes one."""
    if run.progress.is_finite and all_finite(parameter.detach() for parameter in run.model.parameters()):
        return
    found = _in_a_second_run(run, update) or run.progress.bad_loss() or _bad_weight(run)
    if found:
        raise found


def _in_a_second_run(run: Run, update: Update) -> Diverged | None:
    again = Run(run.cell, run.data, run.out, run.device, run.recordable)
    gradients = _watched(again.model)
    while again.progress.step < run.progress.step:
        again.begin_epoch()
        for count in again.remaining_counts():
            update(again, count)
            again.progress.position += 1
            found = again.progress.bad_loss() or _bad_gradient(again, gradients) or _bad_weight(again)
            if found or again.progress.step == run.progress.step:
                return found
        again.progress.next_epoch()
    return None


def _watched(model: nn.Module) -> dict[str, float]:
    """Will hold the parameters whose gradients are not finite, in the order in which they are made, and such values."""
    seen: dict[str, float] = {}

    def look(name: str, parameter: Tensor) -> None:
        value = None if parameter.grad is None else _bad_value(parameter.grad)
        if value is not None:
            seen.setdefault(name, value)

    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(partial(look, name))  # type: ignore[no-untyped-call]
    return seen


def _bad_gradient(run: Run, seen: dict[str, float]) -> Diverged | None:
    for name, value in seen.items():
        return Diverged(run.progress.step, f"gradient of {name}", f"{value} in the gradient of {name}")
    return None


def _bad_weight(run: Run) -> Diverged | None:
    for name, parameter in run.model.named_parameters():
        value = _bad_value(parameter.detach())
        if value is not None:
            return Diverged(run.progress.step, name, f"{value} in {name}")
    return None


def _bad_value(tensor: Tensor) -> float | None:
    """The first value that is not finite."""
    bad = tensor[torch.isfinite(tensor).logical_not()]
    return float(bad[0]) if len(bad) else None
