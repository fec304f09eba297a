"""Whether a run has diverged, and which tensor was the first that was not finite.

An update only notes what it measures, on the device, so that a GPU never waits for the host. At the end of an epoch and
before anything is saved, the losses, gradient norms and weights are looked at. If one is not finite, a second run makes
the updates since the last checkpoint once more, and looks at every tensor of the first whose loss or norm was bad and
of the one before. They are a function of the cell and the step, so the second run comes by the same numbers.

What is promised: a loss or gradient that is not finite at any update is found, and so is a weight that stays so until
the next save. The record names the first such update, and of its tensors the one that was made first: the loss, then
the gradients in the order in which the backward pass makes them, then the weights in the order of the forward pass.
A norm that overflows although every value is finite is no divergence: it is recorded as null. Buffers are not looked
at, because a mask may hold infinities. Where a second run comes by other numbers (kernels of a GPU that are not
deterministic) and sees nothing, what can still be seen in the first is named.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from paper_repro.training.cuda import Recorded, Update, while_nobody_records
from paper_repro.training.metrics import Diverged, all_finite
from paper_repro.training.run import Run


def check(run: Run, update: Update) -> None:
    """Raise Diverged if a tensor was not finite since the last checkpoint, or is now. update: makes one."""
    if run.progress.is_finite and all_finite(parameter.detach() for parameter in run.model.parameters()):
        return
    found = _in_a_second_run(run, update) or run.progress.bad_loss() or _bad_weight(run)
    if found:
        raise found
    run.progress.cleared = run.progress.position
    run.progress.since_save.restart(math.inf)  # save soon: the next look in vain then begins here


def _in_a_second_run(run: Run, update: Update) -> Diverged | None:
    again = Run(run.cell, run.data, run.out, run.device, run.recordable)
    unsuspected = (run.progress.first_bad_step() or 0) - 2  # a weight may have gone bad one update before the loss
    for _ in _updates(again, update if run.device == "cpu" else Recorded(update), unsuspected):
        pass
    if not all_finite(parameter.detach() for parameter in again.model.parameters()):
        again = Run(run.cell, run.data, run.out, run.device, run.recordable)  # a weight that few updates read
    gradients = _watched(again.model)
    for _ in _updates(again, update if run.device == "cpu" else while_nobody_records(update), run.progress.step):
        found = again.progress.bad_loss() or _bad_gradient(again, gradients) or _bad_weight(again)
        if found:
            return found
    return None


def _updates(run: Run, make_update: Update, last: int) -> Iterator[None]:
    """Make the updates up to `last` of those that are left; between them, look."""
    while run.progress.step < last:
        run.begin_epoch()
        for count in itertools.islice(run.remaining_counts(), last - run.progress.step):
            make_update(run, count)
            run.progress.position += 1
            yield
        if run.progress.step < last:
            run.progress.next_epoch()


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
