"""`python -m experiments run`: which cells are meant, whether they can be trained, and training them.

Nothing here imports torch, because this is the parent of a sweep: what needs torch is asked of another process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import experiments
from experiments import studying
from experiments.declare import Experiment, Profile, parse_setting
from paper_repro import engine, preflight
from paper_repro.cell import Cell
from paper_repro.engine import Survey
from paper_repro.messages import Answer, Question


class UsageError(Exception):
    """A bad argument: one line (two for data) on stderr and exit code 2."""


def run(given: argparse.Namespace) -> int:
    """The command; its exit code."""
    experiment, profile = _find(given.name, given.profile, given.quick)
    if experiment.study is not None:
        return _study(experiment, profile, given)
    data = given.data or Path("data")
    cells = _chosen_cells(profile, given)
    _check_workers(given)
    if not given.dry_run:
        _check_out(given.out)
    survey = Survey.of(cells, given.out)
    known = _preflight(cells, survey, data, given)
    _check_same_pictures(survey, known.fingerprint, given.out)
    print(f"{experiment.name}, profile {given.profile}: {profile.note}")
    print(f"{len(cells)} cell{'s' * (len(cells) > 1)}, {len(cells) - len(survey.missing)} with a record in {given.out}")
    workers = given.workers or (len(os.sched_getaffinity(0)) if known.device == "cpu" else known.at_once)
    if given.dry_run:
        return _estimate(survey, known, workers)
    return _train(cells, survey, known.device, workers, data, given)


def _study(experiment: Experiment, profile: Profile, given: argparse.Namespace) -> int:
    try:
        name = _data_name(given).get("dataset")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not given.dry_run:
        _check_out(given.out)
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
    if outcome.failed:
        print(f"tracebacks in {given.out / 'failures'}; the same command tries the failed cells again")
    else:
        changes = " --quick" * given.quick + "".join(f" --set {text}" for text in given.set)
        print(f"draw them: python -m analysis figures {given.name} --runs {given.out}{changes}")
    return 1 if outcome.failed else 0


def _find(name: str, profile: str, quick: bool) -> tuple[Experiment, Profile]:
    if name not in experiments.names():
        raise UsageError(f"no experiment {name!r}: one of {', '.join(experiments.names())}")
    experiment = experiments.get(name).quick() if quick else experiments.get(name)
    if profile not in experiment.profiles:
        raise UsageError(f"{name} has no profile {profile!r}: one of {', '.join(experiment.profiles)}")
    return experiment, experiment.profiles[profile]


def declared_by(name: str | None) -> set[Cell] | None:
    """The cells of all profiles of an experiment, without_data; None without a name."""
    if name is None:
        return None
    if name not in experiments.names():
        raise UsageError(f"no experiment {name!r}: one of {', '.join(experiments.names())}")
    profiles = experiments.get(name).profiles.values()
    return {without_data(cell) for profile in profiles for cell in profile.cells}


def without_data(cell: Cell) -> Cell:
    """The cell without its seed and the name of its data set, which --seeds and --data change."""
    return cell.replace(seed=0, dataset="any")


def _chosen_cells(profile: Profile, given: argparse.Namespace) -> list[Cell]:
    if given.seeds is not None and given.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {given.seeds}")
    cells = list(profile.cells)
    if given.only:
        wanted, known = given.only.split(","), list(dict.fromkeys(cell.optimizer for cell in cells))
        for name in wanted:
            if name not in known:
                raise UsageError(f"--only: no optimizer {name!r} here: of {', '.join(known)}")
        cells = [cell for cell in cells if cell.optimizer in wanted]
    try:
        for field, values in (("alpha", given.alphas), ("decay", given.decays)):
            if values:
                numbers = _numbers(f"--{field}s", values)
                cells = list(dict.fromkeys(cell.replace(**{field: number}) for cell in cells for number in numbers))
        changes = dict(parse_setting(text) for text in given.set)
        name = _data_name(given)
        cells = list(dict.fromkeys(cell.replace(**changes, **name) for cell in cells))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Profile(tuple(cells), profile.note).with_seeds(given.seeds or profile.seeds)


def _numbers(option: str, values: str) -> list[float]:
    try:
        return [float(value) for value in values.split(",")]
    except ValueError:
        raise UsageError(f"{option} takes numbers with commas between them, got {values!r}") from None


def _data_name(given: argparse.Namespace) -> dict[str, str]:
    """The dataset field for cells that learn from an .npz file; none for a built-in data set."""
    if given.data is None or given.data.is_dir():
        if given.data_name:
            raise UsageError("--data-name names the data set of an .npz file: pass that with --data")
        return {}
    if given.data.suffix != ".npz":
        raise UsageError(f"--data {given.data}: neither an .npz file nor a folder")
    from paper_repro.data import name_of

    return {"dataset": name_of(given.data, given.data_name)}


def _check_workers(given: argparse.Namespace) -> None:
    if given.workers is not None and given.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {given.workers}")


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from None


def _preflight(cells: list[Cell], survey: Survey, data: Path, given: argparse.Namespace) -> Answer:
    """Try the data, and the model, optimizer and schedule of each kind of cell, before anything is trained."""
    kinds = {engine.kind_of(cell): cell for cell in cells}
    estimate = given.dry_run and any(engine.kind_of(cell) not in survey.seconds for cell in survey.missing)
    at_once = bool(survey.missing) and given.workers is None
    answer = preflight.ask(Question(tuple(kinds.values()), data, given.device, estimate, at_once))
    if answer.error:
        raise UsageError(answer.error)
    return answer


def _check_same_pictures(survey: Survey, fingerprint: str, out: Path) -> None:
    """Raise UsageError if records were made from other pictures of the same name."""
    for other, name in survey.fingerprints.items():
        if fingerprint and other != fingerprint:
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
