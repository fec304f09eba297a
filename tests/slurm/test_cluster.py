"""What SLURM's commands say is understood, whatever they say. (That they say it: tests/cluster, on a real SLURM.)"""

import os
import pwd
from pathlib import Path

import pytest

from slurm import cluster


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH for programs that print what real ones printed."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def says(programs: Path, name: str, output: str, code: int = 0) -> None:
    (programs / name).write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n")
    (programs / name).chmod(0o755)


def test_jobs_of_arrays_and_single_ones(programs: Path) -> None:
    says(programs, "squeue", "7_12|PENDING|Resources|fig2-demo-x\n8|RUNNING|None|a|b")
    assert cluster.tasks() == [
        cluster.Task("7_12", 12, "fig2-demo-x", "PENDING (Resources)"),
        cluster.Task("8", 0, "a|b", "RUNNING"),
    ]


FILTERS = {
    "SQUEUE_STATES": "RUNNING", "SQUEUE_USERS": "nobody", "SQUEUE_PARTITION": "x", "SQUEUE_NAMES": "x",
    "SINFO_PARTITION": "x", "SCONTROL_FEDERATION": "1", "SCANCEL_STATE": "RUNNING", "SCANCEL_INTERACTIVE": "1",
    "SLURM_CLUSTERS": "other", "SLURM_TIME_FORMAT": "relative", "SLURM_BITSTR_LEN": "4", "SLURM_JOB_ID": "9",
}  # fmt: skip


@pytest.mark.parametrize(
    ("program", "ask"),
    [
        ("squeue", cluster.tasks),
        ("sinfo", cluster.partitions),
        ("scontrol", lambda: cluster.is_running("3")),
        ("scancel", lambda: cluster.cancel(["3"])),
    ],
)
def test_filters_of_the_shell_do_not_reach_slurm_s_commands(programs: Path, monkeypatch, program: str, ask) -> None:
    for name, value in {**FILTERS, "SLURM_CONF": "/etc/conf", "SLURM_JWT": "token", "PLAIN": "kept"}.items():
        monkeypatch.setenv(name, value)
    (programs / program).write_text(f"#!/bin/sh\nenv > {programs}/seen\n")
    (programs / program).chmod(0o755)
    ask()
    seen = dict(line.split("=", 1) for line in (programs / "seen").read_text().splitlines())
    assert not seen.keys() & FILTERS.keys()
    assert (seen["SLURM_CONF"], seen["SLURM_JWT"], seen["PLAIN"]) == ("/etc/conf", "token", "kept")


def test_jobs_are_asked_for_in_hidden_partitions_too_and_of_who_this_really_is(programs: Path, monkeypatch) -> None:
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "somebody-else")
    for program in ("squeue", "sinfo"):
        (programs / program).write_text(f"#!/bin/sh\necho $* > {programs}/{program}.seen\n")
        (programs / program).chmod(0o755)
    assert cluster.tasks() == []
    assert cluster.partitions() == {}
    assert "--all" in (programs / "sinfo.seen").read_text().split()
    said = (programs / "squeue.seen").read_text()
    assert "--all" in said.split()
    assert f"--user {pwd.getpwuid(os.getuid()).pw_name} " in said


def test_partitions_the_default_one_first(programs: Path) -> None:
    says(programs, "sinfo", "long|7-00:00:00\nmain*|infinite\nquick|30:00\nday|1-00:00:00\nhours|4:00:00")
    assert cluster.partitions() == {"main": None, "long": 7 * 1440, "quick": 30, "day": 1440, "hours": 240}
    assert next(iter(cluster.partitions())) == "main"


def test_room_of_the_cluster_and_of_the_account(programs: Path) -> None:
    says(programs, "scontrol", "MaxArraySize            = 1001\nMaxJobCount             = 10000")
    says(programs, "squeue", "1_0|RUNNING|None|x\n1_1|RUNNING|None|x")
    says(programs, "sacctmgr", "", code=1)  # no accounting
    assert cluster.room(None) == 1001
    says(programs, "sacctmgr", "50\n\n300")
    assert cluster.room("normal") == 48
    says(programs, "sacctmgr", "1")
    assert cluster.room("normal") == 0


def test_a_job_that_was_put_back_or_cancelled_does_not_run(programs: Path) -> None:
    says(programs, "scontrol", "JobId=3 JobName=x\n   JobState=RUNNING Reason=None")
    assert cluster.is_running("3")
    says(programs, "scontrol", "JobId=3 JobName=x\n   JobState=COMPLETING Reason=None")
    assert not cluster.is_running("3")
    says(programs, "scontrol", "", code=1)  # not to be asked: rather once more in the queue than lost
    assert cluster.is_running("3")


def test_where_there_is_no_slurm_one_line_says_so(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(cluster.ClusterError, match=r"there is no sinfo here: .* experiments run") as error:
        cluster.partitions()
    assert "\n" not in str(error.value)


def test_what_slurm_refuses_is_its_last_line(programs: Path) -> None:
    (programs / "squeue").write_text("#!/bin/sh\necho one >&2\necho 'slurm_load_jobs error: down' >&2\nexit 1\n")
    (programs / "squeue").chmod(0o755)
    with pytest.raises(cluster.ClusterError, match=r"^squeue: slurm_load_jobs error: down$"):
        cluster.tasks()


def test_the_id_of_this_job(monkeypatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    assert cluster.job_id() is None
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert cluster.job_id() == "12"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "9")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert cluster.job_id() == "9_3"
