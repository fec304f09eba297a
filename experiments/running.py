"""`python -m experiments run`: which cells are meant, whether they can be trained, and training them.

Nothing here imports torch, because this is the parent of a sweep: what needs torch is asked of another process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments import studying
from experiments.choosing import UsageError, check_out, chosen_cells, data_name, find
from experiments.declare import Experiment, Profile
from paper_repro import diagnosis, engine, preflight
from paper_repro.cell import Cell
from paper_repro.engine import Survey
from paper_repro.messages import Answer, Question

MOST_WORKERS = 1024  # each is a process


def run(given: argparse.Namespace) -> int:
    """The command; its exit code."""
    experiment, profile = find(given.name, given.profile, given.quick)
    if experiment.study is not None:
        return _study(experiment, profile, given)
    data = given.data or Path("data")
    cells = chosen_cells(profile, given)
    _check_workers(given)
    if not given.dry_run:
        check_out(given.out)
    survey = Survey.of(cells, given.out)
    known = ask_first(cells, survey, data, given.device, given.dry_run, given.workers is None)
    check_same_pictures(survey, known.fingerprint, given.out)
    print(f"{experiment.name}, profile {given.profile}: {profile.describe(cells)}")
    print(f"{len(cells)} cell{'s' * (len(cells) > 1)}, {len(cells) - len(survey.missing)} with a record in {given.out}")
    workers = given.workers or (cores() if known.device == "cpu" else known.at_once)
    if given.dry_run:
        return _estimate(survey, known, workers)
    return _train(cells, survey, known.device, workers, data, given)


def _study(experiment: Experiment, profile: Profile, given: argparse.Namespace) -> int:
    try:
        name = data_name(given).get("dataset")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not given.dry_run:
        check_out(given.out)
    try:
        return studying.run(experiment, profile, name, given)
    except studying.CannotStart as error:
        raise UsageError(str(error)) from None


def _train(cells: list[Cell], survey: Survey, device: str, workers: int, data: Path, given: argparse.Namespace) -> int:
    outcome = engine.run(cells, given.out, data, workers, device, survey)
    done = f"{len(outcome.finished)} finished, {len(outcome.diverged)} diverged, {len(outcome.failed)} failed"
    if outcome.stopped:
        print(f"stopped ({done}); what was trained is saved: type the same command to go on")
        return 130
    print(f"{done}; records in {given.out / 'records'}")
    if outcome.odd:
        print(f"{_odd(outcome)}; what to do: python -m analysis report --runs {given.out}")
    if outcome.failed:
        print(f"tracebacks in {given.out / 'failures'}; the same command tries the failed cells again")
    else:
        changes = " --quick" * given.quick + "".join(f" --set {text}" for text in given.set)
        print(f"draw them: python -m analysis figures {given.name} --runs {given.out}{changes}")
    return 1 if outcome.failed else 0


def _odd(outcome: engine.Outcome) -> str:
    count = len(outcome.odd)
    kinds = ", ".join(f"{group['cells']} {group['kind']}" for group in diagnosis.groups(outcome.odd.items()))
    return f"{count} cell{'s' * (count > 1)} look{'s' * (count == 1)} odd: {kinds}"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def _check_workers(given: argparse.Namespace) -> None:
    if given.workers is not None and given.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {given.workers}")
    if given.workers is not None and given.workers > MOST_WORKERS:
        raise UsageError(f"--workers {given.workers}: at most {MOST_WORKERS}, and more than cores gain nothing")


def ask_first(
    cells: Sequence[Cell], survey: Survey, data: Path, device: str | None, estimate: bool, at_once: bool
) -> Answer:
    """Try the data, and the model, optimizer and schedule of each kind of cell, before anything is trained.

    estimate: also what a cell of each kind takes that has no record yet. at_once: also how many a GPU takes.
    """
    kinds = {engine.kind_of(cell): cell for cell in cells}
    estimate = estimate and any(engine.kind_of(cell) not in survey.seconds for cell in survey.missing)
    at_once = bool(survey.missing) and at_once
    answer = preflight.ask(Question(tuple(kinds.values()), data, device, estimate, at_once))
    if answer.error:
        raise UsageError(answer.error)
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return answer


def check_same_pictures(survey: Survey, fingerprint: str, out: Path) -> None:
    """Raise UsageError if records were made from other pictures of the same name."""
    for other, name in survey.fingerprints.items():
        if fingerprint and other and other != fingerprint:  # a record may not say
            raise UsageError(
                f"{name} is not the data set that {out} was trained on (fingerprint {fingerprint} "
                f"against {other}): pass another --out or --data-name"
            )


def _estimate(survey: Survey, known: Answer, workers: int) -> int:
    """Print cells and time, from the records that there are or from a few updates tried just now."""
    tried = {engine.kind_of(cell): seconds for cell, seconds in known.seconds}
    took = {kind: statistics.mean(seconds) for kind, seconds in survey.seconds.items()}
    each = [took[kind] if kind in took else tried[kind] for kind in map(engine.kind_of, survey.missing)]
    recorded = sum(map(len, survey.seconds.values()))
    sources = [f"{recorded} records"] * bool(took) + [f"a few updates on {known.device}, just now"] * bool(tried)
    if known.note:
        print(known.note)
    span = (
        f"{min(each):.3g} to {max(each):.3g}"
        if each and max(each) > 1.01 * min(each)
        else f"{max(each, default=0):.3g}"
    )
    print(f"to train: {len(each)} cells of about {span} s each ({' and '.join(sources)})")
    unit = "core-hours" if known.device == "cpu" else "GPU-hours"
    total = sum(each) / 3600 if known.device == "cpu" else sum(each) / workers / 3600
    hours = sum(each) / workers / 3600
    print(
        f"about {total:.3g} {unit}, {hours:.3g} hours with {workers} worker{'s' * (workers > 1)}; nothing was trained"
    )
    return 0
