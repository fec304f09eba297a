"""Resources that run out: a full disk, no more files, no right to write, limits. One line says so, nothing finished is
lost, no cell counts as failed, and when there is room again the same command ends in the same records.

Much of it needs root on Linux: what cannot be made here is left out, and that is said.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from paper_repro import files, records
from paper_repro.sweep import leases, worker
from paper_repro.sweep.engine import Task
from paper_repro.training import checkpoints
from tests.chaos import small
from tests.chaos.sweeps import write_pictures
from tests.chaos.table import Row

MEGABYTE = 1 << 20
FILLER = "filler"
TROUBLE = "trouble: "


def rows(long: bool, draw: random.Random, folder: Path) -> Iterator[Row]:
    folder.chmod(0o755)  # an ordinary user shall come to it
    bench = Bench(folder)
    places: dict[str, Callable[[Path], None]] = {
        "a tmpfs of 2 MB": lambda place: _mount(place, "-t", "tmpfs", "-o", f"size={2 * MEGABYTE}", "tmpfs"),
        "a loop device with ext4": lambda place: _mount(place, "-o", "loop", str(_ext4(folder / "ext4"))),
    }
    free = [0, 4096, *(draw.randrange(1, 40) * 4096 for _ in range(12 if long else 1))]
    for what, make in places.items():
        with mounted(folder / "place", make) as place:
            if place:
                wrong = sum(bench.full(place, size) for size in free)
                yield Row("resources", f"disk full: {what}", len(free), wrong)
                yield Row("resources", f"mounted read-only: {what}", 1, bench.read_only(place))
    with mounted(folder / "place", lambda place: _mount(place, "-t", "tmpfs", "-o", "nr_inodes=40", "tmpfs")) as place:
        if place:
            counts = [*range(0, 16, 1 if long else 8)]
            wrong = sum(bench.no_inodes(place, left) for left in counts)
            yield Row("resources", "no inodes left: a tmpfs of 40", len(counts), wrong)
    with mounted(folder / "place", places["a tmpfs of 2 MB"]) as place:
        if place:
            yield Row("resources", "disk full: by the real command", 1, bench.command_on_full(place))
            yield Row("resources", "disk full: collect and figures keep the old file", 2, bench.other_commands(place))
            yield Row("resources", "disk full: a claim's heart beats", 1, bench.heart(place))
    limits = {
        "open files (RLIMIT_NOFILE)": (resource.RLIMIT_NOFILE, (7, 8, 9, 10, 12) if long else (8,)),
        "a file's size (RLIMIT_FSIZE)": (resource.RLIMIT_FSIZE, (1000, 20_000) if long else (20_000,)),
        "memory (RLIMIT_AS)": (resource.RLIMIT_AS, (700 * MEGABYTE, 1500 * MEGABYTE) if long else (700 * MEGABYTE,)),
    }
    for what, (kind, values) in limits.items():
        wrong = sum(bench.limited(f"{kind}-{value}", kind, value) for value in values)
        yield Row("resources", f"limit of {what}", len(values), wrong)
    nobody = as_nobody()
    if nobody:
        for what, act in bench.for_nobody(nobody).items():
            yield Row("resources", f"an ordinary user: {what}", 1, act())
    else:
        print("  left out: an ordinary user's rights (only root can try, with a Python that all may run)", flush=True)


@contextmanager
def mounted(place: Path, make: Callable[[Path], None]) -> Iterator[Path | None]:
    """A file system of its own, unmounted whatever happens; None, and a line, where it cannot be mounted."""
    place.mkdir(exist_ok=True)
    with ExitStack() as stack:
        try:
            make(place)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"  left out: a file system of its own cannot be mounted here ({error})", flush=True)
            yield None
            return
        stack.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
        place.chmod(0o777)
        yield place


def _mount(place: Path, *words: str) -> None:
    subprocess.run(["mount", *words, str(place)], check=True, capture_output=True)


def _ext4(image: Path) -> Path:
    image.write_bytes(bytes(4 * MEGABYTE))
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)], check=True, capture_output=True)
    return image


def _fill(place: Path, free: int) -> None:
    """Leave so many bytes."""
    with open(place / FILLER, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - free))


def as_nobody() -> dict[str, Any]:
    """How to run a command as an ordinary user: Popen's words and the `python` to use; nothing where that cannot be."""
    who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python, more in ((sys.executable, {}), (f"/usr/bin/python{version}", {"PYTHONPATH": packages})):
        environment = {**os.environ, "HOME": "/nonexistent", **git, **more}
        try:
            look = [python, "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('torch'))"]
            if not subprocess.run(look, env=environment, check=False, cwd="/", **who).returncode:
                return {"python": python, "env": environment, **who}
        except OSError:
            continue
    return {}


