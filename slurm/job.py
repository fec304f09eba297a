"""What a job does: train cells of its sweep with the engine until none is left, or it is told to stop and requeued.

The job carries the place of its submission and its index there, no state: what is finished, begun or in another job's
hands it finds on disk, so a requeued, killed or doubled job goes on with what is there.

Signals only set a flag. The engine then has every worker save after the update under way and end; and only when nothing
runs any more submitit's own handler is called, which pickles this object again and asks for the requeue. So nothing is
saved, and nothing raised, in the middle of an update.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from experiments import run
from paper_repro.records import provenance
from paper_repro.sweep import engine
from paper_repro.sweep.engine import Survey
from slurm import cluster, submissions
from slurm.state import States
from slurm.submissions import Attempt

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

DEVICE = "PAPER_REPRO_DEVICE"  # to train on, set by tests whose GPUs are made up


class Job:
    """The callable that submitit pickles: one job of a submission."""

    def __init__(self, folder: Path, index: int) -> None:
        self.folder, self.index = str(folder), index

    def __call__(self) -> str:
        """Train cells. Returns "finished" or, where nobody could requeue it, "stopped ..."."""
        remove_leftovers()
        stop = Stop()
        with submissions.attempting(Path(self.folder), self.index, cluster.task()) as attempt:
            self._train(stop, attempt)
            attempt.ended = f"stopped ({stop.signal.name})" if stop.signal else "finished"
        if stop.signal:
            stop.requeue(cluster.job_id())
        return attempt.ended

    def checkpoint(self) -> DelayedSubmission:
        """For submitit: the same again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _train(self, stop: Stop, attempt: Attempt) -> None:
        """Until every cell is finished, failed or in another job's hands; what those leave is looked for again.

        Raises RuntimeError if the copy of the code that this runs from is no longer what was submitted.
        """
        sent = submissions.read(Path(self.folder))
        cells = {cell.id: cell for cell in sent.all_cells()}
        if (now := provenance.source(*cells.values())) != sent.source:
            place = provenance.PACKAGE.parent
            raise RuntimeError(f"{place}: damaged (source {now}, submitted as {sent.source}): submit again")
        out, data, at_once, device = Path(sent.out), Path(sent.data), sent.at_once, os.environ.get(DEVICE, sent.device)
        share = (self.index * sent.tasks + attempt.task, sent.jobs * sent.tasks)
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES") or os.environ.get("ROCR_VISIBLE_DEVICES", "")
        if sent.tasks > 1 and (not gpu or "," in gpu):  # else all would train on the first
            raise RuntimeError(
                f"task {attempt.task} of {sent.tasks} is to have one GPU, and SLURM shows it {gpu or 'none'}"
            )
        where = f", GPU {gpu or '?'}" * bool(sent.gpus)
        while stop.signal is None and (missing := States.of(cells, out, mend=True).missing):
            print(f"job {sent.job_name}, {self.index}{where}: {len(missing)} cells that nobody trains", flush=True)
            survey = Survey(missing=[cells[name] for name in missing])
            if sent.gpus:  # tries out how many at once; later submissions plan by what is known of it
                trial = {"out": out, "device": device, "estimate": False, "at_once": not at_once}
                answer = run.ask_first(survey.missing, survey, data, **trial)
                at_once = at_once or answer.at_once
                attempt.hardware, attempt.at_once = answer.hardware, at_once
            assert at_once  # of a job without a GPU it is planned
            engine.run(survey.missing, out, data, at_once, device, survey, lambda: stop.signal is not None, share)


def remove_leftovers() -> None:
    """Remove what a kill in the middle of submitit's saving left: it would make every later save of this job fail."""
    from submitit.core.job_environment import JobEnvironment

    try:
        paths = JobEnvironment().paths
    except (RuntimeError, KeyError):  # not a job of submitit's, or one for debugging, which saves nothing
        return
    for path in (paths.submitted_pickle, paths.result_pickle):
        path.with_suffix(path.suffix + ".save_tmp").unlink(missing_ok=True)


class Stop:
    """Which signal has asked this job to stop, and what to do then.

    The handlers stay to the very end: a late signal must not cut the requeue.
    """

    def __init__(self) -> None:
        from submitit.core.job_environment import JobEnvironment

        self.signal: signal.Signals | None = None
        self.notice = signal.Signals(JobEnvironment._usr_sig())  # by which a cluster announces a job's end (USR2)
        self.ask_for_requeue = signal.getsignal(self.notice)  # submitit's own handler
        for number in (signal.SIGINT, signal.SIGTERM, self.notice):
            signal.signal(number, self.note)

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first USR2 counts even after a TERM: it comes from who wants the job to go on."""
        if self.signal is None or number == self.notice:
            self.signal = signal.Signals(number)

    def requeue(self, job: str | None) -> None:
        """Ask for the job to be run again, if its end was not what was wanted; does not return then.

        job: SLURM's id. TERM comes before a job is cancelled or put back (SLURM no longer calls it running then), and
        alone when a cluster preempts without a notice: then the job must ask, or it would count as completed.
        """
        wanted = self.signal == self.notice or (job is not None and cluster.is_running(job))
        if wanted and job is not None and int(os.environ.get("SLURM_NTASKS", 1)) > 1:
            cluster.requeue(job)  # submitit leaves it to the first task, which may have ended before
        elif wanted and callable(self.ask_for_requeue):
            self.ask_for_requeue(self.notice, None)
        print("stopped; what was trained is saved", file=sys.stderr)
