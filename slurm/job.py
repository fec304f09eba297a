"""What a job does: train cells of its sweep with the engine until none is left, or it is told to stop and requeued.

The job carries the place of its submission and its index there, no state: what is finished, begun or in another job's
hands it finds on disk, so a requeued, killed or doubled job goes on with what is there.

Signals only set a flag. The engine then has every worker save after the update under way and end; and only when nothing
runs any more SLURM is asked to put the job back. So nothing is saved, and nothing raised, in the middle of an update.

Where SLURM would not put it back, the job leaves a successor before it begins: the same once more, which SLURM starts
if this one ends otherwise than well.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from experiments import run
from paper_repro.cell import Cell
from paper_repro.records import provenance
from paper_repro.sweep import engine
from paper_repro.sweep.engine import Survey
from slurm import cluster, submissions
from slurm.state import missing_of
from slurm.submissions import Attempt, Submission

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

TRIES = 3  # of a job that is killed before it can say why
DEVICE = "PAPER_REPRO_DEVICE"  # to train on, set by tests whose GPUs are made up


class Job:
    """The callable that submitit pickles: one job of a submission."""

    def __init__(self, folder: Path, index: int) -> None:
        self.folder, self.index = str(folder), index

    def __call__(self) -> str:
        """Train cells. Returns "finished" or, where nobody could requeue it, "stopped ..."."""
        remove_leftovers()
        stop, job = Stop(), cluster.job_id()
        with submissions.attempting(Path(self.folder), self.index, cluster.task()) as attempt:
            sent = submissions.read(Path(self.folder))
            successor = leave_successor(sent, attempt, job) if job else None
            try:
                self._train(stop, sent, attempt)
            except Exception:
                cluster.cancel([successor] if successor else [])  # it would fail in the same way
                raise
            attempt.ended = f"stopped ({stop.signal.name})" if stop.signal else "finished"
        if stop.signal:
            print("stopped; what was trained is saved", file=sys.stderr, flush=True)
        if job and stop.is_to_go_on(job):
            if successor is not None:
                sys.exit(1)  # which is what the successor waits for
            cluster.requeue(job)
        return attempt.ended

    def checkpoint(self) -> DelayedSubmission:
        """For submitit, whose handler a notice meets that comes before ours is set: the same again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _train(self, stop: Stop, sent: Submission, attempt: Attempt) -> None:
        """Until every cell is finished, failed or in another job's hands; what those leave is looked for again.

        Raises RuntimeError if the copy of the code that this runs from is no longer what was submitted.
        """
        if (now := provenance.source(*map(Cell.from_dict, sent.kinds))) != sent.source:
            place = provenance.PACKAGE.parent
            raise RuntimeError(f"{place}: damaged (source {now}, submitted as {sent.source}): submit again")
        out, data, at_once, device = Path(sent.out), Path(sent.data), sent.at_once, os.environ.get(DEVICE, sent.device)
        worker, workers = self.index * sent.tasks + attempt.task, sent.jobs * sent.tasks
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES") or os.environ.get("ROCR_VISIBLE_DEVICES", "")
        if sent.tasks > 1 and (not gpu or "," in gpu):  # else all would train on the first
            raise RuntimeError(
                f"task {attempt.task} of {sent.tasks} is to have one GPU, and SLURM shows it {gpu or 'none'}"
            )
        where = f", GPU {gpu or '?'}" * bool(sent.gpus)
        for cells, share in sent.rounds(worker, workers):
            while stop.signal is None and (missing := missing_of(cells, out)):
                print(f"job {sent.job_name}, {self.index}{where}: {len(missing)} cells that nobody trains", flush=True)
                survey = Survey(missing=missing)
                if sent.gpus:  # tries out how many at once; later submissions plan by what is known of it
                    trial = {"out": out, "device": device, "estimate": False, "at_once": not at_once}
                    answer = run.ask_first(survey.missing, survey, data, **trial)
                    at_once = at_once or answer.at_once
                    attempt.hardware, attempt.at_once = answer.hardware, at_once
                assert at_once  # of a job without a GPU it is planned
                engine.run(survey.missing, out, data, at_once, device, survey, lambda: stop.signal is not None, share)
            if stop.signal:
                break


def remove_leftovers() -> None:
    """Remove what a kill in the middle of submitit's saving left: it would make every later save of this job fail."""
    from submitit.core.job_environment import JobEnvironment

    try:
        paths = JobEnvironment().paths
    except (RuntimeError, KeyError):  # not a job of submitit's, or one for debugging, which saves nothing
        return
    for path in (paths.submitted_pickle, paths.result_pickle):
        path.with_suffix(path.suffix + ".save_tmp").unlink(missing_ok=True)


def leave_successor(sent: Submission, attempt: Attempt, job: str) -> str | None:
    """Have SLURM start this job once more if it ends otherwise than well, where it would not put it back.

    Returns the successor's id, "" for a task that leaves this to the first of its job; None where none is needed, or
    none was to be had.
    """
    try:
        if not cluster.is_ended_for_good(job):
            return None
        if attempt.task:
            return ""
        ends = [each.ended for each in sent.attempts() if (each.index, each.task) == (attempt.index, attempt.task)]
        if ends[-TRIES - 1 : -1] == [None] * TRIES:
            print(f"no successor: {TRIES} starts in a row were killed without a word", file=sys.stderr, flush=True)
            return None
        place = (sent.job_name, attempt.index)
        there = [task.id for task in cluster.tasks(cluster.user()) if (task.name, task.place) == place]
        if waiting := [name for name in there if name != job]:  # this job was put back, and had left it then
            return waiting[0]
        successor = cluster.leave_successor(job, sent.folder / f"{_array(job)}_submission.sh")
        for old, new, end in ((job, successor, "submitted.pkl"), (*map(_array, (job, successor)), "submission.sh")):
            with suppress(FileExistsError):  # the script, of another place of the array
                os.link(sent.folder / f"{old}_{end}", sent.folder / f"{new}_{end}")
        print(f"job {successor} goes on if this one is ended", flush=True)
        return successor
    except (cluster.ClusterError, OSError) as error:
        print(f"no successor: {error}", file=sys.stderr, flush=True)
        return None


def _array(job: str) -> str:
    return job.partition("_")[0]


class Stop:
    """Which signal has asked this job to stop. The handlers stay to the very end: a late one must not cut it short."""

    def __init__(self) -> None:
        from submitit.core.job_environment import JobEnvironment

        self.signal: signal.Signals | None = None
        self.notice = signal.Signals(JobEnvironment._usr_sig())  # by which a cluster announces a job's end (USR2)
        for number in (signal.SIGINT, signal.SIGTERM, self.notice):
            signal.signal(number, self.note)

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first USR2 counts even after a TERM: it comes from who wants the job to go on."""
        if self.signal is None or number == self.notice:
            self.signal = signal.Signals(number)

    def is_to_go_on(self, job: str) -> bool:
        """Whether the end of the job with this id was not what was wanted.

        TERM comes before a job is cancelled or put back (SLURM no longer calls it running then), and alone when a
        cluster preempts without a notice: then the job must ask, or it would count as completed.
        """
        return self.signal is not None and (self.signal == self.notice or cluster.is_running(job))
