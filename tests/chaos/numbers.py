"""NaN and infinity in the loss, a gradient or a weight of some cells of a sweep, trained by the real engine.

The net and the optimizer that put them there (tests/chaos/hurt) are added as a user adds his own: as files, to a copy
of the package. Such a cell must be 'diverged' at that update and by that tensor, its epochs until then those of its
healthy twin, and every other record byte for byte that of a sweep without it, times aside; also after SIGKILL of the
parent and all workers in between, several times.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paper_repro import records
from paper_repro.cell import Cell
from tests.chaos.table import Row

ROOT = Path(__file__).resolve().parents[2]
EPOCHS, UPDATES, BATCH = 20, 20, 32  # whole batches, so that each has pictures of all three classes
KINDS = [(where, value) for where in ("loss", "gradient", "weight") for value in ("nan", "inf")]
PARAMETERS = [f"net.{layer}.{kind}" for layer in (1, 3, 5) for kind in ("weight", "bias")]
KILL_WITHIN = 0.5  # seconds after a start's first checkpoint of a wounded cell; half of them at once
SWEEP = """
import json, sys
from pathlib import Path
from paper_repro.sweep import engine
from paper_repro.cell import Cell
cells = [Cell(**each) for each in json.loads(sys.argv[1])]
outcome = engine.run(cells, Path(sys.argv[2]), Path(sys.argv[3]), workers=2)
sys.exit(1 if outcome.failed or outcome.stopped else 0)
"""


@dataclass(frozen=True)
class Wound:
    where: str
    value: str
    step: int
    place: int  # of the parameter

    @property
    def cell(self) -> Cell:
        return _cell(f"hurt-{self.where},{self.value},{self.step},{self.place}", "hurt")

    @property
    def said(self) -> dict[str, object]:
        """What the record must say."""
        name = PARAMETERS[self.place]
        tensor, reason = {
            "loss": ("loss", f"training loss {self.value}"),
            "gradient": (f"gradient of {name}", f"{self.value} in the gradient of {name}"),
            "weight": (name, f"{self.value} in {name}"),
        }[self.where]
        return {"step": self.step, "tensor": tensor, "reason": reason}


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    """A row for each place and value, left alone and killed in between, and one for the cells beside them."""
    bench = _Bench(folder)
    if long:
        for kind in KINDS:
            bench.try_sweep([_drawn(kind, draw)], 0, draw)
    for kills in (0, 3):
        for _ in range(10 if long else 1):
            bench.try_sweep([_drawn(kind, draw) for kind in KINDS], kills, draw)
    yield from bench.rows()


def _drawn(kind: tuple[str, str], draw: random.Random) -> Wound:
    return Wound(*kind, draw.randint(1, EPOCHS * UPDATES), draw.randrange(len(PARAMETERS)))


def _cell(model: str, optimizer: str, alpha: float = 0.01) -> Cell:
    return Cell(
        dataset="tiny", model=model, optimizer=optimizer, alpha=alpha, decay=0.001, epochs=EPOCHS, batch_size=BATCH,
        validation_examples=30,
    )  # fmt: skip


TWIN = _cell("hurt-none,0,0,0", "hurt")
OTHERS = [_cell("mlp-8x2", "adam"), _cell("mlp-8x3", "sgd", 0.1), _cell("resnet-8-w2", "sgdw", 0.1), TWIN]


class _Bench:
    """A copy of the package with the hurt files in it, pictures, the records of the healthy sweep, and counts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.code, self.data = folder, folder / "code", folder / "tiny.npz"
        shutil.copytree(ROOT / "paper_repro", self.code / "paper_repro", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(Path(__file__).parent / "hurt", self.code / "paper_repro", dirs_exist_ok=True)
        _write_pictures(self.data)
        self.tried: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.resumed = 0
        if self._start(OTHERS, folder / "healthy").wait():
            raise RuntimeError(f"the sweep without a wound fails: {(folder / 'said').read_text()}")
        self.healthy = _left(folder / "healthy")

    def rows(self) -> Iterator[Row]:
        for what, tried in self.tried.items():
            yield Row("numbers", what, tried, self.wrong[what])
        print(f"numbers: of the wounded cells {self.resumed} went on from a checkpoint after a kill")

    def try_sweep(self, wounds: list[Wound], kills: int, draw: random.Random) -> None:
        """Train the wounded cells among the others, and count what is not as it must be."""
        out, cells = self.folder / "runs", [*(wound.cell for wound in wounds), *OTHERS]
        draw.shuffle(cells)
        for _ in range(kills):
            self._kill(self._start(cells, out), out, max(0, draw.uniform(-KILL_WITHIN, KILL_WITHIN)))
        code = self._start(cells, out).wait()
        found = _left(out)
        after = ", killed in between" * bool(kills)
        for wound in wounds:
            own = found.pop(wound.cell.id, None)
            what = f"{wound.value} in {'the loss' if wound.where == 'loss' else f'a {wound.where}'}{after}"
            self._count(what, wound, _wrong(own, self.healthy[TWIN.id], wound))
            self.resumed += own is not None and own["provenance"]["attempts"] > 1
        for name in sorted(found.keys() | self.healthy.keys()):
            same = records.without_times(found.get(name)) == records.without_times(self.healthy.get(name))
            self._count(f"a cell beside them{after}", wounds, "" if same else f"{name} is not as without them")
        self._count("exit code of the sweep", wounds, f"exit code {code}" if code else "")
        shutil.rmtree(out)

    def _count(self, what: str, where: object, problem: str) -> None:
        self.tried[what] += 1
        if problem:
            self.wrong[what] += 1
            print(f"numbers: {where}: {problem}")

    def _start(self, cells: Sequence[Cell], out: Path) -> subprocess.Popen[bytes]:
        given = json.dumps([cell.to_dict() for cell in cells])
        command = [sys.executable, "-c", SWEEP, given, str(out), str(self.data)]
        with open(self.folder / "said", "ab") as said:
            return subprocess.Popen(command, cwd=self.code, start_new_session=True, stdout=said, stderr=said)

    def _kill(self, process: subprocess.Popen[bytes], out: Path, seconds: float) -> None:
        before = _checkpoints(out)
        while process.poll() is None and _checkpoints(out) == before:
            time.sleep(0.01)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _checkpoints(out: Path) -> set[str]:
    return {str(path) for path in out.glob("checkpoints/hurt-[!n]*/*.pt")}  # not the twin's, hurt-none


def _left(out: Path) -> dict[str, records.Record]:
    return {record["id"]: record for record in records.load(out)}


def _wrong(own: records.Record | None, twin: records.Record, wound: Wound) -> str:
    if own is None or own["status"] != "diverged":
        return f"the cell is {own and own['status']}"
    if own["diverged"] != wound.said:
        return f"it says {own['diverged']}, and should say {wound.said}"
    until = twin["epochs"][: (wound.step - 1) // UPDATES]
    if records.without_times(own["epochs"]) != records.without_times(until):
        return "its epochs are not those of its twin"
    return ""


def _write_pictures(path: Path) -> None:
    """Three classes that differ in brightness."""
    draw = np.random.RandomState(0)

    def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 3
        x = 60 * labels[:, None, None, None] + draw.randint(0, 120, size=(count, 8, 8, 3))
        return x.astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = pictures(BATCH * UPDATES + 30), pictures(60)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
