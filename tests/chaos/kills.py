"""Signals at random and at chosen moments: the sweep is started again each time, until all of it is done.

Half of the rounds run under the engine, half under submitit. A round's records must be, byte for byte
and times aside, those of a sweep that nobody disturbed, and nothing else may be left behind.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from paper_repro.records import BadRecord, Record
from tests.chaos.sweeps import Process, Submitted, Sweep, write_pictures
from tests.chaos.table import Row

KINDS = ((Sweep, 12, 940), (Submitted, 4, 110))  # signals that end something, in the short form and the long one
ROUND_SECONDS = 900  # after which a round counts as hung
MOMENTS = {
    "write": "half of a file written", "rename": "a file synced, not yet renamed", "step": "inside optimizer.step",
    "renamed": "a file renamed, its folder not yet synced", "link": "a claim drafted, not yet linked",
    "linked": "a claim linked, its draft still there", "remove": "a record written, its checkpoints half removed",
    "random": "a random moment",
}  # fmt: skip


class Order(NamedTuple):
    """What to do: which signal to whom (a role, or "all" processes of the sweep), and at which moment."""

    number: signal.Signals
    target: str
    moment: str = "random"


S = signal.Signals
# How often each is drawn, beside the others. To start a parent again takes three times as long as a worker.
ORDERS = {
    Order(S.SIGKILL, "worker"): 16,
    Order(S.SIGKILL, "parent"): 3,
    Order(S.SIGKILL, "all"): 3,
    **{Order(S.SIGKILL, "worker", moment): 4 for moment in MOMENTS if moment != "random"},
    **{Order(S.SIGKILL, "other", moment): 1 for moment in ("write", "rename")},
    **{Order(S.SIGKILL, "parent", moment): 1 for moment in ("step", "rename")},
    **{Order(S.SIGTERM, "parent", moment): 1 for moment in ("random", "write", "step")},
    **{Order(S.SIGINT, "parent", moment): 1 for moment in ("random", "rename")},
    **{Order(S.SIGUSR2, "parent", moment): 1 for moment in ("random", "step")},
    **{Order(number, "all"): 1 for number in (S.SIGTERM, S.SIGINT, S.SIGUSR2)},
    Order(S.SIGUSR1, "parent"): 1,
    **{Order(S.SIGSTOP, target): 1 for target in ("worker", "parent", "all")},
}


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    data = folder / "tiny.npz"
    write_pictures(data)
    expected = _undisturbed(folder / "undisturbed", data)
    for kind, short_form, long_form in KINDS:
        wanted = long_form if long else short_form
        sent: Counter[Order] = Counter()
        compared, differences, number = 0, 0, 0
        while _ends(sent) < wanted:
            number += 1
            sweep = kind(folder / f"{kind.__name__}{number}", data)
            try:
                found = _round(sweep, draw, wanted, sent)
                differences += _differences(sweep, expected, found)
            finally:
                sweep.end()
            compared += len(expected)
            print(f"  {kind.executor}, round {number}: {_ends(sent)} ends, {differences} differences", flush=True)
        for order, times in sorted((+sent).items(), key=str):
            yield Row(f"signals ({kind.executor})", _words(order), times, 0)
        yield Row(f"signals ({kind.executor})", "records compared with the undisturbed sweep's", compared, differences)


def _ends(sent: Counter[Order]) -> int:
    """Signals that ended something (a process that is stopped goes on)."""
    return sum(times for order, times in sent.items() if order.number != S.SIGSTOP)


def _words(order: Order) -> str:
    whom = {"all": "all", "parent": "the parent", "worker": "a worker", "other": "parent or submit"}[order.target]
    of_whom = " of a worker" * (order.target == "parent" and order.moment != "random")
    return f"{order.number.name} to {whom}: {MOMENTS[order.moment]}{of_whom}"


def _undisturbed(folder: Path, data: Path) -> dict[str, Record]:
    sweep = Sweep(folder, data)
    sweep.start()
    while not sweep.is_idle():
        time.sleep(0.1)
    return sweep.records()


def _round(sweep: Sweep, draw: random.Random, wanted: int, sent: Counter[Order]) -> str:
    """Disturb a sweep until it is done, or enough is sent; what went wrong, if anything did."""
    end = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < end:
        if sweep.is_idle():
            if sweep.is_done():
                _type_again(sweep)
                return ""
            sweep.start()
        if _ends(sent) < wanted:
            order = draw.choices([*ORDERS], [*ORDERS.values()])[0]
            sent[order] += _give(sweep, order, draw)
        else:
            time.sleep(0.1)
    return f"not done after {ROUND_SECONDS} s"


def _type_again(sweep: Sweep) -> None:
    """As one does to see that all is done. What a kill in the last moment left is tidied up then."""
    sweep.start()
    _until(sweep.is_idle, 120)


def _give(sweep: Sweep, order: Order, draw: random.Random) -> int:
    """Carry an order out; how many processes got a signal that means something to them."""
    if order.moment != "random":
        return _aim(sweep, order)
    if draw.random() < 0.8:  # else wherever it is: starting, looking at what there is
        _until(lambda: sweep.is_training() or sweep.is_idle(), 20)
    time.sleep(draw.uniform(0, 1.2))
    targets = [p for p in sweep.processes() if order.target in ("all", p.role)]
    if order.target != "all":
        targets = draw.sample(targets, min(1, len(targets)))
    reached = [target for target in targets if target.send(order.number)]
    if order.number == S.SIGSTOP:
        time.sleep(draw.uniform(0.1, 1.0))
        _wake(reached)
    blocked = order.number not in (S.SIGKILL, S.SIGSTOP)  # in workers
    return sum(not (blocked and target.role == "worker") for target in reached)


def _wake(stopped: list[Process]) -> None:
    for process in stopped:
        process.send(S.SIGCONT)


def _aim(sweep: Sweep, order: Order) -> int:
    aim = sweep.aims / f"{order.moment}.{order.target}.{order.number.name}.{time.monotonic_ns()}"
    aim.touch()
    _until(lambda: not aim.exists() or sweep.is_idle(), 20)
    if aim.exists():
        aim.unlink(missing_ok=True)
        return int((Path(f"{sweep.aims}-done") / aim.name).exists())
    return 1


def _until(true, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)


def _differences(sweep: Sweep, expected: Mapping[str, Record], problem: str) -> int:
    """How many records are not as expected, and what else is wrong; each is said."""
    try:
        found = sweep.records()
    except BadRecord as error:
        found, problem = {}, problem or str(error)
    wrong = [f"record {key}" for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    wrong += [f"left behind: {path}" for path in sweep.leftovers()]
    for text in wrong + [problem] * bool(problem):
        print(f"  DIFFERENT ({sweep.folder.name}): {text}", flush=True)
    if wrong or problem:
        print((sweep.folder / "said").read_text(errors="replace")[-3000:])
    return len(wrong) + bool(problem)
