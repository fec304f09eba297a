"""How far a run is and what it has measured: the part of a checkpoint that is neither model nor optimizer."""

import functools
import math
import operator
import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

SUMS = ("losses", "wrong", "gradient_norms")
PLAIN = ("epoch", "position", "attempts", "epochs")


class Progress:
    """The position of a run (epoch from 0, updates made in it) and its measurements.

    losses and gradient_norms [updates per epoch] and wrong (images classified wrongly) stay on the device until the
    epoch ends, so that no update waits for the host. So does `cursor`, the position once more, for updates that the
    device makes by itself (cuda.py); hence these tensors are made once, and only written to.
    """

    def __init__(self, updates_per_epoch: int, device: str) -> None:
        self.updates_per_epoch = updates_per_epoch
        self.losses = torch.zeros(updates_per_epoch, dtype=torch.float64, device=device)
        self.gradient_norms = torch.zeros_like(self.losses)
        self.wrong = torch.zeros((), dtype=torch.int64, device=device)
        self.cursor = torch.zeros((), dtype=torch.int64, device=device)
        self._positions = torch.arange(updates_per_epoch, device=device)
        self.epoch = self.position = self.attempts = 0
        self.epochs: list[dict[str, Any]] = []
        # seconds of time.monotonic(), moved back by the work of earlier attempts
        self.run_began = self.epoch_began = self.work_saved = time.monotonic()
        self.saving = 0.0  # seconds spent on checkpoints since the last row
        self.last_save = 0.0  # seconds that the last one took
        self.cleared = 0  # updates of this epoch of which a bad norm has been looked into

    @property
    def step(self) -> int:
        """Updates made."""
        return self.epoch * self.updates_per_epoch + self.position

    def note(self, loss: Tensor, wrong: Tensor, gradient_norm: Tensor) -> None:
        """Measure one update: its mean loss, number of wrong images and gradient norm, all scalars on the device.

        The device's half of it: `position` is the host's to move.
        """
        here = self._positions == self.cursor
        torch.where(here, loss.double(), self.losses, out=self.losses)
        torch.where(here, gradient_norm.double(), self.gradient_norms, out=self.gradient_norms)
        self.wrong += wrong
        self.cursor += 1

    def first_bad_step(self) -> int | None:
        """The first update of this epoch, counted from 1 over the run, whose loss or gradient norm was not finite."""
        bad = torch.isfinite(self.losses + self.gradient_norms).logical_not()[self.cleared :]  # 0 before its update
        if not bool(bad.any()):
            return None
        return self.step - self.position + self.cleared + int(bad.int().argmax()) + 1

    def end_epoch(self, batch_size: int, examples: int, more: dict[str, Any]) -> None:
        """Add this epoch's row to the curves and go to the next. `more` is what else the row shall hold."""
        sizes = torch.full_like(self.losses, batch_size)
        sizes[-1] = examples - batch_size * (self.updates_per_epoch - 1)  # the short last batch counts for less
        row = {
            "epoch": self.epoch + 1,
            "train_loss": finite((self.losses * sizes).sum().item() / examples),
            "train_error": 100 * self.wrong.item() / examples,
            # one after the other, as they were added up when the first records were made
            "gradient_norm": finite(functools.reduce(operator.add, self.gradient_norms.tolist()) / len(self.losses)),
        }
        self.epochs.append(row | more)
        self.next_epoch()

    def next_epoch(self) -> None:
        """Go to the next epoch and measure anew."""
        self.epoch, self.position, self.cleared = self.epoch + 1, 0, 0
        for tensor in (self.losses, self.wrong, self.gradient_norms, self.cursor):
            tensor.zero_()
        self.epoch_began, self.saving = time.monotonic(), 0.0

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long: no part of what the epoch's training takes."""
        self.saving += seconds
        self.last_save = seconds
        self.epoch_began += seconds
        self.work_saved = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Tensors and plain values from which restore() goes on."""
        now = time.monotonic()
        times = {"total": now - self.run_began, "this_epoch": now - self.epoch_began}
        return {name: getattr(self, name) for name in PLAIN + SUMS} | times

    def restore(self, state: dict[str, Any]) -> None:
        for name in PLAIN:
            setattr(self, name, state[name])
        for name in SUMS:
            getattr(self, name).copy_(state[name])
        self.cursor.fill_(self.position)
        self.run_began, self.epoch_began = (time.monotonic() - state[name] for name in ("total", "this_epoch"))


def finite(value: float) -> float | None:
    """JSON has no infinity: a number that overflowed is recorded as null."""
    return value if math.isfinite(value) else None


def norm(tensors: Iterable[Tensor]) -> Tensor:
    """The Euclidean norm of all values in the tensors together."""
    total: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(tensors))).float())
    return total
