"""The plan: what there is of a sweep, what is missing, and how many jobs that is worth. Sends nothing."""

import argparse
import datetime
import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments import refine, run
from experiments.choose import axes, chosen_cells, find
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, brief, duration, price, python_m, span
from paper_repro.records import provenance
from paper_repro.sweep import cleanup
from paper_repro.sweep.engine import Survey, check_at_once, kind_of
from paper_repro.sweep.preflight import Answer
from slurm import cluster, settings, submissions
from slurm.settings import Settings
from slurm.state import Jobs, States, live_jobs, places, some
from slurm.submissions import Submission

LEAST, MOST = 1e-6, 1e9  # of seconds and cells that may be typed
USEFUL = 300.0  # seconds of work below which starting a job costs more than it spreads
CARD = "A100"  # that a GPU is taken for where its type is not asked for
SEVERAL = 8  # cells of a task, at least, until it is known how many a GPU gains from; small networks gain up to here


@dataclass
class Plan:
    """What would be sent. count: so many jobs, all alike; full: the cluster has no room for all that are wanted.
    at_once: cells of a task, as typed; None: a GPU tries it out. learned: what it found before; None: nothing yet.
    seconds: what each missing cell takes beside those at once with it; with neither, what it takes of its GPU's time.
    how: where that is from. again: failed cells to be retried. mixed: other code that has made records, or has jobs
    waiting. known: what trying the cells here has said."""

    args: argparse.Namespace
    settings: Settings
    cells: list[Cell]
    sent: list[Submission]
    jobs: Jobs
    states: States
    data: Path
    at_once: int | None
    learned: int | None = None
    again: list[str] = field(default_factory=list)
    seconds: Mapping[Cell, float] = field(default_factory=dict)
    how: str = ""
    count: int = 0
    full: bool = False
    mixed: list[str] = field(default_factory=list)
    known: Answer | None = None

    @property
    def beside(self) -> int | None:
        """How many cells a task trains at once, as far as known."""
        return self.at_once or self.learned


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("packing")
    group.add_argument(
        "--cells-at-once", type=int, help="of a job, or on each GPU (default: one a core; a GPU tries it out)"
    )
    group.add_argument(
        "--seconds-per-cell", type=float, help="default: from records; else of a CPU tried here, of a GPU counted"
    )
    group.add_argument("--mixed-code", action="store_true", help="go on although the code has changed since")


def make(args: argparse.Namespace, sending: bool = False) -> Plan:
    """Look at everything and plan jobs for what is missing. Raises UsageError (ClusterError is one) in one line.

    sending: it will be sent, so that its data must be here, and damaged records are put aside.
    """
    chosen = settings.read(args)
    for name in ("cells_at_once", "seconds_per_cell"):
        value = getattr(args, name)
        if value is not None and not LEAST <= value <= MOST:
            raise UsageError(f"--{name.replace('_', '-')} must lie between {LEAST:g} and {MOST:g}, got {brief(value)}")
    check_at_once(chosen.device, args.cells_at_once or 1, "--cells-at-once")
    cells = args.cells or _declared(args, sending)
    limits, partition = cluster.partitions(), chosen.options.get("partition")
    for name in partition.split(",") if partition else []:
        if name not in limits:
            raise UsageError(f"no partition {name!r} on this cluster: one of {', '.join(limits)}")
    limit = limits.get(partition or next(iter(limits), ""))
    if limit is not None and chosen.minutes > limit:
        raise UsageError(f"--time {chosen.minutes} minutes: the partition allows {limit}")
    sent = submissions.all_of(args.out)
    jobs = {name: [task for task in live if task.state != "COMPLETING"] for name, live in live_jobs(sent).items()}
    every = cells  # whose records must be of this code, whatever is sent
    states, typed = States.of([cell.id for cell in cells], args.out, mend=sending), vars(args)
    if typed.get("failed") and not (typed.get("follow") or typed.get("once")):  # these go on until all is done
        if not states.failed:
            look = python_m("slurm", "status")
            raise UsageError(f"none of these {some(len(cells), 'cell')} failed; {look} says which did")
        failed = set(states.failed)
        cells = [cell for cell in cells if cell.id in failed]
        states = States(finished=states.finished, failed=states.failed)
    if sending:
        cleanup.clear(args.out, states.finished)
    at_once = args.cells_at_once or (chosen.cpus if chosen.device == "cpu" else None)  # None: a GPU tries it out
    plan = Plan(args, chosen, cells, sent, jobs, states, (args.data or Path("data")).absolute(), at_once)
    plan.known = typed.get("known")
    tries = Counter(name for each in sent for name in each.again)
    most = math.inf if typed.get("failed") else typed.get("tries", 0) - 1  # beside the first
    plan.again = [name for name in states.failed if tries[name] < most]
    states.failed = [name for name in states.failed if tries[name] >= most]
    states.missing += plan.again
    ours = {cell.id for cell in cells}
    made = {(states.finished[c.id].code, c.model, c.optimizer): c for c in every if c.id in states.finished}
    codes = [(label, [cell]) for (label, _, _), cell in made.items()]
    live = [s for s in sent if jobs.get(s.job_name) and not ours.isdisjoint(s.cells)]
    codes += [(f"source {s.source}", [Cell.from_dict(fields) for fields in s.kinds]) for s in live]
    plan.mixed = sorted({label for label, each in codes if not provenance.has_same_numbers(label, *each)})
    if states.missing:
        _count_jobs(plan, sending)
    return plan


