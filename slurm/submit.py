"""Send a plan, through submitit."""

from __future__ import annotations

import io
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_repro import records
from paper_repro.cli import UsageError
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import cluster, submissions
from slurm.cluster import ClusterError
from slurm.job import Job
from slurm.plan import Plan
from slurm.settings import Settings
from slurm.submissions import Submission

if TYPE_CHECKING:
    from submitit.core.core import Executor

REPOSITORY = provenance.PACKAGE.parent
EVER = 10**6  # timeouts that submitit allows a job: what ends it is that its cells are done


def send(plan: Plan) -> Submission:
    """Send the plan's jobs. Raises UsageError in one line, and leaves nothing then."""
    if plan.mixed and not plan.args.mixed_code:
        raise UsageError(
            f"other code than this ({provenance.label(provenance.code())}) has made records or waits in the queue: "
            f"{', '.join(plan.mixed)}. --mixed-code goes on; another --out begins anew"
        )
    args, chosen = plan.args, plan.settings
    submission = submissions.create(
        args.out, plan.cells, name=args.name, profile=args.profile, source=provenance.source(), data=str(plan.data),
        device=chosen.device, at_once=plan.at_once, cores=chosen.cpus, gpus=chosen.gpus, mixed_code=args.mixed_code,
        jobs=plan.count, words=list(vars(args).get("words", [])),
    )  # fmt: skip
    try:
        _hand_over(executor_for(submission.folder, submission.job_name, chosen), submission)
    except UsageError:
        shutil.rmtree(submission.folder)  # nothing was sent: nor shall anything be left
        raise
    for name in plan.again:
        records.clear_failure(args.out, name)
    return submission


def executor_for(folder: Path, job_name: str, chosen: Settings) -> Executor:
    """submitit's executor with these settings. Raises UsageError for settings that it does not take."""
    from submitit import AutoExecutor

    path = f"export PYTHONPATH={shlex.quote(str(REPOSITORY))}${{PYTHONPATH:+:$PYTHONPATH}}"
    try:
        # Timeouts are the normal way of long cells, and submitit counts every notice in a job of ten minutes as one.
        executor = AutoExecutor(folder=folder.absolute(), cluster="slurm", slurm_max_num_timeout=EVER)
        executor.update_parameters(**chosen.for_submitit(job_name, [path]))
    except (RuntimeError, ValueError, TypeError, NameError, AssertionError) as error:
        raise UsageError(f"submitit: {str(error).splitlines()[0]}") from None
    return executor._executor


def sbatch_text(plan: Plan) -> str:
    """The file that sbatch would be given for the plan; WHEN stands for the time."""
    folder, job_name = submissions.root(plan.args.out) / "WHEN", f"{plan.args.name}-{plan.args.profile}-WHEN"
    executor: Any = executor_for(folder, job_name, plan.settings)
    if plan.count > 1:
        executor.parameters["map_count"] = plan.count
    return str(executor._make_submission_file_text(executor._submitit_command_str, "plan"))


def _hand_over(executor: Executor, submission: Submission) -> None:
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.helpers import clean_env

    jobs = [Job(submission.folder.absolute(), index) for index in range(submission.jobs)]
    environment = cluster.environment()
    try:
        # Typed inside a job, its variables would reach the new ones. submitit prints what sbatch says when it refuses.
        with clean_env(list(os.environ.keys() - environment.keys())), redirect_stderr(io.StringIO()):
            os.environ.update((name, environment[name]) for name in cluster.REACHED_BY if name in environment)
            executor.submit_array(jobs) if len(jobs) > 1 else executor.submit(jobs[0])
    except (FailedJobError, FailedSubmissionError) as error:
        text = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        raise ClusterError(f"sbatch refused: {text[-1]}") from None


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """One submit at a time for each output folder. Raises UsageError while another is at it."""
    with leases.hold(leases.folder_of(out), "submit") as claim:
        if claim is None:
            raise UsageError(f"another submit is at work on {out}: wait for it and type this again")
        yield
