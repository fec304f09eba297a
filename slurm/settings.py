"""What a job may use, from one small TOML file and the command line, handed on to submitit by name."""

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
from paper_repro.cli import UsageError, brief, is_plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CLUSTERS = ("slurm", "local", "debug")
FILE = Path("slurm.toml")  # read where there is one
DEFAULT_MINUTES = 60
ON_A_GPU = ("gpu_short", "gpu", "paper")  # profiles
MOST = 10**6  # cores, GB, or jobs at once
EVER = 10**6  # timeouts that submitit allows a job: what ends it is that its cells are done

# What may stand in the file, by submitit's names (sbatch's with _ for -), and which of TYPES each takes.
TYPES = {
    "text": str, "whole number": int, "number": float, "list of texts": list, "true/false": bool, "table": dict,
}  # fmt: skip
OWN = {
    "cluster": "text", "time": "whole number or text", "gpus": "whole number", "cpus": "whole number",
    "mem": "whole number or number or text", "parallel": "whole number", "gpus_per_task": "whole number",
    "additional_parameters": "table",
}  # fmt: skip
AS_SBATCH = ("partition", "account", "qos", "gres", "constraint", "exclude", "nodelist", "mail_type", "mail_user")
PASSED_ON = {
    **dict.fromkeys((*AS_SBATCH, "comment", "dependency", "mem_per_cpu", "mem_per_gpu", "wckey"), "text"),
    **dict.fromkeys(("setup", "teardown", "srun_args"), "list of texts"), "use_srun": "true/false",
    "exclusive": "true/false or text", "signal_delay_s": "whole number",
}  # fmt: skip
KINDS = OWN | PASSED_ON
# What asks for GPUs. A job is one process on one node: each of them says how many it has in all. "gpus=" is sbatch's
# own gpus, which has a type as in a100:1; "gpus" is ours.
TYPED = ("gpus=", "gpus_per_node", "gpus_per_task")
GPU_WAYS = ("gpus", "gres", *TYPED)
# What else of sbatch's is refused: the plan says it, and this is what says it to the plan.
PLANNED = {name: hint for names, hint in (
    ("time", "use --time"), ("mem", "use --mem"), ("cpus_per_task cpus_per_gpu", "use --cpus"),
    ("array", "use --parallel and --cells-per-job"), ("signal", f"set signal_delay_s in {FILE}"),
    ("gpus_per_socket", "use --gpus"),
    ("tres_per_job tres_per_node tres_per_socket tres_per_task", "use --gpus, --cpus or --gres"),
    ("nodes ntasks ntasks_per_node tasks_per_node ntasks_per_gpu ntasks_per_core ntasks_per_socket",
     "a job is one process on one node"),
    ("job_name output error open_mode", "status and logs find jobs by what submit gives"),
    ("requeue no_requeue", "a job that is stopped always asks to be put back"),
    ("clusters cluster", "type this on a login node of that cluster"),
    ("setup teardown srun_args use_srun signal_delay_s additional_parameters",
     f"no option of sbatch's; it can stand in {FILE}"),
) for name in names.split()}  # fmt: skip
# Who pays and where it runs: where a site has users say this once, in the shell, sbatch reads it as SBATCH_ACCOUNT etc.
FROM_SHELL = ("account", "partition", "qos", "constraint", "reservation", "wckey")


