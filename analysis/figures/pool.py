"""Work for as many processes as there are cores.

They are spawned, not forked: numerical libraries keep threads of their own, which a fork would lose.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
FEW = 3  # figures or statistics are made here in the time that processes take to start


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """As many as cores. Whatever ends this, an interrupt too: what has not begun is not done."""
    context = multiprocessing.get_context("spawn")
    # A Ctrl-C goes to all processes of a terminal; the one that was typed answers it.
    pool = ProcessPoolExecutor(len(os.sched_getaffinity(0)), context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def answers(jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What the jobs return, in order, as it is there; from processes of their own where there are more than a few."""
    if len(jobs) <= FEW:
        yield from (job() for job in jobs)
        return
    with processes() as pool:
        for pending in [pool.submit(job) for job in jobs]:
            yield pending.result()
