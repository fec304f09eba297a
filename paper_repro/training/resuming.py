"""Whether a saved state is of this run: its net, its optimizer, its number of updates.

A checkpoint whose checksum is right may still be of other code, or put there by hand. What does not fit is found before
anything is taken over from it, so that an older state, or a new beginning, starts from a clean net.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from paper_repro.training.run import Run

TENSORS = ("losses", "wrong", "gradient_norms")
NUMBERS = ("total", "this_epoch")
WHOLE = ("epoch", "position", "attempts")


def check(state: Mapping[str, Any], run: Run) -> None:
    """Raise ValueError, saying what does not fit."""
    missing = {"model", "optimizer", *run.progress.state()} - set(state)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    _check_net(state["model"], run.model.state_dict())
    _check_optimizer(state["optimizer"], run.optimizer.state_dict())
    _check_progress(state, run)


def _check_net(saved: Any, own: Mapping[str, Tensor]) -> None:
    if not isinstance(saved, Mapping) or set(saved) != set(own):
        raise ValueError("it is of another net")
    for name, tensor in own.items():
        if not _is_like(saved[name], tensor):
            raise ValueError(f"it is of another net: {name} does not fit")


def _check_optimizer(saved: Any, own: Mapping[str, Any]) -> None:
    """The groups, and which parameters have a state; what a state holds is the optimizer's own to check."""
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise ValueError("it is of another optimizer")
    groups = saved["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(own["param_groups"]):
        raise ValueError("it is of another optimizer")
    if not all(_is_of_group(group, mine) for group, mine in zip(groups, own["param_groups"], strict=True)):
        raise ValueError("it is of another optimizer")
    known = {number for group in groups for number in group["params"]}
    if not isinstance(saved["state"], Mapping) or not set(saved["state"]) <= known:
        raise ValueError("it is of another optimizer")


def _is_of_group(saved: Any, own: Mapping[str, Any]) -> bool:
    """Training adds settings (lr, decay) to groups of optimizers that do not have them from the beginning; groups of
    version 0.1.0 have no first_lr, which load_state_dict finds."""
    known = set(own) - {"first_lr"}
    return isinstance(saved, Mapping) and known <= set(saved) and bool(saved["params"] == own["params"])


def _check_progress(state: Mapping[str, Any], run: Run) -> None:
    for name in TENSORS:
        if name == "gradient_norms" and state["position"] == 0 and getattr(state[name], "shape", None) == ():
            continue  # the sum that stood there up to commit 4f1c824: 0 between two epochs, whatever its form
        if not _is_like(state[name], getattr(run.progress, name)):
            raise ValueError(f"it is of other epochs: {name} does not fit")
    epoch, position, attempts = (state[name] for name in WHOLE)
    if any(type(number) is not int for number in (epoch, position, attempts)) or attempts < 0:
        raise ValueError("it does not say how far it is")
    per_epoch = run.updates_per_epoch
    if not (0 <= epoch <= run.cell.epochs and 0 <= position < per_epoch and epoch * per_epoch + position > 0):
        raise ValueError(f"it is of other epochs: {epoch} are done, and {position} updates")
    if epoch == run.cell.epochs and position:
        raise ValueError("it is of more epochs")
    rows = state["epochs"]
    if not isinstance(rows, list) or len(rows) != epoch or not all(isinstance(row, dict) for row in rows):
        raise ValueError("its curves are not of the epochs that are done")
    if any(not isinstance(state[name], (int, float)) or not 0 <= state[name] < float("inf") for name in NUMBERS):
        raise ValueError("its seconds are no number")


def _is_like(saved: Any, own: Tensor) -> bool:
    return isinstance(saved, Tensor) and saved.shape == own.shape and saved.dtype == own.dtype