def _declared(args: argparse.Namespace, sending: bool) -> list[Cell]:
    experiment, profile = find(args.name, args.profile, args.quick)
    if experiment.study is not None:
        raise UsageError(f"{args.name} trains no cells of a grid: python -m experiments run {args.name}")
    return chosen_cells(profile, args) if args.top is None else refine.best_cells(args, mend=sending)[0]


def _count_jobs(plan: Plan, sending: bool) -> None:
    """As many as are worth their start for what is missing, less those that live; but what no job that lives was given,
    or has passed over as failed, gets jobs in any case."""
    by_id = {cell.id: cell for cell in plan.cells}
    missing, running = ([by_id[name] for name in names] for names in (plan.states.missing, plan.states.running))
    going = [s for s in plan.sent if plan.jobs.get(s.job_name) and not s.cells.keys().isdisjoint(plan.states.missing)]
    known = {name for submission in going for name in submission.cells}.difference(plan.again)
    seconds, plan.how = _seconds(plan, missing + running, sending)
    plan.seconds = {cell: seconds[cell] for cell in missing}
    live = sum(len(places(plan.jobs[s.job_name])) * s.tasks for s in going) // plan.settings.tasks
    more = min(_worth(plan, list(seconds.values())) - live, _worth(plan, list(plan.seconds.values())))
    wanted = max(more, _worth(plan, [took for cell, took in plan.seconds.items() if cell.id not in known]))
    chosen = (plan.settings.options.get(name) for name in ("account", "qos", "partition"))
    plan.count = min(wanted, cluster.room(*chosen)) if wanted else 0
    plan.full = plan.count < wanted


def _worth(plan: Plan, seconds: Sequence[float]) -> int:
    """How many jobs cells that take so long are worth, at most --parallel."""
    useful = min(USEFUL, 60.0 * plan.settings.minutes) * (plan.beside or 1)
    tasks = min(sum(seconds) / useful, len(seconds) / (plan.beside or SEVERAL))
    return min(math.ceil(tasks / plan.settings.tasks), plan.settings.parallel)


def _seconds(plan: Plan, cells: list[Cell], sending: bool) -> tuple[dict[Cell, float], str]:
    """What each cell takes, and where that is known from. On a CPU what is to be sent is tried here first."""
    on_gpu, typed, finished = bool(plan.settings.gpus), plan.args.seconds_per_cell, plan.states.finished
    gpus = _gpus(plan)
    if on_gpu and gpus:
        plan.learned = max(gpus.values())
    together = min(plan.beside or 1, len(cells))
    survey = Survey.of(plan.cells, plan.args.out, finished)
    survey.missing, survey.seconds = cells, {}
    hardware = set[str]()
    for cell in plan.cells:
        record = finished.get(cell.id)
        if record is not None and (record.hardware in gpus) == on_gpu:
            seconds = record.seconds * together / gpus[record.hardware] if on_gpu else record.seconds
            survey.seconds.setdefault(kind_of(cell), []).append(seconds)
            hardware.add(record.hardware)
    estimate = not typed and any(kind_of(cell) not in survey.seconds for cell in cells)
    known = plan.known or Answer()
    if plan.known is None and (estimate or sending):
        trial = {"out": None, "device": "cpu", "at_once": False, "elsewhere": on_gpu}
        known = run.ask_first(plan.cells, survey, plan.data, **trial, estimate=estimate)
        if sending and not known.fingerprint:  # it could be planned without its data, but not trained
            run.ask_first(plan.cells, survey, plan.data, **trial, estimate=False)
        plan.known = known
    if typed:
        return dict.fromkeys(cells, typed), "as given"
    recorded = {kind: statistics.fmean(each) for kind, each in survey.seconds.items()}
    made_on = f" made on {', '.join(sorted(hardware))}" * on_gpu
    sources = [f"{sum(map(len, survey.seconds.values()))} records{made_on}"] * bool(recorded)
    note = f"; {known.note}" * bool(known.note)
    if on_gpu and known.on_gpus:
        asked = [re.sub(r"[\W_]", "", str(value)).upper() for value in plan.settings.options.values()]  # gpu:h100:1
        card = next((card for _, card in known.on_gpus if any(card.replace(" ", "") in text for text in asked)), CARD)
        counted = {kind: each * together for kind, each in known.on_gpus["", card].items()}
        sources.append(f"FLOP and bytes counted for an {card}, +- 40 %: --seconds-per-cell says what one takes")
    else:
        counted = dict(known.seconds)
        sources += [f"a few updates here on {known.device}"] * bool(counted)
        if on_gpu and counted:
            note += "; jobs ask for a GPU, which will be faster: --seconds-per-cell says how fast"
    known_seconds = {**counted, **recorded}
    return {cell: known_seconds[kind_of(cell)] for cell in cells}, f"from {' and '.join(sources)}{note}"


