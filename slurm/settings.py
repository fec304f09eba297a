"""What a job may use, from one small TOML file and the command line, handed on to submitit and sbatch by name."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.cli import UsageError, brief, is_plain, no_such

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path("slurm.toml")  # read where there is one
ON_A_GPU = ("gpu_short", "gpu", "paper")  # profiles
MOST = 10**6  # cores, or jobs
AS_SBATCH = ("partition", "account", "qos", "gres", "constraint", "exclude", "nodelist", "mail_type", "mail_user")
OWN = ("time", "gpus", "cpus", "mem", "parallel")
LISTS = ("setup", "teardown", "srun_args")
# A job is one process on one node: these say how many GPUs it has in all.
SAME = dict.fromkeys(("gpus_per_node", "gpus_per_task"), "gpus")
GRES = ("gpu", "shard", "mps")
GPU = re.compile(r"(?:[\w.-]*[A-Za-z][\w.-]*:)?(\d{1,9})|[A-Za-z][\w.-]*")  # a number, a type or both
# Options of sbatch's that are refused: the plan says it, and this is what says it to the plan.
REFUSED = {name: hint for names, hint in (
    ("cpus_per_task cpus_per_gpu", "use --cpus"), ("gpus_per_socket", "use --gpus"), ("array", "use --parallel"),
    ("signal", f"set signal_delay_s in {FILE}"),
    ("tres_per_job tres_per_node tres_per_socket tres_per_task", "use --gpus, --cpus or --gres"),
    ("nodes ntasks ntasks_per_node tasks_per_node ntasks_per_gpu ntasks_per_core ntasks_per_socket use_srun",
     "a job is one process on one node, started by srun"),
    ("job_name output error open_mode", "status and logs find jobs by what submit gives"),
    ("requeue no_requeue", "a job that is stopped always asks to be put back"),
    ("clusters cluster", "type this on a login node of that cluster"),
) for name in names.split()}  # fmt: skip
# Who pays and where it runs: where a site has users say this once, in the shell, sbatch reads it as SBATCH_ACCOUNT etc.
FROM_SHELL = ("account", "partition", "qos", "constraint", "reservation", "wckey")


@dataclass(frozen=True)
class Settings:
    """minutes: time limit of a job. cpus, gpus: of a job. parallel: jobs at most. options: the rest, by sbatch's names
    with _ for -. notes: what became of the shell's variables."""

    minutes: int
    gpus: int
    cpus: int
    parallel: int
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """What a job trains on."""
        return "cuda" if self.gpus else "cpu"

    def for_submitit(self, name: str, setup: Sequence[str]) -> dict[str, Any]:
        """The arguments of AutoExecutor.update_parameters. setup: lines that go before the user's."""
        options = dict(self.options)
        # since SLURM 22.05 srun no longer takes over how many cores sbatch asked for; and of sbatch's export=NONE it
        # must not take anything over, or submitit cannot tell where it is
        step = ["--export=ALL"] * ("export" in options) + [
            f"--cpus-per-task={self.cpus}",
            *options.pop("srun_args", []),
        ]
        own = {f"slurm_{key}": options.pop(key) for key in ("teardown", "signal_delay_s") if key in options}
        return {
            "name": name, "timeout_min": self.minutes, "cpus_per_task": self.cpus, **own,
            "slurm_setup": [*setup, *options.pop("setup", [])], "slurm_srun_args": step,
            "slurm_array_parallelism": self.parallel, "slurm_additional_parameters": {"requeue": True, **options},
        }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of plan, submit and retry."""
    group = parser.add_argument_group("jobs", f'all can stand in {FILE} as well, as in: partition = "gpu"')
    group.add_argument("--settings", type=Path, help=f"the TOML file to read (default {FILE}, where there is one)")
    for name in AS_SBATCH:
        group.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help="as sbatch has it")
    group.add_argument("--time", help="limit of a job: minutes, or H:MM:SS (default 60)")
    group.add_argument("--gpus", help="of a job: 0, 1 or as in a100:1 (default: 1 for profiles gpu_short, gpu, paper)")
    group.add_argument("--cpus", type=int, help="of a job (default: 4; without a GPU it trains as many cells at once)")
    group.add_argument("--mem", help="of a job: GB, or as in 500M, 32G, 1T (default: the cluster's)")
    group.add_argument("--setup", action="append", metavar="LINE", help="shell line before the job (may be repeated)")
    group.add_argument("--parallel", type=int, help="jobs, at most (default 256)")
    group.add_argument("--slurm", action="append", default=[], metavar="NAME=VALUE", help="any other of sbatch's")


def read(args: argparse.Namespace) -> Settings:
    """The file's settings, the command line's over them, and what neither says from the shell. Raises UsageError."""
    named = [(name, getattr(args, name, None)) for name in (*OWN, *AS_SBATCH, "setup")]
    typed = _checked((pair for pair in named if pair[1] is not None), "--")
    typed |= _checked(((name, value if equals else True) for name, equals, value in
                       (text.partition("=") for text in args.slurm)), "--slurm ", typed)  # fmt: skip
    file = _from_file(args.settings)
    if count_gpus("gres", typed.get("gres", "")) is not None:
        file.pop("gpus", None)
    options = {**file, **typed}
    notes = _take_from_shell(options)
    gpus = _take_gpus(options, default=int(args.profile in ON_A_GPU))
    if "mem" in options:
        options["mem"] = memory(options["mem"])
    minutes = time_limit(options.pop("time", 60))
    cpus, parallel = (_count(name, options.pop(name, default)) for name, default in (("cpus", 4), ("parallel", 256)))
    return Settings(minutes, gpus, cpus, parallel, options, notes)


def _checked(pairs: Iterable[tuple[str, Any]], where: str, there: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Settings by name. there: what is given already. Raises UsageError for what sbatch would take wrong."""
    values: dict[str, Any] = {}
    for written, value in pairs:
        name, option = written.lower().replace("-", "_"), f"{where}{brief(written)}"
        name = SAME.get(name, name)
        if name in REFUSED:
            raise UsageError(f"{option}: {REFUSED[name]}")
        known = (*REFUSED, *SAME, *OWN, *AS_SBATCH)
        longer = next((other for other in known if name not in known and name and other.startswith(name)), None)
        if longer:  # which sbatch takes the beginning for
            raise UsageError(f"{option}: write it in full, as in {longer.replace('_', '-')}")
        if name in LISTS:
            fine = isinstance(value, list) and all(isinstance(line, str) and is_plain(line) for line in value)
        else:
            fine = isinstance(value, str | int | float) and value is not False and value != "" and is_plain(str(value))
            fine = fine and (value is not True or name not in (*OWN, *AS_SBATCH))
        if not fine or not re.fullmatch("[a-z][a-z0-9_]*", name):
            kind = "a list of lines" if name in LISTS else "a name and a text or number, as in reservation=adamw"
            raise UsageError(f"{option} must be {kind}, got {brief(repr(value))}")
        if name in values or name in (there or {}):
            raise UsageError(f"{option} is given twice")
        values[name] = str(value) if type(value) in (int, float) and name not in OWN else value
    return values


