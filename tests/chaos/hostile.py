"""Inputs from elsewhere, changed at random, tried in processes with little memory and time: nothing gets in.

    python -m tests.chaos.hostile records 17 0 /tmp/again     # kind, number and seed of one input, to see it again

Every input must be taken for a valid one or refused in the documented way. Anything else is a difference: another
exception, a hang, memory without bounds, code that runs from data, a file outside the folder, a message of several
lines or with control characters.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.table import Row

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30  # for one input, on a machine with other work
MEMORY = 2**30  # bytes more than the imports take
KINDS = {  # words, and how often in the long form
    "arguments": ("arguments of experiments, slurm, analysis and decay", 4000),
    "settings": ("slurm.toml", 2500),
    "record": ("records", 3500),
    "merged": ("merged files of records", 2500),
    "archive": (".npz files", 3000),
    "pickle": ("ImageNet32's pickles", 3000),
    "checkpoint": ("checkpoints", 1500),
    "folder": ("submissions, attempts, claims, caches, findings", 2000),
}
SHORT = 32  # times fewer
DEATHS = 20  # of a process, after which its kind is given up


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    seed = draw.randrange(2**32)
    with ThreadPoolExecutor(2) as pool:
        counts = {kind: count if long else count // SHORT for kind, (_, count) in KINDS.items()}
        found = {kind: pool.submit(_all_of, kind, count, seed, folder / kind) for kind, count in counts.items()}
        for kind, answer in found.items():
            tried, differences = answer.result()
            yield Row("hostile", KINDS[kind][0], tried, differences)


def _all_of(kind: str, count: int, seed: int, folder: Path) -> tuple[int, int]:
    """Inputs tried, and differences. A process that dies is one, and another goes on after the input that killed it."""
    number = differences = deaths = 0
    folder.mkdir(parents=True)
    while number < count and deaths < DEATHS:
        command = [sys.executable, "-m", "tests.chaos.hostile", kind, str(number), str(seed), str(folder), str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            differences += 1
            print(f"hostile: {kind}: {line}", flush=True)
        number = int((folder / "now").read_text()) + 1 if (folder / "now").exists() else number + 1
        if done.returncode:
            deaths, differences = deaths + 1, differences + 1
            print(f"hostile: {kind}: input {number - 1} of seed {seed}: the process ended with {done.returncode}")
            print(done.stderr[-2000:], flush=True)
    return number, differences


class Different(Exception):
    """Something got in, or was not said as it should be."""


class Slow(BaseException):
    """It took too long."""


def main(kind: str, first: str, seed: str, place: str, count: str = "") -> None:
    """Try inputs from the first on; print a line for each that differs."""
    module = "hostile_commands" if kind in ("arguments", "settings", "folder") else "hostile_inputs"
    folder = Path(place)
    make = getattr(importlib.import_module(f"tests.chaos.{module}"), kind.capitalize())
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
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        tries(draw)
    except Slow:
        return f"took {SECONDS} s: {traceback.format_exc()[-1500:]}"
    except BaseException:  # SystemExit among them
        return traceback.format_exc()[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    outside = {path.name for path in (*folder.iterdir(), *(folder / "a").iterdir())} - {"a", "b", "now"}
    return f"it made {sorted(outside)} outside its folder" if outside else ""


def _limit() -> None:
    def too_slow(number: int, frame: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, too_slow)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


if __name__ == "__main__":
    main(*sys.argv[1:])
