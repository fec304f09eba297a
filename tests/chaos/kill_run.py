"""Kill a whole run with SIGKILL at random moments, start it again each time, and compare with an undisturbed one.

    python -m tests.chaos.kill_run --kills 5

A share of the demo's figure 2 is trained by the real command in a process group of its own. Every record must be equal,
times aside, and there must be as many. Exit code 0 if so, 1 otherwise. Takes about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paper_repro import records

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ["fig2", "--profile", "demo", "--alphas", "0.1,0.01", "--decays", "0.002,0.01", "--seeds", "1"]


def start(out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "experiments", "run", *SWEEP, "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, disturbed = Path(folder, "undisturbed"), Path(folder, "disturbed")
        began = time.monotonic()
        if start(undisturbed).wait():
            return 1
        took = time.monotonic() - began
        kill(disturbed, given.kills, took, random.Random(given.seed))
        if start(disturbed).wait():
            return 1
        return compare(undisturbed, disturbed)


def kill(out: Path, kills: int, seconds: float, draw: random.Random) -> None:
    """Start the run `kills` times and kill all of its processes at once, somewhere in the first half of the work."""
    done = 0
    while done < kills:
        process = start(out)
        delay = draw.uniform(1, 1 + seconds / 2)
        time.sleep(delay)
        if process.poll() is not None:
            print(f"the run was complete before kill {done + 1}")
            return
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        done += 1
        print(f"kill {done} after {delay:.1f} s: {len(records.load(out))} records are there", flush=True)


def compare(undisturbed: Path, disturbed: Path) -> int:
    first, second = (
        {record["id"]: records.without_times(record) for record in records.load(out)}
        for out in (undisturbed, disturbed)
    )
    different = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
    attempts = [record["provenance"]["attempts"] for record in records.load(disturbed)]
    print(f"{len(first)} records, {len(different)} different; up to {max(attempts)} attempts at a cell")
    for key in different:
        print(f"different: {key}")
    return 1 if different or not first else 0


if __name__ == "__main__":
    sys.exit(main())
