"""Figures and statistics are made by as many processes as there are cores, in the order they were asked for."""

import os
from functools import partial

import pytest

from analysis.figures import FEW, in_parallel
from paper_repro.cli import UsageError


def _twice(number: int) -> tuple[int, int]:
    if number < 0:
        raise UsageError(f"{number} is below 0")
    return 2 * number, os.getpid()


@pytest.mark.parametrize(("count", "elsewhere"), [(FEW, False), (FEW + 3, True)])
def test_answers_come_in_order_and_from_other_processes_where_there_are_many(count: int, elsewhere: bool) -> None:
    found = list(in_parallel([partial(_twice, number) for number in range(count)]))
    assert [answer for answer, _ in found] == list(range(0, 2 * count, 2))
    assert all((process != os.getpid()) == elsewhere for _, process in found)


def test_what_one_refuses_is_refused_and_what_came_before_it_is_there() -> None:
    answers = in_parallel([partial(_twice, number) for number in (1, 2, 3, -4, 5)])
    assert [next(answers)[0] for _ in range(3)] == [2, 4, 6]
    with pytest.raises(UsageError, match="-4 is below 0"):
        next(answers)
