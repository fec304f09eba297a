"""What a GPU adds, as far as it runs on any machine: the same code, without the capture and the chip."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import cuda, train
from paper_repro.training import run as run_module
from paper_repro.training.cuda import Recorded
from paper_repro.training.run import Run

OPTIMIZERS = ("sgd", "sgdw", "adam", "adamw")


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


class Recorder:
    """Stands in for CUDA's capture: counts the recordings and replays an update by making it."""

    def __init__(self) -> None:
        self.recordings = self.replays = 0

    def __call__(self, update: cuda.Update, run: Run, count: int) -> Callable[[], None]:
        self.recordings += 1

        def replay() -> None:
            self.replays += 1
            update(run, count)

        return replay


def _trained(cell: Cell, data: Dataset, out: Path, make_update: cuda.Update, recordable: bool) -> Run:
    run = Run(cell, data, out, "cpu", recordable)
    while run.progress.epoch < cell.epochs:
        run.begin_epoch()
        for count in run.remaining_counts():
            make_update(run, count)
            run.progress.position += 1
        run.end_epoch(lambda: None)
    return run


@pytest.fixture
def fused_adam_on_meta() -> Iterator[None]:
    """torch has no such kernel for the meta device. There, it would do nothing."""
    library = torch.library.Library("aten", "IMPL", "Meta")
    for name in ("_fused_adam_", "_fused_adamw_"):
        library.impl(f"{name}.tensor_lr", lambda *tensors, **numbers: None)
    yield
    library._destroy()


