"""What a job may use, from one small TOML file and the command line, handed on to submitit and sbatch by name."""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.cli import UsageError, brief, is_plain, no_such
from slurm import cluster

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path("slurm.toml")  # read where there is one
ON_A_GPU = ("gpu_short", "gpu", "paper")  # profiles
MOST = 10**6  # cores, or jobs
HELP = {  # of options that mean more here than to sbatch
    "time": "limit of a job: minutes, or H:MM:SS (default 60)",
    "gpus": "of a job: 0, 1, 4, or as in a100:4 (default: 1 for profiles gpu_short, gpu, paper)",
    "cpus": "of a job, or for each of its GPUs (default: 4; without a GPU it trains as many cells at once)",
    "mem": "of a job: GB, or as in 500M, 32G, 1T (default: the cluster's)",
    "setup": "shell line before the job, which it ends if it fails (may be repeated)",
    "parallel": "jobs, at most (default 256)",
}
OWN = HELP.keys() - {"setup"}
AS_SBATCH = ("partition", "account", "qos", "gres", "constraint", "exclude", "nodelist", "mail_type", "mail_user")
LISTS = ("setup", "teardown", "srun_args")
SAME = dict.fromkeys(("gpus_per_node", "gpus_per_task"), "gpus")  # as a job is on one node
GRES = ("gpu", "shard", "mps")  # generic resources that are a GPU, or parts of one, which are refused
# a number of GPUs, their type, or both
GPU = re.compile(r"(?:(?!shard:|mps:)([\w.-]*[A-Za-z][\w.-]*):)?(\d{1,2})|(?!shard|mps)([A-Za-z][\w.-]*)")
# Refused in full and shortened, as sbatch takes both: the plan says these, or this is what says them to the plan.
REFUSED = {
    "cpus_per_.*": "use --cpus",
    "gpus_.*|tres_.*": "use --gpus, --cpus or --gres",
    "ar.*": "use --parallel",
    "sig(?!nal_delay_s$).*": f"set signal_delay_s in {FILE}",
    "nodes|n?tasks.*|use_srun": "a job is one process on one node, or one for each of its --gpus, started by srun",
    "job.*|out.*|err.*|open.*": "status and logs find jobs by what submit gives",
    "(no_)?req.*": "a job that is stopped always asks to be put back",
    "clusters?": "type this on a login node of that cluster",
    "chd.*": "a job runs in the copy of the code that submit makes",
}
# Who pays and where it runs: where a site has users say this once, in the shell, sbatch reads it as SBATCH_ACCOUNT etc.
FROM_SHELL = ("account", "partition", "qos", "constraint", "reservation", "wckey")


