"""What plan, status and the start of a job cost with 100,000 cells and 1,000 jobs. Prints a table.

    python -m tests.cluster.many_cells FOLDER           # makes 1 GB of records there at the first call

Each row has the seconds; how many operations on files below FOLDER these were; and the seconds with 1 ms more for each
of them, as from a busy file server (slow_files.c). The jobs are those of the stand-in (stand_in.py), each with an
attempt, two logs and four leases.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import cluster, submissions
from slurm.submissions import Attempt, Submission
from tests import many_records
from tests.cluster import stand_in

ROOT = Path(__file__).parents[2]
MIXES = {"none": 0.0, "half": 0.5, "all": 1.0}
ROWS = ("first status", "status", "later status", "plan", "job")  # first: all records must be read
LATER = 1000  # records that are written between two looks
# A job, until it would train its first cell: it has its list, the lease on that cell, and has looked for its record.
JOB = """
import sys
from pathlib import Path
from paper_repro import records
from paper_repro.sweep import engine, leases
from slurm.job import Job

class Begun(BaseException):
    pass

def begin(sweep, count, should_stop):
    for cell in sweep.waiting:
        with leases.hold(leases.folder_of(sweep.task.out), cell.id) as lease:
            if lease is not None and records.read_or_put_aside(sweep.task.out, cell.id) is None:
                raise Begun

engine._Sweep.run = begin
try:
    Job(Path(sys.argv[1]), int(sys.argv[2]))()
except Begun:
    pass
"""


def submitted(out: Path, queue: Path, cells: Sequence[Cell], jobs: int) -> Submission:
    """A submission whose jobs run."""
    sent = submissions.create(
        out, cells, name="fig2", profile="cpu", source=provenance.source(*cells), data="data", device="cpu", at_once=4,
        cores=4, gpus=0, jobs=jobs, user=cluster.user(),
    )  # fmt: skip
    (sent.folder / "1_submission.sh").touch()
    (sent.folder / "attempts").mkdir()
    for index in range(jobs):
        note = msgspec.json.encode(Attempt(index, "2026-01-01T00:00:00+00:00", "n1", 1, f"1_{index}", 1000.0))
        (sent.folder / "attempts" / f"{index}-{index:032x}.json").write_bytes(note)
        for kind in ("out", "err"):
            (sent.folder / f"1_{index}_0_log.{kind}").write_text("on n1\n")
        job = queue / "jobs" / f"1_{index}"
        job.mkdir()
        for name, text in (("name", sent.job_name), ("state", "RUNNING"), ("user", cluster.user()), ("node", "n1")):
            (job / name).write_text(text)
    return sent


def finish(out: Path, spare: Path, cells: Sequence[Cell], count: int) -> None:
    """Have records of the first `count` cells; the others' are kept elsewhere."""
    for number, cell in enumerate(cells):
        here = records.record_path(out, cell.id)
        source, target = (spare / here.name, here) if number < count else (here, spare / here.name)
        if source.exists():
            source.rename(target)


def held(out: Path, cells: Sequence[Cell]) -> list[leases.Lease]:
    """Leases on these cells, as of processes on other machines."""
    shutil.rmtree(leases.folder_of(out), ignore_errors=True)
    leases.machine = lambda: "another"  # type: ignore[assignment]
    taken = [leases.acquire(leases.folder_of(out), cell.id) for cell in cells]
    return [lease for lease in taken if lease is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=421, help="of figure 2's 238 cells (default 421: 100,198)")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--mixes", default=",".join(MIXES), help=f"cells with a record: {', '.join(MIXES)}")
    parser.add_argument("--slowed", default="0,1000", help="microseconds for each operation (default 0,1000)")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"default {', '.join(ROWS)}")
    given = parser.parse_args()
    cells = many_records.cells(238 * given.seeds)
    out, spare = given.folder.absolute() / "runs", given.folder.absolute() / "spare"
    if not out.exists():
        many_records.write(out, len(cells))
        spare.mkdir()
    shutil.rmtree(out / "slurm", ignore_errors=True)
    print(f"{len(cells):,} cells, {given.jobs:,} jobs{'s':>14}{'operations':>12}{'s slowed':>10}")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        library = place / "slow.so"
        source = str(Path(__file__).with_name("slow_files.c"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", source, "-o", str(library), "-ldl"], check=True)
        stand_in.install(place / "queue")
        sent = submitted(out, place / "queue", cells, given.jobs)
        typed = ["--out", str(out)]
        plan = ["plan", "fig2", "--profile", "cpu", "--seeds", str(given.seeds), "--seconds-per-cell", "600", "--time",
                "600", "--cpus", "4", *typed]  # fmt: skip
        commands = {
            "status": ["-m", "slurm", "status", *typed],
            "plan": ["-m", "slurm", *plan],
            "job": ["-c", JOB, str(sent.folder), str(given.jobs // 2)],
        }

        def seconds(what: str, slowed: str) -> float:
            slow = {"LD_PRELOAD": str(library), "SLOW_FILES": str(out), "SLOW_MICROSECONDS": slowed,
                    "SLOW_COUNT": str(place / "count")}  # fmt: skip
            (place / "count").write_text("")
            path = os.pathsep.join([str(place / "queue" / "bin"), os.environ["PATH"]])
            environment = {**os.environ, "PATH": path, **(slow if slowed != "0" else {})}
            for lease in live:
                lease.beat()
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, *commands[what]], cwd=ROOT, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return time.monotonic() - began

        for mix in given.mixes.split(","):
            known = int(MIXES[mix] * len(cells))
            finish(out, spare, cells, known)
            live = held(out, cells[known : known + 4 * given.jobs])
            for what in given.rows.split(","):
                if not known and what in ("first status", "later status"):
                    continue
                took = []
                for slowed in given.slowed.split(","):
                    if what == "first status":
                        (out / "summaries.json").unlink(missing_ok=True)
                    elif what == "later status":
                        finish(out, spare, cells, known - LATER)
                        seconds("status", "0")
                        finish(out, spare, cells, known)
                    took.append(seconds(what.split()[-1], slowed))
                count = sum(map(int, (place / "count").read_text().split()))
                print(f"{mix:6}{what:24}{took[0]:8.1f}{count:12,}{took[-1]:10.1f}", flush=True)


if __name__ == "__main__":
    main()
