"""Processes that want the same thing at once: names, cells, the right to submit. Each is done once, and by one.

racers.py holds what races, judging.py what is wrong with what they did, clocks.py clocks that are wrong, submits.py the
races of `python -m slurm submit`.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path

from paper_repro import records
from paper_repro.sweep import engine, leases
from tests.chaos.races import clocks, judging, racers, submits
from tests.chaos.races.judging import Disturbed
from tests.chaos.sweeps import write_pictures
from tests.chaos.table import Row

ROOT = Path(__file__).resolve().parents[3]
RACERS, NAMES = 32, 100
MINUTES_WRONG = (-10, -5, 0, 5, 10)
PATIENCE = 400.0  # seconds: a race that lasts longer hangs


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    yield from _names(long, draw, folder)
    yield from _cells(long, draw, folder)
    yield from _clocks(long, draw, folder)
    yield from submits.rows(long, draw, folder)


def _names(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    if long:  # what nobody disturbs is a part of what is disturbed
        calm, names = folder / "calm", NAMES * 15
        _prepare(calm, names)
        said, _ = _raced(calm, "stand-ins", names, 0, draw)
        yield _row(f"{RACERS} processes race for names", names, said)
    wild, names, disturbances = folder / "wild", NAMES * (10 if long else 1), 150 if long else 10
    _prepare(wild, names)
    said, disturbed = _raced(wild, "stand-ins", names, disturbances, draw)
    yield _row(
        f"{RACERS} processes race for names, {disturbed.times} times one killed or asleep until its claim is stale",
        names,
        said,
    )


def _prepare(folder: Path, names: int) -> None:
    """Some names were held by processes that have died elsewhere, and some of these claims are damaged."""
    (folder / "done").mkdir(parents=True)
    for number in range(0, names, 3):
        name = f"{number:05}"
        path = leases._shard(folder / "claims", name) / f"{name}.{1 + number % 4}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[" * (number % 2) + '{"machine": "another"}')
        os.utime(path, (0, 0))


def _cells(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    alone, cells = folder / "alone", NAMES if long else 24
    alone.mkdir()
    pictures = folder / "tiny.npz"
    write_pictures(pictures)
    with redirect_stderr(io.StringIO()):  # its progress would stand between the rows
        engine.run(racers.cells(cells), alone, pictures, workers=2)
    wanted = {record["id"]: records.without_times(record) for record in records.load(alone)}
    for disturbances in (0, 60, 60, 60) if long else (5,):
        race = folder / f"cells {disturbances} {draw.random()}"
        race.mkdir()
        shutil.copy(pictures, race)
        said, disturbed = _raced(race, "trainers", cells, disturbances, draw)
        found = {record["id"]: records.without_times(record) for record in records.load(race / "out")}
        said += [f"{name}: not the record that it leaves alone" for name in wanted if found.get(name) != wanted[name]]
        said += [f"{path}: left behind" for path in _left(race / "out", bool(disturbances))]
        more = f", {disturbed.times} times one killed or asleep until its claim is stale" * bool(disturbances)
        yield _row(f"{RACERS} runs of {cells} cells in one folder{more}", cells, said)


def _left(out: Path, disturbed: bool) -> list[Path]:
    """Files beside the records and their summaries; of those who were killed, claims (which are stale) and half-written
    files may stay."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".json"]
    return [path for path in files if not disturbed or (path.parent.parent.name != "claims" and path.suffix != ".tmp")]


def _clocks(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    """Each of several groups of racers believes in another time of day."""
    built = clocks.library(folder)
    if built is None:
        print("races: no C compiler here, so no process can be given a wrong clock: rows left out")
        return
    environments = [clocks.wrong_by(60 * minutes, built) for minutes in MINUTES_WRONG]
    for disturbances in (0, 60) if long else (6,):
        race, names = folder / f"clocks {disturbances}", NAMES * (5 if long else 1)
        _prepare(race, names)
        said, disturbed = _raced(race, "stand-ins", names, disturbances, draw, environments)
        more = f", {disturbed.times} times one killed or asleep" * bool(disturbances)
        yield _row(f"names, clocks up to {MINUTES_WRONG[-1] - MINUTES_WRONG[0]} minutes apart{more}", names, said)
    asking = environments if long else [environments[0], environments[-1]]
    yield submits.seen_with_wrong_clocks(folder, asking)


def _row(what: str, tried: int, said: Sequence[str]) -> Row:
    for text in said:
        print(f"  {what}: {text}")
    return Row("races", what, tried, len(said))


def _raced(
    folder: Path,
    kind: str,
    names: int,
    disturbances: int,
    draw: random.Random,
    environments: Sequence[dict[str, str]] = ({},),
) -> tuple[list[str], Disturbed]:
    """Run a race to its end. What was wrong, and what was done to the racers."""
    given = [str(folder), kind, str(RACERS // len(environments)), str(names), str(draw.random())]
    with open(folder / "said", "a") as log:
        groups = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.races.racers", *given],
                cwd=ROOT, env={**os.environ, **environment}, start_new_session=True, stderr=log,
            )
            for environment in environments
        ]  # fmt: skip
    (folder / "go").touch()
    disturbed, until = Disturbed(), time.monotonic() + PATIENCE
    try:
        _disturb(folder, groups, disturbances, disturbed, draw, until)
        late = any(group.poll() is None for group in groups)
    finally:
        for group in groups:
            if group.poll() is None:
                os.killpg(group.pid, signal.SIGKILL)
                group.wait()
    said = ["a race did not end"] * late + [f"racers ended with {g.returncode}" for g in groups if g.returncode]
    said += [text for text in (folder / "said").read_text().splitlines() if "Error" in text]
    stand_ins = kind == "stand-ins"
    ids = [f"{number:05}" for number in range(names)] if stand_ins else [cell.id for cell in racers.cells(names)]
    return said + judging.wrong(ids, folder, disturbed, stand_ins), disturbed


def _disturb(
    folder: Path,
    groups: Sequence[subprocess.Popen[bytes]],
    times: int,
    disturbed: Disturbed,
    draw: random.Random,
    until: float,
) -> None:
    """Kill one, or put one to sleep, at random moments, until the race is over. None is left asleep."""
    asleep: dict[str, tuple[float, float]] = {}  # since, until
    while any(group.poll() is None for group in groups) and time.monotonic() < until:
        time.sleep(draw.expovariate(10))
        now = time.monotonic()
        for racer in [each for each, (_, wake) in asleep.items() if wake < now]:
            _send(racer, signal.SIGCONT)
            disturbed.slept.setdefault(racer, []).append((asleep.pop(racer)[0], time.monotonic()))
        there = [path.stem for path in (folder / "logs").glob("*.jsonl") if path.stem not in asleep]
        there = [racer for racer in there if racer not in disturbed.killed]
        if not there or disturbed.times + len(asleep) >= times:
            continue
        racer = draw.choice(there)
        if draw.random() < 0.5:
            if _send(racer, signal.SIGKILL):
                disturbed.killed.add(racer)
        elif _send(racer, signal.SIGSTOP):
            asleep[racer] = now, now + 1.5 * racers.STALE


def _send(racer: str, number: signal.Signals) -> bool:
    """Signal a racer by the name of its log: process id and time of start. False if it is gone."""
    pid, started = map(int, racer.split("-"))
    if leases.started(pid) != started:
        return False
    os.kill(pid, number)
    return True
