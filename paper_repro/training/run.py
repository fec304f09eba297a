"""One attempt at a Cell: what there is while it is trained, and what is written of it.

train.py holds the algorithm; this holds what it works on.
"""

import contextlib
import itertools
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from paper_repro import models, optim, records, schedules
from paper_repro.cell import Cell
from paper_repro.cli import brief
from paper_repro.data.augment import Epoch, batch, draw_epoch
from paper_repro.data.split import Dataset
from paper_repro.decay import normalized
from paper_repro.optim import groups
from paper_repro.records import diagnosis, provenance, schema
from paper_repro.training import checkpoints, cuda
from paper_repro.training.compiled import Compiled
from paper_repro.training.evaluate import evaluate
from paper_repro.training.metrics import Progress, finite, norm

_BUILDING = threading.Lock()  # torch's generator belongs to the process; on a GPU cells are threads of one
SAVE_SECONDS = {"cpu": 60.0, "cuda": 10.0}  # of work between checkpoints: 0.3 GB for the paper's largest network
SAVE_SHARE = 50  # times as long as the last one took: on a slow disk, or beside other cells of a GPU, more rarely
SAVE_NAME = "PAPER_REPRO_SAVE_SECONDS"


class Stopped(Exception):
    """Training was asked to stop; its progress is saved."""


class Diverged(Exception):
    """A tensor was not finite at the update `step`, counted from 1 over the whole run."""

    def __init__(self, step: int, tensor: str, reason: str) -> None:
        super().__init__(reason)
        self.step, self.tensor = step, tensor


