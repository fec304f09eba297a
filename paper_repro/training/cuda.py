"""What a GPU needs beside the algorithm: a stream for each cell, updates recorded as CUDA graphs, shared switches.

A small network leaves a GPU idle in two ways: its kernels end sooner than Python starts the next one, and none fills
the chip. So an update is recorded once and then started by a single call, and several cells run side by side, each a
thread of one process with its own stream.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from paper_repro.cell import Cell
    from paper_repro.training.run import Run

Update = Callable[["Run", int], None]

UNWAITED = 64  # updates that the host may run ahead: a recording, a stop and other cells wait for all of them
_RECORDING = threading.Lock()  # one cell of the process at a time: compilation and recording are the process's affair
_OF_THREAD = threading.local()
_HELD: list[tuple[bool, bool]] = []  # the switches of each cell under way, all the same
_SWITCHES_FREE = threading.Condition()


def record(update: Update, run: Run, count: int) -> Callable[[], None]:
    """A CUDA graph: calling it does on the device what update(run, count) would do. Nothing is done yet."""
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    collecting = gc.isenabled()
    gc.disable()  # a finalizer that gives back another cell's graph would end the recording
    try:
        # "thread_local": what other cells do meanwhile in their threads is no error.
        with torch.cuda.graph(graph, pool=pool, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
            update(run, count)
    except BaseException:
        try:
            graph.pool()  # known once a recording has ended as it should: it gives its memory back by itself then
        except RuntimeError:
            # CUDA broke this one off: torch 2.11 would keep its memory for ever (pytorch/pytorch#180395). Of no other:
            # to give memory back twice ends the process.
            for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):
                with suppress(RuntimeError):  # it had not begun
                    end(torch.cuda.current_device(), pool)
        raise
    finally:
        if collecting:
            gc.enable()
    replay: Callable[[], None] = graph.replay
    return replay


def wait_if_far_ahead(device: str, position: int) -> None:
    """Let the device catch up with the host, once in a while. position: the number of the update in its epoch."""
    if device != "cpu" and position % UNWAITED == 0:
        torch.cuda.current_stream(device).synchronize()


def alone(update: Update, run: Run, count: int) -> None:
    """Make the update as written; it may have to be compiled first, which must not happen beside a recording."""
    with _RECORDING:
        update(run, count)


def while_kernels_are_tried(run: Run) -> AbstractContextManager[object]:
    """Hold this around work that is not recorded: nobody records meanwhile, if it may try which kernels are fastest.

    cuDNN does, unless deterministic, when a thread meets a new shape, and synchronizes the device for it. CUDA forbids
    that beside a recording: seen on an H100 as "operation not permitted when stream is capturing".
    """
    return nullcontext() if run.device == "cpu" or run.cell.deterministic else _RECORDING


class Recorded:
    """An update that is recorded the first time and repeated from the recording from then on.

    The first one is made as written, so that libraries are loaded and states exist before the recording. A batch that
    is not whole is not recorded. lambda is a plain number in a recording, so a new one is made when it changes (at a
    warm restart). What cannot be recorded, such as a network that reads a tensor on the host, is named once and made as
    written; so is what shall not be recorded (Run.recordable).
    """

    def __init__(self, update: Update, recorder: Callable[[Update, Run, int], Callable[[], None]] = record) -> None:
        self._update, self._recorder = update, recorder
        self._replay: Callable[[], None] | None = None
        self._decays: list[float] | None = None

    def __call__(self, run: Run, count: int) -> None:
        decays = [group["decay"] for group in run.optimizer.param_groups]
        if count != run.cell.batch_size:
            with while_kernels_are_tried(run):
                self._update(run, count)
        elif self._replay is not None and decays == self._decays:
            self._replay()
        else:
            with _RECORDING:
                self._update(run, count)
                replay: Callable[[], None] = partial(self._update, run, count)
                if run.recordable:
                    try:
                        replay = self._recorder(self._update, run, count)
                    except torch.OutOfMemoryError:  # a RuntimeError, too: more room is needed, not another way
                        raise
                    except RuntimeError as error:
                        reason = f"its update cannot be recorded ({str(error).splitlines()[0]})"
                        print(f"{run.cell.id}: {reason}; it is made step by step", file=sys.stderr)
                self._replay, self._decays = replay, decays


@contextmanager
def hold_switches(tf32: bool, deterministic: bool) -> Iterator[None]:
    """Hold torch's process-wide switches so: TF32 products or not; only kernels that give the same bits again, or the
    fastest. A cell that wants other ones than those that run beside it waits its turn."""
    with _SWITCHES_FREE:
        _SWITCHES_FREE.wait_for(lambda: all(held == (tf32, deterministic) for held in _HELD))
        if not _HELD:
            _switch(tf32, deterministic)
        _HELD.append((tf32, deterministic))
    try:
        yield
    finally:
        with _SWITCHES_FREE:
            _HELD.pop()
            _SWITCHES_FREE.notify_all()


def _switch(tf32: bool, deterministic: bool) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS would not promise it on several streams
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic  # which kernel is fastest differs from one trial to the next
    torch.use_deterministic_algorithms(deterministic)
    # A debugging aid that costs a pass over every new tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def prepared(cell: Cell, device: str) -> Iterator[None]:
    """Train the cell in here: on a GPU with the switches it wants and on this thread's own stream, so that cells in
    other threads neither wait for it nor hold it up."""
    if device == "cpu":
        yield
        return
    with hold_switches(cell.precision == "tf32", cell.deterministic):
        if not hasattr(_OF_THREAD, "stream"):
            _OF_THREAD.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        _OF_THREAD.stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(_OF_THREAD.stream):
            try:
                yield
            finally:  # the memory of what is given up next may be handed out on another stream
                _OF_THREAD.stream.synchronize()
