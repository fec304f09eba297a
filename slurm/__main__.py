"""python -m slurm plan | submit | status | cancel | retry | logs: an experiment's cells on a cluster."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import choose
from experiments.choose import chosen_cells, find
from paper_repro import records
from paper_repro.cli import Parser, UsageError, python_m, run_command
from paper_repro.sweep import leases
from slurm import cluster, sbatch, settings, state, submissions
from slurm import plan as planning
from slurm.state import Sweep, live_jobs, some

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
        ("submit", _submit, "send jobs for what is missing, less those that live"),
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
    for name, action, words, example in (
        ("status", _status, "how the sweeps stand", "status --watch"),
        ("cancel", _cancel, "end an experiment's jobs", "cancel fig2"),
        ("logs", _logs, "what the job printed that finished a cell or failed", "logs adamw-a0.01"),
    ):
        verb = verbs.add_parser(name, help=words, epilog=f"example: python -m slurm {example}")
        verb.set_defaults(command=action)
        if name == "status":
            verb.add_argument("name", nargs="?", help="of an experiment (default: all that was submitted)")
            choose.add_options(verb)
            verb.add_argument(
                "--watch", action="store_true", help=f"again every {WATCH_SECONDS} s until nothing goes on"
            )
            verb.add_argument("--json", action="store_true", help="for programs")
            continue
        if name == "cancel":
            verb.add_argument("name", help="of an experiment")
            verb.add_argument("--profile", help="only of this scale")
        else:
            verb.add_argument("cell", help="a cell's id, or the beginning of one")
        verb.add_argument("--out", type=Path, default=Path("runs"), help="folder of the records (default runs)")
    return parser


def _plan(args: argparse.Namespace) -> int:
    plan = planning.make(args)
    print("\n".join(planning.lines(plan)))
    if plan.count:
        print(f"\n{sbatch.sbatch_text(plan)}")
    print("nothing was sent")
    return 0


def _submit(args: argparse.Namespace) -> int:
    choose.check_out(args.out)
    with leases.hold(leases.folder_of(args.out), "submit") as lease:
        if lease is None:
            raise UsageError(f"another submit is at work on {args.out}: wait for it and type this again")
        plan = planning.make(args, sending=True)
        print("\n".join(planning.lines(plan)))
        if failed := len(plan.states.failed):
            print(f"{some(failed, 'failed cell')} left alone; to try again: "
                  f"{python_m('slurm', 'retry', *args.words, '--failed')}")  # fmt: skip
        if not plan.count:
            print("nothing to submit")
            return 0
        submission = sbatch.send(plan)
    print(f"submitted {submission.job_name}: {some(submission.jobs, 'job')}; logs in {submission.folder}")
    print(f"see how it goes: {python_m('slurm', 'status', '--out', args.out)}")
    return 0


def _status(args: argparse.Namespace) -> int:
    try:
        tables = _show(args)
        while args.watch and any(table["running"] or table["jobs"] for table in tables):
            time.sleep(WATCH_SECONDS)
            tables = _show(args)
    except KeyboardInterrupt:  # the usual end of --watch
        print("no longer watched; the jobs go on", file=sys.stderr)
        return 130
    return int(any(table["failed"] for table in tables))


def _show(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Print the tables of the sweeps, and return them."""
    sent, jobs, unknown = submissions.all_of(args.out), None, ""
    if args.name is not None:
        _, profile = find(args.name, args.profile, args.quick)
        ids = [cell.id for cell in chosen_cells(profile, args)]
        sweeps = [Sweep(args.name, args.profile, ids, [s for s in sent if s.name == args.name], args.words)]
    elif unused := [word for word in args.words if word.startswith("--") and word.partition("=")[0] != "--out"]:
        raise UsageError(f"{unused[0]} chooses cells of an experiment: name one")
    else:
        sweeps = state.sweeps(sent)
    try:
        jobs = live_jobs(sent)
    except cluster.ClusterError as error:
        unknown = str(error)
    tables = [sweep.table(args.out, jobs) for sweep in sweeps]
    if args.json:
        print(json.dumps({"sweeps": tables, "unknown": unknown or None}, indent=1), flush=True)
    else:
        nothing = [f"nothing was submitted from {args.out}"] * (not tables)
        print("\n".join(state.lines(tables, unknown) + nothing), flush=True)
    return tables


def _cancel(args: argparse.Namespace) -> int:
    sent = [s for s in submissions.all_of(args.out) if s.name == args.name and args.profile in (None, s.profile)]
    if not sent:
        raise UsageError(f"nothing of {args.name} was submitted from {args.out}")
    jobs = [task.id for live in live_jobs(sent).values() for task in live.values()]
    cluster.cancel(jobs)
    print(f"{some(len(jobs), 'job')} of {args.name} cancelled; what they had trained is saved")
    return 0


def _logs(args: argparse.Namespace) -> int:
    sent = submissions.all_of(args.out)
    known = sorted({name for s in sent for name in s.cells if name.startswith(args.cell)})
    if len(known) != 1:
        several = f"{len(known)} cells begin so: {', '.join(known[:3])}, ..."
        raise UsageError(f"{args.cell}: {several if known else 'was not submitted from here'}")
    paths = state.logs_of(known[0], sent)
    for path in paths:
        print(f"==> {path} <==")
        print("\n".join(state.tail(path).splitlines()[-LOG_LINES:]))
    failure = records.failure_path(args.out, known[0])
    if failure.exists():
        print(f"==> {failure} <==\n{state.tail(failure)}")
    if not paths:
        print(f"no job names {known[0]} as finished or failed yet; all logs: {args.out / 'slurm'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
