"""Send a plan, through submitit."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import choose
from paper_repro import records
from paper_repro.cli import UsageError
from paper_repro.records import provenance
from paper_repro.sweep import leases
from slurm import cluster, snapshot, submissions
from slurm import plan as planning
from slurm.cluster import ClusterError
from slurm.job import Job
from slurm.plan import Plan
from slurm.settings import Settings
from slurm.submissions import Submission

if TYPE_CHECKING:
    from submitit.slurm.slurm import SlurmExecutor

NODE = 'echo "on $SLURMD_NODENAME"'  # first of all, for `status`: where a job is that cannot start Python
# A notice that comes before Python has its handlers must not kill it: SLURM would count that as a failure of the job's.
DEAF = """bash -c 'trap "" USR2; exec "$0" "$@"'"""
EVER = 10**6  # timeouts that submitit allows a job: what ends it is that its cells are done


@contextmanager
def sending(args: argparse.Namespace) -> Iterator[Plan]:
    """The plan of what is to be sent, while no other submit is at work on the folder. Raises UsageError."""
    choose.check_out(args.out)
    with leases.hold(leases.folder_of(args.out), "submit") as lease:
        if lease is None:
            raise UsageError(f"another submit is at work on {args.out}: wait for it and type this again")
        yield planning.make(args, sending=True)


def send(plan: Plan) -> Submission:
    """Send the plan's jobs. Raises UsageError, with all that sbatch says, and leaves only the copy of the code
    and the list of the cells then."""
    if plan.mixed and not plan.args.mixed_code:
        raise UsageError(
            f"other code than this (source {provenance.source(*plan.cells)}) has made records or waits in the queue: "
            f"{', '.join(plan.mixed)}. --mixed-code goes on; another --out begins anew"
        )
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.helpers import clean_env

    args, chosen = plan.args, plan.settings
    code = snapshot.take(args.out, plan.cells)
    submission = submissions.create(
        args.out, plan.cells, name=args.name, profile=args.profile, source=provenance.source(*plan.cells),
        data=str(plan.data), device=chosen.device, at_once=plan.at_once, cores=chosen.cpus, gpus=chosen.gpus,
        gpu_type=chosen.gpu_type, jobs=plan.count, words=list(vars(args).get("stored", [])), user=cluster.user(),
        again=plan.again,
    )  # fmt: skip
    jobs = [Job(submission.folder.absolute(), index) for index in range(submission.jobs)]
    environment = cluster.environment()
    try:
        executor = executor_for(submission.folder, submission.job_name, chosen, code)
        # Typed inside a job, its variables would reach the new ones. submitit prints what sbatch says when it refuses.
        with clean_env(list(os.environ.keys() - environment.keys())), redirect_stderr(io.StringIO()):
            os.environ.update((name, environment[name]) for name in cluster.REACHED_BY if name in environment)
            executor.submit_array(jobs) if len(jobs) > 1 else executor.submit(jobs[0])
    except (UsageError, FailedJobError, FailedSubmissionError) as error:
        shutil.rmtree(submission.folder)  # nothing was sent: nor shall anything be left
        if isinstance(error, UsageError):
            raise
        text = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        raise ClusterError("\n".join([f"sbatch refused: {text[0]}", *text[1:]])) from None
    for name in plan.again:
        records.clear_failure(args.out, name)
    return submission


def executor_for(folder: Path, job_name: str, chosen: Settings, code: Path) -> SlurmExecutor:
    """submitit's executor with these settings, for jobs that run from this copy of the code.

    Raises UsageError for settings that it does not take.
    """
    from submitit.slurm.slurm import SlurmExecutor

    try:
        python = f"{DEAF} {shlex.quote(sys.executable)}"
        # Timeouts are the normal way of long cells, and submitit counts every notice in a job of ten minutes as one.
        executor = SlurmExecutor(folder.absolute(), python=python, max_num_timeout=EVER)
        parameters = chosen.for_submitit(job_name)
        parameters["setup"] = [NODE, *snapshot.setup(code, parameters["setup"])]
        executor.update_parameters(**parameters)
    except (RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"submitit: {str(error).splitlines()[0]}") from None
    return executor


def sbatch_text(plan: Plan) -> str:
    """The file that sbatch would be given for the plan; WHEN stands for the time, FINGERPRINT for that of the code."""
    folder, job_name = plan.args.out / "slurm" / "WHEN", f"{plan.args.name}-{plan.args.profile}-WHEN"
    executor = executor_for(folder, job_name, plan.settings, snapshot.folder_of(plan.args.out, "FINGERPRINT"))
    if plan.count > 1:
        executor.parameters["map_count"] = plan.count
    return executor._make_submission_file_text(executor._submitit_command_str, "plan")
