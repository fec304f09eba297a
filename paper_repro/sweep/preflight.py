"""Whether cells can be trained here, and how long they would take: asked before anything is trained.

A process of its own answers and ends: it loads torch and the data, is tuned as those that train, and may try out a GPU,
of which the parent of a sweep must hold nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_repro.cli import brief
from paper_repro.sweep import engine

if TYPE_CHECKING:
    from torch import Tensor, nn

    from paper_repro.cell import Cell
    from paper_repro.data import Arrays, Form
    from paper_repro.data.split import Dataset

MOST_EPOCHS = 100_000  # whose curves fit into records.LARGEST bytes


class GpuEstimate(NamedTuple):
    """What a cell would take on a GPU, computed from its network and the card's data sheet (floors.py)."""

    change: str  # of the cell: "" or what to --set
    card: str
    cell: Cell
    seconds: float


class Answer(NamedTuple):
    """error: why the cells cannot be trained, one or two lines; the rest is of no use then."""

    error: str = ""
    device: str = "cpu"
    fingerprint: str = ""  # of the data; empty where there was none to plan with
    seconds: tuple[tuple[Cell, float], ...] = ()  # about how long each takes
    note: str = ""  # what else there is to say
    warnings: tuple[str, ...] = ()  # what can be trained and is probably not meant, a line each
    at_once: int = 1
    on_gpus: tuple[GpuEstimate, ...] = ()  # where there is no GPU, of each cell


def ask(*question: Any, **more: Any) -> Answer:
    """answer() from a fresh process. Raises OSError when that process dies."""
    process, (pipe,) = engine.start("paper_repro.sweep.preflight")
    try:
        with pipe:
            pipe.send((question, more))
            answer: Answer = pipe.recv()
            return answer
    except (EOFError, ConnectionError):
        code = process.wait()
        raise OSError(f"the process that checks data and settings died (exit code {code})") from None
    finally:  # nothing is left to tidy up there, for which torch takes most of a second
        process.kill()
        process.wait()


def answer(
    cells: Sequence[Cell], data: Path, out: Path | None, device: str | None, estimate: bool = False,
    at_once: bool = False,
) -> Answer:  # fmt: skip
    """Load the data once and try it, the model, optimizer and schedule on each cell.

    cells: one of each kind. out: where what is tried out is kept. device: None is a GPU where there is one. estimate:
    how long each of these cells takes; without their data, from random images. at_once: also try how many cells a GPU
    takes side by side.
    """
    try:
        import torch
    except (ImportError, OSError, MemoryError) as error:  # a limit of memory or of open files, as a rule
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Answer(error=f"torch cannot be loaded ({reason}): ulimit -a shows the limits, it needs 4 GB of -v")
    from paper_repro.data import FORMS, DataError, Form, label_gaps, load, stand_in
    from paper_repro.data.split import doubts, prepare, settings
    from paper_repro.sweep import throughput

    if device == "cuda" and not torch.cuda.is_available():
        return Answer(error="--device cuda: torch sees no GPU here")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    first, planned = cells[0], None
    try:
        arrays = load(first.dataset, data)
    except DataError as error:
        planned = FORMS.get(first.dataset) if estimate else None
        if planned is None:
            return Answer(error=str(error))
        arrays = stand_in(first.dataset, planned)
    form = planned or Form(len(arrays.y_train), len(arrays.y_test), 0, 0)
    warnings = [] if planned else [label_gaps(arrays)]
    prepared: dict[object, Dataset] = {}
    try:
        for cell in cells:
            seen = throughput.kind_of_speed(cell) if planned else cell  # random images are few
            if settings(seen) not in prepared:
                prepared[settings(seen)] = prepare(arrays, seen)
            dataset = prepared[settings(seen)]
            check(cell.replace(batch_size=2) if planned else cell, dataset, device)
            warnings += [] if planned else doubts(cell, dataset)
    except ValueError as error:  # DataError is one
        return Answer(error=str(error))
    count = 1
    if at_once and device != "cpu":
        tried = throughput.kind_of_speed(first) if planned else first
        count = throughput.cells_at_once(tried, prepare(arrays, tried).to(device), device, out)
    return Answer(
        device=device,
        fingerprint="" if planned else arrays.fingerprint,
        seconds=tuple(throughput.estimate_seconds(cells, arrays, form, device, count).items()) if estimate else (),
        note=f"{first.dataset} is not here: tried on random images, planned for its {form.train} + {form.test}"
        * bool(planned),
        warnings=tuple(dict.fromkeys(filter(None, warnings))),
        at_once=count,
        on_gpus=_on_gpus(cells, arrays, form) if estimate and device == "cpu" else (),
    )


def _on_gpus(cells: Sequence[Cell], arrays: Arrays, form: Form) -> tuple[GpuEstimate, ...]:
    """What each would take, float32 cells in bfloat16 as well."""
    from paper_repro.sweep import floors, throughput

    rows = []
    for cell in cells:
        images = throughput.images_of(cell, form)
        _, height, _, channels = arrays.x_train.shape
        for change in ("", "precision=bf16") if cell.precision == "fp32" else ("",):
            size, precision = cell.image_size or height, change.removeprefix("precision=")
            cost = floors.of_cell(cell, arrays.num_classes, size, channels, precision)
            if cost is not None:
                rates = {card: floors.images_per_second(cost, ceilings) for card, ceilings in floors.CARDS.items()}
                rows += [GpuEstimate(change, card, cell, images / rate) for card, rate in rates.items()]
    return tuple(rows)


