"""Whole commands on hostile arguments, settings and output folders. Nothing is trained, sent or drawn: those come after
all that is read has been read."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import benchmarks
import experiments
from analysis.__main__ import main as analysis
from analysis.results import studies as findings
from experiments import run as running
from experiments.__main__ import main as experiment
from paper_repro import files, records, studies
from paper_repro.cli import UsageError, is_plain
from paper_repro.data import DataError
from paper_repro.decay import CONVENTIONS
from paper_repro.decay import __main__ as decay
from paper_repro.sweep import engine, leases
from paper_repro.sweep.preflight import Answer
from slurm import cluster, sbatch, submissions
from slurm.__main__ import main as slurm
from tests.chaos.hostile import Different
from tests.chaos.hostile.inputs import CELL, check_said, made, sealed
from tests.chaos.hostile.mutations import in_its_place, of_bytes, of_value, remove

Command = Callable[[Sequence[str]], int | None]


def run(command: Command, arguments: Sequence[str]) -> int:
    """Its exit code, if it said what it should: one line for a bad argument (two for data), and nothing unprintable."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _cut_short():
        try:
            code = command(arguments) or 0
        except SystemExit as end:
            code = int(end.code or 0)
    if code not in (0, 1, 2, 3, 130):  # 3: SLURM does not answer
        raise Different(f"exit code {code} for {arguments}")
    if code == 2 or err.getvalue():
        check_said(err.getvalue(), 2 if code == 2 else 20)
    if not all(map(is_plain, out.getvalue().splitlines())):
        raise Different(f"it printed {out.getvalue()[:500]!r}")
    return code


def _cut_short() -> ExitStack:
    stack = ExitStack()
    answer = Answer(device="cpu", fingerprint="f" * 16)

    def ask(cells: Sequence[Any], *question: Any, **more: Any) -> Answer:
        return answer._replace(seconds={running.engine.kind_of(cell): 1.0 for cell in cells})

    for place, name, instead in (
        (running.preflight, "ask", ask), (running.engine, "run", lambda *given, **more: engine.Outcome()),
        (sbatch, "send", lambda plan: SimpleNamespace(job_name="x", jobs=1, folder="x")),
        (cluster, "tasks", lambda owner: []), (cluster, "partitions", lambda: {"main": None, "gpu": 60}),
        (cluster, "room", lambda *given: 9), (studies, "run", _cannot),
        (benchmarks, "_bench", lambda given: 0),
    ):  # fmt: skip
        stack.enter_context(patch.object(place, name, instead))
    return stack


def _cannot(*given: Any) -> None:
    raise DataError("not now")