@dataclass(frozen=True)
class Settings:
    """minutes: time limit of a job. cpus, gpus, mem (GB): of a job; mem None: the cluster's default.
    parallel: jobs at once. passed: the rest, by submitit's names. notes: what became of the shell's variables."""

    cluster: str
    minutes: int
    gpus: int
    cpus: int
    mem: float | None
    parallel: int
    passed: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """What a job trains on."""
        return "cuda" if self.gpus else "cpu"

    def for_submitit(self, name: str) -> dict[str, Any]:
        """The arguments of AutoExecutor.update_parameters."""
        if self.cluster != "slurm":
            return {"name": name, "timeout_min": self.minutes, "gpus_per_node": self.gpus}
        by_name = "gpus_per_node" in self.passed or count_gpus("gres", self.passed.get("gres", ""))
        more = {"requeue": True, **self.passed.get("additional_parameters", {})}
        return {
            "name": name, "timeout_min": self.minutes, "cpus_per_task": self.cpus,
            **({"gpus_per_node": self.gpus} if self.gpus and not by_name else {}),
            **({"mem_gb": self.mem} if self.mem else {}),
            **{f"slurm_{key}": value for key, value in self.passed.items()},
            "slurm_additional_parameters": more,
        }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of plan, submit and retry."""
    group = parser.add_argument_group("jobs", f'all can stand in {FILE} as well, as in: partition = "gpu"')
    group.add_argument("--settings", type=Path, help=f"the TOML file to read (default {FILE}, where there is one)")
    group.add_argument("--cluster", help="slurm, local (in the background here) or debug (here and now)")
    for name in AS_SBATCH:
        group.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help="as sbatch has it")
    group.add_argument("--time", help=f"limit of a job: minutes, or H:MM:SS (default {DEFAULT_MINUTES})")
    group.add_argument("--gpus", type=int, help="of a job: 0 or 1 (default: 1 for profiles gpu_short, gpu, paper)")
    group.add_argument("--cpus", type=int, help="of a job (default: 4; without a GPU it trains as many cells at once)")
    group.add_argument("--mem", help="of a job: GB, or as in 500M, 32G, 1T (default: the cluster's)")
    group.add_argument("--setup", action="append", metavar="LINE", help="shell line before the job (may be repeated)")
    group.add_argument("--parallel", type=int, help="jobs at once, at most (default 256)")
    group.add_argument("--slurm", action="append", default=[], metavar="NAME=VALUE", help="any other of sbatch's")


def read(given: argparse.Namespace) -> Settings:
    """The file's settings, the command line's over them, and what neither says from the shell. Raises UsageError."""
    file, typed = _from_file(given.settings), _typed(given)
    asked = _gpus(typed)
    if asked is not None and (typed.keys() & {"gres", *TYPED} or not _asks_for(asked, file)):
        file = _without_gpus(file)
    values = {**file, **typed}
    cluster = values.get("cluster", "slurm")
    if cluster not in CLUSTERS:
        raise UsageError(f"--cluster {brief(cluster)}: one of {', '.join(CLUSTERS)}")
    notes = _take_from_shell(values) if cluster == "slurm" else ()
    gpus = _gpus(values)
    default = 60 * 24 * 365 if cluster != "slurm" else DEFAULT_MINUTES
    passed = {name: values[name] for name in PASSED_ON if name in values}
    if gpus and (by_name := [values[name] for name in TYPED if name in values]):
        passed["gpus_per_node"] = str(by_name[0])  # sbatch takes gpus_per_task only with the number of tasks
    more = {name: value for name, value in values.items() if name not in (*KINDS, *TYPED)}
    settings = Settings(
        cluster=cluster,
        minutes=minutes(values.get("time", default)),
        gpus=int(given.profile in ON_A_GPU) if gpus is None else gpus,
        cpus=values.get("cpus", 4),
        mem=memory(values["mem"]) if "mem" in values else None,
        parallel=values.get("parallel", 256),
        passed={**passed, "additional_parameters": more} if more else passed,
        notes=notes,
    )
    _check(settings)
    unused = sorted(typed.keys() - {"cluster", "time", "gpus"})
    if cluster != "slurm" and unused:
        raise UsageError(f"{_option(unused[0])} is for SLURM: --cluster {cluster} has no use for it")
    return settings


def _typed(given: argparse.Namespace) -> dict[str, Any]:
    """What the command line says, by the file's names or, for what has none there, by sbatch's with _ for -."""
    values = {name: value for name in KINDS if (value := getattr(given, name, None)) is not None}
    for name, value in values.items():
        if value == "":
            raise UsageError(f"{_option(name)} is empty")
    pairs = (text.split("=", 1) if "=" in text else (text, None) for text in given.slurm)
    return values | _more(pairs, values, "--slurm ")


def _more(pairs: Iterable[Sequence[Any]], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Any other of sbatch's options, by their names with _ for -. values: what is said already. Raises UsageError."""
    found: dict[str, Any] = {}
    for written, value in pairs:
        name, option = written.replace("-", "_"), f"{where}{brief(written)}"
        if name in PLANNED:
            raise UsageError(f"{option}: {PLANNED[name]}")
        if value is None:
            raise UsageError(
                f"{option}: NAME=VALUE, as in --slurm reservation=adamw; what has no value stands in {FILE}: "
                f"additional_parameters = {{ {brief(written)} = true }}"
            )
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise UsageError(f"{option}: no name of an option")
        known = sorted({*PLANNED, *GPU_WAYS, *PASSED_ON})
        longer = next((other for other in known if other.startswith(name)), name)
        if longer != name:  # which sbatch takes the beginning for
            raise UsageError(f"{option}: write it in full, as in {longer.replace('_', '-')}")
        empty = value is False or value == "" or (value is True and name in GPU_WAYS)  # which count something
        if not isinstance(value, str | int | float) or empty or not is_plain(str(value)):
            raise UsageError(f"{option} must be a text, a number or true, got {brief(repr(value))}")
        name = "gpus=" if name == "gpus" else name
        if name in found or name in values:
            raise UsageError(f"{option} is given twice")
        found[name] = value if value is True else str(value)
    return found


