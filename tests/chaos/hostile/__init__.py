"""Inputs from elsewhere, changed at random, tried in processes with little memory and time: nothing gets in.

    python -m tests.chaos.hostile records 17 0 /tmp/again     # kind, number and seed of one input, to see it again

Every input must be taken for a valid one or refused in the documented way. Anything else is a difference: another
exception, a hang, memory without bounds, code that runs from data, a file outside the folder, a message of several
lines or with control characters.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.table import Row

ROOT = Path(__file__).resolve().parents[3]
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
