"""submit --follow: look every minute, and send what is missing, until every cell is finished or has had its tries.

What was tried is read from the submissions, so that the looks may as well be cron's (--once).
"""

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from paper_repro.cli import UsageError, brief
from slurm import cluster, sbatch, state
from slurm import plan as planning
from slurm.plan import Plan
from slurm.state import some
from slurm.submissions import Submission

SECONDS = 60.0  # between two looks
TRIES = 3  # of a cell; of submissions in a row that train nothing
BY_ITSELF = ("finished", "stopped")


def follow(args: argparse.Namespace) -> int:
    """Send what is missing until nothing is, or nothing helps; with args.once look once. Returns 0, or 1 where cells
    failed or are missing at the end. Raises UsageError for what the first look cannot do."""
    args.tries, said = TRIES, ""
    earlier: set[str] | None = set() if args.once else None  # who starts this has mended what was wrong with those
    while True:
        try:
            with sbatch.sending(args) as plan:
                if earlier is None:
                    earlier = {sent.job_name for sent in plan.sent}
                args.cells, args.known, args.failed = plan.cells, plan.known, False  # as at the first look
                text, end = _look(plan, [s for s in plan.sent if s.job_name in plan.jobs.keys() - earlier])
        except UsageError as error:  # SLURM or a disk is away, or another submit is at work
            if not said:
                raise
            text, end = f"{error}; tried again every {SECONDS:g} s", None
        if text and text != said:
            print(text, flush=True)
        said = text or said or " "
        if end is not None or args.once:
            return end or 0
        time.sleep(SECONDS)


def _look(plan: Plan, sent: Sequence[Submission]) -> tuple[str, int | None]:
    """Send what is planned. Returns what there is to say, and the exit code if this is the end.

    sent: submissions that count for what was tried.
    """
    states, args = plan.states, plan.args
    if not states.missing and not states.running:
        failed = f"; {some(len(states.failed), 'cell')} failed {TRIES} times" * bool(states.failed)
        return _end(plan, f"{len(states.finished)} of {some(len(plan.cells), 'cell')} finished{failed}")
    ends = state.ends(sent, plan.jobs, args.out)
    if len(sent) >= TRIES and not any(_trains(plan, each) for each in sent[-TRIES:]):
        (reason, node), (last, index) = ends[-1]
        where, (_, line) = f" on {node}" * bool(node), state.last_line(last.logs(index))
        return _end(plan, f"given up: {TRIES} submissions in a row have trained nothing: {reason}{where}: {line}")
    if not plan.count:
        return "", None
    text = planning.lines(plan)
    if plan.again:
        text.append(f"{some(len(plan.again), 'failed cell')} tried again: each gets {TRIES} tries")
    died = {node for (reason, node), _ in ends if reason == state.AT_START}
    begun = {attempt.host for each in sent for attempt in each.attempts()} - died
    if died and (begun or len(died) == 1):  # else it is not for the nodes
        options = plan.settings.options
        exclude = ",".join([*filter(None, [options.get("exclude")]), *sorted(died)])
        plan.settings = replace(plan.settings, options={**options, "exclude": exclude})
        text.append(f"left out, as jobs died there at their start: {', '.join(sorted(died))}")
    submission = sbatch.send(plan)
    text.append(f"submitted {submission.job_name}: {some(submission.jobs, 'job')}; logs in {submission.folder}")
    if not sent and not args.once:
        text += ["to go on when this is ended, a line for crontab -e:", _cron(submission)]
    return "\n".join(text), None


def _trains(plan: Plan, sent: Submission) -> bool:
    """Whether a submission's jobs live, or one of them has come to its own end, or a record has come since."""
    if plan.jobs[sent.job_name] or any((attempt.ended or "").startswith(BY_ITSELF) for attempt in sent.attempts()):
        return True
    begun = (sent.folder / "submission.json").stat().st_mtime
    return any(known.written > begun for known in plan.states.finished.values())


def _end(plan: Plan, text: str) -> tuple[str, int]:
    """Say that this is the end, by mail too, once."""
    code, told = int(bool(plan.states.failed or plan.states.missing)), [s.folder / "told" for s in plan.sent[-1:]]
    if any(path.exists() for path in told):
        return f"{text} (told before: cron's line may go)", code
    if plan.args.mail:
        subject = f"{plan.args.name} {plan.args.profile} in {plan.args.out}: {text}"
        try:
            cluster.mail(plan.args.mail, brief(subject), "\n".join(planning.lines(plan)))
        except cluster.ClusterError as error:
            text += f"\nno mail: {error}"
    for path in told:
        path.touch()
    return text, code


def _cron(sent: Submission) -> str:
    """A look every ten minutes, as cron knows neither this folder nor where SLURM's commands are."""
    out = os.path.abspath(sent.out)
    path = f"PATH={shlex.quote(os.path.dirname(shutil.which('squeue') or ''))}:/usr/bin:/bin"
    command = shlex.join([sys.executable, "-m", "slurm", "submit", "--again", sent.folder.name, "--once", "--out", out])
    log = shlex.quote(os.path.join(out, "slurm", "follow.log"))
    return f"*/10 * * * * cd {shlex.quote(os.getcwd())} && {path} {command} >> {log} 2>&1".replace("%", r"\%")
