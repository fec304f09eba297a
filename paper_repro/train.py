"""Train one Cell, from its first or its last saved update to its record.

The numbers depend on the Cell and the data alone. All random choices are functions of (seed, epoch), the schedule is a
function of the step, and everything else is in the checkpoint; so a run that was interrupted, however often, ends on a
CPU bit for bit where an undisturbed one does.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from paper_repro import checkpoints, models, optim, provenance, records, schedules
from paper_repro.cell import Cell
from paper_repro.data import Dataset, Split
from paper_repro.data.augment import Epoch, batch, draw_epoch, normalise
from paper_repro.decay import normalized
from paper_repro.progress import Diverged, Progress, finite, norm

SAVE_SECONDS = 60  # of work between checkpoints inside an epoch; every epoch ends with one anyway
EVALUATION_BATCH = 500


class Stopped(Exception):
    """Training was asked to stop; its progress is saved."""


def train(
    cell: Cell,
    data: Dataset,
    out: Path,
    device: str = "cpu",
    should_stop: Callable[[], bool] = lambda: False,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> records.Record:
    """Train a cell and write its record below `out`; the record (without checksum) is returned.

    Goes on from the newest whole checkpoint. should_stop is asked after every update: when it says yes, the progress is
    saved and Stopped raised. on_epoch is told the number of epochs done. Raises ValueError for a model, optimizer or
    schedule that does not exist, OSError when the folder cannot be written.
    """
    run = Run(cell, data.to(device), out, device)
    model, optimizer, progress, diverged = run.model, run.optimizer, run.progress, None
    try:
        while progress.epoch < cell.epochs:
            choices = draw_epoch(cell.seed, progress.epoch, len(data.train), cell.augment, run.noise_shape, device)
            model.train()
            for images, labels, noise in run.remaining_batches(choices):
                run.set_schedule()
                with run.precision():
                    logits = model(images, *noise)
                loss = cross_entropy(logits.float(), labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                gradient_norm = norm(p.grad for p in model.parameters() if p.grad is not None)
                optimizer.step()
                progress.note(loss.detach(), (logits.argmax(1) != labels).sum(), gradient_norm)
                run.save_if_due(should_stop)
            run.end_epoch()
            on_epoch(progress.epoch)
            if should_stop() and progress.epoch < cell.epochs:
                raise Stopped
    except Diverged as reason:
        diverged = {"step": reason.step, "reason": str(reason)}
    return run.write_record(diverged)


class Run:
    """One attempt at a cell: its net, optimizer, schedule and progress, resumed if there is something to resume."""

    def __init__(self, cell: Cell, data: Dataset, out: Path, device: str) -> None:
        self.cell, self.data, self.out, self.device = cell, data, out, device
        _settle(cell, device)
        self.model = build_model(cell, data).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.noise_shape: tuple[int, ...] | None = getattr(self.model, "noise_shape", None)
        self.optimizer = optim.build(cell.optimizer, self.model.parameters(), cell.alpha, cell.decay)
        self.updates_per_epoch = math.ceil(len(data.train) / cell.batch_size)
        self.schedule = schedules.from_spec(cell.schedule, cell.epochs, self.updates_per_epoch)
        self.progress = Progress(self.updates_per_epoch, device)
        self.folder = checkpoints.folder_of(out, cell.id)
        self._resume()
        self.progress.attempts += 1

    def remaining_batches(self, choices: Epoch) -> Iterator[tuple[Tensor, Tensor, tuple[Tensor, ...]]]:
        """Pictures, labels and (for nets that want it) noise of the updates that this epoch still has."""
        for position in range(self.progress.position, self.updates_per_epoch):
            start = position * self.cell.batch_size
            stop = min(start + self.cell.batch_size, len(self.data.train))
            noise = () if choices.noise is None else (choices.noise[start:stop],)
            yield *batch(self.data, choices, start, stop), noise

    def set_schedule(self) -> None:
        """Set eta_t alpha, and where decay is normalized the lambda of the current cycle, for the coming update."""
        cell, step = self.cell, self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.eta(step) * cell.alpha
            if cell.decay_unit == "normalized":
                epochs = self.schedule.cycle(step).length / self.updates_per_epoch
                group["decay"] = normalized(cell.decay, cell.batch_size, len(self.data.train), epochs)

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.cell.precision == "bf16")

    def save_if_due(self, should_stop: Callable[[], bool]) -> None:
        """Save inside an epoch when asked to stop (then raise Stopped) or after a minute of work."""
        if self.progress.position == self.updates_per_epoch:
            return  # the end of the epoch saves
        stop = should_stop()
        if stop or self.progress.since_save.seconds > SAVE_SECONDS:
            self.progress.check()
            self._save()
        if stop:
            raise Stopped

    def end_epoch(self) -> None:
        """Measure, and save. Raises Diverged."""
        progress, cell = self.progress, self.cell
        progress.check()
        seconds = progress.this_epoch.seconds
        row = {
            "eta": self.schedule.eta(progress.step - 1),
            "weight_norm": finite(norm(p.detach() for p in self.model.parameters()).item()),
            "seconds": seconds,
            "images_per_second": len(self.data.train) / seconds,
        }
        if (progress.epoch + 1) % cell.evaluate_every == 0 or progress.epoch + 1 == cell.epochs:
            row |= self._evaluate()
        progress.end_epoch(cell.batch_size, len(self.data.train), row)
        self._save()

    def write_record(self, diverged: dict[str, Any] | None) -> records.Record:
        """Write what the finished run leaves and remove its checkpoints."""
        progress, last = self.progress, self.progress.epochs[-1] if self.progress.epochs else {}
        final = {key: last[key] for key in last if key.endswith(("_loss", "_error"))}
        record = {
            "cell": self.cell.to_dict(),
            "id": self.cell.id,
            "status": "diverged" if diverged else "finished",
            "diverged": diverged,
            "epochs": progress.epochs,
            "final": None if diverged else final,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "seconds": progress.total.seconds,
            "provenance": provenance.describe(self.device, self.data.name, self.data.fingerprint, progress.attempts),
        }
        records.write(self.out, record)
        checkpoints.remove(self.folder)
        return record

    def _evaluate(self) -> dict[str, float]:
        """Loss (nats) and error (percent) on validation, if there is a validation split, and test."""
        row: dict[str, float] = {}
        for name, split in (("validation", self.data.validation), ("test", self.data.test)):
            if len(split):
                loss, error = evaluate(self.model, split, self.data, self.precision)
                if not math.isfinite(loss):
                    raise Diverged(self.progress.step, f"{name} loss {loss}")
                row |= {f"{name}_loss": loss, f"{name}_error": error}
        return row

    def _save(self) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        checkpoints.save(self.folder, self.progress.step, state | self.progress.state() | {"id": self.cell.id})
        self.progress.since_save.restart()

    def _resume(self) -> None:
        state = checkpoints.load(self.folder, self.cell.id, self.device)
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress.restore(state)


def build_model(cell: Cell, data: Dataset) -> nn.Module:
    """The cell's net with its initial weights: a function of the seed alone, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed)
        return models.build(cell.model, data.num_classes, data.image_size, data.channels)


