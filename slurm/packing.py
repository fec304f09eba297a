"""Cells into jobs, jobs into arrays."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from paper_repro.cell import Cell

T = TypeVar("T")
FULL = 0.8  # share of its time limit that a job is packed for: estimates err
SHORTEST = 300.0  # seconds of work below which starting a job costs more than it spreads


def cells_per_job(mean: float, missing: int, at_once: int, limit: float, parallel: int) -> int:
    """How many cells of `mean` seconds, `at_once` side by side, one job takes.

    As few as spread the missing cells over `parallel` jobs, but SHORTEST seconds of work at least, and never more than
    fit into the time limit (seconds).
    """
    fit = math.floor(FULL * limit / mean) * at_once
    worth = math.ceil(min(SHORTEST, FULL * limit) / mean) * at_once
    return max(1, min(fit, max(worth, math.ceil(missing / parallel))))


def bundles(seconds: Mapping[Cell, float], per_job: int) -> list[list[Cell]]:
    """The cells of each job: about equal work for each, at most per_job cells, the longest first in each."""
    count = math.ceil(len(seconds) / per_job)
    jobs: list[list[Cell]] = [[] for _ in range(count)]
    free = [(0.0, index) for index in range(count)]
    for cell in sorted(seconds, key=lambda cell: -seconds[cell]):
        work, index = heapq.heappop(free)  # the least loaded job that is not full
        jobs[index].append(cell)
        if len(jobs[index]) < per_job:
            heapq.heappush(free, (work + seconds[cell], index))
    return jobs


def arrays(jobs: Sequence[T], largest: int, room: int | None) -> tuple[list[list[T]], list[T]]:
    """Jobs cut into arrays of at most `largest` tasks; what exceeds `room` jobs comes second and must wait."""
    now = list(jobs if room is None else jobs[:room])
    return [now[start : start + largest] for start in range(0, len(now), largest)], list(jobs[len(now) :])
