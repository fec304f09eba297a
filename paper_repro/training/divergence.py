"""Whether a run has diverged, and which tensor was the first that was not finite.

An update only notes what it measures, on the device, so that a GPU never waits for the host. At the end of an epoch and
before a save, the losses, gradient norms and weights are looked at. If one is not finite, a second run makes the
updates since the last checkpoint once more, which come by the same numbers, and looks at every tensor of the first
whose loss or norm was bad and of the one before.

So a loss or gradient that is not finite at any update is found, and so is a weight that stays so until the next save.
The record names the first such update, and of its tensors the one that was made first: the loss, the gradients from the
last layer to the first, the weights in the order of the forward pass. A norm that overflows although every value is
finite is no divergence: it is recorded as null. Buffers are not looked at: a mask may hold infinities. Where a second
run (on a GPU, not deterministic) sees nothing, what can still be seen in the first is named.
"""

import math
from functools import partial

import torch

from paper_repro.training.cuda import Recorded, Update, alone
from paper_repro.training.run import Diverged, Run


def check(run: Run, update: Update) -> None:
    """Raise Diverged if a tensor was not finite since the last checkpoint, or is now. update: makes one."""
    first_bad = run.progress.first_bad_step()
    if first_bad is None and _weights_are_finite(run):
        return
    diverged = _in_a_second_run(run, update, first_bad or 0) or _first_bad(run)
    if diverged:
        raise diverged
    run.progress.cleared = run.progress.position
    run.progress.work_saved = -math.inf  # save soon: the next look in vain then begins here


def _in_a_second_run(run: Run, update: Update, first_bad: int) -> Diverged | None:
    attempt = partial(Run, run.cell, run.data, run.out, run.device, run.recordable)  # goes on from the last checkpoint
    again = attempt()
    # Only made, not looked at; a weight may have gone bad one update before the loss.
    for _ in again.updates(update if run.device == "cpu" else Recorded(update), first_bad - 2):
        pass
    if not _weights_are_finite(again):
        again = attempt()  # a weight that few updates read
    for _ in again.updates(partial(alone, update), run.progress.step):
        if diverged := _first_bad(again):
            return diverged
    return None


def _weights_are_finite(run: Run) -> bool:
    """Whether every value is. Not by their norm, which may overflow where every value is finite."""
    largest = torch._foreach_norm([parameter.detach() for parameter in run.model.parameters()], float("inf"))
    return bool(torch.isfinite(torch.stack(largest)).all())


def _first_bad(run: Run) -> Diverged | None:
    """The first loss of this epoch, gradient of the last update or weight that is not finite."""
    progress, parameters = run.progress, list(run.model.named_parameters())
    for place, loss in enumerate(progress.losses[: progress.position].tolist(), 1):
        if not math.isfinite(loss):
            return Diverged(progress.step - progress.position + place, "loss", f"training loss {loss}")
    tensors = [(f"gradient of {name}", parameter.grad) for name, parameter in reversed(parameters)]
    for name, tensor in [*tensors, *((name, parameter.detach()) for name, parameter in parameters)]:
        bad = [] if tensor is None else tensor[torch.isfinite(tensor).logical_not()]
        if len(bad):
            return Diverged(progress.step, name, f"{float(bad[0])} in {'the ' * (' ' in name)}{name}")
    return None
