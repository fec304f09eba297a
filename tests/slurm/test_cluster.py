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
    says(programs, "squeue", "7_12|PENDING|Resources|0:00|me||fig2-demo-x\n8|RUNNING|None|1:00|you|n1|a|b\nc")
    assert cluster.tasks(None) == [
        cluster.Task("7_12", 12, "fig2-demo-x", "PENDING (Resources)", "me", ""),
        cluster.Task("8", 0, "a|b", "RUNNING", "you", "n1"),
    ]


FILTERS = {
    "SQUEUE_STATES": "RUNNING", "SQUEUE_USERS": "nobody", "SQUEUE_PARTITION": "x", "SQUEUE_NAMES": "x",
    "SINFO_PARTITION": "x", "SCONTROL_FEDERATION": "1", "SCANCEL_STATE": "RUNNING", "SCANCEL_INTERACTIVE": "1",
    "SLURM_CLUSTERS": "other", "SLURM_TIME_FORMAT": "relative", "SLURM_BITSTR_LEN": "4", "SLURM_JOB_ID": "9",
}  # fmt: skip


@pytest.mark.parametrize(
    ("program", "ask"),
    [
        ("squeue", lambda: cluster.tasks(None)),
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
    assert cluster.tasks(cluster.user()) == []
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
    config = "MaxArraySize            = 1001\nMaxJobCount             = 10000\nClusterName             = test"
    says(programs, "scontrol", config)
    says(programs, "squeue", "1_0\n1_1")
    says(programs, "sacctmgr", "", code=1)  # no accounting
    assert cluster.room(None, None, None) == 1001
    rows = "poor|poor|||50\npoor|poor|gpu||20\npoor|rich|||300\npoor|free|||\npoor|full|||1"
    asked = f"#!/bin/sh\ncase \"$*\" in *user*where*name={cluster.user()}*cluster=test*) echo '{rows}';; esac\n"
    (programs / "sacctmgr").write_text(asked)
    for account, partition, room in (
        (None, None, 48), ("poor", "main", 48), (None, "gpu", 18), ("rich", None, 298), ("free", None, 1001),
        ("full", None, 0), ("of another cluster", None, 1001),
    ):  # fmt: skip
        assert cluster.room(account, None, partition) == room
    asked = "#!/bin/sh\ncase \"$*\" in *qos*where*name=long*) echo 40;; *user*) echo 'a|a||long|100';; esac\n"
    (programs / "sacctmgr").write_text(asked)
    assert cluster.room(None, None, None) == 38  # that of the account's own quality of service
    assert cluster.room(None, "normal", None) == 98


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
        cluster.tasks(None)


def test_the_id_of_this_job(monkeypatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    assert cluster.job_id() is None
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert cluster.job_id() == "12"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "9")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert cluster.job_id() == "9_3"


@pytest.mark.parametrize("state", ["RUNNING", "CANCELLED"])
def test_a_requeue_that_fails_is_tried_again_while_the_job_runs(programs: Path, monkeypatch, capsys, state) -> None:
    monkeypatch.setattr(cluster, "PAUSE", 0.01)
    (programs / "scontrol").write_text(
        f"""#!/bin/sh
[ "$1" = requeue ] || exec echo JobState={state}
echo x >> {programs}/asked
[ $(wc -l < {programs}/asked) -lt 3 ] || exit 0
echo 'Unable to contact slurm controller' >&2
exit 1
"""
    )
    (programs / "scontrol").chmod(0o755)
    cluster.requeue("7_1")
    assert len((programs / "asked").read_text().split()) == (3 if state == "RUNNING" else 1)
    said = "not put back yet: scontrol: Unable to contact slurm controller\n"
    assert capsys.readouterr().err == (2 * said if state == "RUNNING" else "")


@pytest.mark.parametrize(
    ("job", "rule", "partition", "qos", "ended"),
    [
        ("Requeue=1", "preempt/none", "CANCEL", "cancel", False),
        ("Requeue=0", "preempt/none", "OFF", "cluster", True),
        ("Requeue=1", "preempt/partition_prio", "CANCEL", "cluster", True),
        ("Requeue=1", "preempt/partition_prio", "REQUEUE", "cluster", False),
        ("Requeue=1", "preempt/qos", "REQUEUE", "cancel", True),
    ],
)
def test_where_a_job_is_not_put_back(programs: Path, job: str, rule: str, partition: str, qos: str, ended) -> None:
    says(programs, "sacctmgr", qos)
    (programs / "scontrol").write_text(
        f"""#!/bin/sh
case "$2" in
job) echo '   Partition=main QOS=normal Restarts=0 {job} JobState=RUNNING' ;;
partition) [ "$3" = main ] && echo '   GraceTime=20 PreemptMode={partition} State=UP' ;;
config) echo 'PreemptType             = {rule}' ;;
esac
"""
    )
    (programs / "scontrol").chmod(0o755)
    assert cluster.is_ended_for_good("7_1") is ended
