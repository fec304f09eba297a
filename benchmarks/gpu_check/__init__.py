"""Whether a GPU trains right and how fast: python -m experiments check-gpu (docs/gpu.md).

Each step is a process with a time box of its own, so that one that fails or hangs costs its box and no more.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from paper_repro.cli import brief
from paper_repro.sweep.engine import ROOT, TRAINING

Row = dict[str, Any]
MARK = "|row "  # begins a line of a step's output that is a row in JSON; all else goes to the log alone
CHILD = (sys.executable, "-m", "benchmarks.gpu_check")
NETWORKS = (
    "wide_resnet-16-4",
    "shake_shake-26-2x16d",
    "shake_shake-26-2x64d",
)  # of profile gpu; small; the paper's
TINY = ("resnet-8-w2", "shake_shake-8-2x8d")
COLUMNS = ("plain", "tuned", "eager", "K=1", "K=2", "K=4", "K=8", "free", "compiled")  # of the table of images a second
VERDICTS = {True: "ok", False: "WRONG", None: ""}


class Step(NamedTuple):
    """A function of the module named `stage`, called with `network` where one is named; box: its share of the time.

    The boxes are what an H100 takes, in seconds, and some more.
    """

    stage: str
    name: str
    box: float
    network: str = ""


def steps(tiny: bool) -> list[Step]:
    """The most telling first; last what a compiler takes its minutes for, which is not rehearsed."""
    networks = TINY if tiny else NETWORKS
    correctness = {"optimizers": 10, "gradients": 12, "recorded": 22, "endings": 12, "packed": 30, "beside": 25}
    return [
        *(Step("correctness", name, box) for name, box in correctness.items()),
        Step("speed", "ceilings", 8),
        *(Step("speed", "images", 25, network) for network in networks),
        *(Step("speed", "plain", 15, network) for network in networks),
        *(Step("speed", "kernels", 12, network) for network in networks),
        Step("speed", "host", 15, networks[-1]),
        *(Step("speed", "compiled", 35, network) for network in networks[:1] if not tiny),
    ]


NAMES = list(dict.fromkeys(name for step in steps(False) for name in (step.stage, step.name)))  # of stages and steps


def check(device: str, tiny: bool, seconds: float, only: Sequence[str], out: Path) -> int:
    """Take the steps whose name or stage is in `only` (none: all) within so many seconds; returns the exit code.

    Below out: log, results.json with all rows, kernels.txt.
    """
    chosen = [step for step in steps(tiny) if not only or {step.stage, step.name} & set(only)]
    out.mkdir(parents=True, exist_ok=True)
    (out / "kernels.txt").unlink(missing_ok=True)
    began, until, rows = time.monotonic(), 0.0, list[Row]()
    # A step that is killed leaves its files in a folder that goes at the end, also half a library in torch's cache.
    with (out / "log").open("w") as log, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for step in chosen:
            until += seconds * step.box / sum(each.box for each in chosen)  # what earlier steps left is for this one
            title = f"{step.stage}: {step.name} {step.network}".strip()
            print(title, flush=True)
            command = [*CHILD, step.stage, step.name, step.network, str(out), device, *["tiny"] * tiny]
            for row in _rows(command, began + until - time.monotonic(), log, temporary):
                rows.append({"title": title, **row})
                print(f"  {format_row(row)}", flush=True)
                (out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
            log.write(f"==== {time.monotonic() - began:.0f} s so far\n")
    wrong = [row for row in rows if row.get("ok") is False]
    print("\n".join(_table(rows)))
    print(f"{len(rows)} rows, {len(wrong)} wrong, {time.monotonic() - began:.0f} s; log and results.json in {out}")
    for row in wrong:
        print(f"{row['title']}\n  {format_row(row)}")
    return 1 if wrong else 0


def _rows(command: list[str], box: float, log: TextIO, temporary: str) -> Iterator[Row]:
    """The rows of a process as they come, and one that is wrong if it fails or is not done within `box` seconds."""
    log.write(f"==== {' '.join(command)} ({box:.0f} s at most)\n")
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**TRAINING, **os.environ, "PYTHONPATH": path, "TMPDIR": temporary}
    end, last = time.monotonic() + box, ""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
        start_new_session=True,
    ) as process:  # fmt: skip
        clock = threading.Timer(box, os.killpg, (process.pid, signal.SIGKILL))
        clock.start()
        try:
            for line in process.stdout or ():
                log.write(line)
                if line.startswith(MARK):
                    yield json.loads(line.removeprefix(MARK))
                else:
                    last = line.strip() or last
        finally:
            clock.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what it started and left behind
    if process.returncode:
        late = time.monotonic() >= end
        words = f"not done after {box:.0f} s" if late else f"ended with code {process.returncode}: {brief(last)}"
        yield {"what": words, "ok": False}


def format_row(row: Row) -> str:
    """The row as a line, without a line end."""
    values = {key: value for key, value in row.items() if key not in ("title", "what", "ok", "net", "column")}
    words = [f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()]
    return f"{VERDICTS[row.get('ok')]:<5} {row['what']:<66} {'  '.join(words)}".rstrip()


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Images a second, a line a network; the last column is the best as a share of the floor."""
    speeds = {(row["net"], row["column"]): row for row in rows if "net" in row}
    if speeds:
        yield f"\n{'images a second':<22}" + "".join(f"{column:>10}" for column in (*COLUMNS, "% floor"))
    for network in dict.fromkeys(network for network, _ in speeds):
        columns = [speeds.get((network, column), {}) for column in COLUMNS]
        words = [f"{row['images_per_second']:.0f}" if row else "-" for row in columns]
        best = max(row.get("percent_of_floor", 0.0) for row in columns)
        yield f"{network:<22}" + "".join(f"{word:>10}" for word in (*words, f"{best:.1f}"))
