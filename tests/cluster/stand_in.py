"""A stand-in for SLURM on one machine, without its daemons: sbatch starts the jobs' script at once, in the background.

`python stand_in.py install FOLDER` writes FOLDER/bin/{sbatch,squeue,srun,scancel,scontrol,sinfo,sacctmgr,mail}: with
that first on the PATH they share FOLDER/jobs, a folder a job. All run on node n1; if a job excludes it, on n2.
FOLDER/hold: sbatch lets its jobs wait. FOLDER/down: the controller does not answer. FOLDER/private: users are shown
their own jobs only. FOLDER/mails: what was written to whom. (What a real SLURM does is tested in
tests/cluster; this is for what must be tried hundreds of times.)
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("sbatch", "squeue", "srun", "scancel", "scontrol", "sinfo", "sacctmgr", "mail")


def install(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "jobs").mkdir()
    for name in NAMES:
        words = shlex.join([sys.executable, "-S", "-E", __file__, name, str(folder)])
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (folder / "bin" / name).chmod(0o755)


def sbatch(folder: Path, words: list[str]) -> None:
    text = Path(words[0]).read_text()
    options = dict(line[len("#SBATCH --") :].partition("=")[::2] for line in text.splitlines() if line[:7] == "#SBATCH")
    count = int(options["array"].partition("%")[0].split("-")[1]) + 1 if "array" in options else 0
    number = next(number for number in range(1, 10**6) if _made(folder / "jobs" / f"{number}"))
    (folder / "script").write_text(text)
    (folder / "environment").write_text("".join(f"{name}={value}\n" for name, value in os.environ.items()))
    for index in range(count or 1):
        job = folder / "jobs" / (f"{number}_{index}" if count else f"{number}")
        job.mkdir(exist_ok=True)
        (job / "script").write_text(text)
        (job / "name").write_text(options["job-name"])
        (job / "user").write_text("root" if os.geteuid() == 0 else os.environ["USER"])
        (job / "state").write_text("PENDING")
        if not (folder / "hold").exists():
            _start(folder, job)
    if count:
        (folder / "jobs" / f"{number}").rmdir()
        (folder / "jobs" / f"{number}").touch()  # the number is taken
    print(f"Submitted batch job {number}")


def release(folder: Path, words: list[str]) -> None:
    """Start the jobs that wait."""
    (folder / "hold").unlink()
    for job in _alive(folder):
        if not (job / "pid").exists():
            _start(folder, job)


def _start(folder: Path, job: Path) -> None:
    number, _, index = job.name.partition("_")
    script = (job / "script").read_text()
    tasks = script.partition("#SBATCH --ntasks-per-node=")[2].partition("\n")[0]
    node = "n2" if "n1" in script.partition("#SBATCH --exclude=")[2].partition("\n")[0] else "n1"
    (job / "node").write_text(node)
    environment = {**os.environ, "SLURM_JOB_ID": f"{1000 * int(number) + int(index)}" if index else number,
                   "SLURM_JOB_NUM_NODES": "1", "SLURMD_NODENAME": node,
                   "SLURM_NTASKS_PER_NODE": tasks or "1"}  # fmt: skip
    if index:
        environment |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": index}
    # submitit names the job's file after sbatch has answered
    command = [sys.executable, "-S", "-E", __file__, "batch", str(folder), job.name]
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    (job / "pid").write_text(f"{process.pid}")


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def batch(folder: Path, words: list[str]) -> None:
    """What slurmd does: run the script, again where scontrol was told to requeue it."""
    job = folder / "jobs" / words[0]
    (job / "state").write_text("RUNNING")
    time.sleep(0.3)
    for restarts in range(1000):
        environment = {**os.environ, "SLURM_RESTART_COUNT": f"{restarts}"}
        output, errors = (
            _named(shlex.split(line)[1].partition("=")[2])
            for name in ("output", "error")
            for line in (job / "script").read_text().splitlines()
            if line.startswith(f"#SBATCH --{name}=")
        )
        with open(output, "a") as log, open(errors, "a") as more:
            process = subprocess.Popen(["bash", str(job / "script")], env=environment, stdout=log, stderr=more)
        for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        process.wait()
        if not (job / "requeued").exists():
            break
        (job / "requeued").unlink()
    (job / "state").write_text("COMPLETED")


def squeue(folder: Path, words: list[str]) -> None:
    if os.environ.get("SQUEUE_STATES"):
        return
    me = "root" if os.geteuid() == 0 else os.environ["USER"]
    for job in _alive(folder):
        state, name, user = ((job / what).read_text() for what in ("state", "name", "user"))
        if user != me and ("--user" in words or (folder / "private").exists()):
            continue
        node = (job / "node").read_text() if state == "RUNNING" else ""
        ran = "0:00" if (job / "requeued").exists() else "0:05"
        said = {"%i": job.name, "%T": state, "%r": "None", "%M": ran, "%j": name, "%u": user, "%N": node}
        print(re.sub("%[iTrMjuN]", lambda match, said=said: said[match[0]], words[words.index("--format") + 1]))


def _alive(folder: Path) -> list[Path]:
    jobs = [path for path in sorted((folder / "jobs").iterdir()) if (path / "name").exists()]
    return [job for job in jobs if (job / "state").read_text() != "COMPLETED" and _runs(job)]


def _runs(job: Path) -> bool:
    """A job that waits has no process."""
    if not (job / "pid").exists():
        return True
    try:
        return Path(f"/proc/{(job / 'pid').read_text()}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def srun(folder: Path, words: list[str]) -> None:
    """Run the command after the options, its output where --output and --error say, for each task with a GPU."""
    first = next(
        place
        for place, word in enumerate(words)
        if word.startswith("/") and words[place - 1] not in ("--output", "--error")
    )
    for number in (signal.SIGTERM, signal.SIGUSR2):  # it is the tasks' affair
        signal.signal(number, lambda *_: None)
    count, tasks = int(os.environ["SLURM_NTASKS_PER_NODE"]), []
    for rank in range(count):
        paths = (_named(words[words.index(option) + 1], rank) for option in ("--output", "--error"))
        out, err = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for path in paths)
        gpu = {"CUDA_VISIBLE_DEVICES": f"{rank}"} if count > 1 else {}
        environment = {**os.environ, "SLURM_PROCID": f"{rank}", "SLURM_NTASKS": f"{count}", **gpu}
        tasks.append(subprocess.Popen(words[first:], env=environment, stdout=out, stderr=err))
    sys.exit(max(task.wait() for task in tasks))


def _named(path: str, rank: int = 0) -> str:
    """A log's name, as SLURM fills it in."""
    path = path.replace("%t", f"{rank}").replace("%j", os.environ["SLURM_JOB_ID"])
    array = (os.environ.get(f"SLURM_ARRAY_{part}_ID", "") for part in ("JOB", "TASK"))
    return path.replace("%A", next(array)).replace("%a", next(array))