def _from_file(path: Path | None) -> dict[str, Any]:
    from submitit.slurm.slurm import SlurmExecutor

    if path is None and not FILE.exists():
        return {}
    path = path or FILE
    try:
        content: dict[str, Any] = tomllib.loads(files.read(path, files.SMALL).decode())
    except OSError as error:
        raise UsageError(f"--settings {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {brief(error)}") from None
    more = content.pop("additional_parameters", {})
    values = _checked(content.items(), f"{path}: ")
    known = {*OWN, *SlurmExecutor._valid_parameters()}
    if unknown := [name for name in values if name not in known]:
        raise UsageError(f"{path}: {no_such('setting', unknown[0], sorted(known - REFUSED.keys()))}")
    pairs = more.items() if isinstance(more, dict) else [("", more)]
    return values | _checked(pairs, f"{path}: additional_parameters: ", values)


def _take_gpus(options: dict[str, Any], default: int) -> int:
    """How many GPUs a job has; leaves in the options the one thing that says so to sbatch. Raises UsageError."""
    typed, gres = options.pop("gpus", None), count_gpus("gres", options.get("gres", ""))
    if typed is not None and gres is not None and str(typed) != str(gres):
        raise UsageError(
            f"gpus={brief(typed)} and gres={brief(options['gres'])} both say how many GPUs a job has: "
            "--gres gpu:0 or --gres gpu:1 settles it"
        )
    count = gres if gres is not None else count_gpus("gpus", default if typed is None else typed) or 0
    if count and gres is None:
        options["gpus_per_node"] = str(typed or count)
    return count


