"""What a job may use, from one small TOML file and the command line, handed on to submitit by name."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.choosing import UsageError
from paper_repro import files
from paper_repro.texts import brief, is_plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CLUSTERS = ("slurm", "local", "debug")
FILE = Path("slurm.toml")  # read where there is one
DEFAULT_MINUTES = 60
ON_A_GPU = ("gpu", "paper")  # profiles
MOST = 10**6  # cores, GB, or jobs at once
EVER = 10**6  # timeouts that submitit allows a job: what ends it is that its cells are done

# Passed to sbatch as they are, by these names (submitit's, which are sbatch's with _ for -).
PASSED_ON = (
    "partition", "account", "qos", "gres", "constraint", "exclude", "nodelist", "mail_type", "mail_user", "comment",
    "dependency", "exclusive", "setup", "teardown", "mem_per_cpu", "mem_per_gpu", "cpus_per_gpu", "gpus_per_task",
    "srun_args", "use_srun", "signal_delay_s", "additional_parameters", "wckey",
)  # fmt: skip
OWN = {"cluster": str, "time": (int, str), "gpus": int, "cpus": int, "mem": (int, float), "parallel": int}
KINDS: dict[str, Any] = {
    **OWN, **dict.fromkeys(PASSED_ON, str), "setup": list, "teardown": list, "srun_args": list, "use_srun": bool,
    "exclusive": (bool, str), "cpus_per_gpu": int, "gpus_per_task": int, "signal_delay_s": int,
    "additional_parameters": dict,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """minutes: time limit of a job. cpus, gpus, mem (GB): of a job; mem None: the cluster's default.
    parallel: jobs at once. passed: the rest, by submitit's names."""

    cluster: str
    minutes: int
    gpus: int
    cpus: int
    mem: float | None
    parallel: int
    passed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """What a job trains on."""
        asked = self.gpus or "gpu" in str(self.passed.get("gres", "")) or "gpus_per_task" in self.passed
        return "cuda" if asked else "cpu"

    def for_submitit(self, name: str) -> dict[str, Any]:
        """The arguments of AutoExecutor.update_parameters."""
        if self.cluster != "slurm":
            return {"name": name, "timeout_min": self.minutes, "gpus_per_node": self.gpus}
        more = {"requeue": True, **self.passed.get("additional_parameters", {})}
        return {
            "name": name, "timeout_min": self.minutes, "cpus_per_task": self.cpus,
            **({"gpus_per_node": self.gpus} if self.gpus else {}), **({"mem_gb": self.mem} if self.mem else {}),
            **{f"slurm_{key}": value for key, value in self.passed.items()},
            "slurm_additional_parameters": more,
        }  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of plan, submit and retry."""
    group = parser.add_argument_group("jobs", f'all can stand in {FILE} as well, as in: partition = "gpu"')
    group.add_argument("--settings", type=Path, help=f"the TOML file to read (default {FILE}, where there is one)")
    group.add_argument("--cluster", help="slurm, local (in the background here) or debug (here and now)")
    for name in ("partition", "account", "qos", "gres", "constraint", "exclude", "nodelist", "mail-type", "mail-user"):
        group.add_argument(f"--{name}", metavar="TEXT", help="as sbatch has it")
    group.add_argument("--time", help=f"limit of a job: minutes, or H:MM:SS (default {DEFAULT_MINUTES})")
    group.add_argument("--gpus", type=int, help="of a job: 0 or 1 (default: 1 for the profiles gpu and paper)")
    group.add_argument("--cpus", type=int, help="of a job (default: 4; without a GPU it trains as many cells at once)")
    group.add_argument("--mem", type=float, help="GB of a job (default: the cluster's)")
    group.add_argument("--setup", action="append", metavar="LINE", help="shell line before the job (may be repeated)")
    group.add_argument("--parallel", type=int, help="jobs at once, at most (default 256)")
    group.add_argument("--slurm", action="append", default=[], metavar="NAME=VALUE", help="any other of sbatch's")


def read(given: argparse.Namespace) -> Settings:
    """The file's settings, and the command line's over them. Raises UsageError."""
    values = _from_file(given.settings)
    for name in (*OWN, *PASSED_ON):
        if getattr(given, name, None) is not None:
            values[name] = getattr(given, name)
    more = dict(_pair(text) for text in given.slurm)
    passed = {name: values[name] for name in PASSED_ON if name in values}
    if more:
        passed["additional_parameters"] = {**passed.get("additional_parameters", {}), **more}
    cluster = values.get("cluster", "slurm")
    if cluster not in CLUSTERS:
        raise UsageError(f"--cluster {brief(cluster)}: one of {', '.join(CLUSTERS)}")
    settings = Settings(
        cluster=cluster,
        minutes=minutes(values["time"])
        if "time" in values
        else DEFAULT_MINUTES
        if cluster == "slurm"
        else 60 * 24 * 365,
        gpus=values.get("gpus", int(given.profile in ON_A_GPU and "gres" not in passed)),
        cpus=values.get("cpus", 4),
        mem=values.get("mem"),
        parallel=values.get("parallel", 256),
        passed=passed,
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if settings.gpus not in (0, 1):
        raise UsageError(f"--gpus {settings.gpus}: 0 or 1, because cells share one GPU; --parallel takes more of them")
    for name in ("cpus", "parallel"):
        if not 1 <= getattr(settings, name) <= MOST:
            raise UsageError(f"--{name} must lie between 1 and {MOST:,}, got {getattr(settings, name)}")
    if settings.mem is not None and not 0 < settings.mem <= MOST:
        raise UsageError(f"--mem must be more than 0 and at most {MOST:,} GB, got {brief(settings.mem)}")


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
            raise UsageError(f"{path}: no setting {brief(name)!r}: one of {', '.join(sorted(KINDS))}")
        if not isinstance(value, KINDS[name]) or (isinstance(value, bool) and KINDS[name] in (int, (int, float))):
            raise UsageError(f"{path}: {name} = {brief(repr(value))} is not a {_words(KINDS[name])}")
        if isinstance(value, list) and not all(isinstance(line, str) for line in value):
            raise UsageError(f"{path}: {name} must be a list of texts")
        if not all(map(is_plain, _texts(value))):
            raise UsageError(f"{path}: {name} holds control characters: {brief(repr(value))}")
    return values


def _texts(value: Any) -> list[str]:
    """All that will stand in a file for sbatch, where a newline would begin a line of its own."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else [str(value)]


def _words(kind: Any) -> str:
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        list: "list of texts",
        bool: "true or false",
        dict: "table",
    }
    return " or ".join(names[one] for one in (kind if isinstance(kind, tuple) else (kind,)))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z-]*", name):
        raise UsageError(f"--slurm {brief(text)}: NAME=VALUE, as in --slurm reservation=adamw")
    return name, value
