"""What SLURM says. Only squeue and scontrol decide what lives: sacct may be missing, and its NODE_FAIL is not final."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from paper_repro.cli import UsageError, brief

SECONDS = 60  # to wait for an answer
NOTICE = 600.0  # seconds in which a requeue is asked for anew: longer than clusters let a job have after its notice
PAUSE = 5.0  # seconds between two askings

# What a user's shell or a job around this one says to SLURM's commands and to submitit.
OF_SLURM = re.compile("(SLURMD?|SQUEUE|SINFO|SCONTROL|SCANCEL|SACCTMGR|SBATCH|SRUN|SUBMITIT)_")
REACHED_BY = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")  # without which SLURM may not be reached at all


class ClusterError(UsageError):
    """SLURM cannot be asked, or refuses. The message is one line."""


class Task(NamedTuple):
    """A job, or one task of an array, that SLURM still knows. state: with the reason where it waits; "COMPLETING" where
    it takes no more cells, "COMPLETING (requeued)" where it will come back."""

    id: str
    place: int  # in its array; 0 without one
    name: str
    state: str
    user: str  # who has sent it
    nodes: str  # where it is; empty while it waits


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
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, errors="backslashreplace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} did not answer within {SECONDS} s: SLURM seems to be down") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ClusterError(f"{command[0]}: {lines[-1]}")
    return done.stdout


def tasks(owner: str | None) -> list[Task]:
    """All jobs of a user, or of everybody (None), an array's tasks one by one. One that SLURM puts back stays in it."""
    jobs = []
    lines = _queue("%i|%T|%r|%M|%u|%N|%j", *(["--user", owner] if owner else []))
    for line in lines:
        if line.count("|") < 6:
            continue  # the rest of a name of several lines
        job, state, reason, ran, sender, nodes, name = line.split("|", 6)
        index = job.partition("_")[2]
        if state == "COMPLETING" and ran == "0:00":  # its time begins anew when it is put back, its state does not tell
            reason = "requeued"
        if state in ("PENDING", "COMPLETING") and reason != "None":
            state = f"{state} ({reason})"
        jobs.append(Task(job, int(index) if index.isdigit() else 0, name, state, sender, nodes))
    return jobs


def _queue(form: str, *which: str) -> list[str]:
    """A line for each job. --all: else those in hidden partitions are left out, and would be sent again."""
    return ask(["squeue", "--noheader", "--all", "--array", *which, "--format", form]).splitlines()


def hides_jobs() -> bool:
    """Whether users are shown their own jobs only."""
    return "jobs" in _config().get("PrivateData", "").split(",")


def _fields(command: Sequence[str]) -> dict[str, str]:
    return dict(re.findall(r"(\S+?)=(\S*)", ask(command)))


def _config() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)\s*= (.*)$", ask(["scontrol", "show", "config"]), re.MULTILINE))


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


def user() -> str:
    """Who sends jobs from here, whatever USER and LOGNAME say."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container
        return str(os.getuid())


def room(account: str | None, qos: str | None, partition: str | None) -> int:
    """How many more jobs the controller and this user take now, in one array, in that account (None: the default)."""
    config, me = _config(), user()
    free = [int(config["MaxJobCount"]) - len(_queue("%i")), int(config.get("MaxArraySize", 1001))]
    with suppress(ClusterError):  # nothing is said without accounting
        columns = "DefaultAccount,Account,Partition,DefaultQOS,MaxSubmitJobs"
        rows = _accounts(
            "user", "withassoc", "where", f"name={me}", f"cluster={config['ClusterName']}", columns=columns
        )
        used = [row[1:] for row in rows if row[1] == (account or row[0]) and row[2] in ("", partition)]
        for name, _, usual, most in sorted(used, key=lambda row: row[1])[-1:]:  # the partition's own goes first
            qos = qos or usual
            if most.isdigit():
                free.append(int(most) - len(_queue("%i", "--user", me, "--account", name)))
    with suppress(ClusterError):
        for (most,) in _accounts("qos", "where", f"name={qos or 'normal'}", columns="MaxSubmitJobsPerUser"):
            if most.isdigit():
                free.append(int(most) - len(_queue("%i", "--user", me)))
    return max(0, min(free))


def _accounts(*question: str, columns: str) -> list[list[str]]:
    """Rows of what the accounting says. Raises ClusterError where there is none."""
    answer = ask(["sacctmgr", "--noheader", "--parsable2", "--readonly", "show", *question, f"format={columns}"])
    return [line.split("|") for line in answer.splitlines()]


def is_running(job: str) -> bool:
    """Whether SLURM holds the job for running: not cancelled, not put back. Where it cannot be asked: yes."""
    try:
        return "JobState=RUNNING" in ask(["scontrol", "show", "job", job])
    except ClusterError:
        return True


def requeue(job: str) -> None:
    """Have the job run again, unless another of its tasks has asked for that already. Where SLURM does not take it, as
    its controller is away, ask until it does, or the job is ended."""
    end = time.monotonic() + NOTICE
    while time.monotonic() < end:
        try:
            ask(["scontrol", "requeue", job])
            return
        except ClusterError as error:
            if not is_running(job):
                return
            print(f"not put back yet: {error}", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


def is_ended_for_good(job: str) -> bool:
    """Whether SLURM does not put the job back where it takes its node away: where preempted jobs are cancelled, or it
    may not be requeued. Raises ClusterError."""
    this, rule = _fields(["scontrol", "show", "job", job]), _config().get("PreemptType", "preempt/none")
    if this.get("Requeue") == "0" or rule in ("preempt/none", "(null)"):
        return this.get("Requeue") == "0"
    modes = [_fields(["scontrol", "show", "partition", this.get("Partition", "")]).get("PreemptMode", "")]
    with suppress(ClusterError):
        modes += [mode for (mode,) in _accounts("qos", "where", f"name={this.get('QOS')}", columns="PreemptMode")]
    return any("CANCEL" in mode.upper() for mode in modes)


def leave_successor(job: str, script: Path) -> str:
    """Have SLURM run the script once more, at the same place of its array, if the job ends otherwise than well.

    Returns the new job's id. Raises ClusterError.
    """
    place = job.partition("_")[2]
    words = [f"--dependency=afternotok:{job}", "--kill-on-invalid-dep=yes", *[f"--array={place}"] * bool(place)]
    answer = ask(["sbatch", "--parsable", *words, str(script)])
    return answer.strip().partition(";")[0] + f"_{place}" * bool(place)


def cancel(jobs: Sequence[str]) -> None:
    for start in range(0, len(jobs), 500):
        ask(["scancel", *jobs[start : start + 500]])


def mail(address: str, subject: str, text: str) -> None:
    """Send a mail as SLURM itself does, by its MailProg. Raises ClusterError."""
    program = _config().get("MailProg", "/bin/mail")
    try:
        command = [program, "-s", subject, address]
        subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterError(f"{program}: {brief(error)}") from None


def task() -> int:
    """Which of its job's tasks this process is."""
    return int(os.environ.get("SLURM_PROCID", 0))


def job_id() -> str | None:
    """Of the job that this process is part of, as squeue shows it."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID")