def _option(name: str) -> str:
    """As it is typed."""
    words = name.strip("=").replace("_", "-")
    return f"--{words}" if name in (*OWN, *AS_SBATCH, "setup") and name not in TYPED else f"--slurm {words}"


def _gpus(values: Mapping[str, Any]) -> int | None:
    """How many GPUs these settings ask for; None where they do not say. Raises UsageError for more than one answer."""
    ways = {name: count_gpus(name, str(values[name])) for name in GPU_WAYS if name in values}
    ways = {name: count for name, count in ways.items() if count is not None}
    words = [f"{_option(name)} {brief(values[name])}" for name in ways]
    if len(set(ways.values())) > 1 or len(ways.keys() - {"gpus"}) > 1:
        raise UsageError(f"{' and '.join(words)} both say how many GPUs a job has: one of them is enough")
    count = next(iter(ways.values()), None)
    if count is not None and count not in (0, 1):
        raise UsageError(f"{words[0]}: 0 or 1, because cells share one GPU; --parallel takes more of them")
    return count


def count_gpus(name: str, value: str) -> int | None:
    """How many GPUs a setting asks for, as in a100:1, or gpu:a100:1,nvme:1 for gres; None for a gres of other things.

    Raises UsageError.
    """
    counts = []
    for item in value.split(",") if value else []:
        parts = re.split("[:=/]", item.strip())
        if name == "gres":
            kind, *parts = [part for part in parts if part != "gres"] or [""]
            if kind.lower() in ("shard", "mps") and parts != ["0"]:
                raise UsageError(f"--gres {brief(value)}: a part of a GPU, and jobs share theirs themselves: --gpus 1")
            if kind.lower() != "gpu":
                continue
        number = parts.pop() if parts and re.fullmatch(r"-?\d+[kmgtp]?", parts[-1], re.IGNORECASE) else "1"
        if not re.fullmatch(r"\d{1,9}", number) or not all(re.search("[A-Za-z]", part) for part in parts):
            raise UsageError(f"{_option(name)} {brief(value)}: how many GPUs? 0 or 1, as in --gres gpu:a100:1")
        counts.append(int(number))
    return sum(counts) if counts else None


def _asks_for(count: int, values: Mapping[str, Any]) -> bool:
    """Whether these settings, which may be wrong because others go before them, ask for so many GPUs."""
    try:
        return _gpus(values) == count
    except UsageError:
        return False