COMMANDS = {
    "run": experiment, "list": experiment, "collect": experiment, "bench": experiment, "plan": slurm, "submit": slurm,
    "status": slurm, "cancel": slurm, "retry": slurm, "logs": slurm, "figures": analysis, "statistics": analysis,
    "claims": analysis, "report": analysis, "decay": lambda given: decay.main(given[1:]),
    "move": decay.main,
}  # fmt: skip
CELLS = ["--profile", "--data", "--data-name", "--seeds", "--only", "--alphas", "--decays", "--set"]
JOBS = [
    "--settings", "--partition", "--time", "--gpus", "--cpus", "--mem", "--setup", "--parallel", "--slurm",
    "--cells-at-once", "--seconds-per-cell",
]  # fmt: skip
RUN_OF_A_DECAY = ["--lr", "--momentum", "--batch-size", "--examples", "--epochs"]
OPTIONS = {
    "run": [*CELLS, "--workers", "--device"], "collect": ["--seed", "--of"], "bench": ["--csv", "--device"],
    "plan": [*CELLS, *JOBS], "submit": [*CELLS, *JOBS], "retry": [*CELLS, *JOBS],
    "status": CELLS,
    "cancel": ["--profile"], "figures": ["--set"],
    "decay": RUN_OF_A_DECAY,
    "move": [*RUN_OF_A_DECAY, "--to-batch-size", "--to-epochs", "--to-examples", "--to-lr"],
}  # fmt: skip
GIVEN = {  # without which nothing else is looked at
    "retry": ["--failed"], "logs": ["adamw"], "decay": ["--lr", "0.1"], "move": ["--lr", "0.1"],
}  # fmt: skip
FITTING = {
    "--profile": ["demo", "cpu", "paper"],
    "--data": ["tiny.npz", "pipe.npz", "zero.npz", "loop.npz", "folder", "/dev/zero"],
    "--seeds": ["1", "3", "100", "1000000000"], "--only": ["adamw", "sgdw,adamw"], "--device": ["cpu", "cuda"],
    "--workers": ["1", "1000000000"], "--seed": ["0", "7"], "--of": ["fig2"],
    "--time": ["90", "1:00:00", "9-00:00:00"], "--gpus": ["0", "1"], "--cpus": ["8"],
    "--settings": ["file", "pipe.npz"],
}  # fmt: skip
NUMBERS = [
    "0.1", "0.1,0.01", "1e-300", "1e300", "1e400", "nan", "-0.0", "3", "0", "1" * 400,
 ",".join(map(str, range(50_000))),
]  # fmt: skip
SET = [
    "epochs=3", "epochs=" + "9" * 5000, "dataset=../../escaped", "seed=99999999999", "alpha=nan", "alpha=1e400",
    "augment=false", "model=" + "x" * 100, "schedule=fixed", "image_size=none", "batch_size=0", "optimizer=../x",
    "label_noise=0.5",
]  # fmt: skip
FLAGS = [
    "--quick", "--dry-run", "--mixed-code", "--failed", "--json", "--published", "--help", "--", "-x",
]  # fmt: skip
VALUES = [
    "demo", "cpu", "gpu", "3", "0", "-1", "1e400", "nan", "inf", "-inf", "1" * 5000, "1000000000", "0.1,0.01", "٣",
    "１", "0x10", "1_000", "adamw", "sgdw,adamw", "", " ", ",", "a" * 5000, "../../escaped", "/", "x\x00y", "x\ny",
    "\x1b[2J", "\udcff", "tiny.npz", "pipe.npz", "zero.npz", "folder", "loop.npz", "/dev/zero", "/dev/null",
    "epochs=3", "epochs=", "dataset=../../escaped", "dataset=x\x00", "seed=99999999999", "alpha=nan",
    "model=" + "x" * 100, "compile=true", "epochs=" + "9" * 5000, "normalized", "paper", "local", "debug", "slurm",
    "1:00:00", "9" * 30 + ":00:00", "nice=1", "cuda", "{}", "%s", "~", "fig2", ",".join(map(str, range(50_000))),
    "image_size=none", "schedule=cosine",
]  # fmt: skip
PLACES = [
    *["runs"] * 10,
    "sent",
    "sent",
    "runs/a/b",
    "file",
    "/dev/null",
    "/proc/x",
    "a" * 300,
    "loop.npz",
    "x\ny",
    "no",
    "a\x00b",
]


class Arguments:
    """Options and words of all commands, with fit and unfit values."""

    def __init__(self, folder: Path) -> None:
        importlib.import_module("torch")  # for which there is no room later
        os.mkfifo("pipe.npz")
        Path("zero.npz").symlink_to("/dev/zero")
        Path("loop.npz").symlink_to("loop.npz")
        Path("folder").mkdir()
        for name in ("file", "tiny.npz"):
            Path(name).touch()
        records.write(Path("sent"), made(0))
        self.names = experiments.names()

    def once(self, draw: random.Random) -> None:
        name = draw.choice(list(COMMANDS))
        given = [name, *self._words(draw, name)]
        if draw.random() < 0.9:
            given += GIVEN.get(name, [])
        for _ in range(draw.randrange(6)):
            given += [draw.choice(FLAGS)] if draw.random() < 0.1 else self._option(draw, name)
        if name not in ("list", "collect", "bench", "decay", "move"):
            given += ["--runs" if COMMANDS[name] is analysis else "--out", draw.choice(PLACES)]
        run(COMMANDS[name], given)

    def _words(self, draw: random.Random, name: str) -> list[str]:
        if name == "collect":
            return draw.choices(PLACES, k=2)
        if name in ("decay", "move"):
            return [draw.choice([*NUMBERS, *VALUES]), draw.choice([*CONVENTIONS, "x"])]
        if name in ("list", "bench", "claims", "report", "logs") or draw.random() < 0.05:
            return []
        return [draw.choice([*self.names, *["fig2"] * 20, "nothing", "../../escaped"])]

    def _option(self, draw: random.Random, name: str) -> list[str]:
        if not OPTIONS.get(name):
            return []
        option = draw.choice(OPTIONS[name])
        fitting = FITTING.get(option, {"--set": SET}.get(option, NUMBERS))
        value = draw.choice(fitting if draw.random() < 0.7 else VALUES)
        if draw.random() < 0.1 and "/" not in value:  # a path that was changed might lead anywhere
            value = of_bytes(draw, value[:1000].encode(errors="surrogateescape")).decode(errors="surrogateescape")
        if option == "--csv" or value.startswith("/"):
            value = draw.choice(["file", "/dev/zero"])
        return [option, value]


