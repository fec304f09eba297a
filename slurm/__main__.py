"""python -m slurm plan | submit | status | cancel | retry | logs: an experiment's cells on a cluster."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import choose
from experiments.choose import chosen_cells, find
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import Parser, UsageError, python_m, run_command
from slurm import cluster, follow, sbatch, settings, state, submissions
from slurm import plan as planning
from slurm.state import Jobs, Sweep, live_jobs, some
from slurm.submissions import Submission

EXAMPLE = """examples:
  python -m slurm plan fig2 --profile gpu --partition gpu --time 4:00:00
  python -m slurm submit fig2 --profile gpu --partition gpu --time 4:00:00
  python -m slurm status --watch
submit may be typed at any time: what is finished stays, what runs or waits goes on, what is missing is sent."""
CHOICES = {  # of cells
    "--profile", "--data-name", "--seeds", "--only", "--alphas", "--decays", "--set", "--quick", "--top",
}  # fmt: skip
PASSING = ("--failed", "--follow", "--once", "--watch", "--json")  # not of the cells, nor of the jobs
WATCH_SECONDS = 10
NOT_KNOWN = 3  # exit code
FOLLOW = (
    f"look every {follow.SECONDS:g} s and send what is missing, {follow.TRIES} tries a cell, without nodes on which "
    "jobs die at their start, until all is done"
)
LOG_LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 cells failed, 2 bad argument or refused by SLURM, 3 SLURM does not say which jobs live,
    130 stopped by Ctrl-C."""
    parser, typed = _parser(), sys.argv[1:] if arguments is None else arguments
    # what was typed after the verb, for lines that are printed to be typed later, and for --again
    words = [word for word in typed[1:] if word not in PASSING]
    parser.set_defaults(words=words, stored=words)
    return run_command(parser, arguments)


