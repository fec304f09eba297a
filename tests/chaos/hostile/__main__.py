"""Try inputs of one kind in this process: python -m tests.chaos.hostile KIND FIRST SEED FOLDER [END]."""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SECONDS = 30  # of a processor for one input
WAITED = 10 * SECONDS  # on the clock: the machine may be shared
MEMORY = 2**30  # bytes more than the imports take


class Slow(BaseException):
    """It took too long."""


def main(kind: str, first: str, seed: str, place: str, count: str = "") -> None:
    """Try inputs from the first on; print a line for each that differs."""
    module = "commands" if kind in ("arguments", "settings", "folder") else "inputs"
    folder = Path(place)
    make = getattr(importlib.import_module(f"tests.chaos.hostile.{module}"), kind.capitalize())
    below = folder / "a" / "b"
    below.mkdir(parents=True, exist_ok=True)
    os.chdir(below)  # a path that leads out of here is seen
    tries: Callable[[random.Random], None] = make(below).once
    _limit()
    for number in range(int(first), int(count or int(first) + 1)):
        (folder / "now").write_text(str(number))
        if told := _told(tries, random.Random(f"{seed} {kind} {number}"), folder):
            print(json.dumps(f"input {number} of seed {seed}: {told}"), flush=True)


def _told(tries: Callable[[random.Random], None], draw: random.Random, folder: Path) -> str:
    """What is different, if anything."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WAITED)
    try:
        tries(draw)
    except Slow:
        return f"took {SECONDS} s of a processor, or {WAITED} s: {traceback.format_exc()[-1500:]}"
    except BaseException:  # SystemExit among them
        return traceback.format_exc()[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    outside = {path.name for path in (*folder.iterdir(), *(folder / "a").iterdir())} - {"a", "b", "now"}
    return f"it made {sorted(outside)} outside its folder" if outside else ""


def _limit() -> None:
    def too_slow(number: int, frame: object) -> None:
        raise Slow

    signal.signal(signal.SIGPROF, too_slow)
    signal.signal(signal.SIGALRM, too_slow)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


main(*sys.argv[1:])
