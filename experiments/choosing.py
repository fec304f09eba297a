"""Which cells a command means: the options that `experiments run` and all verbs of `slurm` share. No torch here."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import experiments
from experiments.declare import PROFILES, Experiment, Profile, parse_setting
from paper_repro.cell import Cell
from paper_repro.texts import brief

MOST = 200_000  # cells of a sweep: twice as many as have been tried


class UsageError(Exception):
    """A bad argument: one line (two for data) on stderr and exit code 2."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose cells and say where their data and records are."""
    parser.add_argument("--profile", default="demo", help=f"scale: {', '.join(PROFILES)} (default demo)")
    parser.add_argument(
        "--data", type=Path, help="an .npz file, or the folder that keeps CIFAR-10 (default data; downloaded there)"
    )
    parser.add_argument("--data-name", help="what to call the data set of an .npz file (default: the file's name)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder of records and checkpoints (default runs)"
    )
    parser.add_argument("--seeds", type=int, help="every cell with seeds 0 .. SEEDS - 1 (default: the profile's)")
    parser.add_argument("--only", metavar="NAMES", help="these optimizers only, as in sgdw,adamw")
    parser.add_argument("--alphas", metavar="VALUES", help="learning rates of the grid instead of the profile's")
    parser.add_argument("--decays", metavar="VALUES", help="decays of the grid instead of the profile's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of every cell"
    )
    parser.add_argument("--quick", action="store_true", help="so few pictures that it only shows that all works")


def find(name: str, profile: str, quick: bool) -> tuple[Experiment, Profile]:
    if name not in experiments.names():
        raise UsageError(f"no experiment {brief(name)!r}: one of {', '.join(experiments.names())}")
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


def chosen_cells(profile: Profile, given: argparse.Namespace) -> list[Cell]:
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
                cells = _spread(cells, field, _numbers(f"--{field}s", values))
        changes = dict(parse_setting(text) for text in given.set)
        name = data_name(given)
        if name and "dataset" in changes:
            raise UsageError("--set dataset=NAME is for built-in data sets: --data-name names that of an .npz file")
        cells = list(dict.fromkeys(cell.replace(**changes, **name) for cell in cells))
    except ValueError as error:
        raise UsageError(str(error)) from None
    seeds = given.seeds or profile.seeds
    _check_count(len(cells), seeds)
    return Profile(tuple(cells), profile.note).with_seeds(seeds)


def _spread(cells: list[Cell], field: str, numbers: list[float]) -> list[Cell]:
    """Every cell at all of these numbers, each once."""
    kinds = dict.fromkeys(cell.replace(**{field: numbers[0]}) for cell in cells)
    numbers = list(dict.fromkeys(numbers))
    _check_count(len(kinds), len(numbers))
    return [kind.replace(**{field: number}) for kind in kinds for number in numbers]


def _check_count(cells: int, times: int) -> None:
    """Before they are made: a typing mistake must not fill the memory."""
    if cells * times > MOST:
        raise UsageError(f"that are {cells * times:,} cells, and at most {MOST:,} are taken at a time")


def _numbers(option: str, values: str) -> list[float]:
    try:
        return [float(value) for value in values.split(",")]
    except ValueError:
        raise UsageError(f"{option} takes numbers with commas between them, got {brief(values)!r}") from None


def data_name(given: argparse.Namespace) -> dict[str, str]:
    """The dataset field for cells that learn from an .npz file; none for a built-in data set."""
    if given.data is None or given.data.is_dir():
        if given.data_name:
            raise UsageError("--data-name names the data set of an .npz file: pass that with --data")
        return {}
    if given.data.suffix != ".npz":
        raise UsageError(f"--data {given.data}: neither an .npz file nor a folder")
    from paper_repro.data import name_of

    return {"dataset": name_of(given.data, given.data_name)}


def check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from None
