"""Damage to what lies on disk: always seen, said in one line that names the file, and in the end the same records.

A cell with two generations of checkpoints, and one with a record, are damaged in every way and gone on with. Most of it
happens in this process, by what a worker calls; some by the real command.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.sweep import leases, worker
from paper_repro.sweep.engine import Task
from paper_repro.training import checkpoints
from slurm import state, submissions
from tests.chaos import small
from tests.chaos.sweeps import write_pictures
from tests.chaos.table import Row

Damage = Callable[[Path, Path], None]  # to a path; the other path is a whole file of another cell
CELL = Cell("tiny", "resnet-8-w2", "adamw", 0.01, 0.01, epochs=3, batch_size=16, validation_examples=20)
OTHERS = {
    "another cell's file": CELL.replace(seed=1),
    "another network's state": CELL.replace(model="resnet-8-w3"),
}
TARGETS = ("newest", "older", "both", "record")


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    bench = Bench(folder)
    for what, damages in _kinds(long, draw).items():
        for target in TARGETS:
            some = damages if long or len(damages) == 1 else draw.sample(damages, 2)
            if what == "a byte flipped" and long:
                some = damages[TARGETS.index(target) :: len(TARGETS)]
            yield Row("damage", f"{target}: {what}", len(some), sum(bench.wrong(target, one) for one in some))
    for what in ("another network's state", "other code", "missing keys"):
        for target in TARGETS[:3]:
            yield Row("damage", f"{target}: checksum right, {what}", 1, bench.wrong(target, bench.sealed(what)))
    yield from _others(bench, draw, folder)
    yield _command(bench, folder / "typed")


def _kinds(long: bool, draw: random.Random) -> dict[str, list[Damage]]:
    flips = 240 if long else 4
    return {
        "truncated at a sixteenth": [_truncated(part) for part in range(1, 16)],
        "emptied": [_truncated(0)],
        "a byte flipped": [_flipped(draw.random(), draw.randrange(1, 256)) for _ in range(flips)],
        "replaced by a folder": [lambda path, other: _replaced(path, lambda: (path / "more").mkdir(parents=True))],
        "replaced by a link to nowhere": [lambda path, other: _replaced(path, lambda: path.symlink_to("nowhere"))],
        "replaced by a link to itself": [lambda path, other: _replaced(path, lambda: path.symlink_to(path.name))],
        "replaced by a pipe": [lambda path, other: _replaced(path, lambda: os.mkfifo(path))],
        "replaced by a socket": [lambda path, other: _replaced(path, lambda: _socket(path))],
        "replaced by another cell's file": [lambda path, other: _replaced(path, lambda: shutil.copy(other, path))],
        "random bytes": [_random(draw.randbytes(size)) for size in (1, 31, 32, 33, 5000)],
    }


def _truncated(sixteenth: int) -> Damage:
    def damage(path: Path, other: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * sixteenth // 16])

    return damage


def _flipped(place: float, mask: int) -> Damage:
    def damage(path: Path, other: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 1))] ^= mask  # not a record's last byte, its line feed
        path.write_bytes(content)

    return damage


def _random(content: bytes) -> Damage:
    return lambda path, other: _replaced(path, lambda: path.write_bytes(content))


def _replaced(path: Path, make: Callable[[], Any]) -> None:
    path.unlink(missing_ok=True)
    make()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()  # a socket's name may not be long
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


class Bench:
    """The interrupted cell, its undisturbed record, and whole files of other cells."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "tiny.npz"
        write_pictures(self.data)
        self.task = Task(folder, self.data, "cpu")
        self.shared = worker.SharedData(self.task)
        self.begun, self.done, self.others = folder / "begun", folder / "done", folder / "others"
        small.interrupt([CELL], self.begun, self.data, 16)
        small.interrupt(OTHERS.values(), self.others, self.data, 16)
        small.go_on([CELL, OTHERS["another cell's file"]], self.done, self.shared, self.task)
        self.expected = {CELL.id: small.left(self.done)[CELL.id]}
        self.count = 0

    def wrong(self, target: str, damage: Damage) -> int:
        """Damage, go on, compare; 1 if anything is not as it should be."""
        self.count += 1
        out = self.folder / f"case{self.count}"
        shutil.copytree(self.done if target == "record" else self.begun, out)
        paths = self._targets(target, out)
        for path in paths:
            damage(path, self._other(target))
        try:
            said, ends = small.go_on([CELL], out, self.shared, self.task)
        except Exception as error:  # whatever it was is counted
            return self._different(target, out, f"{type(error).__name__}: {error}")
        lines = said.splitlines()
        named = [] if target == "older" else paths  # the newest is whole: the older is not even looked at
        shutil.rmtree(checkpoints.folder_of(out, CELL.id), ignore_errors=True)
        problem = ""
        if len(lines) != len(named) or not all(any(line.startswith(f"{path}: ") for line in lines) for path in named):
            problem = f"said {lines} of {named}"
        elif small.left(out).get(CELL.id) != self.expected[CELL.id]:
            problem = f"other numbers, {ends}"
        elif target == "record" and not os.path.lexists(paths[0].with_suffix(".damaged")):
            problem = "not put aside"
        elif small.temporaries(out):
            problem = f"left {small.temporaries(out)}"
        if problem:
            return self._different(target, out, problem)
        shutil.rmtree(out)
        return 0

    def sealed(self, what: str) -> Damage:
        """A checkpoint whose checksum and id are right, and whose state is not."""

        def damage(path: Path, other: Path) -> None:
            source = OTHERS.get(what)
            folder = checkpoints.folder_of(self.others, source.id) if source else path.parent
            state = checkpoints._read(max(folder.glob("*.pt")) if source else path, "cpu")
            state = {key: value for key, value in state.items() if what != "missing keys" or key != "epochs"}
            if what == "other code":
                state |= {"code": "0" * 16}
            path.unlink()
            checkpoints.save(path.parent / "new", int(path.stem), state | {"cell": CELL.id})
            (path.parent / "new" / path.name).rename(path)
            (path.parent / "new").rmdir()

        return damage

    def _targets(self, target: str, out: Path) -> list[Path]:
        if target == "record":
            return [records.record_path(out, CELL.id)]
        older, newest = sorted(checkpoints.folder_of(out, CELL.id).glob("*.pt"))
        return {"newest": [newest], "older": [older], "both": [older, newest]}[target]

    def _other(self, target: str) -> Path:
        cell = OTHERS["another cell's file"]
        if target == "record":
            return records.record_path(self.done, cell.id)
        return max(checkpoints.folder_of(self.others, cell.id).glob("*.pt"))

    def _different(self, target: str, out: Path, problem: str) -> int:
        print(f"  DIFFERENT ({target}, {out.name}): {problem}", flush=True)
        return 1