def check(cell: Cell, data: Dataset, device: str = "cpu") -> None:
    """Raise ValueError, in one line, for a cell that cannot be trained here.

    That is one whose model, optimizer or schedule does not exist, or whose network cannot be called with the smallest
    batch of an epoch (in training mode) or of an evaluation, or does not return [images, classes].
    """
    from paper_repro import optim, schedules
    from paper_repro.optim import groups
    from paper_repro.training import evaluate
    from paper_repro.training.run import save_seconds

    if cell.precision == "tf32" and device == "cpu":
        raise ValueError("precision tf32 is a GPU's: this cell would be trained on a CPU")
    compiler = os.environ.get("CXX", "g++")
    if cell.compile and not shutil.which(compiler):
        raise ValueError(f"compile=true needs a C++ compiler, and there is no {compiler} here")
    if cell.epochs > MOST_EPOCHS:
        raise ValueError(f"a cell of {cell.epochs} epochs would leave too large a record: at most {MOST_EPOCHS}")
    save_seconds(device)
    shape = tuple(data.train.images.shape[1:])
    size = evaluate.batch_size(device, shape[:2])
    evaluated = min(smallest_batch(len(split), size) for split in (data.validation, data.test) if len(split))
    model = _tried(cell.model, data.num_classes, shape, device, len(data.train), cell.batch_size, evaluated)
    optim.build(cell.optimizer, groups.for_cell(model, cell.decay_on), cell.alpha, 0.0)
    schedules.from_spec(cell.schedule, cell.epochs, 1)


def smallest_batch(examples: int, batch_size: int) -> int:
    """The number of images in the last of the batches that make up so many examples."""
    return examples % batch_size or min(examples, batch_size)


@functools.lru_cache(maxsize=8)  # the cells of a sweep differ in little else
def _tried(
    name: str, classes: int, shape: tuple[int, ...], device: str, total: int, batch: int, evaluated: int
) -> nn.Module:
    """The network, called in each mode with one image or two, as its smallest batch has; without its numbers."""
    import torch

    from paper_repro import models

    height, width, channels = shape
    size = f"{height} x {width}"
    try:
        model = models.build(name, classes, height, channels)
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    except ValueError:
        raise
    except (Exception, SystemExit) as error:  # whatever a file of yours does
        raise ValueError(f"model {name!r} cannot be built: {_in_a_line(error)}") from None
    for mode, smallest in (("training", smallest_batch(total, batch)), ("evaluation", evaluated)):
        count = min(smallest, 2)
        fault = _fault(model.train(mode == "training"), shape, count, classes, device)
        if not fault:
            continue
        if mode == "training" and count == 1 and not _fault(model, shape, 2, classes, device):
            raise ValueError(
                f"model {name!r} cannot train on a batch of one image of {size}, and of {total} training images "
                f"in batches of {batch} one is left for the last: {_without_one(total, batch)}"
            )
        if width != height and not _fault(model, (height, height, channels), count, classes, device):
            raise ValueError(
                f"model {name!r} takes square images only, and these are {size}: "
                "resnet, wide_resnet and shake_shake take any (--set model=resnet-8-w8)"
            )
        images = f"{count} image{'s' * (count > 1)} of {size} x {channels}"
        raise ValueError(f"model {name!r} fails in {mode} mode, on {images}: {fault}")
    return model.to("meta")


def _fault(model: nn.Module, shape: tuple[int, ...], count: int, classes: int, device: str) -> str:
    """What goes wrong when the network is called once with so many images of zeros; nothing, if nothing does."""
    import torch

    noise_shape = getattr(model, "noise_shape", None) if model.training else None
    noise = () if noise_shape is None else (torch.zeros(count, *noise_shape, device=device),)
    images, before = torch.zeros(count, *shape, device=device).permute(0, 3, 1, 2), _generators(device)
    try:
        logits = model(images, *noise)
    except (Exception, SystemExit) as error:
        return _in_a_line(error)
    got = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if got != [count, classes]:
        return f"it must return a tensor [images, classes], {[count, classes]}, and returned {got}"
    if model.training and not logits.requires_grad:
        return "what it returns has no gradient, so that nothing could be trained"
    if model.training and not all(map(torch.equal, before, _generators(device))):
        return (
            "it draws random numbers, which would depend on what was trained before: "
            "let it take them as noise (paper_repro/models/__init__.py)"
        )
    return ""


def _generators(device: str) -> list[Tensor]:
    """The states of torch's generators."""
    import torch

    return [torch.get_rng_state(), *([] if device == "cpu" else [torch.cuda.get_rng_state(device)])]


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {brief((str(error).splitlines() or [''])[0])}"


def _without_one(total: int, batch: int) -> str:
    """The nearest setting under which no batch is of one image."""
    sizes = [size for size in range(2, total + 1) if smallest_batch(total, size) > 1]
    return f"--set batch_size={min(sizes, key=lambda size: abs(size - batch))}" if sizes else "--set train_examples=2"


if __name__ == "__main__":
    from paper_repro.sweep import preflight  # what is sent must be of the module that the other side knows

    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        question, more = parent.recv()
        answered = preflight.answer(*question, **more)
        sys.stdout.flush()
        parent.send(answered)
