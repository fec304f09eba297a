"""Cells into jobs of about equal work that fit their time limit; jobs into arrays that a cluster takes."""

import pytest

from paper_repro.cell import Cell
from slurm import packing

CELL = Cell("d", "m", "sgd", 1.0, 0.0, 1)


@pytest.mark.parametrize(
    ("mean", "missing", "at_once", "minutes", "parallel", "expected"),
    [
        (1.0, 1000, 1, 60, 256, 300),  # short cells: five minutes of them
        (1.0, 1000, 4, 60, 256, 1000),  # four at once: all of them are no more than that
        (600.0, 484, 1, 60, 256, 2),  # spread over the jobs that may run
        (600.0, 484, 1, 60, 10, 4),  # but no more than fit into 80 % of an hour
        (600.0, 484, 8, 60, 10, 32),
        (36000.0, 484, 1, 60, 256, 1),  # longer than a job: it will be requeued, and go on
        (10.0, 100, 1, 1, 1, 4),  # a limit of a minute
    ],
)
def test_how_many_cells_a_job_takes(mean, missing, at_once, minutes, parallel, expected) -> None:
    found = packing.cells_per_job(mean, missing, at_once, 60.0 * minutes, parallel)
    assert min(found, missing) == min(expected, missing)


def test_jobs_hold_every_cell_once_and_about_the_same_work() -> None:
    seconds = {CELL.replace(seed=seed): float(1 + seed % 7) for seed in range(100)}
    jobs = packing.bundles(seconds, 11)
    assert len(jobs) == 10
    assert sorted(cell.seed for job in jobs for cell in job) == list(range(100))
    work = [sum(seconds[cell] for cell in job) for job in jobs]
    assert max(work) - min(work) <= 7
    assert max(map(len, jobs)) <= 11
    assert all(seconds[job[0]] == max(seconds[cell] for cell in job) for job in jobs)


def test_arrays_keep_to_the_cluster_s_limits() -> None:
    now, later = packing.arrays(range(10), 4, 9)
    assert now == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert later == [9]
    assert packing.arrays(range(3), 1001, None) == ([[0, 1, 2]], [])
    assert packing.arrays(range(3), 1001, 0) == ([], [0, 1, 2])
