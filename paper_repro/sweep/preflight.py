"""Whether cells can be trained here, and how long they would take: asked before anything is trained.

A process of its own answers and ends: it loads torch and the data, is tuned as those that train, and may try out a GPU,
of which the parent of a sweep must hold nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_repro import plugins
from paper_repro.cli import UsageError
from paper_repro.records import provenance
from paper_repro.sweep import engine

if TYPE_CHECKING:
    from torch import Tensor, nn

    from paper_repro.cell import Cell
    from paper_repro.data.split import Dataset

MOST_EPOCHS = 100_000  # whose curves fit into records.LARGEST bytes


class Answer(NamedTuple):
    """What was learned; of cells that differ in alpha, decay and seed alone (engine.kind_of) once."""

    device: str = "cpu"
    fingerprint: str = ""  # of the data; empty where there was none to plan with
    seconds: Mapping[Cell, float] = {}  # about how long each kind takes here
    on_gpus: Mapping[tuple[str, str], Mapping[Cell, float]] = {}  # and on GPUs that are not here (floors.seconds)
    note: str = ""  # what else there is to say
    warnings: tuple[str, ...] = ()  # what can be trained and is probably not meant, a line each
    at_once: int = 1
    hardware: str = ""  # that is here, by name


def ask(*question: Any, **more: Any) -> Answer:
    """answer() from a fresh process. Raises UsageError as it does, and OSError when that process dies."""
    process, (pipe,) = engine.start("paper_repro.sweep.preflight")
    try:
        with pipe:
            pipe.send((question, more))
            result: Answer | UsageError = pipe.recv()
    except (EOFError, ConnectionError):
        code = process.wait()
        raise OSError(f"the process that checks data and settings died (exit code {code})") from None
    finally:  # nothing is left to tidy up there, for which torch takes most of a second
        process.kill()
        process.wait()
    if isinstance(result, UsageError):
        raise result
    return result


def answer(
    cells: Sequence[Cell], data: Path, out: Path | None, device: str | None, estimate: bool = False,
    at_once: bool = False, elsewhere: bool = False,
) -> Answer:  # fmt: skip
    """Load the data once and try it, the model, optimizer and schedule on each cell.

    cells: one of each kind. out: where what is tried out is kept. device: None is a GPU where there is one. estimate:
    how long each of these cells takes; without their data, from random images. at_once: also try how many cells a GPU
    takes side by side. elsewhere: they will be trained on a GPU that is not here, so that their time is counted, and
    tried only where it cannot be. Raises UsageError, in one line or two, for what cannot be trained.
    """
    try:
        import torch
    except (ImportError, OSError, MemoryError) as error:  # a limit of memory or of open files, as a rule
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        line = f"torch cannot be loaded ({reason}): ulimit -a shows the limits, it needs 4 GB of -v"
        raise UsageError(line) from None
    from paper_repro.data import FORMS, DataError, Form, label_gaps, load, stand_in
    from paper_repro.data.split import doubts, prepare, settings
    from paper_repro.sweep import floors, throughput

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    name, note = cells[0].dataset, ""
    try:
        try:
            arrays = load(name, data)
            form, tried = Form(len(arrays.y_train), len(arrays.y_test), 0, 0), list(cells)
        except DataError:
            if not estimate or name not in FORMS:
                raise
            arrays, form = stand_in(name, FORMS[name]), FORMS[name]
            tried = [throughput.kind_of_speed(cell) for cell in cells]  # random images are few
            tried_on = "" if elsewhere else "tried on random images, "
            note = f"{name} is not here: {tried_on}planned for its {form.train} + {form.test}"
        wanted = {settings(cell): cell for cell in tried}
        datasets = {key: prepare(arrays, cell) for key, cell in wanted.items()}
        for cell, seen in zip(cells, tried, strict=True):
            changes: dict[str, Any] = {"batch_size": 2} if note else {}
            if elsewhere and cell.precision == "tf32":
                changes["precision"] = "fp32"
            check(cell.replace(**changes), datasets[settings(seen)], device)
    except ValueError as error:  # DataError is one
        raise UsageError(str(error)) from None
    warnings = []
    if not note:
        warnings = [label_gaps(arrays), *(line for cell in tried for line in doubts(cell, datasets[settings(cell)]))]
    if device == "cpu" and not elsewhere:
        warnings.append(slow_precision(cells, torch.backends.cpu.get_cpu_capability()))
    count = 1
    if at_once and device != "cpu":
        count = throughput.cells_at_once(tried[0], datasets[settings(tried[0])].to(device), device, out)
    on_gpus = floors.seconds(cells, arrays, form) if estimate and device == "cpu" else {}
    estimate &= not (elsewhere and on_gpus)
    return Answer(
        device=device,
        fingerprint="" if note else arrays.fingerprint,
        seconds=throughput.estimate_seconds(cells, arrays, form, device, count) if estimate else {},
        on_gpus=on_gpus,
        note=note,
        warnings=tuple(dict.fromkeys(filter(None, warnings))),
        at_once=count,
        hardware=provenance.hardware(device),
    )


def slow_precision(cells: Sequence[Cell], capability: str) -> str:
    """A line where bfloat16 is emulated: without AVX-512 the cells of profile `cpu` take nine times as long with it
    (AMD EPYC with AVX2, torch 2.11). capability: as torch.backends.cpu names it."""
    if capability != "AVX2" or not any(cell.precision == "bf16" for cell in cells):
        return ""
    return "bfloat16 is emulated on this processor, which has no AVX-512: --set precision=fp32 is several times faster"


def check(cell: Cell, data: Dataset, device: str = "cpu") -> None:
    """Raise ValueError, in one line, for a cell that cannot be trained here.

    That is one whose model, optimizer or schedule does not exist, or whose network cannot be called with the smallest
    batch of an epoch (in training mode) or of an evaluation, or does not return [images, classes].
    """
    from paper_repro import schedules
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
    network = _checked_network(cell.model, data.num_classes, shape, device, len(data.train), cell.batch_size, evaluated)
    _check_optimizer(cell, network, device)
    schedules.from_spec(cell.schedule, cell.epochs, 1)


def _check_optimizer(cell: Cell, network: nn.Module, device: str) -> None:
    """Raise ValueError for an optimizer that cannot be built, or does not read the decay that is set before each step:
    a decay would be recorded that was never applied."""
    import torch

    from paper_repro import optim

    name, alpha = cell.optimizer, cell.alpha or 0.1
    smallest = {p.ndim: p.shape for p in sorted(network.parameters(), key=torch.numel, reverse=True)}.values()
    ends = []
    for decay in (0.0, 0.1):
        params = [torch.nn.Parameter(torch.linspace(-1, 1, s.numel(), device=device).reshape(s)) for s in smallest]
        made = plugins.build("optimizer", name, functools.partial(optim.build, name, params, alpha, 0.0))
        if not isinstance(made, torch.optim.Optimizer):
            raise ValueError(f"optimizer {name!r}: build must return a torch optimizer, not {type(made).__name__}")
        if name in optim.BUILT_IN:
            return
        for group in made.param_groups:
            group["decay"] = decay
        for parameter in params:
            parameter.grad = torch.ones_like(parameter)
        plugins.build("optimizer", name, made.step)
        ends.append(params)
    if all(map(torch.equal, *ends)):
        raise ValueError(
            f'optimizer {name!r} does not read group["decay"], the lambda that is set before each step '
            "(paper_repro/optim/lion.py does); torch's weight_decay is lambda / alpha, and no schedule reaches it"
        )


def smallest_batch(examples: int, batch_size: int) -> int:
    """The number of images in the last of the batches that make up so many examples."""
    return examples % batch_size or min(examples, batch_size)


@functools.lru_cache(maxsize=8)  # the cells of a sweep differ in little else
def _checked_network(
    name: str, classes: int, shape: tuple[int, ...], device: str, total: int, batch: int, evaluated: int
) -> nn.Module:
    """The network, called in each mode with one image or two, as its smallest batch has; without its numbers."""
    import torch

    from paper_repro import models

    height, width, channels = shape
    network = plugins.build("model", name, lambda: models.build(name, classes, height, channels))
    if not isinstance(network, torch.nn.Module):
        raise ValueError(f"model {name!r}: build must return a torch.nn.Module, not {type(network).__name__}")
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for mode, smallest in (("training", smallest_batch(total, batch)), ("evaluation", evaluated)):
        count = min(smallest, 2)
        fault = _fault(network.train(mode == "training"), shape, count, classes, device)
        if not fault:
            continue
        if mode == "training" and count == 1 and not _fault(network, shape, 2, classes, device):
            sizes = [size for size in range(2, total + 1) if smallest_batch(total, size) > 1]
            nearest = f"batch_size={min(sizes, key=lambda size: abs(size - batch))}" if sizes else "train_examples=2"
            raise ValueError(
                f"model {name!r} cannot train on a batch of one image of {height} x {width}, and of {total} training "
                f"images in batches of {batch} one is left for the last: --set {nearest}"
            )
        if width != height and not _fault(network, (height, height, channels), count, classes, device):
            raise ValueError(
                f"model {name!r} takes square images only, and these are {height} x {width}: "
                "resnet, wide_resnet and shake_shake take any (--set model=resnet-8-w8)"
            )
        images = f"{count} image{'s' * (count > 1)} of {height} x {width} x {channels}"
        raise ValueError(f"model {name!r} fails in {mode} mode, on {images}: {fault}")
    return network.to("meta")


def _fault(network: nn.Module, shape: tuple[int, ...], count: int, classes: int, device: str) -> str:
    """What goes wrong when the network is called once with so many images of zeros; nothing, if nothing does."""
    import torch

    noise_shape = getattr(network, "noise_shape", None) if network.training else None
    noise = () if noise_shape is None else (torch.zeros(count, *noise_shape, device=device),)
    images = torch.zeros(count, *shape, device=device).permute(0, 3, 1, 2)

    def generators() -> list[Tensor]:
        return [torch.get_rng_state(), *([] if device == "cpu" else [torch.cuda.get_rng_state(device)])]

    before = generators()
    try:
        logits = network(images, *noise)
    except (Exception, SystemExit) as error:
        return plugins.in_a_line(error)
    result = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if result != [count, classes]:
        return f"it must return a tensor [images, classes], {[count, classes]}, and returned {result}"
    if network.training and not logits.requires_grad:
        return "what it returns has no gradient, so that nothing could be trained"
    if network.training and not all(map(torch.equal, before, generators())):
        return (
            "it draws random numbers, which would depend on what was trained before: "
            "let it take them as noise (paper_repro/models/__init__.py)"
        )
    return ""


if __name__ == "__main__":
    from paper_repro.sweep import preflight  # what is sent must be of the module that the other side knows

    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the other end may be gone already
        question, more = parent.recv()
        result: Answer | UsageError
        try:
            result = preflight.answer(*question, **more)
        except UsageError as error:
            result = error
        sys.stdout.flush()
        parent.send(result)