def count_gpus(name: str, value: object) -> int | None:
    """How many GPUs gpus=1, gpus=a100:1 or gres=gpu:a100:1,nvme:1 ask for; None for a gres of other things.

    Raises UsageError for more than one, and for parts of one.
    """
    items = [item.strip() for item in str(value).split(",")]
    if name == "gres":
        pairs = [item.lower().partition(":")[::2] for item in items]
        items = [number or "1" if kind == "gpu" else "a part" for kind, number in pairs if kind in GRES]
    matches = [GPU.fullmatch(item) for item in items]
    if not all(matches) or (count := sum(int(match[1] or 1) for match in matches if match)) > 1:
        raise UsageError(
            f"{name}={brief(value)}: 0 or 1 GPU, as in gpus=1, gpus=a100:1, gres=gpu:a100:1: "
            "cells share it; --parallel takes more of them"
        )
    return count if items else None


def _take_from_shell(options: dict[str, Any]) -> tuple[str, ...]:
    """Take over from sbatch's variables what is not set yet. Returns what is said of that, in lines."""
    variables = {name: value for name, value in sorted(os.environ.items()) if value}
    wanted = {f"SBATCH_{name.upper()}": name for name in FROM_SHELL if name not in options}
    taken = [name for name in variables if name in wanted]
    options |= _checked(((wanted[name], variables[name]) for name in taken), "SBATCH_")
    left = [name for name in variables if name.startswith("SBATCH_") and name not in taken]
    if "SLURM_JOB_ID" not in os.environ:  # else they are of the job around this one
        left += [name for name in (f"SLURM_{each.upper()}" for each in (*FROM_SHELL, "clusters")) if name in variables]
    words = ", ".join(f"{name}={variables[name]}" for name in taken)
    return (
        *[f"from this shell, as for sbatch: {words}"] * bool(taken),
        *[f"not used: {', '.join(left)} (a job is given what is typed here or stands in {FILE})"] * bool(left),
    )


def _count(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST:
        raise UsageError(f"--{name} must be a whole number between 1 and {MOST:,}, got {brief(value)}")
    return value


def memory(text: str | float) -> str:
    """As sbatch has it, but GB without a unit: 32, "32G", "500M" or "1T". Raises UsageError."""
    match = re.fullmatch(r"0*([1-9]\d{0,8})([MGT]?)B?", str(text), re.IGNORECASE)
    if match is None:  # sbatch takes 0 for all that a node has
        raise UsageError(f"--mem must be a whole number of GB above 0, or as in 32G, 500M, 1T, got {brief(text)}")
    return f"{match[1]}{match[2].upper() or 'G'}B"


def time_limit(text: str | int) -> int:
    """A time limit in minutes: "90", "1:30:00" (hours) or "2-00:00:00" (days). Raises UsageError."""
    match = re.fullmatch(r"(?:(\d{1,6})-)?(\d{1,6}):(\d\d):(\d\d)|(\d{1,9})", str(text))
    days, hours, minutes, seconds, whole = (int(part or 0) for part in match.groups()) if match else [0] * 5
    total = whole or (days * 24 + hours) * 60 + minutes + (seconds > 0)
    if not total:
        raise UsageError(f"--time {brief(text)}: minutes (at least one), or H:MM:SS, or D-HH:MM:SS")
    return total
