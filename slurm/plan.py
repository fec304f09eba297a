"""The plan: what there is of a sweep, what is missing, and how that would be packed into jobs. Sends nothing."""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from experiments import run
from experiments.choose import axes, chosen_cells, find
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, brief, duration, price, span
from paper_repro.records import provenance
from paper_repro.sweep import cleanup
from paper_repro.sweep.engine import Survey, groups, kind_of
from paper_repro.sweep.preflight import Answer
from slurm import cluster, packing, settings, states, submissions
from slurm.settings import Settings
from slurm.states import Jobs, States
from slurm.submissions import Submission

LEAST, MOST = 1e-6, 1e9  # of seconds and cells that may be typed
CARD = "A100"  # that a GPU is taken for where its type is not asked for
CENTURY = 24 * 365 * 100  # hours: no plan looks farther ahead


@dataclass
class Plan:
    """What would be sent. arrays: for each sbatch, for each of its jobs, its cells; later: jobs the cluster has no room
    for now. seconds: what each missing cell takes, as far as known. how: where that is from."""

    given: argparse.Namespace
    settings: Settings
    cells: list[Cell]
    sent: list[Submission]
    jobs: Jobs
    states: States
    data: Path
    at_once: int | None
    sending: bool = False
    seconds: Mapping[Cell, float] = field(default_factory=dict)
    how: str = ""
    arrays: list[list[list[Cell]]] = field(default_factory=list)
    later: list[list[Cell]] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)  # what other code has made records, or has jobs waiting

    @property
    def bundles(self) -> list[list[Cell]]:
        return [bundle for array in self.arrays for bundle in array]


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("packing")
    group.add_argument("--cells-per-job", type=int, help="default: from the seconds a cell takes and the time limit")
    group.add_argument("--cells-at-once", type=int, help="in one job (default: one a core; a GPU tries out how many)")
    group.add_argument("--seconds-per-cell", type=float, help="default: from records, else tried out on this machine")
    group.add_argument("--mixed-code", action="store_true", help="go on although the code has changed since")


def make(given: argparse.Namespace, sending: bool = False) -> Plan:
    """Look at everything and pack what is missing. Raises UsageError (ClusterError is one) in one line.

    sending: it will be sent, so that its data must be here, and damaged records are put aside.
    """
    chosen = settings.read(given)
    _check(given)
    at_once = _at_once(given, chosen)
    experiment, profile = find(given.name, given.profile, given.quick)
    if experiment.study is not None:
        raise UsageError(f"{given.name} trains no cells of a grid: python -m experiments run {given.name}")
    cells = chosen_cells(profile, given)
    if chosen.cluster == "slurm":
        _check_cluster(chosen)
    sent = all_sent(given.out)
    jobs = Jobs.of(sent)
    if jobs.unknown:
        raise UsageError(
            f"{jobs.unknown}; which jobs of earlier submissions live is not known, so nothing is sent "
            f"(if none can live any more, remove {submissions.root(given.out)})"
        )
    if vars(given).get("failed"):  # retry, with all that is typed in order
        for cell in cells:
            records.clear_failure(given.out, cell.id)
    found = states.of([cell.id for cell in cells], given.out, sent, jobs, mend=sending)
    if sending:
        cleanup.clear(given.out, found.finished)
    data = (given.data or Path("data")).absolute()
    plan = Plan(given, chosen, cells, sent, jobs, found, data, at_once, sending)
    plan.mixed = _other_code(plan)
    if found.missing:
        _pack(plan)
    return plan


def all_sent(out: Path) -> list[Submission]:
    try:
        return submissions.all_of(out)
    except (ValueError, OSError) as error:
        raise UsageError(f"{error}: what it sent is not known; remove its folder when none of its jobs lives") from None


def _check(given: argparse.Namespace) -> None:
    for name in ("cells_per_job", "cells_at_once", "seconds_per_cell"):
        value = getattr(given, name)
        if value is not None and not LEAST <= value <= MOST:
            raise UsageError(f"--{name.replace('_', '-')} must lie between {LEAST:g} and {MOST:g}, got {brief(value)}")