def check(cell: Cell, data: Dataset) -> None:
    """Raise ValueError where the cell names a model, optimizer or schedule that does not exist. Trains nothing."""
    with torch.device("meta"):
        model = build_model(cell, data)
    optim.build(cell.optimizer, model.parameters(), cell.alpha, cell.decay)
    schedules.from_spec(cell.schedule, cell.epochs, 1)


def estimate_seconds(cell: Cell, data: Dataset, device: str) -> float:
    """About how long the cell will take, from a few of its updates tried here (at most ten seconds of them, if those
    are two), an evaluated picture taken as a third of a trained one."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(cell, data.to(device), Path(folder), device)
        choices = draw_epoch(cell.seed, 0, len(data.train), cell.augment, run.noise_shape, device)
        run.model.train()
        for images, labels, noise in itertools.islice(run.remaining_batches(choices), 7):
            if len(took) > 1 and sum(took) > 10:
                break
            began = time.perf_counter()
            with run.precision():
                loss = cross_entropy(run.model(images, *noise).float(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            run.optimizer.step()
            loss.item()  # on a GPU: wait for it
            took.append(time.perf_counter() - began)
    looks = math.ceil(cell.epochs / cell.evaluate_every) * (len(data.validation) + len(data.test))
    return statistics.median(took) * (cell.epochs * run.updates_per_epoch + looks / cell.batch_size / 3)


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, data: Dataset, precision: Callable[[], contextlib.AbstractContextManager[Any]]
) -> tuple[float, float]:
    """Mean loss in nats and error in percent of the net on a split, in evaluation mode."""
    model.eval()
    loss, wrong = 0.0, 0
    for start in range(0, len(split), EVALUATION_BATCH):
        images = normalise(split.images[start : start + EVALUATION_BATCH], data)
        labels = split.labels[start : start + EVALUATION_BATCH]
        with precision():
            logits = model(images)
        loss += cross_entropy(logits.float(), labels, reduction="sum").item()
        wrong += int((logits.argmax(1) != labels).sum())
    return loss / len(split), 100 * wrong / len(split)


def _settle(cell: Cell, device: str) -> None:
    """Fix what torch would otherwise choose by machine or history, because it changes the last bits."""
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = cell.precision == "tf32"
    if device == "cpu":
        torch.set_num_threads(1)  # the order of a parallel sum depends on the number of threads
        torch.set_flush_denormal(True)  # strongly decayed weights would otherwise slow every product down