def _without_gpus(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that do not ask for GPUs."""
    kept = {name: value for name, value in values.items() if name not in GPU_WAYS}
    of_gpus = re.compile(r"\s*(gres[:/])?(gpu|shard|mps)\b", re.IGNORECASE)
    others = [item for item in values.get("gres", "").split(",") if item and not of_gpus.match(item)]
    return {**kept, "gres": ",".join(others)} if others else kept


def _take_from_shell(values: dict[str, Any]) -> tuple[str, ...]:
    """Take over from sbatch's variables what is not set yet. Returns what is said of that, in lines."""
    taken, left = [], []
    for variable, value in sorted(os.environ.items()):
        prefix, _, rest = variable.partition("_")
        name = rest.lower()
        if not value or name == "clusters":  # which cluster.check_same() looks at
            continue
        if prefix == "SBATCH" and name in FROM_SHELL and name not in values:
            if not is_plain(value):
                raise UsageError(f"{variable} holds control characters: {brief(repr(value))}")
            values[name] = value
            taken.append(f"{variable}={value}")
        elif prefix == "SBATCH" or (prefix == "SLURM" and name in FROM_SHELL and "SLURM_JOB_ID" not in os.environ):
            left.append(variable)
    return (
        *[f"from this shell, as for sbatch: {', '.join(taken)}"] * bool(taken),
        *[f"not used: {', '.join(left)} (a job is given what is typed here or stands in {FILE})"] * bool(left),
    )


def _check(settings: Settings) -> None:
    for name in ("cpus", "parallel"):
        if not 1 <= getattr(settings, name) <= MOST:
            raise UsageError(f"--{name} must lie between 1 and {MOST:,}, got {getattr(settings, name)}")
    other = [name for name in ("mem_per_cpu", "mem_per_gpu") if name in settings.passed]
    if other and (settings.mem or len(other) > 1):
        raise UsageError(f"{_option('mem' if settings.mem else other[1])} and {other[0]}: sbatch takes one of them")


def memory(text: str | float) -> float:
    """GB: 32, "32G", "500M" or "1T". Raises UsageError."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})([MGT]?)B?", str(text), re.IGNORECASE)
    size = float(found[1]) * 1024.0 ** ("MGT".index(found[2].upper() or "G") - 1) if found else 0.0
    if found is None or not 1 / 1024 <= size <= MOST:  # sbatch takes 0 MB for all that a node has
        forms = "as in 32, 32G, 500M or 1T, and 1M at least"
        raise UsageError(f"--mem must be more than 0 and at most {MOST:,} GB, {forms}, got {brief(text)}")
    return size


def minutes(text: str | int) -> int:
    """A time limit in minutes: "90", "1:30:00" (hours) or "2-00:00:00" (days). Raises UsageError."""
    found = re.fullmatch(r"(?:(\d{1,6})-)?(\d{1,6}):(\d\d):(\d\d)|(\d{1,9})", str(text))
    if found is None:
        raise UsageError(f"--time {brief(text)}: minutes, or H:MM:SS, or D-HH:MM:SS")
    days, hours, mins, seconds, whole = (int(part or 0) for part in found.groups())
    total = whole or (days * 24 + hours) * 60 + mins + (seconds > 0)
    if not total:
        raise UsageError("--time must be at least a minute")
    return total


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None and not FILE.exists():
        return {}
    path = path or FILE
    try:
        values: dict[str, Any] = tomllib.loads(files.read(path, files.SMALL).decode())
    except OSError as error:
        raise UsageError(f"--settings {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {brief(error)}") from None
    for name, value in values.items():
        if name not in KINDS:
            hint = PLANNED.get(name) or f"one of {', '.join(sorted(KINDS))}"
            raise UsageError(f"{path}: no setting {brief(name)!r}: {hint}")
        if type(value) not in [TYPES[kind] for kind in KINDS[name].split(" or ")]:
            raise UsageError(f"{path}: {name} = {brief(repr(value))} is not a {KINDS[name]}")
        if value == "":
            raise UsageError(f"{path}: {name} is empty")
        if isinstance(value, list) and not all(isinstance(line, str) for line in value):
            raise UsageError(f"{path}: {name} must be a list of texts")
        if not all(is_plain(str(part)) for part in (value if isinstance(value, list) else [value])):
            raise UsageError(f"{path}: {name} holds control characters: {brief(repr(value))}")
    more = values.pop("additional_parameters", {})
    return values | _more(more.items(), values, f"{path}: additional_parameters: ")