def _check_cluster(chosen: Settings) -> None:
    cluster.check_same(os.environ)
    known, wanted = cluster.partitions(), chosen.passed.get("partition")
    for name in wanted.split(",") if wanted else []:
        if name not in known:
            raise UsageError(f"no partition {name!r} on this cluster: one of {', '.join(known)}")
    limit = known.get(wanted or next(iter(known), ""))
    if limit is not None and chosen.minutes > limit:
        raise UsageError(f"--time {chosen.minutes} minutes: the partition allows {limit}")


def _at_once(given: argparse.Namespace, chosen: Settings) -> int | None:
    """Cells at once in a job; None: a GPU tries it out."""
    if given.cells_at_once:
        try:
            groups(chosen.device, given.cells_at_once)
        except ValueError as error:
            raise UsageError(f"--cells-at-once {given.cells_at_once}: {error}") from None
    if given.cells_at_once or chosen.device != "cpu":
        return int(given.cells_at_once) if given.cells_at_once else None
    return run.cores() if chosen.cluster != "slurm" else chosen.cpus


def _other_code(plan: Plan) -> list[str]:
    """Labels of code other than this that made records of the sweep or will be asked for by jobs that live."""
    made = {known.code for known in plan.states.finished.values()}
    live = {folder for folder, _ in plan.jobs.live}
    ours = {cell.id for cell in plan.cells}
    queued = {provenance.label({"source": s.source}) for s in plan.sent if s.folder in live and ours & set(s.sweep)}
    return sorted(label for label in made | queued if not provenance.has_same_numbers(label))


def _pack(plan: Plan) -> None:
    by_id = {cell.id: cell for cell in plan.cells}
    missing = [by_id[name] for name in plan.states.missing]
    plan.seconds, plan.how, comparable = _seconds(plan, missing)
    limit, at_once = plan.settings.minutes * 60.0, plan.at_once or 1
    _check_limit(plan, comparable, limit)
    mean = statistics.fmean(plan.seconds.values())
    here = plan.settings.cluster != "slurm"
    parallel = 1 if here else plan.settings.parallel  # one process on this machine uses all of its cores
    per_job = packing.cells_per_job(mean, len(missing), at_once, limit, parallel)
    per_job = plan.given.cells_per_job or (len(missing) if here else per_job)
    jobs = packing.bundles(plan.seconds, per_job)
    room = cluster.limits(plan.settings.passed.get("qos")) if not here else cluster.Limits(1, None)
    plan.arrays, plan.later = packing.arrays(jobs, room.array, room.jobs)


def _seconds(plan: Plan, missing: list[Cell]) -> tuple[dict[Cell, float], str, bool]:
    """What each cell takes, where that is known from, and whether that was measured on what the jobs will run on.

    What is to be sent is tried here first: its data, models, optimizers and schedules.
    """
    took: dict[Cell, list[float]] = {}
    for cell in plan.cells:
        if cell.id in plan.states.finished:
            took.setdefault(kind_of(cell), []).append(plan.states.finished[cell.id].seconds)
    typed = plan.given.seconds_per_cell
    estimate = not typed and any(kind_of(cell) not in took for cell in missing)
    known = _try(plan, Survey(missing=missing, seconds=took), estimate) if estimate or plan.sending else Answer()
    if typed:
        return dict.fromkeys(missing, typed), "as given", True
    foreign = known.device != plan.settings.device
    asked = " ".join(map(str, plan.settings.passed.values())).upper()  # as in gres gpu:h100:1
    card = next((each.card for each in known.on_gpus if each.card in asked), CARD)
    rows = [each for each in known.on_gpus if foreign and (each.change, each.card) == ("", card)]
    reckoned = {kind_of(each.cell): each.seconds for each in rows}
    tried = {kind_of(cell): seconds for cell, seconds in known.seconds} | reckoned
    each = {cell: statistics.fmean(took.get(kind_of(cell)) or [tried[kind_of(cell)]]) for cell in missing}
    words = [f"{len(plan.states.finished)} records"] * bool(took)
    if reckoned:
        words.append(f"FLOP and bytes counted for an {card}, +- 40 %: --seconds-per-cell says what one takes")
    if tried.keys() - reckoned:
        words.append(f"a few updates here on {known.device}")
    note = f"; {known.note}" * bool(known.note)
    if foreign and tried.keys() - reckoned:
        note += "; jobs ask for a GPU, which will be faster: --seconds-per-cell says how fast"
    return each, f"from {' and '.join(words)}{note}", not (tried and foreign)