class _Again(argparse.Action):
    """What stands before --again are the words of that submission: each may be typed anew."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        namespace._seen = set()
        setattr(namespace, self.dest, values)


def _parser() -> Parser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m slurm", description=__doc__, epilog=EXAMPLE, formatter_class=form)
    verbs = parser.add_subparsers(required=True, metavar="plan|submit|status|cancel|retry|logs", parser_class=Parser)
    for name, action, words in (
        ("plan", _plan, "say what submit would send, and what that costs"),
        ("submit", _submit, "send jobs for what is missing, less those that live"),
        ("retry", _submit, "send the cells that failed once more"),
    ):
        verb = verbs.add_parser(name, help=words, description=words, epilog=EXAMPLE, formatter_class=form)
        verb.set_defaults(command=action, cells=None)
        verb.add_argument("name", nargs="?", help="of an experiment (python -m experiments list)")
        again = "the cells and settings of an earlier submission, by its folder in OUT/slurm; settings typed here win"
        verb.add_argument("--again", action=_Again, metavar="ID", help=again)
        choose.add_options(verb)
        top = "only the best cells of each map in OUT, so many, with further seeds: as python -m experiments refine"
        verb.add_argument("--top", type=int, help=top)
        settings.add_options(verb)
        planning.add_options(verb)
        if name != "plan":
            verb.add_argument("--follow", action="store_true", help=FOLLOW)
            verb.add_argument("--once", action="store_true", help="one look of --follow, for cron")
            verb.add_argument("--mail", metavar="ADDRESS", help="with --follow: where to write when it ends")
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
    args = _again(args)
    plan = planning.make(args)
    print("\n".join(planning.lines(plan)))
    if plan.count:
        print(f"\n{sbatch.sbatch_text(plan)}")
    print("nothing was sent")
    return 0


def _submit(args: argparse.Namespace) -> int:
    if args.mail and not (args.follow or args.once):
        raise UsageError("--mail: it is written when --follow ends")
    args = _again(args)
    if args.follow or args.once:
        return follow.follow(args)
    _send(args)
    return 0


def _again(args: argparse.Namespace) -> argparse.Namespace:
    """What was typed; with --again the words of that submission, changed by what was typed, and its cells."""
    if args.again is None:
        if args.name is None:
            raise UsageError("the name of an experiment is missing (python -m experiments list), or --again ID")
        return args
    for word in [args.name, *args.words]:
        if word and (word == args.name or word.partition("=")[0] in CHOICES):
            raise UsageError(f"{word}: --again {args.again} says which cells")
    try:
        sent = submissions.read(args.out / "slurm" / args.again)
        cells = sent.all_cells()
    except FileNotFoundError:
        gone = f"there is no such folder in {args.out / 'slurm'}, or its list of cells is gone"
        raise UsageError(f"--again {args.again}: {gone}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    stored = [*sent.words, "--again", args.again, *args.words]
    more = {name: vars(args).get(name) for name in ("failed", "follow", "once")}
    more |= {"words": args.words, "stored": stored, "cells": cells, "name": sent.name, "profile": sent.profile}
    return argparse.Namespace(**{**vars(_parser().parse_args(["submit", *stored])), **more})


def submit_cells(cells: list[Cell], name: str, out: Path | str, options: Mapping[str, Any]) -> Submission | None:
    """slurm.submit."""
    words = [name, f"--out={out}"]
    for option, value in {"profile": "python", **options}.items():
        word = f"--{option.replace('_', '-')}"
        if word in {*CHOICES, "--again", "--out"} - {"--profile"}:
            raise UsageError(f"{option}: the cells are given")
        for each in value if isinstance(value, list | tuple) else [value]:
            words += [word if each is True else f"{word}={each}"] * (each is not None and each is not False)
    args = _parser().parse_args(["submit", *words])
    if not all(isinstance(text, str) and submissions.NAME.fullmatch(text) for text in (name, args.profile)):
        raise UsageError(f"name {name!r}, profile {args.profile!r}: letters, digits, _ . and - only")
    if not 1 <= len(cells) <= choose.MOST:
        raise UsageError(f"{len(cells):,} cells: at least 1, at most {choose.MOST:,}")
    if args.follow or args.once:
        raise UsageError("follow: python -m slurm submit --again ID --follow does it, with the id that this prints")
    args.words, args.stored, args.cells = [], words, cells
    return _send(args)


def _send(args: argparse.Namespace) -> Submission | None:
    """Print the plan and send it; what was sent."""
    with sbatch.sending(args) as plan:
        print("\n".join(planning.lines(plan)))
        if failed := plan.states.failed:
            hints = [args.words] if args.words else state.again(plan.sent, failed, args.out)
            again = "".join(f"; to try again: {python_m('slurm', 'retry', *words, '--failed')}" for words in hints)
            print(f"{some(len(failed), 'failed cell')} left alone{again}")
        if not plan.count:
            print("nothing to submit")
            return None
        submission = sbatch.send(plan)
    print(f"submitted {submission.job_name}: {some(submission.jobs, 'job')}; logs in {submission.folder}")
    print(f"see how it goes: {python_m('slurm', 'status', '--out', args.out)}")
    return submission


def _status(args: argparse.Namespace) -> int:
    try:
        tables, unknown = _show(args)
        while args.watch and any(table["running"] or table["jobs"] or table["missing"] is None for table in tables):
            time.sleep(WATCH_SECONDS)
            tables, unknown = _show(args)
    except KeyboardInterrupt:  # the usual end of --watch
        print("no longer watched; the jobs go on", file=sys.stderr)
        return 130
    return NOT_KNOWN if unknown else int(any(table["failed"] for table in tables))


def status_of(out: Path) -> dict[str, Any]:
    """slurm.status."""
    args = _parser().parse_args(["status", f"--out={out}"])
    args.words = []
    tables, unknown = _tables(args)
    return {"sweeps": tables, "unknown": unknown or None}


def _tables(args: argparse.Namespace) -> tuple[list[dict[str, Any]], str]:
    """The tables of the sweeps, and why it is not known which jobs live (else "")."""
    sent, unknown = submissions.all_of(args.out), ""
    jobs: Jobs = {}
    if args.name is not None:
        mine = [s for s in sent if s.name == args.name]
        if mine and CHOICES.isdisjoint(word.partition("=")[0] for word in args.words):
            sweeps = state.sweeps(mine)
        else:
            _, profile = find(args.name, args.profile, args.quick)
            ids = [cell.id for cell in chosen_cells(profile, args)]
            sweeps = [Sweep(args.name, args.profile, ids, mine, args.words)]
    elif unused := [word for word in args.words if word.startswith("--") and word.partition("=")[0] != "--out"]:
        raise UsageError(f"{unused[0]} chooses cells of an experiment: name one")
    else:
        sweeps = state.sweeps(sent)
    try:
        jobs = live_jobs(sent)
    except cluster.ClusterError as error:
        unknown = str(error)
    tables = [sweep.table(args.out, jobs) for sweep in sweeps]
    if not unknown and any(table["missing"] is None for table in tables):
        hidden = sorted({s.user or "another user" for s in sent if s.job_name not in jobs})
        unknown = f"squeue: this cluster does not show the jobs of {', '.join(hidden)} (PrivateData)"
    return tables, unknown


def _show(args: argparse.Namespace) -> tuple[list[dict[str, Any]], str]:
    """Print the tables of the sweeps, and return what _tables does."""
    tables, unknown = _tables(args)
    if args.json:
        print(json.dumps({"sweeps": tables, "unknown": unknown or None}, indent=1), flush=True)
    else:
        nothing = [f"nothing was submitted from {args.out}"] * (not tables)
        at = [time.strftime("as of %H:%M:%S")] * args.watch
        print("\n".join(state.lines(tables, unknown) + nothing + at), flush=True)
    return tables, unknown


def _cancel(args: argparse.Namespace) -> int:
    sent = [s for s in submissions.all_of(args.out) if s.name == args.name and args.profile in (None, s.profile)]
    if not sent:
        raise UsageError(f"nothing of {args.name} was submitted from {args.out}")
    tasks = [task for live in live_jobs(sent).values() for task in live]
    mine = [task.id for task in tasks if task.user == cluster.user() or os.geteuid() == 0]
    if not tasks:
        print(f"no job of {args.name} waits or runs")
        return 0
    cluster.cancel(mine)
    print(f"{some(len(mine), 'job')} of {args.name} cancelled; what they had trained is saved")
    if others := sorted({task.user for task in tasks if task.id not in mine}):
        print(f"{some(len(tasks) - len(mine), 'job')} of {', '.join(others)} left alone")
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
