"""Thousands of short cells through the engine: what a process takes must not grow, and nothing may be left but records.

Speed is the processor time that the workers take for a cell, not the time of day: the machine may be shared.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.sweeps import write_pictures
from tests.chaos.table import Row

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
GROWTH = 0.03  # of memory, from the second quarter of the run to its last
KEPT = 1e-3  # MB that the parent keeps of each finished cell: its id, for the outcome, and what it knows of the cell
SLOWER = 0.10  # of processor time a cell, from the first hundred to the last
MEASURED = 100  # cells
WARM_UP = 20  # cells, before the first hundred
SWEEP = """
import sys
from pathlib import Path
from paper_repro.sweep import engine
from tests.chaos.races import racers
out, pictures, count, workers = sys.argv[1:]
outcome = engine.run(racers.cells(int(count)), Path(out), Path(pictures), int(workers))
assert len(outcome.finished) == int(count), outcome
"""


@dataclass
class Sample:
    """Of one moment. memory: its own, MB; files: open descriptors; seconds: the workers' processor time, together."""

    cells: int
    memory: dict[int, float] = field(default_factory=dict)  # by process
    files: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    count, out = 2400 if long else 400, folder / "out"
    pictures = folder / "tiny.npz"
    write_pictures(pictures)
    before = _leftover(folder)
    command = [sys.executable, "-c", SWEEP, str(out), str(pictures), str(count), str(WORKERS)]
    with open(folder / "said", "w") as log:
        parent = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=log)
        samples = _watch(parent, out)
    said = [] if parent.returncode == 0 else [(folder / "said").read_text()[-2000:]]
    checks = {
        "memory flat": _memory(samples, parent.pid),
        "descriptors flat": _files(samples),
        **({"the last hundred as fast as the first": _speed(samples, count)} if long else {}),  # CI runs other work too
        "nothing left but records": _left(out, count) + _leftover(folder)[len(before) :],
    }
    yield _row(f"{count} cells, all finished", count, said)
    for what, wrong in checks.items():
        yield _row(f"{count} cells: {what}", count, wrong)


def _row(what: str, tried: int, said: list[str]) -> Row:
    for text in said:
        print(f"  {what}: {text}")
    return Row("soak", what, tried, len(said))


def _watch(parent: subprocess.Popen[bytes], out: Path) -> list[Sample]:
    samples = []
    while parent.poll() is None:
        samples.append(_sample(parent.pid, out))
        time.sleep(0.25)
    return samples


def _sample(parent: int, out: Path) -> Sample:
    sample = Sample(len(list((out / "records").glob("*.json"))))
    for pid in (parent, *_children(parent)):
        try:
            own = re.search(r"^Anonymous: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            sample.memory[pid] = int(own[1]) * 1024 / 1e6 if own else 0.0
            sample.files[pid] = len(os.listdir(f"/proc/{pid}/fd"))
            if pid != parent:  # nanoseconds of its first thread, which trains
                sample.seconds += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue  # it has ended meanwhile
    return sample


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _quarters(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The second and the last, by the number of cells done; without the end, when workers go home."""
    most = max(sample.cells for sample in samples)
    second = [sample for sample in samples if most / 4 <= sample.cells < most / 2]
    return second, [sample for sample in samples if 3 * most / 4 <= sample.cells < most - 2 * WORKERS]


def _memory(samples: list[Sample], parent: int) -> list[str]:
    second, last = _quarters(samples)
    said = []
    for pid in last[0].memory:
        pair = [statistics.median(s.memory[pid] for s in part if pid in s.memory) for part in (second, last)]
        name = "parent" if pid == parent else "worker"
        print(f"  memory of the {name}: {pair[0]:.1f} MB in the second quarter, {pair[1]:.1f} MB in the last")
        kept = KEPT * (last[0].cells - second[0].cells) if pid == parent else 0.0
        grew = pair[1] > pair[0] * (1 + GROWTH) + kept
        said += [f"the {name} grew from {pair[0]:.1f} to {pair[1]:.1f} MB"] * grew
    return said


def _files(samples: list[Sample]) -> list[str]:
    """What is open for a moment (a record that is written) may differ from sample to sample, its least may not."""
    second, last = _quarters(samples)
    least = [
        {pid: min(s.files[pid] for s in part if pid in s.files) for pid in last[0].files} for part in (second, last)
    ]
    print(f"  open files: {sorted(least[0].values())} in the second quarter, {sorted(least[1].values())} in the last")
    return [
        f"process {pid}: from {least[0][pid]} to {least[1][pid]}" for pid in least[1] if least[1][pid] > least[0][pid]
    ]


def _speed(samples: list[Sample], count: int) -> list[str]:
    first, last = _each(samples, WARM_UP), _each(samples, count - MEASURED - 2 * WORKERS)
    print(f"  processor time of a cell: {1000 * first:.1f} ms of the first hundred, {1000 * last:.1f} ms of the last")
    return [f"a cell took {1000 * first:.1f} ms at first, {1000 * last:.1f} ms in the end"] * (
        last > first * (1 + SLOWER)
    )


def _each(samples: list[Sample], start: int) -> float:
    """Seconds of processor time for each of MEASURED cells from the start-th on."""
    first = next(sample for sample in samples if sample.cells >= start)
    last = next(sample for sample in samples if sample.cells >= start + MEASURED)
    return (last.seconds - first.seconds) / (last.cells - first.cells)


def _left(out: Path, count: int) -> list[str]:
    there = [path for path in out.rglob("*") if path.is_file() and path.parent.name != "records"]
    extra = len(list((out / "records").iterdir())) - count
    empty = list((out / "checkpoints").glob("*"))
    return [f"{path}: left" for path in (*there, *empty)] + [f"{extra} more files than records"] * (extra != 0)


def _leftover(folder: Path) -> list[str]:
    """Processes whose command names the folder, zombies too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder) in path.read_text(errors="replace"):
                found.append(f"process {path.parent.name} left")
        except OSError:
            continue
    return found