def _try(plan: Plan, survey: Survey, estimate: bool) -> Answer:
    survey.fingerprints = {known.fingerprint: plan.given.name for known in plan.states.finished.values()}
    known = run.ask_first(plan.cells, survey, plan.data, None, None, estimate, at_once=False)
    if plan.sending and not known.fingerprint:  # it could be planned without its data, but not trained
        run.ask_first(plan.cells, survey, plan.data, None, None, estimate=False, at_once=False)
    if plan.settings.cluster != "slurm" and plan.settings.device != known.device:
        raise UsageError(
            f"a job would train on {plan.settings.device}, and this machine has {known.device}: --gpus 0 or 1"
        )
    run.check_same_images(survey, known.fingerprint, plan.given.out)
    return known


def _check_limit(plan: Plan, comparable: bool, limit: float) -> None:
    cell = max(plan.seconds, key=lambda cell: plan.seconds[cell] / cell.epochs)
    epoch = plan.seconds[cell] / cell.epochs
    if comparable and epoch > limit:
        raise UsageError(
            f"--time {plan.settings.minutes} minutes is too short: one epoch of {cell.id} takes about {duration(epoch)}"
        )


def lines(plan: Plan) -> list[str]:
    """The plan in words."""
    counts = plan.states.counts
    text = [
        f"{plan.given.name}, profile {plan.given.profile}: {some(counts['cells'], 'cell')} in {plan.given.out}: "
        + ", ".join(f"{number} {name}" for name, number in counts.items() if name != "cells"),
        *axes(plan.cells, plan.given),
    ]
    if plan.mixed:
        text.append(f"of other code than this ({provenance.label(provenance.code())}): {', '.join(plan.mixed)}")
    if not plan.states.missing:
        return text
    text += plan.settings.notes
    sizes, each = [len(bundle) for bundle in plan.bundles + plan.later], list(plan.seconds.values())
    at_once = plan.at_once or "as many as the GPU gains from"
    text.append(f"a cell takes about {span(each, duration)} ({plan.how}); {at_once} at once in a job")
    arrays = f" in {len(plan.arrays)} arrays" if len(plan.arrays) > 1 else ""
    jobs, cells = some(len(plan.bundles), "job"), f"{span(sizes, written)} cell{'s' * (max(sizes) > 1)}"
    text.append(f"to submit: {jobs} of {cells}{arrays}; {_cost(plan)}")
    if plan.later:
        text.append(f"no room on the cluster for {some(len(plan.later), 'more job')} now: type this again later")
    return text


def some(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def written(number: float) -> str:
    """A number of three digits at most: '0.0496', '12.3', '1,230', '<0.001'."""
    if 0 < number < 0.001:
        return "<0.001"
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def _cost(plan: Plan) -> str:
    chosen, at_once = plan.settings, plan.at_once or 1
    bundles = plan.bundles + plan.later
    hours = [max(sum(plan.seconds[c] for c in b) / at_once, max(plan.seconds[c] for c in b)) / 3600 for b in bundles]
    unit, each = ("GPU", 1) if chosen.device == "cuda" else ("core", min(chosen.cpus, at_once))
    together = min(chosen.parallel, len(bundles))
    ahead = min(max(sum(hours) / together, max(hours)), CENTURY)
    end = datetime.datetime.now() + datetime.timedelta(hours=ahead)
    limit = f"at most {_limit(chosen.minutes)} each, " if chosen.cluster == "slurm" else ""
    begin = "if it runs" if together == 1 else f"if {together} run at once"
    return f"{limit}about {price(3600 * each * sum(hours), unit)}, done about {end:%Y-%m-%d %H:%M} {begin} from now on"


def _limit(minutes: int) -> str:
    """A time limit as it was typed: not rounded."""
    return some(minutes, "minute") if minutes < 100 or minutes % 60 else f"{minutes // 60:,} hours"
