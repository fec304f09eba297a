"""python -m slurm plan | submit | status | cancel | retry | logs: an experiment's cells on a cluster."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments import choose
from experiments.choose import chosen_cells, find
from paper_repro import records
from paper_repro.cli import Parser, UsageError, python_m, run_command
from paper_repro.sweep import leases
from slurm import cluster, settings, status, submissions, submit
from slurm import plan as planning
from slurm.plan import Plan
from slurm.states import Jobs
from slurm.status import Sweep
from slurm.submissions import Submission

EXAMPLE = """examples:
  python -m slurm plan fig2 --profile gpu --partition gpu --time 4:00:00
  python -m slurm submit fig2 --profile gpu --partition gpu --time 4:00:00
  python -m slurm status --watch
submit may be typed at any time: what is finished stays, what runs or waits goes on, what is missing is sent."""
WATCH_SECONDS = 10
LOG_LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 cells failed, 2 bad argument or refused by SLURM, 130 stopped by Ctrl-C."""
    parser, typed = _parser(), sys.argv[1:] if arguments is None else arguments
    # what was typed after the verb, for lines that are printed to be typed later
    parser.set_defaults(words=[word for word in typed[1:] if word not in ("--failed", "--watch", "--json")])
    return run_command(parser, arguments)


def _parser() -> Parser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m slurm", description=__doc__, epilog=EXAMPLE, formatter_class=form)
    verbs = parser.add_subparsers(required=True, metavar="plan|submit|status|cancel|retry|logs", parser_class=Parser)
    for name, action, words in (
        ("plan", _plan, "say what submit would send, and what that costs"),
        ("submit", _submit, "send what is neither finished nor running nor waiting"),
        ("retry", _submit, "forget the failures of failed cells and submit"),
    ):
        verb = verbs.add_parser(name, help=words, description=words, epilog=EXAMPLE, formatter_class=form)
        verb.set_defaults(command=action)
        verb.add_argument("name", help="of an experiment (python -m experiments list)")
        choose.add_options(verb)
        settings.add_options(verb)
        planning.add_options(verb)
        if name == "retry":
            verb.add_argument(
                "--failed", action="store_true", required=True, help="the failed cells (there are no others)"
            )
    _add_looking(verbs)
    return parser


def _add_looking(verbs: argparse._SubParsersAction[Parser]) -> None:
    looking = verbs.add_parser("status", help="how the sweeps stand", epilog="example: python -m slurm status --watch")
    looking.set_defaults(command=_status)
    looking.add_argument("name", nargs="?", help="of an experiment (default: all that was submitted)")
    choose.add_options(looking)
    looking.add_argument("--watch", action="store_true", help=f"again every {WATCH_SECONDS} s until nothing goes on")
    looking.add_argument("--json", action="store_true", help="for programs")
    ending = verbs.add_parser("cancel", help="end an experiment's jobs", epilog="example: python -m slurm cancel fig2")
    ending.set_defaults(command=_cancel)
    ending.add_argument("name", help="of an experiment")
    ending.add_argument("--profile", help="only of this scale")
    ending.add_argument("--out", type=Path, default=Path("runs"), help="folder of the records (default runs)")
    logs = verbs.add_parser(
        "logs", help="what the jobs of a cell printed", epilog="example: python -m slurm logs adamw-a0.01"
    )
    logs.set_defaults(command=_logs)
    logs.add_argument("cell", help="a cell's id, or the beginning of one")
    logs.add_argument("--out", type=Path, default=Path("runs"), help="folder of the records (default runs)")


def _plan(given: argparse.Namespace) -> int:
    plan = planning.make(given)
    print("\n".join(planning.lines(plan)))
    if plan.arrays and plan.settings.cluster == "slurm":
        print(f"\n{submit.sbatch_text(plan)}")
    print("nothing was sent")
    return 0