def _others(bench: Bench, draw: random.Random, folder: Path) -> Iterator[Row]:
    """Everything else below an output folder: it holds no numbers, so cells end as ever."""
    kinds = {what: damages[0] for what, damages in _kinds(False, draw).items() if "another" not in what}
    claim = leases._shard(Path("claims"), CELL.id) / f"{CELL.id}.1"
    for name in (str(claim), f"failures/{CELL.id}.txt",
                 "slurm/now/attempts/0-a.json", "slurm/now/submission.json"):  # fmt: skip
        wrong = [what for what, damage in kinds.items() if _stumbles(bench, name, damage, folder / "other")]
        for what in wrong:
            print(f"  DIFFERENT ({name}): {what}", flush=True)
        yield Row("damage", f"{name.replace(CELL.id, 'ID')}: in each of these ways", len(kinds), len(wrong))


def _stumbles(bench: Bench, name: str, damage: Damage, out: Path) -> bool:
    """Whether the cell does not end in its record, or what looks at the folder stumbles."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(bench.begun, out)
    _write_others(out, bench.data)
    path = out / name
    damage(path, path)
    for claim in leases._files(out / "claims", CELL.id):
        os.utime(claim, (time.time() - 1000,) * 2, follow_symlinks=False)  # its heart has stopped
    try:
        sent = submissions.all_of(out)
        if name.endswith("submission.json") and sent:
            return True
        for sweep in state.sweeps(sent):
            sweep.table(out, {s.job_name: {} for s in sent})
    except UsageError as error:  # which the commands say in one line
        if not (name.endswith("submission.json") and str(error).startswith(str(path)) and "\n" not in str(error)):
            return True
    said, ends = small.go_on([CELL], out, bench.shared, bench.task)
    records.clear_failure(out, CELL.id)
    records.look(out, [CELL.id], mend=True)
    return ends != ["finished"] or small.left(out) != bench.expected or bool(said)


def _write_others(out: Path, data: Path) -> None:
    """What lies below an output folder beside records and checkpoints."""
    claim = leases._shard(out / "claims", CELL.id) / f"{CELL.id}.1"
    claim.parent.mkdir(parents=True, exist_ok=True)
    claim.write_text(json.dumps({**leases.myself(), "machine": "another"}))
    records.write_failure(out, CELL, "why")
    made = submissions.create(
        out, [CELL], name="fig2", profile="demo", source="s", data=str(data), device="cpu", at_once=1, cores=1, gpus=0,
        jobs=1,
    )  # fmt: skip
    with submissions.attempting(made.folder, 0):
        pass
    made.folder.rename(made.folder.parent / "now")
    (note,) = (made.folder.parent / "now" / "attempts").iterdir()
    note.rename(note.with_name("0-a.json"))


def _command(bench: Bench, folder: Path) -> Row:
    """The real command: four cells, one with its newest, one with both checkpoints, and one with its record damaged."""
    undisturbed, out = folder / "undisturbed", folder / "runs"
    small.run(small.typed(undisturbed, bench.data))
    cells = small.cells_of(undisturbed)
    small.interrupt(cells[:3], out, bench.data, 16)
    shutil.copy(records.record_path(undisturbed, cells[3].id), (out / "records").mkdir() or out / "records")
    kept = [sorted(checkpoints.folder_of(out, cell.id).glob("*.pt")) for cell in cells[:3]]
    damaged = [kept[0][1], *kept[1], records.record_path(out, cells[3].id)]
    for path in damaged:
        _flipped(0.5, 1)(path, path)
    done = small.run(small.typed(out, bench.data))
    lines = done.stderr.splitlines()
    wrong = [str(path) for path in damaged if sum(line.startswith(f"{path}: ") for line in lines) != 1]
    wrong += ["other records"] * (small.left(out) != small.left(undisturbed)) + ["exit code"] * bool(done.returncode)
    if wrong or "Traceback" in done.stderr or len(cells) != 4:
        print(f"  DIFFERENT (command): {wrong}\n{done.stdout}{done.stderr}", flush=True)
    return Row("damage", "by the real command: newest, both, a record", len(damaged), len(wrong))
