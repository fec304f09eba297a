"""A small sweep, under the engine and under submitit: started, looked at, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paper_repro import records
from paper_repro.sweep import leases
from tests.cluster import stand_in

ROOT = Path(__file__).resolve().parents[2]
AIMED = Path(__file__).parent / "aimed"
CELLS = [
    "fig2", "--only", "sgdw,adamw,sgd,adam", "--alphas", "0.1,0.01", "--decays", "0.002,0.01",
    "--set", "model=resnet-8-w2", "--set", "epochs=40", "--set", "batch_size=16", "--set", "train_examples=100",
    "--set", "validation_examples=20", "--set", "evaluate_every=10",
]  # fmt: skip
NUMBER = 16
ROLES = {
    "paper_repro.sweep.worker": "worker", "submitit.core._submit": "parent", "stand_in.py": "controller",
    "experiments run": "parent", "paper_repro.sweep.preflight": "preflight", "slurm": "submit",
}  # fmt: skip


def write_pictures(path: Path) -> None:
    """120 training and 40 test pictures of 8 x 8 in three classes that differ in brightness."""
    draw = np.random.RandomState(0)
    labels = {"train": np.arange(120) % 3, "test": np.arange(40) % 3}
    pictures = {
        f"x_{split}": (60 * y[:, None, None, None] + draw.randint(0, 60, (len(y), 8, 8, 3))).astype(np.uint8)
        for split, y in labels.items()
    }
    np.savez(path, **pictures, **{f"y_{split}": y for split, y in labels.items()})


class Process(NamedTuple):
    pid: int
    role: str

    def send(self, number: signal.Signals) -> bool:
        """Whether it was still there to get the signal."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


class Sweep:
    """One output folder, and the processes that work on it: they are known by a word in their environment."""

    executor = "engine"

    def __init__(self, folder: Path, data: Path) -> None:
        self.out, self.folder = folder / "runs", folder
        self.word, self.aims = uuid.uuid4().hex, folder / "aims"
        self.options = [*CELLS, "--data", str(data), "--out", str(self.out)]
        self.typed: subprocess.Popen[bytes] | None = None
        for made in (self.aims, Path(f"{self.aims}-done")):
            made.mkdir(parents=True)

    def command(self) -> list[str]:
        return ["-m", "experiments", "run", *self.options]

    def path(self) -> str:
        return os.environ["PATH"]

    def start(self) -> None:
        """Type the command; what it says goes to a file."""
        path = os.pathsep.join([str(AIMED), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "CHAOS_WORD": self.word, "CHAOS_AIMS": str(self.aims)}
        environment["PATH"] = self.path()
        with open(self.folder / "said", "ab") as said:
            self.typed = subprocess.Popen(
                [sys.executable, *self.command()], cwd=ROOT, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip

    def processes(self) -> list[Process]:
        """Those that live, by what they are."""
        if self.typed is not None:
            self.typed.poll()  # bury it, if it is dead
        return [Process(pid, role) for pid, role in _with_word(self.word) if leases.started(pid) is not None]

    def is_idle(self) -> bool:
        return not self.processes()

    def is_training(self) -> bool:
        return any(owner.is_alive for owner in leases.owners(leases.folder_of(self.out)).values())

    def is_done(self) -> bool:
        return len([*self.out.glob("records/*.json")]) == NUMBER

    def leftovers(self) -> list[Path]:
        """Files that a finished sweep should not leave: checkpoints, claims, failures, temporary files.

        Drafts of leases (a hundred bytes) may stay: whoever types the command again removes them.
        """
        unwanted = ("checkpoints/*", "claims/*/*", "failures/*", "**/*.tmp", "records/*.damaged")
        found = {path for pattern in unwanted for path in self.out.glob(pattern)}
        return sorted(path for path in found if not (path.parent.parent.name == "claims" and path.suffix == ".tmp"))

    def records(self) -> dict[str, records.Record]:
        return {record["id"]: records.without_times(record) for record in records.load(self.out)}

    def end(self) -> None:
        while found := self.processes():
            for process in found:
                process.send(signal.SIGKILL)
            time.sleep(0.05)


class Submitted(Sweep):
    """The same cells in jobs, with a stand-in for SLURM; failed cells are tried again, as a user would."""

    executor = "submitit"

    def __init__(self, folder: Path, data: Path) -> None:
        super().__init__(folder, data)
        stand_in.install(folder / "queue")

    def command(self) -> list[str]:
        failed = any((self.out / "failures").glob("*.txt"))
        return ["-m", "slurm", *(["retry", "--failed"] if failed else ["submit"]), *self.options, "--cpus", "2"]

    def path(self) -> str:
        return os.pathsep.join([str(self.folder / "queue" / "bin"), os.environ["PATH"]])


def _with_word(word: str) -> Iterator[tuple[int, str]]:
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if f"CHAOS_WORD={word}".encode() in Path(entry.path, "environ").read_bytes():
                command = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield int(entry.name), next((role for text, role in ROLES.items() if text in command), "other")