WHOLE = b"""partition = "gpu"\ntime = "4:00:00"\ngpus = 0\ncpus = 8\nmem = 16\nparallel = 64
setup = ["module load cuda", "ulimit -c 0"]\nexclusive = false\ncpus_per_gpu = 4\n[additional_parameters]\nnice = 100
"""
TOKENS = [
    b"nan", b"inf", b"-1", b"9" * 5000, b"1979-05-27", b'"""', b"[[a]]", b"a.b.c=1\n", b"\\u0000", b'"\\n#SBATCH x"',
    b"{a={b={}}}", b"[" * 2000, b"1e400", b"0x7fffffffffffffffffff", b"true", b'""', b"\xff", b"\x00",
]  # fmt: skip


class Settings:
    """A slurm.toml."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "slurm.toml"

    def once(self, draw: random.Random) -> None:
        if draw.random() < 0.02:
            in_its_place(draw, self.path, 10**6)
        elif draw.random() < 0.5:
            self.path.write_bytes(of_bytes(draw, WHOLE))
        else:
            lines = WHOLE.splitlines()
            for _ in range(draw.randint(1, 3)):
                name = draw.choice(lines).partition(b"=")[0]
                lines[draw.randrange(len(lines))] = name + b"= " + draw.choice(TOKENS)
            self.path.write_bytes(b"\n".join(lines))
        run(slurm, ["plan", "fig2", "--quick", "--settings", str(self.path)])
        remove(self.path)


class Folder:
    """An output folder with one file of each kind, one of them changed."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "runs"
        cells = [CELL.replace(seed=seed) for seed in range(4)]
        self.submission = submissions.create(
            self.out, cells, name="fig2", profile="demo", source="0" * 16, data="d", device="cpu", at_once=1, cores=2,
            gpus=0, jobs=2,
        )  # fmt: skip
        with submissions.attempting(self.submission.folder, 1) as attempt:
            attempt.ended = "no space left"
        (note,) = (self.submission.folder / "attempts").iterdir()
        records.write(self.out, made(0))
        records.write_failure(self.out, cells[2], "Traceback\nValueError: no")
        claim = leases.acquire(leases.folder_of(self.out), cells[1].id)
        assert claim is not None
        found = self._findings()
        path = studies.path_of(self.out, "first_steps", "demo", None)
        files.write_atomically(path, sealed(found))
        whole = [path, claim.path, note, records.failure_path(self.out, cells[2].id)]
        whole += [self.submission.folder / "submission.json", *self.out.glob("slurm/cells/*.json")]
        self.files = {path: path.read_bytes() for path in whole}
        self.ids = [cell.id for cell in cells]

    def _findings(self) -> dict[str, Any]:
        cell = {"dataset": "tiny", "model": "mlp-4x1", "epochs": 1}
        made_by = {"commit": "abc", "hardware": "x", "data": {"name": "tiny", "fingerprint": "f"}, "versions": {}}
        return {
            "study": "first_steps", "profile": "demo", "settings": {"cell": cell}, "rows": [{"a": 1}], "seconds": 1.0,
            "provenance": made_by,
        }  # fmt: skip

    def once(self, draw: random.Random) -> None:
        path = draw.choice(list(self.files))
        remove(path)
        submissions._joined.cache_clear()
        self._put(draw, path, self.files[path])
        for arguments in (["status"], ["status", "--json"], ["logs", CELL.replace(seed=2).id]):
            run(slurm, [*arguments, "--out", str(self.out)])
        with suppress(UsageError):
            shown = findings.study_results([experiments.get("first_steps")], [self.out], named=False)
            if any("/" in each.stem or not is_plain(each.caption("")) for each in shown):
                raise Different("findings lead elsewhere")
        remove(path)
        path.write_bytes(self.files[path])

    def _put(self, draw: random.Random, path: Path, content: bytes) -> None:
        if draw.random() < 0.03:
            in_its_place(draw, path, 2**29)
        elif draw.random() < 0.4 or path.suffix == ".txt":
            path.write_bytes(of_bytes(draw, content))
        else:
            value = of_value(draw, json.loads(content), 3)
            text = json.dumps(value)
            if isinstance(value, dict) and "checksum" in value:
                if "content" in value:
                    inner = json.dumps(value.get("content"))
                    text = f'{{"checksum": "{hashlib.sha256(inner.encode()).hexdigest()}", "content": {inner}}}'
                else:
                    with suppress(ValueError, TypeError):
                        text = json.dumps({**value, "checksum": records.checksum(value)})
            path.write_text(text)
