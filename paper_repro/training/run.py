"""One attempt at a Cell: what there is while it is trained, and what is written of it.

train.py holds the algorithm; this holds what it works on.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from paper_repro import models, optim, records, schedules
from paper_repro.cell import Cell
from paper_repro.cli import brief
from paper_repro.data.augment import Epoch, batch, draw_epoch, normalise
from paper_repro.data.split import Dataset, Split
from paper_repro.decay import normalized
from paper_repro.optim import groups
from paper_repro.records import diagnosis, provenance, schema
from paper_repro.training import checkpoints, cuda, resuming
from paper_repro.training.compiled import Compiled
from paper_repro.training.metrics import Diverged, Progress, finite, norm

_BUILDING = threading.Lock()  # torch's generator belongs to the process; on a GPU cells are threads of one
# Seconds of work between checkpoints. That of the paper's largest net has 0.3 GB.
SAVE_SECONDS = {"cpu": 60.0, "cuda": 10.0}
SAVE_SHARE = 50  # times as long as the last one took: on a slow disk, or beside other cells of a GPU, more rarely
SAVE_NAME = "PAPER_REPRO_SAVE_SECONDS"
MANY_CLASSES = 100  # from here on the top-5 error is measured too


class Stopped(Exception):
    """Training was asked to stop; its progress is saved."""


class Run:
    """One attempt at a cell: its net, optimizer, schedule and progress, resumed if there is something to resume.

    recordable: the learning rate is a tensor on the device, as a recorded update needs it. The default is to record on
    a GPU with the four optimizers of this project: what others make of such a rate is not known.
    """

    def __init__(self, cell: Cell, data: Dataset, out: Path, device: str, recordable: bool | None = None) -> None:
        self.cell, self.data, self.out, self.device = cell, data, out, device
        _settle(device)
        self.model = build_model(cell, data).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.compiled = Compiled(self.model, cell.model) if cell.compile else self.model
        self.noise_shape: tuple[int, ...] | None = getattr(self.model, "noise_shape", None)
        self.optimizer = self._new_optimizer()
        self.recordable = device != "cpu" and cell.optimizer in optim.BUILT_IN if recordable is None else recordable
        self.updates_per_epoch = math.ceil(len(data.train) / cell.batch_size)
        self.schedule = schedules.from_spec(cell.schedule, cell.epochs, self.updates_per_epoch)
        self.progress = Progress(self.updates_per_epoch, device)
        self.choices: Epoch | None = None
        # A GPU's kernels count in float32, a CPU's take the number as it is.
        kind = torch.float64 if device == "cpu" else torch.float32
        self.rates = torch.zeros(self.updates_per_epoch, dtype=kind, device=device)
        self._in_batch = torch.arange(cell.batch_size, device=device)
        self.folder = checkpoints.folder_of(out, cell.id)
        checkpoints.load(self.folder, cell.id, device, self._go_on_from)
        self.progress.attempts += 1

    def begin_epoch(self) -> None:
        """Put what the epoch's updates read on the device: random choices and learning rates; set lambda."""
        cell, first = self.cell, self.progress.epoch * self.updates_per_epoch
        drawn = draw_epoch(cell.seed, self.progress.epoch, len(self.data.train), cell.augment, self.noise_shape)
        if self.choices is None:
            self.choices = drawn.to(self.device)
        else:
            self.choices.take(drawn)
        rates = [self.schedule.eta(first + position) * cell.alpha for position in range(self.updates_per_epoch)]
        self.rates.copy_(torch.tensor(rates, dtype=torch.float64))
        for group in self.optimizer.param_groups:
            group["decay"] = self._decay(first) * group.get("decay_scale", 1.0)
        self.model.train()

    def remaining_counts(self) -> Iterator[int]:
        """The number of pictures of each update that this epoch still has."""
        for position in range(self.progress.position, self.updates_per_epoch):
            yield min(self.cell.batch_size, len(self.data.train) - position * self.cell.batch_size)

    def next_batch(self, count: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Pictures, labels and (for nets that want it) noise of the coming update."""
        assert self.choices is not None
        positions = self.progress.cursor * self.cell.batch_size + self._in_batch[:count]
        noise = () if self.choices.noise is None else (self.choices.noise[positions],)
        return *batch(self.data, self.choices, positions), noise

    def set_schedule(self) -> None:
        """Set eta_t alpha for the coming update; a group may have its own share of alpha."""
        rate = self.rates.take(self.progress.cursor)
        for group in self.optimizer.param_groups:
            own = rate if self.recordable else rate.item()
            group["lr"] = own * group["alpha_scale"] if "alpha_scale" in group else own

    def net(self, count: int) -> Callable[..., Tensor]:
        """The net for an update from `count` pictures: only whole batches are worth compiling for."""
        return self.compiled if count == self.cell.batch_size else self.model

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
        if stop or self.progress.since_save.seconds > save_seconds(self.device, self.progress.last_save):
            check()
            self.save()
        if stop:
            raise Stopped

    def end_epoch(self, check: Callable[[], None]) -> None:
        """Check, as above, and measure. Raises Diverged."""
        progress, cell = self.progress, self.cell
        check()
        seconds = progress.this_epoch.seconds
        row = {
            "eta": self.schedule.eta(progress.step - 1),
            "weight_norm": finite(norm(p.detach() for p in self.model.parameters()).item()),
            "seconds": seconds,
            "images_per_second": len(self.data.train) / seconds,
        }
        done = progress.epoch + 1
        ends_cycle = self._ends_cycle()
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
            "seconds": progress.total.seconds,
            "provenance": provenance.describe(self.device, self.data.name, self.data.fingerprint, progress.attempts),
        }
        records.write(self.out, record)
        checkpoints.remove(self.folder)
        return record

    def _decay(self, step: int) -> float:
        """lambda: where it is normalized, that of the current cycle, which begins and ends with an epoch."""
        cell = self.cell
        if cell.decay_unit == "step":
            return cell.decay
        epochs = self.schedule.cycle(step).length / self.updates_per_epoch
        return normalized(cell.decay, cell.batch_size, len(self.data.train), epochs)

    def _ends_cycle(self) -> bool:
        """Whether the next epoch begins with a warm restart (or would: the last cycle may end with the run)."""
        step, updates = self.progress.step, self.cell.epochs * self.updates_per_epoch
        cycle = self.schedule.cycle(step - 1)
        return cycle.length < updates and step == cycle.start + cycle.length

    def _evaluate(self) -> dict[str, float]:
        """Loss (nats) and error (percent) on validation, if there is a validation split, and test.

        With many classes also the top-5 error: the share of pictures whose label is not among the five likeliest.
        """
        row: dict[str, float] = {}
        for name, split in (("validation", self.data.validation), ("test", self.data.test)):
            if len(split):
                with cuda.while_kernels_are_tried(self):
                    found = evaluate(self.model, split, self.data, self.precision)
                if not math.isfinite(found["loss"]):
                    raise Diverged(self.progress.step, f"{name} loss", f"{name} loss {found['loss']}")
                row |= {f"{name}_{measure}": value for measure, value in found.items()}
        return row

    def save(self) -> None:
        """Write a checkpoint from which another attempt goes on."""
        began = time.monotonic()
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        checkpoints.save(self.folder, self.progress.step, state | self.progress.state() | {"id": self.cell.id})
        self.progress.saved(time.monotonic() - began)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        """With decay 0: each epoch sets its own, which a normalized decay is not."""
        cell = self.cell
        return optim.build(cell.optimizer, groups.of_cell(self.model, cell.decay_on), cell.alpha, 0.0)

    def _go_on_from(self, state: dict[str, Any]) -> None:
        """Raises ValueError, and nothing is changed, for a state that is not of this run."""
        resuming.check(state, self)
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception as error:  # each optimizer, a user's too, has its own
            self.optimizer = self._new_optimizer()
            raise ValueError(f"it is of another optimizer ({error})") from None
        self.model.load_state_dict(state["model"])
        self.progress.restore(state)


def evaluation_batch(device: str, shape: Sequence[int]) -> int:
    """How many images of height x width are evaluated at once: on a GPU many, because the cost is Python's there."""
    return 500 if device == "cpu" else max(1, min(2500, 2500 * 32 * 32 // math.prod(shape)))


def save_seconds(device: str, last_save: float = 0.0) -> float:
    """Of work between checkpoints: what a kill may cost. last_save: seconds that the one before took.

    Raises ValueError for a typed one that is no number.
    """
    typed = os.environ.get(SAVE_NAME)
    if not typed:
        return max(SAVE_SECONDS[device.partition(":")[0]], SAVE_SHARE * last_save)
    try:
        seconds = float(typed)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ValueError(f"{SAVE_NAME}={brief(typed)}: it must be a number of seconds, as in {SAVE_NAME}=5")
    return seconds


def build_model(cell: Cell, data: Dataset) -> nn.Module:
    """The cell's net with its initial weights: a function of the seed alone, whatever was drawn before."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed)
        return models.build(cell.model, data.num_classes, data.image_size, data.channels)


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, data: Dataset, precision: Callable[[], contextlib.AbstractContextManager[Any]]
) -> dict[str, float]:
    """Of the net on a split, in evaluation mode: loss (mean, nats), error (percent), with many classes top5_error."""
    model.eval()
    ranks = {"error": 1} | ({"top5_error": 5} if data.num_classes >= MANY_CLASSES else {})
    loss = torch.zeros((), dtype=torch.float64, device=data.mean.device)
    wrong = {name: torch.zeros((), dtype=torch.int64, device=data.mean.device) for name in ranks}
    size = evaluation_batch(data.mean.device.type, split.images.shape[1:3])
    for start in range(0, len(split), size):
        images = normalise(split.images[start : start + size], data)
        labels = split.labels[start : start + size]
        with precision():
            logits = model(images)
        loss += cross_entropy(logits.float(), labels, reduction="sum")
        for name, rank in ranks.items():
            likeliest = logits.argmax(1, keepdim=True) if rank == 1 else logits.topk(rank).indices
            wrong[name] += (likeliest != labels[:, None]).all(1).sum()
    errors = {name: 100 * count.item() / len(split) for name, count in wrong.items()}
    return {"loss": loss.item() / len(split)} | errors


def _settle(device: str) -> None:
    """Fix what torch would otherwise choose by machine or history, because it changes the last bits."""
    torch.set_num_threads(1)  # the order of a parallel sum depends on the number; on a GPU each cell is a thread
    if device == "cpu":
        torch.set_flush_denormal(True)  # strongly decayed weights would otherwise slow every product down
