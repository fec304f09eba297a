"""What a job does: train its cells with the engine, until done or told to stop; then have submitit requeue it.

The job carries the place of its submission and its index there, no state: what is finished or begun it finds on disk,
so a requeued, killed or doubled job goes on with what is there.

Signals only set a flag. The engine then has every worker save after the update under way and end; and only when nothing
runs any more submitit's own handler is called, which pickles this object again and asks for the requeue. So nothing is
saved, and nothing raised, in the middle of an update.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import provenance
from paper_repro.sweep import engine, preflight
from slurm import cluster, submissions
from slurm.attempts import attempting
from slurm.submissions import Submission

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


class Bundle:
    """The callable that submitit pickles: one job of a submission."""

    def __init__(self, folder: Path, index: int) -> None:
        self.folder, self.index = str(folder), index

    def __call__(self) -> str:
        """Train the cells. Returns "finished" or, where nobody could requeue it, "stopped"."""
        remove_leftovers()
        folder = Path(self.folder)
        with attempting(folder, self.index) as attempt, _stopping() as stop:
            submission = submissions.read(folder)
            check_code(submission)
            stopped = _train(submission, self.index, stop)
            attempt.ended = f"stopped ({stop.name})" if stopped else "finished"
        if stopped:
            stop.requeue(cluster.job_id() if submission.cluster == "slurm" else None)
        return attempt.ended

    def checkpoint(self) -> DelayedSubmission:
        """For submitit: the same again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _train(submission: Submission, index: int, stop: Stop) -> bool:
    """Train the job's cells that are left; whether it was stopped before all were done."""
    out, data = Path(submission.out), Path(submission.data)
    cells = [cell for cell in submission.cells(index) if not records.failure_path(out, cell.id).exists()]
    print(f"job {submission.job_name}, {index}: {len(cells)} cells, attempt {os.environ.get('SLURM_RESTART_COUNT', 0)}")
    survey = engine.Survey.of(cells, out)
    if not survey.missing:
        return False
    at_once = submission.at_once or _tried_out(survey.missing, data, out, submission.device)
    outcome = engine.run(cells, out, data, at_once, submission.device, survey, should_stop=lambda: stop.asked)
    return outcome.stopped


def _tried_out(cells: Sequence[Cell], data: Path, out: Path, device: str) -> int:
    """How many cells the GPU takes side by side. Raises RuntimeError where there is none, or what else is wrong."""
    kinds = {engine.kind_of(cell): cell for cell in cells}
    known = preflight.ask(tuple(kinds.values()), data, out, device, at_once=True)
    if known.error:
        raise RuntimeError(known.error)
    return known.at_once


def check_code(submission: Submission) -> None:
    """Raise RuntimeError if the code on disk is no longer what was submitted: numbers of two codes must not mix."""
    here = provenance.source()
    if not (provenance.has_same_numbers(f"source {submission.source}") or submission.mixed_code):
        raise RuntimeError(
            f"the code has changed since this was submitted (source {submission.source}, now {here}): "
            "submit again, or with --mixed-code if the change does not touch numbers"
        )


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
    """Whether a signal has asked this job to stop, which one, and what to do then."""

    def __init__(self, handlers: dict[signal.Signals, Any]) -> None:
        self.handlers = handlers  # those that were there before: submitit's
        self.signal: signal.Signals | None = None

    @property
    def asked(self) -> bool:
        return self.signal is not None

    @property
    def name(self) -> str:
        return self.signal.name if self.signal else "no signal"

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first USR2 counts even after a TERM: it comes from who wants the job to go on."""
        if self.signal is None or number == notice():
            self.signal = signal.Signals(number)

    def requeue(self, job: str | None) -> None:
        """Ask for the job to be run again, if its end was not what was wanted; does not return then.

        job: SLURM's id. TERM comes before a job is cancelled or put back (SLURM no longer calls it running then), and
        alone when a cluster preempts without a notice: then the job must ask, or it would count as completed.
        """
        handler = self.handlers[notice()]
        wanted = self.signal == notice() or (job is not None and cluster.is_running(job))
        if wanted and callable(handler):
            handler(notice(), None)
        print(f"stopped by {self.name}; what was trained is saved", file=sys.stderr)


@contextmanager
def _stopping() -> Iterator[Stop]:
    """Signals that end a job set a flag; where submitit had a handler, to the very end: a late one must not cut the
    requeue."""
    numbers = (signal.SIGINT, signal.SIGTERM, notice())
    stop = Stop({which: signal.getsignal(which) for which in numbers})
    for which in numbers:
        signal.signal(which, stop.note)
    try:
        yield stop
    finally:
        if not callable(stop.handlers[notice()]):
            for which, handler in stop.handlers.items():
                signal.signal(which, handler)


def notice() -> signal.Signals:
    """The signal by which a cluster announces a job's end, as submitit has it (USR2)."""
    from submitit.core.job_environment import JobEnvironment

    return signal.Signals(JobEnvironment._usr_sig())
