"""Send a plan: one submission for each array, through submitit."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import cluster, submissions
from slurm.cluster import ClusterError
from slurm.job import Bundle
from slurm.plan import Plan
from slurm.settings import EVER, Settings
from slurm.submissions import Submission

if TYPE_CHECKING:
    from submitit import Job
    from submitit.core.core import Executor

REPOSITORY = provenance.PACKAGE.parent


def send(plan: Plan) -> Iterator[Submission]:
    """Send the plan array by array, and yield each: what was sent before an error stays sent, and was told.

    Raises UsageError in one line.
    """
    if plan.mixed and not plan.given.mixed_code:
        raise UsageError(
            f"other code than this ({provenance.label(provenance.code())}) has made records or waits in the queue: "
            f"{', '.join(plan.mixed)}. --mixed-code goes on; another --out begins anew"
        )
    for array in plan.arrays:
        yield _send(plan, array)


def _send(plan: Plan, array: Sequence[Sequence[Cell]]) -> Submission:
    submission = submissions.create(array, **_content(plan))
    try:
        executor = executor_for(submission.folder, submission.job_name, plan.settings, _jobs_at_once(plan))
        if plan.settings.cluster == "local":
            _start_here(executor, submission)
        else:
            jobs = _map(executor, submission)
            if plan.settings.cluster == "debug":
                for job in jobs:
                    job.results()  # trains, here and now
    except UsageError:
        shutil.rmtree(submission.folder)  # nothing was sent: nor shall anything be left
        raise
    return submission


def _content(plan: Plan) -> dict[str, Any]:
    given, chosen = plan.given, plan.settings
    return {
        "name": given.name, "profile": given.profile, "cluster": chosen.cluster, "source": provenance.source(),
        "out": str(given.out.absolute()), "data": str(plan.data), "device": chosen.device, "at_once": plan.at_once,
        "cores": chosen.cpus if chosen.cluster == "slurm" else plan.at_once or 1,
        "gpus": int(chosen.device == "cuda"), "mixed_code": given.mixed_code, "sweep": [c.id for c in plan.cells],
        "words": list(vars(given).get("words", [])),
    }  # fmt: skip


def executor_for(folder: Path, job_name: str, chosen: Settings, parallel: int) -> Executor:
    """submitit's executor with these settings. Raises UsageError for settings that it does not take."""
    from submitit import AutoExecutor

    # Timeouts are the normal way of long cells, and submitit counts every notice in a job of ten minutes as one.
    more = {"slurm_max_num_timeout": EVER} if chosen.cluster == "slurm" else {}
    try:
        executor = AutoExecutor(folder=folder.absolute(), cluster=chosen.cluster, **more)
        executor.update_parameters(**chosen.for_submitit(job_name))
        if chosen.cluster == "slurm":
            path = f"export PYTHONPATH={shlex.quote(str(REPOSITORY))}${{PYTHONPATH:+:$PYTHONPATH}}"
            setup = [path, *chosen.passed.get("setup", [])]
            # since SLURM 22.05 srun no longer takes over how many cores sbatch asked for
            step = [f"--cpus-per-task={chosen.cpus}", *chosen.passed.get("srun_args", [])]
            if "export" in chosen.passed.get("additional_parameters", {}):
                step.insert(
                    0, "--export=ALL"
                )  # else srun takes sbatch's NONE over, and submitit cannot tell where it is
            executor.update_parameters(slurm_setup=setup, slurm_srun_args=step, slurm_array_parallelism=parallel)
    except (RuntimeError, ValueError, NameError, AssertionError) as error:
        raise UsageError(f"submitit: {str(error).splitlines()[0]}") from None
    return executor._executor


def _jobs_at_once(plan: Plan) -> int:
    """Of each array, so that together they keep to --parallel."""
    return max(1, plan.settings.parallel // len(plan.arrays))


def sbatch_text(plan: Plan) -> str:
    """The file that sbatch would be given for the plan's first array; WHEN stands for the time."""
    folder, job_name = submissions.root(plan.given.out) / "WHEN", f"{plan.given.name}-{plan.given.profile}-WHEN"
    executor: Any = executor_for(folder, job_name, plan.settings, _jobs_at_once(plan))
    if len(plan.arrays[0]) > 1:
        executor.parameters["map_count"] = len(plan.arrays[0])
    return str(executor._make_submission_file_text(executor._submitit_command_str, "plan"))


def _map(executor: Executor, submission: Submission) -> list[Job[str]]:
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.helpers import clean_env

    bundles = [Bundle(submission.folder.absolute(), index) for index in range(len(submission.bundles))]
    environment = cluster.environment()
    try:
        # Typed inside a job, its variables would reach the new ones. submitit prints what sbatch says when it refuses.
        with clean_env(list(os.environ.keys() - environment.keys())), redirect_stderr(io.StringIO()):
            os.environ.update((name, environment[name]) for name in cluster.REACHED_BY if name in environment)
            if len(bundles) == 1:
                return [executor.submit(bundles[0])]
            return executor.submit_array(bundles)
    except (FailedJobError, FailedSubmissionError) as error:
        said = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        raise ClusterError(f"sbatch refused: {said[-1]}") from None


def _start_here(executor: Executor, submission: Submission) -> None:
    """Start the jobs in the background of this machine, apart from this terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal shall not end them
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *filter(None, [path])])
    try:
        with _apart(submission.folder / "background.log"):
            (job,) = _map(executor, submission)
    finally:
        signal.signal(signal.SIGHUP, before)
        os.environ.pop("PYTHONPATH") if path is None else os.environ.update(PYTHONPATH=path)
    submissions.note_process(submission, int(job.job_id))


@contextmanager
def _apart(log: Path) -> Iterator[None]:
    """What is started in the block does not keep this process's input and output open."""
    sys.stdout.flush()
    saved = [os.dup(number) for number in (0, 1, 2)]
    files = [os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)]
    try:
        for number, file in zip((0, 1, 2), (files[0], files[1], files[1]), strict=True):
            os.dup2(file, number)
        yield
    finally:
        for number, file in zip((0, 1, 2), saved, strict=True):
            os.dup2(file, number)
        for file in (*files, *saved):
            os.close(file)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """One submit at a time for each output folder. Raises UsageError while another is at it."""
    with leases.hold(leases.folder_of(out), "submit") as claim:
        if claim is None:
            raise UsageError(f"another submit is at work on {out}: wait for it and type this again")
        yield