@dataclass(frozen=True)
class Settings:
    """minutes: time limit of a job. gpus: of a job, a task each. cpus: of a task. parallel: jobs at most.
    options: the rest, by sbatch's names with _ for -. notes: what became of the shell's variables. gpu_type: that was
    asked for, as in "a100"."""

    minutes: int
    gpus: int
    cpus: int
    parallel: int
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    gpu_type: str = ""

    @property
    def tasks(self) -> int:
        """Of a job; each trains on a GPU of its own."""
        return max(1, self.gpus)

    @property
    def device(self) -> str:
        """What a job trains on."""
        return "cuda" if self.gpus else "cpu"

    def for_submitit(self, name: str) -> dict[str, Any]:
        """The arguments of SlurmExecutor.update_parameters."""
        options = dict(self.options)
        # since SLURM 22.05 srun no longer takes over how many cores sbatch asked for; and of sbatch's export=NONE it
        # must not take anything over, or submitit cannot tell where it is
        step = ["--export=ALL"] * ("export" in options) + [f"--cpus-per-task={self.cpus}"]
        own = {key: options.pop(key) for key in ("teardown", "signal_delay_s") if key in options}
        if self.tasks > 1:  # which end one after the other, and none ends the others
            own["ntasks_per_node"] = self.tasks
            # SLURM 22.05 gives a task no GPU of its own where srun takes over a type with the number, as a100:1
            step += ["--gpus-per-task=1", "--wait=0", "--kill-on-bad-exit=0"]
        return {
            "job_name": name, "time": self.minutes, "cpus_per_task": self.cpus, "array_parallelism": self.parallel,
            "setup": options.pop("setup", []), "srun_args": step + options.pop("srun_args", []),
            "wckey": None,  # submitit's own, which no cluster that checks them knows
            "additional_parameters": {"requeue": True, **options}, **own,
        }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of plan, submit and retry."""
    group = parser.add_argument_group("jobs", f'all can stand in {FILE} as well, as in: partition = "gpu"')
    group.add_argument("--settings", type=Path, help=f"the TOML file to read (default {FILE}, where there is one)")
    for name in AS_SBATCH:
        group.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help="as sbatch has it")
    more: dict[str, dict[str, Any]] = {
        "cpus": {"type": int}, "parallel": {"type": int}, "setup": {"action": "append", "metavar": "LINE"}
    }  # fmt: skip
    for name, text in HELP.items():
        group.add_argument(f"--{name}", help=text, **more.get(name, {}))
    group.add_argument("--slurm", action="append", default=[], metavar="NAME=VALUE", help="any other of sbatch's")


def read(args: argparse.Namespace) -> Settings:
    """The file's settings, the command line's over them, and what neither says from the shell. Raises UsageError."""
    typed: dict[str, Any] = {}
    _add(typed, "--", ((name, getattr(args, name)) for name in (*HELP, *AS_SBATCH)))
    parts = (text.partition("=") for text in args.slurm)
    _add(typed, "--slurm ", ((name, value if equals else True) for name, equals, value in parts))
    options = _from_file(args.settings) | typed
    notes = _take_from_shell(options)
    gpus = str(options.pop("gpus", int(args.profile in ON_A_GPU)))
    if not (match := GPU.fullmatch(gpus)):
        raise UsageError(
            f"gpus={brief(gpus)}: whole GPUs of one node, at most 99 and of one type, as in gpus=4, gpus=a100:1, "
            "gres=gpu:a100:4"
        )
    count, gpu_type = int(match[2] or 1), match[1] or match[3] or ""
    one = ":".join(filter(None, [gpu_type, "1"]))
    if count == 1:  # --gres is known to old clusters too
        options["gres"] = ",".join([f"gpu:{one}", *filter(None, [options.get("gres")])])
    elif count:
        options["gpus_per_task"] = one
    if (memory := options.get("mem")) is not None:
        match = re.fullmatch(r"0*([1-9]\d{0,8})([MGT]?)B?", str(memory), re.IGNORECASE)
        if match is None:  # sbatch takes 0 for all that a node has
            raise UsageError(f"--mem must be a whole number of GB above 0, or as in 32G, 500M, 1T, got {brief(memory)}")
        options["mem"] = f"{match[1]}{match[2].upper() or 'G'}B"
    time = str(options.pop("time", 60))
    if not (minutes := cluster.minutes(time)):
        raise UsageError(f"--time {brief(time)}: minutes (at least one), or H:MM:SS, or D-HH:MM:SS")
    cpus, parallel = options.pop("cpus", 4), options.pop("parallel", 256)
    for name, value in (("cpus", cpus), ("parallel", parallel)):
        if type(value) is not int or not 1 <= value <= MOST:
            raise UsageError(f"--{name} must be a whole number between 1 and {MOST:,}, got {brief(value)}")
    return Settings(minutes, count, cpus, parallel, options, notes, gpu_type)


def _add(options: dict[str, Any], where: str, pairs: Iterable[tuple[str, Any]]) -> None:
    """Add settings that were given (not None). Raises UsageError for what sbatch would take wrong."""
    for written, value in pairs:
        name, option = written.lower().replace("-", "_"), f"{where}{brief(written)}"
        name = SAME.get(name, name)
        if value is None:
            continue
        if name == "gres" and isinstance(value, str) and value:  # GPUs are counted as gpus, however they are asked for
            items = [item.strip() for item in value.split(",")]
            gpus = [item for item in items if item.partition(":")[0].lower() in GRES]
            value = ",".join(item for item in items if item not in gpus)
            if gpus:
                _add(options, where, [("gpus", re.sub("(?i)^gpu:?", "", ",".join(gpus)) or "1")])
            if not value:
                continue
        for pattern, hint in REFUSED.items():
            if re.fullmatch(pattern, name):
                raise UsageError(f"{option}: {hint}")
        if name in LISTS:
            fits = isinstance(value, list) and all(isinstance(line, str) and is_plain(line) for line in value)
        else:
            fits = isinstance(value, str | int | float) and value is not False and value != "" and is_plain(str(value))
            fits = fits and (value is not True or name not in (*OWN, *AS_SBATCH))
        if not fits or not re.fullmatch("[a-z][a-z0-9_]*", name):
            kind = "a list of lines" if name in LISTS else "a name and a text or number, as in reservation=adamw"
            raise UsageError(f"{option} must be {kind}, got {brief(repr(value))}")
        if name in options:
            raise UsageError(f"{option} is given twice{' (a gres of gpu counts)' * (name == 'gpus')}")
        options[name] = str(value) if type(value) in (int, float) and name not in OWN else value


def _from_file(path: Path | None) -> dict[str, Any]:
    from submitit.slurm.slurm import SlurmExecutor

    options: dict[str, Any] = {}
    if path is None and not FILE.exists():
        return options
    path = path or FILE
    try:
        content = tomllib.loads(files.read(path, files.SMALL).decode())
    except OSError as error:
        raise UsageError(f"--settings {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {brief(error)}") from None
    more = content.pop("additional_parameters", {})
    _add(options, f"{path}: ", content.items())
    known = {*OWN, *SlurmExecutor._valid_parameters()}
    for name in options.keys() - known:
        raise UsageError(f"{path}: {no_such('setting', name, sorted(known))}")
    _add(options, f"{path}: additional_parameters: ", more.items() if isinstance(more, dict) else [("", more)])
    return options


def _take_from_shell(options: dict[str, Any]) -> tuple[str, ...]:
    """Take over from sbatch's variables what is not set yet. Returns what is said of that, in lines."""
    shell = {name: value for name, value in sorted(os.environ.items()) if value}
    wanted = {f"SBATCH_{name.upper()}": name for name in FROM_SHELL if name not in options}
    taken = [name for name in shell if name in wanted]
    _add(options, "SBATCH_", [(wanted[name], shell[name]) for name in taken])
    unused = [name for name in shell if name.startswith("SBATCH_") and name not in taken]
    if "SLURM_JOB_ID" not in shell:  # else they are of the job around this one
        unused += [name for name in (f"SLURM_{each.upper()}" for each in (*FROM_SHELL, "clusters")) if name in shell]
    used = ", ".join(f"{name}={shell[name]}" for name in taken)
    return (
        *[f"from this shell, as for sbatch: {used}"] * bool(taken),
        *[f"not used: {', '.join(unused)} (a job is given what is typed here or stands in {FILE})"] * bool(unused),
    )