def _less_python(nobody: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in nobody.items() if key != "python"}


def _less_versions(found: small.Records) -> small.Records:
    """The Python that an ordinary user may run can be another one."""
    return {
        name: {**record, "provenance": {**record["provenance"], "versions": None}} for name, record in found.items()
    }


class Bench:
    """Four cells, their undisturbed records, and two of them begun."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "tiny.npz"
        write_pictures(self.data)
        self.data.chmod(0o644)
        self.done, self.begun = folder / "done", folder / "begun"
        said = small.run(small.typed(self.done, self.data))
        self.cells = small.cells_of(self.done)
        self.expected = small.left(self.done)
        if len(self.cells) != 4:
            raise RuntimeError(said.stderr)
        small.interrupt(self.cells[:2], self.begun, self.data, 9)
        shutil.copytree(self.done / "records", self.begun / "records")
        for cell in self.cells[:3]:
            records.record_path(self.begun, cell.id).unlink()
        self.task = Task(folder, self.data, "cpu")
        self.shared = worker.SharedData(self.task)

    def _copied(self, out: Path) -> Path:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self.begun, out)
        return out

    def full(self, place: Path, free: int) -> int:
        out = self._copied(place / "runs")
        _fill(place, free)
        return self._in_process(out, f"{free} bytes free", (place / FILLER).unlink)

    def read_only(self, place: Path) -> int:
        out = self._copied(place / "runs")
        _mount(place, "-o", "remount,ro")
        return self._in_process(out, "read-only", lambda: _mount(place, "-o", "remount,rw"))

    def no_inodes(self, place: Path, left: int) -> int:
        out = self._copied(place / "runs")
        made = []
        try:
            while True:
                made.append(place / f"empty{len(made)}")
                made[-1].touch()
        except OSError:
            made.pop()
        for path in made[:left]:
            path.unlink()

        def mend() -> None:
            for path in made[left:]:
                path.unlink()

        return self._in_process(out, f"{left} inodes", mend)

    def _in_process(self, out: Path, what: str, mend: Callable[[], object]) -> int:
        """Every cell ends in its record or in one line of trouble below `out`; mended, all end in their records."""
        said, ends = small.go_on(self.cells, out, self.shared, self.task)
        troubles = [end for end in ends if not end.startswith(("finished", TROUBLE + str(out)))]
        wrong = [f"ended so: {troubles}"] * bool(troubles)
        wrong += [f"said {said!r}"] * bool(said)
        wrong += [f"left {small.temporaries(out)}"] * bool(small.temporaries(out))
        wrong += ["marked as failed"] * any((out / "failures").glob("*"))
        wrong += ["the finished is gone"] * (not records.record_path(out, self.cells[3].id).exists())
        mend()
        said, ends = small.go_on(self.cells, out, self.shared, self.task)
        return self._count(what, out, wrong + [f"then {ends} {said}"] * bool(set(ends) - {"finished"} or said))

    def _count(self, what: str, out: Path, wrong: list[str]) -> int:
        try:
            wrong += ["other records"] * (_less_versions(small.left(out)) != _less_versions(self.expected))
        except (OSError, ValueError) as error:
            wrong.append(str(error))
        for text in wrong:
            print(f"  DIFFERENT ({what}): {text}", flush=True)
        return int(bool(wrong))

    def command_on_full(self, place: Path) -> int:
        out = self._copied(place / "runs")
        _fill(place, 20_000)
        return self._command("full", out, (place / FILLER).unlink, f"{out}/")

    def _command(self, what: str, out: Path, mend: Callable[[], object], named: str = "", **more: Any) -> int:
        """The real command says one line and ends (or is done: there was enough); mended, typed again, it ends in the
        same records."""
        executable = more.pop("python", sys.executable)
        typed = [executable, *small.typed(out, self.data)[1:], "--workers", "2"]
        done = small.run(typed, **more)
        last = (done.stderr.strip().splitlines() or [""])[-1]
        enough = done.returncode == 0 and not named
        wrong = [f"exit code {done.returncode}"] * (done.returncode not in (1, 2) and not enough)
        said = enough or last.startswith(f"experiments: {named}")
        wrong += [f"said {done.stderr}"] * ("Traceback" in done.stderr or not said)
        wrong += ["marked as failed"] * any((out / "failures").glob("*"))
        mend()
        again = small.run(typed, **{key: value for key, value in more.items() if key != "preexec_fn"})
        return self._count(what, out, wrong + [f"then: {again.stderr}"] * bool(again.returncode))

    def other_commands(self, place: Path) -> int:
        """They fail in one line, and what was there before is whole."""
        collected, figures = place / "all.jsonl", place / "figures"
        collect = [sys.executable, "-m", "experiments", "collect", str(self.done), str(collected)]
        draw = [sys.executable, "-m", "analysis", "figures", "--published", "fig2", "--out", str(figures)]
        wrong = 0
        for command, path in ((collect, collected), (draw, figures / "fig2-published.png")):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"old")
            _fill(place, 0)
            done = small.run(command)
            (place / FILLER).unlink()
            fine = done.returncode in (1, 2) and done.stderr.count("\n") == 1 and str(path.parent) in done.stderr
            if not fine or path.read_bytes() != b"old" or small.temporaries(place):
                wrong += 1
                print(f"  DIFFERENT ({command[2:4]}): {done.stderr} {small.temporaries(place)}", flush=True)
        return wrong

    def heart(self, place: Path) -> int:
        with leases.hold(place / "claims", "a") as claim:
            _fill(place, 0)
            try:
                claim.beat()
                refused = 0
                try:
                    leases.acquire(place / "claims", "b")
                except files.StorageError:
                    refused = 1
            finally:
                (place / FILLER).unlink()
            return int(claim.lost or not refused or len([*place.glob("claims/*/*")]) != 1)

    def limited(self, name: str, kind: int, value: int) -> int:
        out = self._copied(self.folder / f"limit{name}")
        return self._command(
            f"limit {name}", out, lambda: None, preexec_fn=lambda: resource.setrlimit(kind, (value, value))
        )

    def for_nobody(self, nobody: dict[str, Any]) -> dict[str, Callable[[], int]]:
        def own(name: str) -> Path:
            out = self._copied(self.folder / name)
            for path in (out, *out.rglob("*")):
                shutil.chown(path, "nobody", "nogroup")
            return out

        def may_not_write(part: str) -> int:
            out = own(f"no-write-{part}")
            (out / part).chmod(0o555)
            return self._command(
                f"no right: {part}", out, lambda: (out / part).chmod(0o755), f"{out / part}/", **nobody
            )

        def may_not_read_a_record() -> int:
            out = own("no-read")
            path = records.record_path(out, self.cells[3].id)
            path.chmod(0)
            return self._command("no right: record", out, lambda: path.chmod(0o644), f"{path}: ", **nobody)

        def may_not_read_a_checkpoint() -> int:
            out = own("no-read-checkpoint")
            newest = max(checkpoints.folder_of(out, self.cells[0].id).glob("*.pt"))
            newest.chmod(0)
            done = small.run([nobody["python"], *small.typed(out, self.data)[1:]], **_less_python(nobody))
            named = f"{newest}: unusable checkpoint ([Errno 13] Permission denied"
            wrong = [f"said {done.stderr}"] * (done.stderr.count(named) != 1 or "older one" not in done.stderr)
            return self._count("unreadable checkpoint", out, wrong + ["exit code"] * bool(done.returncode))

        def no_process() -> int:
            out = own("no-process")
            limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))}
            return self._command("no process", out, lambda: None, **nobody, **limit)

        return {
            "records/ may not be written": lambda: may_not_write("records"),
            "checkpoints/ may not be written": lambda: may_not_write("checkpoints"),
            "a record may not be read": may_not_read_a_record,
            "a checkpoint may not be read: the older one is used": may_not_read_a_checkpoint,
            "no more processes (RLIMIT_NPROC)": no_process,
        }
