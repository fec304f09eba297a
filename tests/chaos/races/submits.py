"""`python -m slurm submit`, typed by several at once, killed at every kind of moment, and typed again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from paper_repro import records
from slurm import submissions
from tests.chaos.table import Row
from tests.cluster import stand_in

ROOT = Path(__file__).resolve().parents[3]
SWEEP = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01,0.02", "--decays", "0.002,0.004"]
SWEEP += ["--set", "epochs=8"]
SENDING = ["--seconds-per-cell", "150", "--cpus", "1"]  # two jobs
CELLS = 4
PATIENCE = 120.0  # seconds
# What a submit does from now on ends in the middle: nothing was started; it was started, and nobody knows of it.
AIMED = ("sbatch.executor_for", "submissions.create")
KILLED_AT = """
import os, signal, sys
from slurm import sbatch, submissions
from slurm.__main__ import main
{place} = lambda *rest, **more: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(main(sys.argv[1:]))
"""


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    wanted = _alone(folder / "submits alone")
    for number in (2, 8) if long else (4,):
        out = folder / f"{number} submits"
        yield _row(f"{number} submits at once", number, _at_once(out, number) + _ended(out, wanted))
    out = folder / "beside"
    yield _row("submit beside run", CELLS, _beside(out) + _ended(out, wanted))
    out = folder / "aimed"
    said = [text for place in AIMED for text in _killed_at(out, place)]
    yield _row("submits killed at the worst moments", len(AIMED), said + _again(out) + _ended(out, wanted))
    kills, rounds, said = 0, 0, []
    while kills < (40 if long else 3):
        rounds += 1  # each in a folder of its own: where all is done, a submit ends before it can be killed
        out = folder / f"killed {rounds}"
        more = draw.randint(1, 8) if long else 3
        kills += _killed_at_random(out, more, draw)
        said += [*_again(out), *_ended(out, wanted)]
    yield _row("submits killed at random moments", kills, said)


def _row(what: str, tried: int, said: Sequence[str]) -> Row:
    for text in said:
        print(f"  {what}: {text}")
    return Row("races", what, tried, len(said))


def _start(*command: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})},
    )  # fmt: skip


def _submit(out: Path) -> subprocess.Popen[str]:
    return _start("-m", "slurm", "submit", *SWEEP, *SENDING, "--out", str(out), environment=_with_slurm(out))


def _with_slurm(out: Path) -> dict[str, str]:
    """The environment with a stand-in for SLURM of the folder's own."""
    queue = out.with_name(f"{out.name} queue")
    if not queue.exists():
        stand_in.install(queue)
    return {"PATH": os.pathsep.join([str(queue / "bin"), os.environ["PATH"]])}


def _sweep(more: Sequence[str]) -> list[str]:
    """Its words, with another number of epochs where more begins with one."""
    return [*SWEEP[:-1], *more] if more and more[0].startswith("epochs=") else [*SWEEP, *more]


def _run(out: Path, *more: str) -> subprocess.Popen[str]:
    return _start("-m", "experiments", "run", *_sweep(more), "--out", str(out))


def _alone(out: Path) -> dict[str, object]:
    run = _run(out)
    run.communicate()
    assert run.returncode == 0
    return _found(out)


def _found(out: Path) -> dict[str, object]:
    return {record["id"]: records.without_times(record) for record in records.load(out)}


def _at_once(out: Path, number: int) -> list[str]:
    """One of them sends all; the others are told to wait, or come late enough to find that nothing is missing."""
    submits = [_submit(out) for _ in range(number)]
    said = []
    for submit in submits:
        text = submit.communicate()[0]
        fine = {0: "submitted fig2" in text or "nothing to submit" in text, 2: "another submit is at work" in text}
        if not fine.get(submit.returncode) or "Traceback" in text:
            said.append(f"exit code {submit.returncode}: {text}")
    return said + _sent_once(out)


def _sent_once(out: Path) -> list[str]:
    jobs = sum(submission.jobs for submission in submissions.all_of(out))
    return [f"{jobs} jobs were sent, not 2"] * (jobs != 2)


