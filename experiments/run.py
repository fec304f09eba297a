"""`python -m experiments run`: train the missing cells of a grid, or measure a study, and say what to type next.

Nothing here imports torch before it is needed, because this is the parent of a sweep.
"""

import argparse
import itertools
import os
import statistics
import sys
from collections import Counter
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
    return train(experiment, profile, cells, axes(cells, args), args)


def train(
    experiment: Experiment, profile: Profile, cells: Sequence[Cell], words: Sequence[str], args: argparse.Namespace,
    sources: Sequence[Path] = (), fingerprints: Mapping[str, str] = {},
) -> int:  # fmt: skip
    """Train what is missing of the cells, or say with --dry-run what that takes; the exit code.

    words: lines that say which cells they are. sources: where other records of their maps are; fingerprints: the data
    of these, as in a Survey.
    """
    if args.workers is not None and not 1 <= args.workers <= MOST_WORKERS:
        raise UsageError(f"--workers {args.workers}: at least 1, at most {MOST_WORKERS}; more than cores gain nothing")
    if not args.dry_run:
        check_out(args.out)
    survey, data = Survey.of(cells, args.out), args.data or Path("data")
    survey.fingerprints |= fingerprints
    trial = {"out": None if args.dry_run else args.out, "device": args.device}
    answer = ask_first(cells, survey, data, **trial, estimate=args.dry_run, at_once=args.workers is None)
    print(f"{experiment.name}, profile {args.profile}: {profile.describe(cells)}")
    print("\n".join(words))
    recorded = len(cells) - len(survey.missing)
    print(f"{len(cells)} cell{'s' * (len(cells) > 1)}, {recorded} with a record in {args.out}", flush=True)
    workers = args.workers or (len(os.sched_getaffinity(0)) if answer.device == "cpu" else answer.at_once)
    engine.check_at_once(answer.device, workers, "--workers")
    if args.dry_run:
        return _estimate(survey, answer, workers)
    outcome = engine.run(cells, args.out, data, workers, answer.device, survey)
    return _report(experiment, outcome, args, sources)


def _report(
    experiment: Experiment, outcome: engine.Outcome, args: argparse.Namespace, sources: Sequence[Path] = ()
) -> int:
    """Print what came out and what to type next; the exit code."""
    done = f"{len(outcome.finished)} finished, {len(outcome.diverged)} diverged, {len(outcome.failed)} failed"
    if outcome.stopped:
        print(f"stopped ({done}); what was trained is saved: type the same command to go on")
        return 130
    print(f"{done}; records in {args.out / 'records'}")
    same = ["--runs", args.out, *sources, *["--quick"] * args.quick]
    same += [word for text in args.set for word in ("--set", text)]
    if count := len(outcome.anomalies):
        kinds = ", ".join(f"{group['cells']} {group['kind']}" for group in diagnosis.groups(outcome.anomalies.items()))
        look = f"{count} cell{'s' * (count > 1)} look{'s' * (count == 1)} odd: {kinds}"
        print(f"{look}; what to do: {python_m('analysis', 'report', *same)}")
    if outcome.failed:
        print(f"tracebacks in {args.out / 'failures'}; the same command tries the failed cells again")
    elif "alpha" in experiment.swept or (args.alphas is None and args.decays is None):
        print(f"draw them: {python_m('analysis', 'figures', args.name, *same)}")
    else:
        print(f"the figure of {args.name} does not show these: its cells are at rates and decays of their own")
    return 1 if outcome.failed else 0


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
    name = data_name(args).get("dataset")
    settings = settings_of(profile, name)
    scale = f"{args.profile}{'-quick' * args.quick}"  # must not replace what was measured in full
    path = studies.path_of(args.out, experiment.study, scale, name)
    print(f"{experiment.name}, profile {args.profile}: {note_of(profile, settings)}")
    if args.dry_run:
        print(f"it would be written to {path}; nothing was measured")
        return 0
    check_out(args.out)
    try:
        findings = studies.read(path)
    except BadRecord as error:
        raise UsageError(f"{error}; remove it to measure anew") from None
    if findings is None or findings["settings"] != settings:
        import torch

        from paper_repro.data import DataError

        if args.device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: torch sees no GPU here")
        device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            findings = studies.run(path, experiment.study, scale, settings, args.data or Path("data"), device)
        except DataError as error:  # any other error is a mistake of ours: a traceback
            raise UsageError(str(error)) from None
    print(f"{path}: {len(findings['rows'])} rows, {duration(findings['seconds'])}")
    print(f"draw them: {python_m(*draw, '--runs', args.out)}")
    return 0


def ask_first(cells: Sequence[Cell], survey: Survey, data: Path, **trial: Any) -> Answer:
    """Try the data, and the model, optimizer and schedule of each kind of cell, before anything is trained.

    Where nothing is missing there is nothing to try, and no process is started; but a file that was typed must still be
    the one that the records are from. trial: as preflight.answer takes it; estimate counts for kinds without a record.
    """
    answer = Answer()
    if survey.missing:
        kinds = {engine.kind_of(cell): cell for cell in cells}
        trial["estimate"] &= any(engine.kind_of(cell) not in survey.seconds for cell in survey.missing)
        answer = preflight.ask(tuple(kinds.values()), data, **trial)
    elif data.suffix == ".npz":
        from paper_repro.data import load_npz

        try:
            answer = Answer(fingerprint=load_npz(data, "").fingerprint)
        except ValueError as error:
            raise UsageError(str(error)) from None
    for other, name in survey.fingerprints.items():
        if answer.fingerprint and other and other != answer.fingerprint:  # built-in data and a record may not say
            raise UsageError(
                f"{name} is not the data set that its records were made from (fingerprint {answer.fingerprint} "
                f"against {other}): pass another --out or --data-name"
            )
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return answer


def _estimate(survey: Survey, answer: Answer, workers: int) -> int:
    """Print cells and time, from the records that there are or from a few updates tried just now."""
    if answer.note:
        print(answer.note)
    missing = Counter(map(engine.kind_of, survey.missing))
    if not missing:
        print("nothing is left to train")
        return 0
    each = {**answer.seconds, **{kind: statistics.mean(took) for kind, took in survey.seconds.items()}}
    sources = [f"{sum(map(len, survey.seconds.values()))} records"] * bool(survey.seconds)
    sources += [f"a few updates on {answer.device}, just now"] * bool(answer.seconds)
    count, total = missing.total(), sum(each[kind] * count for kind, count in missing.items())
    took_each = span([each[kind] for kind in missing], duration)
    print(f"to train: {count} cell{'s' * (count > 1)} of about {took_each} each ({' and '.join(sources)})")
    workers = min(workers, count)
    cost = price(total) if answer.device == "cpu" else price(total / workers, "GPU")
    print(f"about {cost}, {duration(total / workers)} with {workers} worker{'s' * (workers > 1)}; nothing was trained")
    if answer.device != "cpu" and any(kind.precision == "fp32" for kind in missing):
        print(f"--set precision=bf16 trains them faster ({BF16})")
    if answer.on_gpus and total > WORTH_A_GPU:
        print("on one GPU, training alone, computed from counted FLOP and bytes, not measured (+- 40 %):")
        for change, cards in itertools.groupby(answer.on_gpus.items(), lambda item: item[0][0]):
            how = f"with --set {change} ({BF16}): " * bool(change)
            totals = {card: sum(took[kind] * count for kind, count in missing.items()) for (_, card), took in cards}
            print(f"  {how}" + ", ".join(f"{price(took, 'GPU')} ({card})" for card, took in totals.items()))
    return 0