class Run:
    """One attempt at a cell: its network, optimizer, schedule and progress, resumed if there is something to resume.

    recordable: the learning rate is a tensor on the device, as a recorded update needs it. The default is to record on
    a GPU with the four optimizers of this project: what others make of such a rate is not known.
    """

    def __init__(self, cell: Cell, data: Dataset, out: Path, device: str, recordable: bool | None = None) -> None:
        self.cell, self.data, self.out, self.device = cell, data, out, device
        # What torch would otherwise choose by machine or history, because it changes the last bits.
        torch.set_num_threads(1)  # the order of a parallel sum depends on the number; on a GPU each cell is a thread
        if device == "cpu":
            torch.set_flush_denormal(True)  # strongly decayed weights would otherwise slow every product down
        self.recordable = device != "cpu" and cell.optimizer in optim.BUILT_IN if recordable is None else recordable
        self.updates_per_epoch = math.ceil(len(data.train) / cell.batch_size)
        self.schedule = schedules.from_spec(cell.schedule, cell.epochs, self.updates_per_epoch)
        self._start()
        self.choices: Epoch | None = None
        # A GPU's kernels count in float32, a CPU's take the number as it is.
        kind = torch.float64 if device == "cpu" else torch.float32
        self.rates = torch.zeros(self.updates_per_epoch, dtype=kind, device=device)
        self._in_batch = torch.arange(cell.batch_size, device=device)
        self.folder = checkpoints.folder_of(out, cell.id)
        # A checkpoint is of use to the same cell, trained by the same code on the same data.
        self.origin = {"cell": cell.id, "code": provenance.source(cell), "data": data.fingerprint}
        checkpoints.load(self.folder, self.origin, device, self._resume)
        self.progress.attempts += 1

    def _start(self) -> None:
        """From the initial weights. The optimizer has decay 0: each epoch sets its own."""
        cell, built = self.cell, build_model(self.cell, self.data)
        self.model = built.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.compiled = Compiled(self.model, cell.model) if cell.compile else self.model
        self.noise_shape: tuple[int, ...] | None = getattr(self.model, "noise_shape", None)
        self.optimizer = optim.build(cell.optimizer, groups.for_cell(self.model, cell.decay_on), cell.alpha, 0.0)
        self.progress = Progress(self.updates_per_epoch, self.device)

    def _resume(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. Raises, and starts anew, where it does not fit."""
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress.restore(state)
        except Exception:  # a part may have been taken over
            self._start()
            raise

    def begin_epoch(self) -> None:
        """Put what the epoch's updates read on the device: random choices and learning rates; set lambda."""
        cell, first = self.cell, self.progress.epoch * self.updates_per_epoch
        drawn = draw_epoch(
            cell.seed, self.progress.epoch, len(self.data.train), cell.augment, self.noise_shape, cell.crop_padding
        )
        if self.choices is None:
            self.choices = drawn.to(self.device)
        else:
            self.choices.take(drawn)
        rates = [self.schedule.eta(first + position) * cell.alpha for position in range(self.updates_per_epoch)]
        self.rates.copy_(torch.tensor(rates, dtype=torch.float64))
        decay = cell.decay
        if cell.decay_unit == "normalized":  # to the current cycle, which begins and ends with an epoch
            epochs = self.schedule.cycle(first).length / self.updates_per_epoch
            decay = normalized(decay, cell.batch_size, len(self.data.train), epochs)
        for group in self.optimizer.param_groups:
            group["decay"] = decay * group.get("decay_scale", 1.0)
        self.model.train()

    def remaining_counts(self) -> Iterator[int]:
        """The number of images of each update that this epoch still has."""
        for position in range(self.progress.position, self.updates_per_epoch):
            yield min(self.cell.batch_size, len(self.data.train) - position * self.cell.batch_size)

    def updates(self, make_update: cuda.Update, last: int = sys.maxsize) -> Iterator[None]:
        """Make what is left of the first `last` updates one by one, without measuring or saving; yields after each."""
        progress, last = self.progress, min(last, self.cell.epochs * self.updates_per_epoch)
        while progress.step < last:
            self.begin_epoch()
            for count in itertools.islice(self.remaining_counts(), last - progress.step):
                make_update(self, count)
                progress.position += 1
                yield
            if progress.step < last:
                progress.next_epoch()

    def next_batch(self, count: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Images, labels and (for networks that want it) noise of the coming update."""
        assert self.choices is not None
        positions = self.progress.cursor * self.cell.batch_size + self._in_batch[:count]
        noise = () if self.choices.noise is None else (self.choices.noise[positions],)
        return *batch(self.data, self.choices, positions, self.cell.crop_padding), noise

    def set_learning_rates(self) -> None:
        """Set eta_t alpha for the coming update; a group may have a share of alpha of its own."""
        rate = self.rates.take(self.progress.cursor)
        for group in self.optimizer.param_groups:
            lr = rate if self.recordable else rate.item()
            group["lr"] = lr * group["alpha_scale"] if "alpha_scale" in group else lr

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """Autocast to bfloat16 where the cell wants it."""
        if self.cell.precision != "bf16":
            return contextlib.nullcontext()
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16)

    def save_if_due(self, should_stop: Callable[[], bool], check: Callable[[], None]) -> None:
        """Save when asked to stop (then raise Stopped) or after SAVE_SECONDS of work.

        check is called first, and raises Diverged where there is nothing worth saving.
        """
        if self.progress.position == self.updates_per_epoch:
            return  # of a whole epoch, its row is to be made first
        stop = should_stop()
        if stop or time.monotonic() - self.progress.work_saved > save_seconds(self.device, self.progress.last_save):
            check()
            self.save()
        if stop:
            raise Stopped

    def save(self) -> None:
        """Write a checkpoint from which another attempt goes on."""
        began = time.monotonic()
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        checkpoints.save(self.folder, self.progress.step, state | self.progress.state() | self.origin)
        self.progress.saved(time.monotonic() - began)

    def end_epoch(self, check: Callable[[], None]) -> None:
        """Check, as above, and measure. Raises Diverged."""
        progress, cell = self.progress, self.cell
        check()
        seconds = time.monotonic() - progress.epoch_began
        row = {
            "eta": self.schedule.eta(progress.step - 1),
            "weight_norm": finite(norm(p.detach() for p in self.model.parameters()).item()),
            "seconds": seconds,
            "images_per_second": len(self.data.train) / seconds,
        }
        done, cycle = progress.epoch + 1, self.schedule.cycle(progress.step - 1)
        # The next epoch begins with a warm restart (or would: the last cycle may end with the run).
        ends_cycle = cycle.length < cell.epochs * self.updates_per_epoch and progress.step == cycle.start + cycle.length
        if done % cell.evaluate_every == 0 or done == cell.epochs or ends_cycle:
            began = time.monotonic()
            row |= self._evaluate()
            row["evaluation_seconds"] = time.monotonic() - began
        if progress.saving:
            row["checkpoint_seconds"] = progress.saving
        if ends_cycle:
            row["ends_cycle"] = True
        progress.end_epoch(cell.batch_size, len(self.data.train), row)

    def write_record(self, diverged: dict[str, Any] | None) -> records.Record:
        """Write what the finished run leaves and remove its checkpoints."""
        progress = self.progress
        record = {
            "cell": self.cell.to_dict(),
            "id": self.cell.id,
            "status": "diverged" if diverged else "finished",
            "diverged": diverged,
            "epochs": progress.epochs,
            "final": None if diverged else schema.final(progress.epochs[-1]),
            "diagnoses": diagnosis.diagnose(progress.epochs, self.data.num_classes, diverged is None),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "seconds": time.monotonic() - progress.run_began,
            "provenance": provenance.describe(
                self.device, self.data.name, self.data.fingerprint, progress.attempts, self.cell
            ),
        }
        records.write(self.out, record)
        checkpoints.remove(self.folder)
        return record

    def _evaluate(self) -> dict[str, float]:
        """What evaluate() measures, on validation (if there is such a split) and test."""
        row: dict[str, float] = {}
        for name, split in (("validation", self.data.validation), ("test", self.data.test)):
            if len(split):
                with cuda.while_kernels_are_tried(self):
                    measured = evaluate(self.model, split, self.data, self.precision)
                if not math.isfinite(measured["loss"]):
                    raise Diverged(self.progress.step, f"{name} loss", f"{name} loss {measured['loss']}")
                row |= {f"{name}_{measure}": value for measure, value in measured.items()}
        return row


def save_seconds(device: str, last_save: float = 0.0) -> float:
    """Of work between checkpoints: what a kill may cost. last_save: seconds that the one before took.

    Raises ValueError for a typed one that is no number.
    """
    seconds = os.environ.get(SAVE_NAME) or max(SAVE_SECONDS[device.partition(":")[0]], SAVE_SHARE * last_save)
    with contextlib.suppress(ValueError):
        if float(seconds) >= 0:
            return float(seconds)
    raise ValueError(f"{SAVE_NAME}={brief(str(seconds))}: it must be a number of seconds, as in {SAVE_NAME}=5")


def build_model(cell: Cell, data: Dataset) -> nn.Module:
    """The cell's network with its initial weights: a function of the seed alone, whatever was drawn before."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed)
        return models.build(cell.model, data.num_classes, data.image_size, data.channels)
