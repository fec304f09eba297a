"""What SLURM says. Only squeue and scontrol decide what lives: sacct may be missing, and its NODE_FAIL is not final."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from paper_repro.cli import UsageError

SECONDS = 60  # to wait for an answer

# What a user's shell or a job around this one says to SLURM's commands and to submitit.
OF_SLURM = re.compile("(SLURMD?|SQUEUE|SINFO|SCONTROL|SCANCEL|SACCTMGR|SBATCH|SRUN|SUBMITIT)_")
REACHED_BY = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")  # without which SLURM may not be reached at all


class ClusterError(UsageError):
    """SLURM cannot be asked, or refuses. The message is one line."""


class Task(NamedTuple):
    """A job, or one task of an array, that SLURM still knows. state: with the reason where it waits."""

    id: str
    place: int  # in its array; 0 without one
    name: str
    state: str


def environment() -> dict[str, str]:
    """The environment for every command of SLURM's: without the variables that filter, format or redirect its answers,
    and that overrule a job's settings."""
    return {name: value for name, value in os.environ.items() if name in REACHED_BY or not OF_SLURM.match(name)}


def ask(command: Sequence[str]) -> str:
    """The answer of one of SLURM's commands. Raises ClusterError."""
    if shutil.which(command[0]) is None:
        raise ClusterError(
            f"there is no {command[0]} here: type this on a login node of a SLURM cluster; "
            "on one machine, python -m experiments run does the same"
        )
    try:
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} did not answer within {SECONDS} s: SLURM seems to be down") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ClusterError(f"{command[0]}: {lines[-1]}")
    return done.stdout


def tasks() -> list[Task]:
    """All jobs of this user, an array's tasks one by one. A job that SLURM puts back in the queue stays in it."""
    jobs = []
    # --all: else those in hidden partitions are left out, and would be sent again
    answer = ask(["squeue", "--noheader", "--all", "--array", "--user", _user(), "--format", "%i|%T|%r|%j"])
    for line in answer.splitlines():
        job, state, reason, name = line.split("|", 3)
        index = job.partition("_")[2]
        state = state if reason == "None" else f"{state} ({reason})"
        jobs.append(Task(job, int(index) if index.isdigit() else 0, name, state))
    return jobs


def partitions() -> dict[str, int | None]:
    """The time limit of each partition in minutes (None: none), the default one's first."""
    rows = [line.split("|") for line in ask(["sinfo", "--noheader", "--all", "--format", "%P|%l"]).splitlines()]
    rows.sort(key=lambda row: not row[0].endswith("*"))
    return {name.rstrip("*"): minutes(limit) for name, limit in rows}


def minutes(text: str) -> int | None:
    """Of a time as SLURM writes it: 90, 90:00, 1:30:00 or 2-01:30:00, seconds rounded up; None for anything else."""
    match = re.fullmatch(r"(?:(?:(\d{1,6})-)?(\d{1,6}):)?(\d{1,6}):(\d\d)|(\d{1,9})", text)
    if match is None:  # infinite, n/a
        return None
    days, hours, whole, seconds, alone = (int(part or 0) for part in match.groups())
    return alone or (days * 24 + hours) * 60 + whole + (seconds > 0)


def _user() -> str:
    """Whose jobs they are, whatever USER and LOGNAME say."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container
        return str(os.getuid())


def room(qos: str | None) -> int:
    """How many more jobs the controller and this user's account take now, in one array."""
    config = dict(re.findall(r"^(\w+)\s*= (.*)$", ask(["scontrol", "show", "config"]), re.MULTILINE))
    queue = ask(["squeue", "--noheader", "--all", "--array", "--format", "%i"])
    free = [int(config["MaxJobCount"]) - len(queue.splitlines()), int(config.get("MaxArraySize", 1001))]
    for question in (  # nothing is said without accounting
        ["show", "assoc", "where", f"user={_user()}", "format=MaxSubmitJobs"],
        ["show", "qos", "where", f"name={qos or 'normal'}", "format=MaxSubmitJobsPerUser"],
    ):
        with suppress(ClusterError):
            answer = ask(["sacctmgr", "--noheader", "--parsable2", "--readonly", *question])
            free += [int(line) - len(tasks()) for line in answer.split() if line.isdigit()]
    return max(0, min(free))


def is_running(job: str) -> bool:
    """Whether SLURM holds the job for running: not cancelled, not put back. Where it cannot be asked: yes."""
    try:
        return "JobState=RUNNING" in ask(["scontrol", "show", "job", job])
    except ClusterError:
        return True


def cancel(jobs: Sequence[str]) -> None:
    for start in range(0, len(jobs), 500):
        ask(["scancel", *jobs[start : start + 500]])


def job_id() -> str | None:
    """Of the job that this process is part of, as squeue shows it."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID")