def scancel(folder: Path, words: list[str]) -> None:
    for job in _alive(folder):
        if job.name in words:
            (job / "state").write_text("COMPLETED")
            if (job / "pid").exists():
                os.killpg(int((job / "pid").read_text()), signal.SIGTERM)


def scontrol(folder: Path, words: list[str]) -> None:
    if words[0] == "requeue":
        (folder / "jobs" / words[1] / "requeued").touch()
    elif words[:2] == ["show", "job"]:
        print(f"JobState={(folder / 'jobs' / words[2] / 'state').read_text()}")
    else:
        print("MaxJobCount             = 10000\nMaxArraySize            = 1001\nClusterName             = test")
        print(f"MailProg                = {folder / 'bin' / 'mail'}")
        print(f"PrivateData             = {'accounts,jobs' if (folder / 'private').exists() else 'none'}")


def mail(folder: Path, words: list[str]) -> None:
    with open(folder / "mails", "a") as mails:
        mails.write(f"{words}\n{sys.stdin.read()}\n")


def sinfo(folder: Path, words: list[str]) -> None:
    print("main*|infinite\ngpu|infinite")


def sacctmgr(folder: Path, words: list[str]) -> None:
    sys.exit("no accounting")


if __name__ == "__main__":
    name, place, *rest = sys.argv[1:]
    if (Path(place) / "down").exists() and name in ("sbatch", "squeue", "scancel", "scontrol", "sinfo"):
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    install(Path(place)) if name == "install" else globals()[name](Path(place), rest)