def _beside(out: Path) -> list[str]:
    both = [_run(out), _submit(out)]
    texts = [each.communicate()[0] for each in both]
    return [f"{each.args}: {text}" for each, text in zip(both, texts, strict=True) if each.returncode]


def _killed_at(out: Path, place: str) -> list[str]:
    submit = _start("-c", KILLED_AT.format(place=place), "submit", *SWEEP, *SENDING, "--out", str(out),
                    environment=_with_slurm(out))  # fmt: skip
    text = submit.communicate()[0]
    return [] if submit.returncode == -signal.SIGKILL else [f"not killed in {place}: {text}"]


def _killed_at_random(out: Path, times: int, draw: random.Random) -> int:
    """Kill submits, each somewhere in its life; what it has started lives on. How many were killed."""
    killed = 0
    for _ in range(times):
        with _submit(out) as submit:
            with suppress(subprocess.TimeoutExpired):
                submit.communicate(timeout=draw.uniform(0.1, 3))
            submit.kill()  # does nothing if it was faster
        killed += submit.returncode == -signal.SIGKILL
    return killed


def _again(out: Path) -> list[str]:
    """Type it again until there is nothing to submit; why it never came to that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        submit = _submit(out)
        text = submit.communicate()[0]
        if submit.returncode != 0 or "Traceback" in text:
            return [f"exit code {submit.returncode}: {text}"]
        if "nothing to submit" in text:
            return []
        time.sleep(1)
    return ["there was always something to submit"]


def _ended(out: Path, wanted: dict[str, object]) -> list[str]:
    """What is wrong once all that was started in the background has ended."""
    end = time.monotonic() + PATIENCE
    while (left := list(_processes_of(out))) and time.monotonic() < end:
        time.sleep(0.2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    found = _found(out)
    said = [f"processes {left} did not end"] * bool(left)
    said += [f"{name}: {'missing' if name not in found else 'not as alone'}" for name in wanted
             if found.get(name) != wanted[name]]  # fmt: skip
    said += [f"{path}: {path.read_text()}" for path in (out / "failures").glob("*")]
    left_over = [*(out / "checkpoints").glob("*"), *out.glob("claims/*/[!.]*")]
    return said + [f"{path}: left" for path in left_over]


def _processes_of(out: Path) -> Iterator[int]:
    """Whose command names the folder: submitit's, its jobs', and the stand-in's that begins them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith((f"{out}/slurm", f"{out} queue")) for word in words):
            yield int(path.parent.name)


def seen_with_wrong_clocks(folder: Path, environments: Iterable[dict[str, str]]) -> Row:
    """What `status` says of cells that are being trained, and of their rate, does not depend on who asks."""
    out, said, tried = folder / "watched", [], 0
    _run(out).communicate()
    run = _run(out, "epochs=100000", "--workers", "2")
    try:
        _until_two_train(out)
        for environment in environments:
            said += _status_is_wrong(out, environment)
            tried += 1
    finally:
        run.terminate()
        run.communicate()
    return _row("status asked with a wrong clock", tried, said)


def _until_two_train(out: Path) -> None:
    end = time.monotonic() + PATIENCE
    while len(list(out.glob("claims/*/adamw*.1"))) < 2:
        assert time.monotonic() < end, "no cell was begun"
        time.sleep(0.1)


def _status_is_wrong(out: Path, environment: dict[str, str]) -> list[str]:
    rate, running = (_status(out, environment, *more) for more in ([], ["epochs=100000"]))
    if not isinstance(rate, dict) or not isinstance(running, dict):
        return [f"{environment}: {rate} {running}"]
    said = [f"{environment}: {running}"] * (running["running"] != 2)
    return said + [f"{environment}: {rate}"] * (rate["finished"] != CELLS or not 60 < rate["cells_per_hour"] < 1e5)


def _status(out: Path, environment: dict[str, str], *more: str) -> dict[str, object] | str:
    asked = _start("-m", "slurm", "status", *_sweep(more), "--json", "--out", str(out), environment=environment)
    text = asked.communicate()[0]
    return dict(json.loads(text)["sweeps"][0]) if asked.returncode == 0 else text
