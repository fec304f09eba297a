"""A real SLURM on this machine, for tests: two virtual nodes with made-up GPUs, accounting with its own database, fast
requeues.

    python -m tests.cluster.real_slurm          # start one, say how to use it, stop it on Ctrl-C

Needs root on Debian 12 (slurm 22.05), no systemd and no cgroups; installs what is missing with apt-get. Everything lies
in one folder. Each daemon runs in the foreground of a session of its own, so that a test can kill it like a machine.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = [
    "munge", "slurmctld", "slurmd", "slurm-client", "slurmdbd", "slurm-wlm-mysql-plugin", "mariadb-server-core",
    "mariadb-client-core",
]  # fmt: skip
NODES = ("n1", "n2")
NOTICE = "SlurmctldParameters=preempt_send_user_signal"  # preempted jobs get the user's signal
CORES = 4  # declared for each node, whatever the machine has
GPUS = 4  # made up, of each node


class Unavailable(Exception):
    """Why no SLURM can be started here, in one line."""


class RealSlurm:
    """Start with `with RealSlurm() as slurm`; its clients need slurm.environment.

    largest: MaxArraySize.
    """

    def __init__(self, largest: int = 1001, port: int = 17810) -> None:
        self.largest, self.port = largest, port
        self.folder = Path(tempfile.mkdtemp(prefix="real-slurm-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> RealSlurm:
        try:
            install(PACKAGES)
            self._write_config()
            self._start_munge()
            self._start_accounts()
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            self._wait("nodes", lambda: self.nodes() == dict.fromkeys(NODES, "idle"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if "slurmctld" in self.daemons:
            self._ask_quietly("scancel", "--user=root")
            end = time.monotonic() + 20
            while time.monotonic() < end and self._ask_quietly("squeue", "--noheader").strip():
                time.sleep(0.2)
        for name in ("slurmd-n1", "slurmd-n2", "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *command: str) -> str:
        """The answer of one of SLURM's commands. Raises CalledProcessError."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def _ask_quietly(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return done.stdout

    def queue(self) -> dict[str, str]:
        """State of each job that lives, by its id; an array's tasks one by one."""
        return dict(line.split("|") for line in self.ask("squeue", "-h", "-r", "-o", "%i|%T").splitlines())

    def nodes(self) -> dict[str, str]:
        return dict(line.split("|") for line in self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%N|%t").splitlines())

    def start_controller(self) -> None:
        self._launch("slurmctld", ["slurmctld", "-D", "-f", str(self.folder / "slurm.conf")])
        self._wait("slurmctld", lambda: "UP" in self.ask("scontrol", "ping"))

    def start_node(self, name: str) -> None:
        (self.folder / "spool" / name).mkdir(parents=True, exist_ok=True)
        self._launch(f"slurmd-{name}", ["slurmd", "-D", "-N", name, "-f", str(self.folder / "slurm.conf")])

    def lose_node(self, name: str) -> None:
        """As if its power failed, except that the processes of its jobs go on, as behind a broken network."""
        self.stop(f"slurmd-{name}", signal.SIGKILL)

    def preempt_without_notice(self) -> None:
        """From now on preempted jobs get TERM alone."""
        path = self.folder / "slurm.conf"
        path.write_text(path.read_text().replace(NOTICE, ""))
        self.ask("scontrol", "reconfigure")

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        daemon = self.daemons.pop(name, None)
        if daemon is None or daemon.poll() is not None:
            return
        daemon.send_signal(how)
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _launch(self, name: str, command: list[str], user: str | None = None) -> None:
        with open(self.folder / f"{name}.out", "ab") as log:
            self.daemons[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, user=user,
                group=user, extra_groups=[] if user else None, env=self.environment,
            )  # fmt: skip

    def _wait(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if ready():
                    return
            except subprocess.CalledProcessError:
                pass
            time.sleep(0.2)
        logs = "".join(path.read_text(errors="replace")[-600:] for path in sorted(self.folder.glob("*.out")))
        raise Unavailable(f"{what} not ready after {seconds:g} s: {logs}")

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        folder.mkdir()
        (folder / "key").write_bytes(secrets.token_bytes(1024))
        (folder / "key").chmod(0o600)
        for path in (folder, folder / "key"):
            shutil.chown(path, "munge", "munge")
        files = [f"--{part}-file={folder / part}" for part in ("key", "pid", "log", "seed")]
        socket_ = str(folder / "socket")
        self._launch("munged", ["munged", "--foreground", "--force", f"--socket={socket_}", *files], user="munge")
        self._wait("munged", lambda: bool(self.ask("munge", "--socket", socket_, "--no-input")))

    def _start_accounts(self) -> None:
        data, sock = self.folder / "mysql", str(self.folder / "mysql.sock")
        with open(self.folder / "mariadb-install.out", "wb") as log:
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db",
                 "--auth-root-authentication-method=socket", "--skip-name-resolve"], stdout=log, stderr=log, check=True,
            )  # fmt: skip
        self._launch("mariadbd", [
            "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}",
            "--bind-address=127.0.0.1", f"--port={self.port + 2}", "--skip-name-resolve", "--skip-log-bin",
            "--innodb-buffer-pool-size=128M", "--innodb-log-file-size=64M", "--innodb-lock-wait-timeout=900",
            "--innodb-flush-log-at-trx-commit=0",
        ])  # fmt: skip
        sql = ["mariadb", "--no-defaults", "--protocol=socket", f"--socket={sock}", "--user=root", "--execute"]
        self._wait("mariadbd", lambda: bool(self.ask(*sql, "select 1")))
        self.ask(*sql, "create database acct; create user 'slurm'@'127.0.0.1' identified by 'slurm'; "
                       "grant all on acct.* to 'slurm'@'127.0.0.1'; flush privileges;")  # fmt: skip
        self._launch("slurmdbd", ["slurmdbd", "-D"])
        self._wait("slurmdbd", lambda: self.ask("sacctmgr", "-n", "show", "cluster") is not None)
        self._ask_quietly("sacctmgr", "-i", "add", "cluster", "test")

    def _write_config(self) -> None:
        folder, host = self.folder, socket.gethostname().partition(".")[0]
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.port + 10 + place} CPUs={CORES} "
            f"RealMemory=64000 Gres=gpu:a100:{GPUS} State=UNKNOWN"
            for place, name in enumerate(NODES)
        )
        (folder / "state").mkdir()
        (folder / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# how long a credential lives is also how long a requeued job waits: 120 s unless told
AuthInfo=socket={folder}/munge/socket,cred_expire=5
SlurmctldPort={self.port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool/%n
# more cores than there are; no cgroups
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000
SchedulerParameters=bf_interval=5,batch_sched_delay=1,default_queue_depth=2000
PriorityType=priority/basic
ReturnToService=2
SlurmdTimeout=15
BatchStartTimeout=20
InactiveLimit=0
MaxArraySize={self.largest}
GresTypes=gpu
JobRequeue=1
KillWait=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{NOTICE}
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={self.port + 1}
AccountingStoragePass={folder}/munge/socket
{nodes}
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 DefaultTime=60
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF DefaultTime=60
PartitionName=cancels Nodes=ALL PriorityTier=1 PreemptMode=CANCEL GraceTime=20 DefaultTime=60
PartitionName=hidden Nodes=ALL Hidden=YES DefaultTime=60
PartitionName=short Nodes=ALL PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 DefaultTime=5 MaxTime=5
""")
        for place in range(GPUS):  # a GPU is any device file: these are /dev/null's
            os.mknod(folder / f"gpu{place}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (folder / "gres.conf").write_text(f"Name=gpu Type=a100 File={folder}/gpu[0-{GPUS - 1}]\n")
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # named, so that none is looked for
        dbd = folder / "slurmdbd.conf"
        dbd.write_text(f"""
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={self.port + 1}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={self.port + 2}
StorageUser=slurm
StoragePass=slurm
StorageLoc=acct
""")
        dbd.chmod(0o600)


def install(packages: list[str]) -> None:
    """Install what is missing. Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable("a test SLURM needs root")
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        raise Unavailable("a test SLURM is installed with apt-get, and there is none here")
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages]
    there = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
    missing = [name for name in packages if f"{name} installed" not in there]
    if not missing:
        return
    policy = Path("/usr/sbin/policy-rc.d")  # packages must not start services of their own
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    finally:
        if made:
            policy.unlink()
    if done.returncode:
        raise Unavailable(f"apt-get install {' '.join(missing)}: {done.stderr.strip().splitlines()[-1:]}")


if __name__ == "__main__":
    with RealSlurm() as running:
        print(f"export SLURM_CONF={running.environment['SLURM_CONF']}\nCtrl-C stops it", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print(json.dumps(running.nodes()), file=sys.stderr)
