"""Are the numbers right? Optimizers and gradients against float64 on the CPU, and cells against themselves.

With deterministic kernels a cell ends in the same bits whether its updates are recorded or made as written, alone or
among others, undisturbed or resumed. With free kernels (deterministic=false) it ends nearby: sums in another order
differ in their last bits, and training makes more of that.
"""

import contextlib
import io
import itertools
import math
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.gpu_check.setting import BATCH, Setting, cell, checking, row
from paper_repro import optim, records
from paper_repro.cell import Cell
from paper_repro.data.augment import normalise
from paper_repro.data.split import Dataset
from paper_repro.optim import reference
from paper_repro.training import cuda, memory
from paper_repro.training.run import Run, build_model
from paper_repro.training.train import Stopped, train, update

ALPHA, DECAY = 0.01, 0.003
# Relative distances that are still right; docs/gpu.md has what was measured.
OPTIMIZER = 1e-4  # of the way that the weights went in 30 updates
GRADIENTS = {"fp32": 0.02, "bf16": 0.5}
FREE = 5e-4  # of losses and norms, with free kernels


def optimizers(setting: Setting) -> None:
    """30 updates from the same gradients; the rate is a number, as in training on a CPU, or a tensor, as recorded."""
    draw = np.random.RandomState(1)
    shapes = [(16, 3, 3, 3), (32, 16, 1, 1), (64,), (10, 64)]
    start, *gradients = ([draw.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(31))
    etas = [0.5 + 0.5 * math.cos(math.pi * t / 30) for t in range(30)]
    before = _flat(start)
    for name, kind in itertools.product(optim.BUILT_IN, ("number", "tensor")):
        with checking(what := f"{name}, rate in a {kind}: distance from float64"):
            params = [torch.tensor(array, device=setting.device) for array in start]
            params = [p.contiguous(memory_format=torch.channels_last) if p.ndim == 4 else p for p in params]
            optimizer = optim.build(name, params, ALPHA, DECAY)
            for arrays, eta in zip(gradients, etas, strict=True):
                for p, array in zip(params, arrays, strict=True):
                    p.grad = torch.empty_like(p).copy_(torch.tensor(array))
                (group,) = optimizer.param_groups
                group["lr"] = torch.tensor(eta * ALPHA, device=setting.device) if kind == "tensor" else eta * ALPHA
                optimizer.step()
            expected = by_reference(name, before, map(_flat, gradients), etas)
            weights = _flat([p.cpu() for p in params])
            apart = float((weights - expected).norm() / (expected - before).norm())
            row(what, ok=apart <= OPTIMIZER, apart=apart, most=OPTIMIZER)


def by_reference(name: str, theta: Tensor, gradients: Iterable[Tensor], etas: list[float]) -> Tensor:
    """The weights after Algorithm 1 (sgd, sgdw) or 2 (adam, adamw) as printed, in float64 on the CPU."""
    decoupled, m, v = name.endswith("w"), torch.zeros_like(theta), torch.zeros_like(theta)
    for t, (gradient, eta) in enumerate(zip(gradients, etas, strict=True), 1):
        options: dict[str, Any] = {"eta": eta, "alpha": ALPHA, "decay": DECAY, "decoupled": decoupled}
        if name.startswith("sgd"):
            theta, m = reference.sgd(theta, gradient, m, **options)
        else:
            theta, m, v = reference.adam(theta, gradient, m, v, t, **options)
    return theta


def _flat(arrays: Sequence[Any]) -> Tensor:
    return torch.cat([torch.as_tensor(array).flatten() for array in arrays]).double()


def gradients(setting: Setting) -> None:
    """Of 32 images from the same weights, in float32 and in bfloat16 on the device."""
    base, data = _problem(setting, updates=1)
    images, labels = normalise(data.train.images[:32], data), data.train.labels[:32]
    shape: tuple[int, ...] = build_model(base, data).noise_shape  # type: ignore[assignment]
    noise = torch.rand(32, *shape, generator=torch.Generator().manual_seed(0))

    def gradient(device: str, kind: torch.dtype, bf16: bool = False) -> Tensor:
        network = build_model(base, data).to(device, kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits = network(images.to(device, kind), noise.to(device, kind))
        cross_entropy(logits.to(kind), labels.to(device)).backward()  # type: ignore[no-untyped-call]
        return torch.cat([p.grad.double().cpu().flatten() for p in network.parameters()])

    expected = gradient("cpu", torch.float64)
    for precision, most in GRADIENTS.items():
        what = f"gradients of {base.model} in {precision}: distance from float64"
        with checking(what), cuda.prepared(base, setting.device):
            result = gradient(setting.device, torch.float32, precision == "bf16")
            apart = float((result - expected).norm() / expected.norm())
            row(what, ok=apart <= most, apart=apart, most=most)


def _problem(setting: Setting, updates: int = 8, network: str = "", free: bool = False) -> tuple[Cell, Dataset]:
    """A cell of the paper's network, small, and images for it: so many updates an epoch, the last from 40 images.

    free: with free kernels, and then eight layers in float32, where what they do to a number is small.
    """
    network = network or f"shake_shake-{8 if setting.tiny or free else 26}-2x{8 if setting.tiny else 16}d"
    base = cell(network, deterministic=False, precision="fp32") if free else cell(network)
    images = base.validation_examples + (updates - 1) * BATCH + 40
    return base, setting.data(base, images, 200, 8 if setting.tiny else 32)


def recorded(setting: Setting) -> None:
    """A recorded update is the written one: weights, buffers, the optimizer's averages and every loss."""
    base, data = _problem(setting)
    cells = [base.replace(optimizer=name) for name in optim.BUILT_IN]
    cells += [base.replace(decay_on="matrices"), _problem(setting, free=True)[0]]
    cells += [base.replace(schedule="warm_restarts:1:2", decay_unit="normalized", decay=0.05, epochs=3)]
    cells += [cell("resnet-8-w4", precision="fp32"), cell("vit-2-64-p4"), cell("wide_resnet-10-1")]
    cells += [cell("resnet-8-w4", precision="tf32")] * (setting.device != "cpu")
    for each in cells:
        words = [each.model, each.optimizer, each.precision, *[each.schedule] * (each.schedule != base.schedule)]
        words += ["decay on matrices"] * (each.decay_on == "matrices")
        with checking(what := _named(", ".join(words), each)):
            compare_recorded(setting, what, each, data)


def compare_recorded(setting: Setting, what: str, each: Cell, data: Dataset) -> None:
    """Tell whether the cell ends the same with its updates recorded and as written."""
    made: list[Callable[[], None]] = []

    def recorder(*args: Any) -> Callable[[], None]:
        made.append(setting.recorder(*args))
        return made[-1]

    written = trained(each, data, setting.device, update)
    again = trained(each, data, setting.device, cuda.Recorded(update, recorder))
    unlike = sum(not torch.equal(a, b) for a, b in zip(written, again, strict=True))
    apart = max(float(((a - b) / b).abs().max()) for a, b in zip(again[: each.epochs], written, strict=False))
    near = unlike == 0 if each.deterministic else apart <= FREE
    restarts = each.schedule.startswith("warm")  # lambda changes once, and with it the recording
    row(what, ok=near and len(made) == 1 + restarts, unlike=unlike, of=len(written), apart=apart, recordings=len(made))


def trained(each: Cell, data: Dataset, device: str, make_update: cuda.Update) -> list[Tensor]:
    """Every loss (a tensor an epoch), weight, buffer and average that the cell ends with."""
    losses: list[Tensor] = []
    with tempfile.TemporaryDirectory() as folder, cuda.prepared(each, device):
        run = Run(each, data, Path(folder), device, recordable=True)
        while run.progress.epoch < each.epochs:
            run.begin_epoch()
            for count in run.remaining_counts():
                make_update(run, count)
                run.progress.position += 1
            losses.append(run.progress.losses.clone())
            run.progress.next_epoch()
        state = [*run.model.state_dict().values(), *(v for each in run.optimizer.state.values() for v in each.values())]
        return [*losses, *(tensor.clone() for tensor in state)]


def _named(what: str, each: Cell) -> str:
    return what + ", free kernels" * (not each.deterministic)


def distance(record: records.Record, expected: records.Record) -> float:
    """0 for two records that are the same to the last bit, else the largest relative distance of a loss or a norm."""
    if records.without_times(record) == records.without_times(expected):
        return 0.0
    if record["status"] != expected["status"]:
        return math.inf
    pairs = [
        (row[name], value)
        for row, other in zip(record["epochs"], expected["epochs"], strict=True)
        for name, value in other.items()
        if name.endswith(("loss", "norm"))
    ]
    return max((abs(a - b) / abs(b) for a, b in pairs), default=0.0) or math.inf  # they differ in something else


def _compare(what: str, each: Cell, distances: list[float], refused: int = 0) -> None:
    apart, most = max(distances), 0.0 if each.deterministic else FREE
    row(_named(what, each), ok=apart <= most and not refused, cells=len(distances), apart=apart, most=most)


def endings(setting: Setting) -> None:
    """A cell that is stopped and goes on ends as one that is not; one that diverges says so, each time the same."""
    for free in (False, True):
        base, data = _problem(setting, free=free)
        with checking(what := "resumed as undisturbed"), tempfile.TemporaryDirectory() as folder:
            alone, distances = train(base, data, Path(folder, "alone"), setting.device), []
            for stop in (4, 10, 14):  # of 16 updates
                calls, out = itertools.count(1), Path(folder, str(stop))
                with contextlib.suppress(Stopped):
                    train(base, data, out, setting.device, should_stop=lambda c=calls, s=stop: next(c) == s)  # type: ignore[misc]
                distances.append(distance(train(base, data, out, setting.device), alone))
            _compare(what, base, distances)
    with checking(what := "a cell that diverges"), tempfile.TemporaryDirectory() as folder:
        wild = cell("mlp-64x2", optimizer="sgd", alpha=1e4)
        one, same = (train(wild, data, Path(folder, name), setting.device) for name in ("a", "b"))
        row(what, ok=one["status"] == "diverged" and distance(same, one) == 0, **(one["diverged"] or {}))


def packed(setting: Setting) -> None:
    """Cells in threads of one process, as a sweep trains them on a GPU, end as each does alone."""
    for free, counts in ((False, (2, 8)), (True, (8,))):
        base, data = _problem(setting, updates=6, free=free)
        cells = [base.replace(optimizer=name, seed=seed) for seed in range(2) for name in optim.BUILT_IN]
        alone = [_record(each, data, setting.device) for each in cells]
        for count in counts:
            _together(setting, f"in {count} threads as alone", cells, data, alone, count)


def beside(setting: Setting) -> None:
    """Short cells begin and end all the time: no recording fails beside others' replays, and no number differs."""
    rounds, threads = (1, 2) if setting.tiny else (3, 8)
    for free in (False, True):
        base, data = _problem(setting, updates=6, network="resnet-8-w4", free=free)
        cells = [base.replace(optimizer=name, epochs=1) for name in optim.BUILT_IN]
        alone = [_record(each, data, setting.device) for each in cells]
        for emptied in (False, True):
            what = f"recordings beside {'memory.give_back' if emptied else 'replays'}"
            _together(setting, what, cells * rounds, data, alone * rounds, threads, emptied)


def _record(each: Cell, data: Dataset, device: str) -> records.Record:
    with tempfile.TemporaryDirectory() as folder:
        return train(each, data, Path(folder), device)


def _together(
    setting: Setting,
    what: str,
    cells: list[Cell],
    data: Dataset,
    alone: list[records.Record],
    threads: int,
    emptied: bool = False,
) -> None:
    """Train the cells in so many threads. emptied: while one more gives memory back."""
    done = threading.Event()

    def empty() -> None:
        while not done.wait(0.2):  # it collects garbage, which holds up every thread
            memory.give_back(setting.device)

    errors = io.StringIO()
    with checking(what), contextlib.redirect_stderr(errors), ThreadPoolExecutor(threads + emptied) as pool:
        emptying = [pool.submit(empty)] * emptied
        try:
            results = list(pool.map(lambda each: _record(each, data, setting.device), cells))
        finally:
            done.set()
        for each in emptying:
            each.result()
        _compare(what, cells[0], list(map(distance, results, alone)), errors.getvalue().count("cannot be recorded"))
    print(errors.getvalue())