@pytest.mark.usefixtures("fused_adam_on_meta")
@pytest.mark.parametrize("model", ["shake_shake-8-2x8d", "resnet-8-w4", "mlp-8x1"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_update_never_reads_from_the_device(cell: Cell, data: Dataset, tmp_path: Path, optimizer, model) -> None:
    """The meta device holds no values and mixes with no other: reading one back or a tensor left behind would raise."""
    cell = cell.replace(optimizer=optimizer, model=model, decay=1e-3)
    run = Run(cell, data.to("meta"), tmp_path, "meta")
    assert run.recordable
    run.begin_epoch()
    for _ in range(2):
        train.update(run, cell.batch_size)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_recordable_updates_train_the_same_net(cell: Cell, data: Dataset, tmp_path: Path, optimizer: str) -> None:
    cell = cell.replace(optimizer=optimizer, decay=0.01, epochs=2)
    plain, recordable = (_trained(cell, data, tmp_path / str(kind), train.update, kind) for kind in (False, True))
    for one, same in zip(plain.model.parameters(), recordable.model.parameters(), strict=True):
        assert torch.dist(one, same) < 1e-5 * one.norm() + 1e-7


def test_whole_batches_are_repeated_from_one_recording(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    recorder = Recorder()
    plain = _trained(cell, data, tmp_path / "a", train.update, True)
    recorded = _trained(cell, data, tmp_path / "b", Recorded(train.update, recorder), True)
    # 3 epochs of 6 whole batches of 16 pictures and one of 4; the first is made before the recording
    assert (recorder.recordings, recorder.replays) == (1, 17)
    assert _curves(recorded) == _curves(plain)


def test_a_restart_that_changes_lambda_is_recorded_anew(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(schedule="warm_restarts:1:2", decay_unit="normalized", decay=0.05)
    recorder = Recorder()
    _trained(cell, data, tmp_path, Recorded(train.update, recorder), True)
    assert recorder.recordings == 2


def test_what_cannot_be_recorded_is_made_as_written(cell: Cell, data: Dataset, tmp_path: Path, capfd) -> None:
    def refuse(update: cuda.Update, run: Run, count: int) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    plain = _trained(cell, data, tmp_path / "a", train.update, True)
    fallen_back = _trained(cell, data, tmp_path / "b", Recorded(train.update, refuse), True)
    assert _curves(fallen_back) == _curves(plain)
    said = capfd.readouterr().err
    assert said.count("cannot be recorded (operation not permitted when stream is capturing)") == 1


@pytest.mark.parametrize("broken_off", [True, False])  # by CUDA; or it ended as it should, as with out-of-memory
def test_a_recording_that_fails_gives_its_memory_back(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_off: bool
) -> None:
    """torch keeps the pool of a recording that failed, and everything that other cells allocate then lands in it."""
    given_back: list[tuple[str, object]] = []

    class Graph:
        def pool(self) -> tuple[int, int]:
            if broken_off:
                raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
            return (0, 7)

    stand_ins = {"CUDAGraph": Graph, "graph_pool_handle": lambda: (0, 7), "current_device": lambda: 0,
                 "current_stream": lambda: None, "graph": lambda *graph, **how: contextlib.nullcontext()}  # fmt: skip
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        assert hasattr(torch._C, name)
        monkeypatch.setattr(torch._C, name, lambda device, pool, name=name: given_back.append((name, pool)))

    def update(run: Run, count: int) -> None:
        assert not gc.isenabled()
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        cuda.record(update, Run(cell, data, tmp_path, "cpu", recordable=True), 16)
    both = [("_cuda_endAllocateToPool", (0, 7)), ("_cuda_releasePool", (0, 7))]
    assert given_back == (both if broken_off else [])  # twice would end the process
    assert gc.isenabled()


def test_what_is_not_to_be_recorded_is_compiled_while_nobody_records(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    alone: list[bool] = []

    def update(run: Run, count: int) -> None:
        alone.append(cuda._RECORDING.locked())
        train.update(run, count)

    def never(update: cuda.Update, run: Run, count: int) -> Callable[[], None]:
        raise AssertionError("recorded")

    _trained(cell.replace(epochs=1), data, tmp_path, Recorded(update, never), recordable=False)
    assert alone == [True] + [False] * 6


def test_free_kernels_are_tried_while_nobody_records(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cuDNN synchronizes the device when it tries kernels, which CUDA forbids beside a recording."""
    alone: list[bool] = []

    def seen(work: Callable[..., object]) -> Callable[..., object]:
        return lambda *given: (alone.append(cuda._RECORDING.locked()), work(*given))[1]

    monkeypatch.setattr(run_module, "evaluate", seen(run_module.evaluate))
    for deterministic in (True, False):
        run = Run(cell.replace(deterministic=deterministic, epochs=1), data, tmp_path / str(deterministic), "cpu")
        run.device = "cuda"
        alone.clear()
        run._evaluate()
        Recorded(seen(lambda run, count: None))(run, cell.batch_size - 1)  # a batch that is not whole
        assert alone == [not deterministic] * 3


def test_cells_that_share_a_process_share_switches_or_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[tuple[bool, bool]] = []
    monkeypatch.setattr(cuda, "_switch", lambda *wanted: set_to.append(wanted))
    inside = threading.Event()

    def other() -> None:
        with cuda.hold_switches(tf32=True, deterministic=True):
            inside.set()

    with cuda.hold_switches(tf32=False, deterministic=True), cuda.hold_switches(tf32=False, deterministic=True):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.1)
        assert not inside.is_set()
    thread.join(timeout=10)
    assert inside.is_set()
    assert set_to == [(False, True), (True, True)]


def test_the_host_runs_ahead_of_a_gpu_by_64_updates_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    for position in range(1, 200):
        stream = SimpleNamespace(synchronize=lambda position=position: waited.append(position))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device, stream=stream: stream)
        cuda.wait_if_far_ahead("cuda", position)
        cuda.wait_if_far_ahead("cpu", position)
    assert waited == [64, 128, 192]


def test_one_cell_at_a_time_draws_initial_weights(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    """torch's generator is shared by the threads of a process, and every cell seeds it."""
    cells = [cell.replace(seed=seed, model="shake_shake-8-2x8d") for seed in range(6)]
    alone = [_first_weights(Run(one, data, tmp_path / "a", "cpu")) for one in cells]
    together: dict[int, torch.Tensor] = {}

    def build(one: Cell) -> None:
        together[one.seed] = _first_weights(Run(one, data, tmp_path / "b", "cpu"))

    threads = [threading.Thread(target=build, args=(one,)) for one in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, weights in enumerate(alone):
        assert torch.equal(together[seed], weights)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_on_a_gpu_solo_side_by_side_and_resumed_cells_end_in_the_same_bits(
    cell: Cell, data: Dataset, tmp_path: Path, optimizer: str
) -> None:
    cells = [cell.replace(optimizer=optimizer, seed=seed, model="shake_shake-8-2x8d") for seed in range(4)]
    alone = [_record(one, data, tmp_path / "alone") for one in cells]
    threads = [threading.Thread(target=_record, args=(one, data, tmp_path / "together")) for one in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = iter(range(100))
    with pytest.raises(train.Stopped):
        train.train(cells[0], data, tmp_path / "resumed", "cuda", should_stop=lambda: next(calls) == 9)
    assert _record(cells[0], data, tmp_path / "resumed") == alone[0]
    for one, record in zip(cells, alone, strict=True):
        assert records.without_times(records.read(tmp_path / "together", one.id)) == record


def _record(cell: Cell, data: Dataset, out: Path) -> records.Record:
    return records.without_times(train.train(cell, data, out, "cuda"))


def _first_weights(run: Run) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()])


def _curves(run: Run) -> list[dict[str, object]]:
    return [records.without_times(row) for row in run.progress.epochs]
