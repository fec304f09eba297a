"""Whether a net takes a cell's images: one call in each mode, before anything is trained.

The calls are made on torch's meta device, which works out shapes alone and takes milliseconds. A net that fails there
may only have wanted numbers, so it is called on zeros before it is refused.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.dataset import Dataset
from paper_repro.run import EVALUATION_BATCH
from paper_repro.texts import brief

META = "meta"


def check(cell: Cell, data: Dataset, device: str) -> nn.Module:
    """The cell's net, without numbers where it can be built so.

    Raises ValueError, in one line, for a net that cannot be built, cannot be called with the smallest batch of an epoch
    (in training mode) or of an evaluation, or does not return [images, classes].
    """
    looked_at = {smallest_batch(len(split), EVALUATION_BATCH) for split in (data.validation, data.test) if len(split)}
    shape = tuple(data.train.images.shape[1:])
    return _checked(
        cell.model, data.num_classes, shape, device, len(data.train), cell.batch_size, tuple(sorted(looked_at))
    )


def smallest_batch(examples: int, batch_size: int) -> int:
    """The number of images in the last of the batches that make up so many examples."""
    return examples % batch_size or min(examples, batch_size)


@functools.lru_cache(maxsize=8)  # the cells of a sweep differ in little else
def _checked(
    name: str, classes: int, shape: Sequence[int], device: str, total: int, batch: int, looked_at: Sequence[int]
) -> nn.Module:
    trial = _Trial(name, classes, shape, device)
    model = trial.built()
    smallest = smallest_batch(total, batch)
    if fault := trial.fault(True, smallest):
        if smallest == 1 and not trial.fault(True, 2):
            raise ValueError(
                f"model {name!r} cannot train on a batch of one image of {trial.size}, and of {total} training images "
                f"in batches of {batch} one is left for the last: {_without_one(total, batch)}"
            )
        raise ValueError(trial.refusal("training", smallest, fault))
    for count in looked_at:
        if fault := trial.fault(False, count):
            raise ValueError(trial.refusal("evaluation", count, fault))
    return model


class _Trial:
    """A net and the images that it is to take."""

    def __init__(self, name: str, classes: int, shape: Sequence[int], device: str) -> None:
        self.name, self.classes, self.device = name, classes, device
        self.height, self.width, self.channels = shape
        self.size = f"{self.height} x {self.width}"
        self.nets: dict[str, nn.Module] = {}  # by device

    def built(self) -> nn.Module:
        """The net, on the meta device if that can be. Raises ValueError for one that cannot be built."""
        try:
            return self._on(META)
        except ValueError:  # of a model that does not exist
            raise
        except Exception:  # whatever a file of yours does
            try:
                return self._on(self.device)
            except Exception as error:
                raise ValueError(f"model {self.name!r} cannot be built: {_said(error)}") from error

    def fault(self, training: bool, count: int, width: int | None = None) -> str:
        """What goes wrong when it is called with `count` images (of another width, if given); nothing if it works."""
        fault = ""
        for where in (META, self.device):
            try:
                fault = self._call(where, training, count, width or self.width)
            except Exception as error:  # whatever a file of yours does
                fault = _said(error)
            if not fault:
                break
        return fault

    def refusal(self, mode: str, count: int, fault: str) -> str:
        """Why the cell cannot be trained, in one line."""
        if self.width != self.height and not self.fault(mode == "training", count, self.height):
            return (
                f"model {self.name!r} takes square images only, and these are {self.size}: "
                "resnet, wide_resnet and shake_shake take any (--set model=resnet-8-w8)"
            )
        images = f"{count} image{'s' * (count > 1)} of {self.size} x {self.channels}"
        return f"model {self.name!r} fails in {mode} mode, on {images}: {fault}"

    def _call(self, where: str, training: bool, count: int, width: int) -> str:
        model = self._on(where).train(training)
        with _device(where):
            images = torch.zeros(count, self.height, width, self.channels, device=where).permute(0, 3, 1, 2)
            shape = getattr(model, "noise_shape", None) if training else None
            noise = () if shape is None else (torch.zeros(count, *shape, device=where),)
            logits = model(images, *noise)
        wanted = [count, self.classes]
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        return "" if got == wanted else f"it must return a tensor [images, classes], {wanted}, and returned {got}"

    def _on(self, where: str) -> nn.Module:
        if where not in self.nets:
            with _device(where):
                model = models.build(self.name, self.classes, self.height, self.channels)
            self.nets[where] = model.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.nets[where]


def _device(where: str) -> contextlib.AbstractContextManager[object]:
    """Tensors that a net makes itself are without numbers, too."""
    return torch.device(META) if where == META else contextlib.nullcontext()


def _without_one(total: int, batch: int) -> str:
    """Settings under which no batch is of one image."""
    sizes = [*range(min(batch - 1, total), 1, -1), *range(batch + 1, total + 1)]
    options = [f"--set batch_size={size}" for size in sizes if smallest_batch(total, size) > 1][:1]
    options += [f"--set train_examples={count}" for count in (total - 1, total + 1) if count > 1 < batch][:1]
    return " or ".join(options)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {brief((str(error).splitlines() or [''])[0])}"
