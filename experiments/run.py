"""`python -m experiments run`: train the missing cells of a grid, or measure a study, and say what to type next.

Nothing here imports torch before it is needed, because this is the parent of a sweep.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.choose import axes, check_out, chosen_cells, data_name, find
from experiments.declare import Experiment, Profile, note_of, settings_of
from paper_repro import studies
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, duration, price, python_m, span
from paper_repro.records import BadRecord, diagnosis
from paper_repro.sweep import engine, preflight
from paper_repro.sweep.engine import Survey
from paper_repro.sweep.preflight import Answer

MOST_WORKERS = 1024  # each is a process
WORTH_A_GPU = 3600  # seconds of one core: from here on a dry run says what a GPU would take
BF16 = "products in bfloat16, weights and updates in float32"
FOR_CELLS = ("workers", "seeds", "only", "alphas", "decays", "set")


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    experiment, profile = find(args.name, args.profile, args.quick)
    if experiment.study is not None:
        return _study(experiment, profile, args)
    cells = chosen_cells(profile, args)
    if args.workers is not None and not 1 <= args.workers <= MOST_WORKERS:
        raise UsageError(f"--workers {args.workers}: at least 1, at most {MOST_WORKERS}; more than cores gain nothing")
    if not args.dry_run:
        check_out(args.out)
    survey, data = Survey.of(cells, args.out), args.data or Path("data")
    out = None if args.dry_run else args.out
    known = ask_first(cells, survey, data, out, args.device, args.dry_run, args.workers is None)
    check_same_images(survey, known.fingerprint, args.out)
    print(f"{experiment.name}, profile {args.profile}: {profile.describe(cells)}")
    print("\n".join(axes(cells, args)))
    there = len(cells) - len(survey.missing)
    print(f"{len(cells)} cell{'s' * (len(cells) > 1)}, {there} with a record in {args.out}", flush=True)
    workers = args.workers or (cores() if known.device == "cpu" else known.at_once)
    try:
        engine.groups(known.device, workers)
    except ValueError as error:
        raise UsageError(f"--workers {workers}: {error}") from None
    if args.dry_run:
        return _estimate(survey, known, workers)
    outcome = engine.run(cells, args.out, data, workers, known.device, survey)
    return _report(experiment, outcome, args)


def _report(experiment: Experiment, outcome: engine.Outcome, args: argparse.Namespace) -> int:
    """Print what came out and what to type next; the exit code."""
    done = f"{len(outcome.finished)} finished, {len(outcome.diverged)} diverged, {len(outcome.failed)} failed"
    if outcome.stopped:
        print(f"stopped ({done}); what was trained is saved: type the same command to go on")
        return 130
    print(f"{done}; records in {args.out / 'records'}")
    same = ["--runs", args.out, *["--quick"] * args.quick, *(word for text in args.set for word in ("--set", text))]
    if outcome.odd:
        print(f"{_odd(outcome)}; what to do: {python_m('analysis', 'report', *same)}")
    if outcome.failed:
        print(f"tracebacks in {args.out / 'failures'}; the same command tries the failed cells again")
    elif "alpha" in experiment.swept or (args.alphas is None and args.decays is None):
        print(f"draw them: {python_m('analysis', 'figures', args.name, *same)}")
    else:
        print(f"the figure of {args.name} does not show these: its cells are at rates and decays of their own")
    return 1 if outcome.failed else 0


def _odd(outcome: engine.Outcome) -> str:
    count = len(outcome.odd)
    kinds = ", ".join(f"{group['cells']} {group['kind']}" for group in diagnosis.groups(outcome.odd.items()))
    return f"{count} cell{'s' * (count > 1)} look{'s' * (count == 1)} odd: {kinds}"


def _study(experiment: Experiment, profile: Profile, args: argparse.Namespace) -> int:
    """Measure, unless the same findings are there already; the exit code."""
    for option in FOR_CELLS:
        if getattr(args, option) not in (None, []):
            raise UsageError(f"--{option} is for cells, and {experiment.name} trains none of a grid")
    if args.data is not None and "cell" not in profile.settings:
        raise UsageError(f"--data: {experiment.name} uses no data")
    draw = ("analysis", "figures", experiment.name)
    if not experiment.study:
        print(f"{experiment.name} is drawn without measuring anything: {python_m(*draw)}")
        return 0
    try:
        settings, name = settings_of(profile, data_name(args).get("dataset"))
        path = studies.path_of(args.out, experiment.study, _scale(args), name)
        print(f"{experiment.name}, profile {args.profile}: {note_of(profile, settings)}")
        if args.dry_run:
            print(f"it would be written to {path}; nothing was measured")
            return 0
        check_out(args.out)
        findings = studies.read(path)
    except BadRecord as error:
        raise UsageError(f"{error}; remove it to measure anew") from None
    if findings is None or findings["settings"] != settings:
        findings = _measured(path, experiment.study, settings, args)
    print(f"{path}: {len(findings['rows'])} rows, {duration(findings['seconds'])}")
    print(f"draw them: {python_m(*draw, '--runs', args.out)}")
    return 0


def _scale(args: argparse.Namespace) -> str:
    """A quick run must not replace what was measured in full."""
    return f"{args.profile}{'-quick' * args.quick}"


def _measured(path: Path, study: str, settings: dict[str, Any], args: argparse.Namespace) -> studies.Findings:
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here")
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    from paper_repro.data import DataError

    try:
        return studies.run(path, study, _scale(args), settings, args.data or Path("data"), device)
    except (studies.CannotRun, DataError) as error:  # any other error is a mistake of ours, and shows its traceback
        raise UsageError(str(error)) from None


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def ask_first(
    cells: Sequence[Cell],
    survey: Survey,
    data: Path,
    out: Path | None,
    device: str | None,
    estimate: bool,
    at_once: bool,
) -> Answer:
    """Try the data, and the model, optimizer and schedule of each kind of cell, before anything is trained.

    Where nothing is missing there is nothing to try, and no process is started; but a file that was typed must still be
    the one that the records are from. estimate: also what a cell of each kind takes that has no record yet. at_once:
    also how many a GPU takes.
    """
    if not survey.missing:
        return Answer(fingerprint=_fingerprint(data))
    kinds = {engine.kind_of(cell): cell for cell in cells}
    estimate = estimate and any(engine.kind_of(cell) not in survey.seconds for cell in survey.missing)
    answer = preflight.ask(tuple(kinds.values()), data, out, device, estimate, at_once)
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return answer


def _fingerprint(data: Path) -> str:
    """Of an .npz file; empty for built-in data sets, which the names in the records tell apart."""
    if data.suffix != ".npz":
        return ""
    from paper_repro.data import load_npz

    try:
        return load_npz(data, "").fingerprint
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_same_images(survey: Survey, fingerprint: str, out: Path) -> None:
    """Raise UsageError if records were made from other images of the same name."""
    for other, name in survey.fingerprints.items():
        if fingerprint and other and other != fingerprint:  # a record may not say
            raise UsageError(
                f"{name} is not the data set that {out} was trained on (fingerprint {fingerprint} "
                f"against {other}): pass another --out or --data-name"
            )


def _estimate(survey: Survey, known: Answer, workers: int) -> int:
    """Print cells and time, from the records that there are or from a few updates tried just now."""
    seconds = {**known.seconds, **{kind: statistics.mean(took) for kind, took in survey.seconds.items()}}
    each = [seconds[engine.kind_of(cell)] for cell in survey.missing]
    recorded = sum(map(len, survey.seconds.values()))
    sources = [f"{recorded} records"] * bool(recorded)
    sources += [f"a few updates on {known.device}, just now"] * bool(known.seconds)
    if known.note:
        print(known.note)
    if not each:
        print("nothing is left to train")
        return 0
    took_each = span(each, duration)
    print(f"to train: {len(each)} cell{'s' * (len(each) > 1)} of about {took_each} each ({' and '.join(sources)})")
    workers = min(workers, len(each))
    together = sum(each) / workers
    cost = price(sum(each)) if known.device == "cpu" else price(together, "GPU")
    print(f"about {cost}, {duration(together)} with {workers} worker{'s' * (workers > 1)}; nothing was trained")
    if known.device != "cpu" and any(cell.precision == "fp32" for cell in survey.missing):
        print(f"--set precision=bf16 trains them faster ({BF16})")
    if known.on_gpus and sum(each) > WORTH_A_GPU:
        print(*_on_gpus(known.on_gpus, survey.missing), sep="\n")
    return 0


def _on_gpus(known: Mapping[tuple[str, str], Mapping[Cell, float]], missing: Sequence[Cell]) -> list[str]:
    """A line for the cells as they are and one for what may be set, with the time of all of them on each card."""
    prices: dict[str, list[str]] = {}
    for (change, card), seconds in known.items():
        total = sum(seconds[engine.kind_of(cell)] for cell in missing)
        prices.setdefault(change, []).append(f"{price(total, 'GPU')} ({card})")
    lines = ["on one GPU, training alone, reckoned from counted FLOP and bytes, not measured (+- 40 %):"]
    for change, words in prices.items():
        how = f"with --set {change} ({BF16}): " * bool(change)
        lines.append(f"  {how}{', '.join(words)}")
    return lines
