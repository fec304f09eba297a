"""Fresh Python processes that serve one of this package's modules over pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FOR_PARENTS = (*SIGNALS, signal.SIGUSR1, signal.SIGUSR2)  # a cluster sends the latter two to every process of a job
ROOT = Path(__file__).resolve().parents[2]
# Of processes that train, unless the user has set them otherwise: memory in huge pages, which makes an update on a CPU
# a quarter to a half as fast again (in one arena, or threads would get none of it), and as many queues to a GPU as
# cells may share it (it has eight otherwise, and those that share one wait for each other).
TRAINING = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1",
    "CUDA_DEVICE_MAX_CONNECTIONS": "32",
}


def start(
    module: str, pipes: int = 1, settings: Mapping[str, str] = {}
) -> tuple[subprocess.Popen[bytes], list[Connection[Any, Any]]]:
    """`python -m module FD ...` and our ends of its pipes, whose descriptors are its arguments.

    settings: environment variables, for those that are not set.

    Not a multiprocessing.Process: that would run the user's main script once more. Signals that stop are
    blocked in it: Ctrl-C reaches the whole process group, but what to do about it is the parent's decision.
    """
    pairs = [Pipe() for _ in range(pipes)]
    descriptors = [theirs.fileno() for _, theirs in pairs]
    command = [sys.executable, "-m", module, *map(str, descriptors)]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # Signals that are blocked while a process is started stay blocked in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_PARENTS)
    try:
        process = subprocess.Popen(command, pass_fds=descriptors, env={**settings, **os.environ, "PYTHONPATH": path})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for _, theirs in pairs:
        theirs.close()  # so that the process's death is seen as the end of its pipes
    return process, [ours for ours, _ in pairs]