def _gpus(plan: Plan) -> dict[str, int]:
    """How many cells at once each GPU trained in earlier jobs, by its name; where jobs are to be on GPUs, in those that
    asked for the same ones."""
    same = [s for s in plan.sent if s.gpus and (not plan.settings.gpus or s.gpu_type == plan.settings.gpu_type)]
    return {attempt.hardware: attempt.at_once for s in same for attempt in s.attempts() if attempt.at_once}


def lines(plan: Plan) -> list[str]:
    """The plan in words."""
    counts = plan.states.counts
    text = [
        f"{plan.args.name}, profile {plan.args.profile}: {some(counts['cells'], 'cell')} in {plan.args.out}: "
        + ", ".join(f"{number} {name}" for name, number in counts.items() if name != "cells"),
        *axes(plan.cells, plan.args),
    ]
    if plan.mixed:
        text.append(f"of other code than this (source {provenance.source(*plan.cells)}): {', '.join(plan.mixed)}")
    if not plan.states.missing:
        return text
    each = span(list(plan.seconds.values()), duration)
    where = "on a GPU" if plan.settings.gpus else "in a job"
    beside = f"{plan.beside} at once {where}" if plan.beside else "as many at once as the GPU gains from"
    text += [
        *plan.settings.notes,
        f"a cell takes about {each}{' of a GPU' * (not plan.beside)} ({plan.how}); {beside}",
    ]
    if live := sum(len(places(tasks)) for tasks in plan.jobs.values()):
        going = "waits or runs, and takes" if live == 1 else "wait or run, and take"
        text.append(f"{some(live, 'job')} of this folder {going} what is missing of theirs")
    if plan.count:
        gpus = f" of {plan.settings.gpus} GPUs" * (plan.settings.tasks > 1)
        share = f"{some(plan.count, 'job')}{gpus} that share{'s' * (plan.count == 1)} {some(len(plan.seconds), 'cell')}"
        text.append(f"to submit: {share}; {_cost(plan)}")
        if not plan.beside:
            text.append(
                f"a first wave, of at least {SEVERAL} cells a GPU: no job here has tried such a GPU yet; "
                "type submit again when the first cells are finished, and it goes by their records"
            )
    if plan.full:
        text.append("no room on the cluster for more jobs now: type this again later")
    return text


def _cost(plan: Plan) -> str:
    at_once, limit, longest = plan.beside or 1, plan.settings.minutes, max(plan.seconds.values())
    unit, each = ("GPU", 1) if plan.settings.gpus else ("core", min(plan.settings.cpus, at_once))
    total = max(sum(plan.seconds.values()) / at_once, longest)  # seconds of one job
    left = min(max(total / plan.count / plan.settings.tasks, longest), 10**9)
    end = datetime.datetime.now() + datetime.timedelta(seconds=left)
    most = some(limit, "minute") if limit < 100 or limit % 60 else f"{limit // 60:,} hours"
    begin = "if it runs" if plan.count == 1 else f"if {plan.count} run at once"
    cost = price(each * total, unit)
    return f"at most {most} each, about {cost}, done about {end:%Y-%m-%d %H:%M} {begin} from now on"
