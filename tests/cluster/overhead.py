"""What the launcher costs beside plain sbatch: a thousand trivial cells on a SLURM that this starts. Prints a table.

    python -m tests.cluster.overhead            # about six minutes on two cores; --hand N: tasks of the last row

Trivial: one update on 128 small pictures, so that almost all that is measured is overhead.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paper_repro import records
from tests.cluster.real_slurm import RealSlurm

ROOT = Path(__file__).parents[2]
ALPHAS = ",".join(f"{0.1 / 2**k:g}" for k in range(10))
SWEEP = ["fig2", "--quick", "--alphas", ALPHAS, "--decays", "0,0.001,0.002,0.004,0.008", "--set", "epochs=1"]
CELLS = 1000  # of five seeds


def finished(slurm: RealSlurm) -> None:
    while slurm.ask("squeue", "-h"):
        time.sleep(0.2)


def plain(slurm: RealSlurm, tasks: int, command: str) -> float:
    """Seconds until an array of so many tasks is done, each with one core."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        slurm.ask("sbatch", f"--array=0-{tasks - 1}", "--output=/dev/null", f"--chdir={folder}", f"--wrap={command}")
        finished(slurm)
    return time.monotonic() - began


def ours(slurm: RealSlurm, out: Path, *more: str) -> tuple[float, float]:
    """Seconds that the submit command takes, and until all cells are done."""
    command = [sys.executable, "-m", "slurm", "submit", *SWEEP, "--seeds", "5", "--out", str(out), "--cpus", "1", *more]
    began = time.monotonic()
    subprocess.run(command, cwd=ROOT, env=slurm.environment, check=True, stdout=subprocess.DEVNULL)
    sent = time.monotonic() - began
    finished(slurm)
    return sent, time.monotonic() - began


def here(out: Path) -> float:
    """Seconds that the same cells take without SLURM."""
    began = time.monotonic()
    command = [sys.executable, "-m", "experiments", "run", *SWEEP, "--seeds", "5", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hand", type=int, default=40)
    given = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores; SLURM with two nodes of 4 declared cores each")
    print(f"{'':66}{'s':>8}{'s a cell':>10}")

    def row(what: str, seconds: float, cells: int) -> None:
        print(f"{what:66}{seconds:>8.1f}{seconds / cells:>10.4f}", flush=True)

    with RealSlurm() as slurm, tempfile.TemporaryDirectory() as folder:
        row(f"plain sbatch, an array of {CELLS} tasks that do nothing", plain(slurm, CELLS, "true"), CELLS)
        for jobs in (2, 8, 50):
            out = Path(folder, str(jobs))
            sent, done = ours(slurm, out, "--parallel", str(jobs), "--seconds-per-cell", "1000")
            assert len(records.load(out)) == CELLS
            row(f"ours, {CELLS} cells in {jobs} jobs: all of it", done, CELLS)
            row("  of which the submit command", sent, CELLS)
        row("the same cells by `experiments run` on this machine, no SLURM", here(Path(folder, "here")), CELLS)
        one = [*SWEEP[:2], "--only", "adamw", "--alphas", "0.01", "--decays", "0", "--set", "epochs=1"]
        by_hand = f"cd {ROOT} && {sys.executable} -m experiments run {' '.join(one)} --workers 1"
        command = f"{by_hand} --out {folder}/hand-$SLURM_ARRAY_TASK_ID"
        row(f"plain sbatch, one cell a task by `experiments run` ({given.hand} tasks)",
            plain(slurm, given.hand, command), given.hand)  # fmt: skip
        assert len(list(Path(folder).glob("hand-*/records/*.json"))) == given.hand


if __name__ == "__main__":
    main()
