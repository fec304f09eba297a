"""What figures and statistics of one sweep with 100,000 records cost: time, and memory of all processes together.

    python -m tests.cost_of_analysis --records 100000 --seconds 60 --megabytes 2000 [--folder]

The records are made in a temporary place (tests/many_records.py), as one .jsonl file or, with --folder, as a file each.
Exit code 1 if a command fails or is over a limit. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests import many_records

PAGE = os.sysconf("SC_PAGE_SIZE")
BETWEEN_LOOKS = 0.05  # seconds


def memory(pid: int) -> int:
    """Resident bytes of a process and all below it. What they share is counted for each, so it is rather too much."""
    total = 0
    with suppress(OSError):  # one that has just ended
        total = PAGE * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            total += sum(memory(int(child)) for child in children)
    return total


def measure(command: list[str]) -> tuple[int, float, float]:
    """Exit code, seconds and peak megabytes of a command."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(BETWEEN_LOOKS)
    return process.returncode, time.perf_counter() - began, peak / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--megabytes", type=float, default=2000)
    parser.add_argument("--folder", action="store_true", help="a file for each record")
    given = parser.parse_args()
    within = True
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "runs" if given.folder else "runs.jsonl")
        many_records.write(source, given.records)
        for command in (["figures", "fig2", "--out", f"{place}/figures"], ["statistics", "fig2"]):
            code, seconds, megabytes = measure(["-m", "analysis", *command, "--runs", str(source)])
            print(f"{command[0]} of {given.records} records: {seconds:.1f} s, {megabytes:.0f} MB", flush=True)
            within &= code == 0 and seconds <= given.seconds and megabytes <= given.megabytes
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
