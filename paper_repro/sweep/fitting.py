"""Whether a net takes a cell's images: one call in each mode with its smallest batch, before anything is trained."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.cli import brief
from paper_repro.data.split import Dataset
from paper_repro.training.run import evaluation_batch

META = "meta"  # where torch works out shapes alone, in milliseconds


def check(cell: Cell, data: Dataset, device: str) -> nn.Module:
    """The cell's net, without numbers where it can be built so.

    Raises ValueError, in one line, for a net that cannot be built, cannot be called with the smallest batch of an epoch
    (in training mode) or of an evaluation, or does not return [images, classes].
    """
    splits = [split for split in (data.validation, data.test) if len(split)]
    shape = tuple(data.train.images.shape[1:])
    size = evaluation_batch(device, shape[:2])
    evaluated = min(smallest_batch(len(split), size) for split in splits)
    return _checked(cell.model, data.num_classes, shape, device, len(data.train), cell.batch_size, evaluated)


def smallest_batch(examples: int, batch_size: int) -> int:
    """The number of images in the last of the batches that make up so many examples."""
    return examples % batch_size or min(examples, batch_size)


@functools.lru_cache(maxsize=8)  # the cells of a sweep differ in little else
def _checked(
    name: str, classes: int, shape: tuple[int, ...], device: str, total: int, batch: int, evaluated: int
) -> nn.Module:
    height, width, channels = shape
    size, smallest = f"{height} x {width}", smallest_batch(total, batch)
    for mode, count in (("training", smallest), ("evaluation", evaluated)):
        tried = functools.partial(_called, name, classes, device=device, training=mode == "training")
        model = tried(shape, count)
        if not isinstance(model, str):
            continue
        if mode == "training" and count == 1 and not isinstance(tried(shape, 2), str):
            raise ValueError(
                f"model {name!r} cannot train on a batch of one image of {size}, and of {total} training images "
                f"in batches of {batch} one is left for the last: {_without_one(total, batch)}"
            )
        if width != height and not isinstance(tried((height, height, channels), count), str):
            raise ValueError(
                f"model {name!r} takes square images only, and these are {size}: "
                "resnet, wide_resnet and shake_shake take any (--set model=resnet-8-w8)"
            )
        images = f"{count} image{'s' * (count > 1)} of {size} x {channels}"
        raise ValueError(f"model {name!r} fails in {mode} mode, on {images}: {model}")
    assert not isinstance(model, str)
    return model


def _called(
    name: str, classes: int, shape: tuple[int, ...], count: int, device: str, training: bool
) -> nn.Module | str:
    """The net, called once with so many images of zeros; or what goes wrong. Raises ValueError for an unknown name."""
    fault = ""
    for where in (META, device):  # what fails without numbers may only have wanted some
        model = None
        try:
            with torch.device(META) if where == META else contextlib.nullcontext():  # of tensors that it makes itself
                model = models.build(name, classes, shape[0], shape[2])
                model.to(where, memory_format=torch.channels_last).train(training)  # type: ignore[call-overload]
                images = torch.zeros(count, *shape, device=where).permute(0, 3, 1, 2)
                noise_shape = getattr(model, "noise_shape", None) if training else None
                noise = () if noise_shape is None else (torch.zeros(count, *noise_shape, device=where),)
                with _Draws() as draws:
                    logits = model(images, *noise)
            if training and draws.names:
                return (
                    f"it draws random numbers ({draws.names[0]}), which would depend on what was trained before: "
                    "let it take them as noise (paper_repro/models/__init__.py)"
                )
            if training and isinstance(logits, Tensor) and not logits.requires_grad:
                raise RuntimeError("what it returns has no gradient, so that nothing could be trained")
            got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            if got == [count, classes]:
                return model
            fault = f"it must return a tensor [images, classes], {[count, classes]}, and returned {got}"
        except (Exception, SystemExit) as error:  # whatever a file of yours does
            if model is None and isinstance(error, ValueError):
                raise
            fault = f"{type(error).__name__}: {brief((str(error).splitlines() or [''])[0])}"
    return fault


class _Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which operations draw from torch's generator, as dropout does."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operation.name().partition("::")[2]
        # attention bears the tag with and without dropout; without numbers it is made of operations that tell
        if torch.Tag.nondeterministic_seeded in operation.tags and "attention" not in name:
            self.names.append(name)
        return operation(*args, **(kwargs or {}))


def _without_one(total: int, batch: int) -> str:
    """Settings under which no batch is of one image."""
    sizes = [*range(min(batch - 1, total), 1, -1), *range(batch + 1, total + 1)]
    options = [f"--set batch_size={size}" for size in sizes if smallest_batch(total, size) > 1][:1]
    options += [f"--set train_examples={count}" for count in (total - 1, total + 1) if count > 1 < batch][:1]
    return " or ".join(options)