def _submit(given: argparse.Namespace) -> int:
    choose.check_out(given.out)
    with submit.alone(given.out):
        return _send(planning.make(given, sending=True))


def _send(plan: Plan) -> int:
    print("\n".join(planning.lines(plan)))
    if plan.states.failed:
        again = python_m("slurm", "retry", *plan.given.words, "--failed")
        print(f"{planning.some(len(plan.states.failed), 'failed cell')} left alone; to try again: {again}")
    if not plan.arrays:
        print("nothing to submit")
        return 0
    for submission in submit.send(plan):
        jobs = planning.some(len(submission.bundles), "job")
        print(f"submitted {submission.job_name}: {jobs}; logs in {submission.folder}")
    print(f"see how it goes: {python_m('slurm', 'status', '--out', plan.given.out)}")
    return 0


def _status(given: argparse.Namespace) -> int:
    try:
        return _look(given)
    except KeyboardInterrupt:  # the usual end of --watch
        print("no longer watched; the jobs go on", file=sys.stderr)
        return 130


def _look(given: argparse.Namespace) -> int:
    while True:
        sent = planning.all_sent(given.out)
        jobs = Jobs.of(sent)
        tables = [sweep.table(given.out, jobs) for sweep in _sweeps(given, sent)]
        print(status.as_json(tables, jobs) if given.json else "\n".join(status.lines(tables, jobs)), flush=True)
        if not given.json and not tables:
            print(f"nothing was submitted from {given.out}")
        if not given.watch or not any(table["running"] or table["waiting"] for table in tables):
            return 1 if any(table["failed"] for table in tables) else 0
        time.sleep(WATCH_SECONDS)


def _sweeps(given: argparse.Namespace, sent: list[Submission]) -> list[Sweep]:
    if given.name is None:
        if unused := [word for word in given.words if word.startswith("--") and word.partition("=")[0] != "--out"]:
            raise UsageError(f"{unused[0]} chooses cells of an experiment: name one")
        return status.sweeps(sent)
    _, profile = find(given.name, given.profile, given.quick)
    ids = [cell.id for cell in chosen_cells(profile, given)]
    return [Sweep(given.name, given.profile, ids, [s for s in sent if s.name == given.name], given.words)]


def _cancel(given: argparse.Namespace) -> int:
    sent = [s for s in planning.all_sent(given.out) if s.name == given.name and given.profile in (None, s.profile)]
    if not sent:
        raise UsageError(f"nothing of {given.name} was submitted from {given.out}")
    jobs = Jobs.of(sent)
    if jobs.unknown:
        raise UsageError(jobs.unknown)
    cluster.cancel([*jobs.ids.values()])
    here = [owner for s in sent if s.cluster != "slurm" and (owner := submissions.process(s))]
    for owner in here:
        if leases.process_is_alive(owner) is None:
            raise UsageError(f"its jobs run on {owner['host']}: type this there")
        os.kill(owner["pid"], signal.SIGTERM)  # which it hands on to its job
    cancelled = planning.some(len(jobs.ids) + len(here), "job")
    print(f"{cancelled} of {given.name} cancelled; what they had trained is saved")
    return 0


def _logs(given: argparse.Namespace) -> int:
    sent = planning.all_sent(given.out)
    known = sorted({name for s in sent for bundle in s.bundles for name in bundle if name.startswith(given.cell)})
    if len(known) != 1:
        some = f"{len(known)} cells begin so: {', '.join(known[:3])}, ..." if known else "was not submitted from here"
        raise UsageError(f"{given.cell}: {some}")
    paths = status.log_of(known[0], sent)
    for path in paths:
        print(f"==> {path} <==")
        print("\n".join(status.said(path).splitlines()[-LOG_LINES:]))
    failure = records.failure_path(given.out, known[0])
    if failure.exists():
        print(f"==> {failure} <==\n{status.said(failure)}")
    if not paths:
        print(f"no job of {known[0]} has started yet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
