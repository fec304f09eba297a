"""Which cells a command means: the options that `experiments run` and all verbs of `slurm` share. No torch here."""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import experiments
from experiments import scales
from experiments.declare import KINDS, PROFILES, Experiment, Profile, distinct, parse_settings, setting
from paper_repro.cell import Cell
from paper_repro.cli import Parser, UsageError, brief, no_such, number, typed, whole

MOST = 200_000  # cells of a sweep: twice as many as have been tried
AXES = {  # what people try, and what there is
    "--optimizer": "--only", "--alpha": "--alphas", "--lr": "--alphas", "--learning-rate": "--alphas",
    "--decay": "--decays", "--weight-decay": "--decays", "--wd": "--decays", "--seed": "--seeds",
}  # fmt: skip
WIDTH = 80  # of a printed axis, in characters


def add_options(parser: Parser) -> None:
    """The options that choose cells and say where their data and records are."""
    parser.instead |= {f"--{field}": f"--set {field}=..." for field in KINDS} | AXES
    parser.add_argument("--profile", default="demo", help=f"scale: {', '.join(PROFILES)} (default demo)")
    parser.add_argument(
        "--data", type=Path, help="an .npz file, or the folder that keeps CIFAR-10 (default data; downloaded there)"
    )
    parser.add_argument("--data-name", help="what to call the data set of an .npz file (default: the file's name)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder of records and checkpoints (default runs)"
    )
    parser.add_argument(
        "--seeds", type=_seeds, help="so many: every cell with seeds 0 .. SEEDS - 1 (default: the profile's)"
    )
    parser.add_argument("--only", metavar="NAMES", help="these optimizers only, as in sgdw,adamw")
    parser.add_argument("--alphas", metavar="VALUES", help="learning rates of the grid instead of the profile's")
    parser.add_argument("--decays", metavar="VALUES", help="decays of the grid instead of the profile's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help=f"change a field of every cell (may be repeated; seed=3,5 trains these seeds). Those of demo: {_fields()}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="so few images that it only shows that all works")


def _fields() -> str:
    """Every field with an example of its value."""
    return " ".join(setting(name, value) for name, value in scales.DEMO.to_dict().items())


def _seeds(text: str) -> int:
    try:
        return whole(text)
    except ValueError:
        several = f"; --set seed={text} trains these" * ("," in text)
        raise argparse.ArgumentTypeError(f"invalid int value: {text!r} (a number of seeds{several})") from None


def find(name: str, profile: str, quick: bool) -> tuple[Experiment, Profile]:
    experiment = _get(name).quick() if quick else _get(name)
    if profile not in experiment.profiles:
        raise UsageError(f"{name} has {no_such('profile', profile, experiment.profiles)}")
    return experiment, experiment.profiles[profile]


def _get(name: str) -> Experiment:
    if name not in experiments.names():
        raise UsageError(no_such("experiment", name, experiments.names()))
    return experiments.get(name)


def declared_by(name: str) -> set[Cell]:
    """The cells of all profiles of an experiment, without_data."""
    return {without_data(cell) for profile in _get(name).profiles.values() for cell in profile.cells}


def without_data(cell: Cell) -> Cell:
    """The cell without its seed and the name of its data set, which --seeds and --data change."""
    return cell.replace(seed=0, dataset="any")


def chosen_cells(profile: Profile, given: argparse.Namespace) -> list[Cell]:
    if given.seeds is not None and given.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {given.seeds}")
    try:
        changes = _changes(given)
        cells = _of_optimizers(profile.cells, given.only)
        for field, values in (("alpha", given.alphas), ("decay", given.decays)):
            if values is not None:
                cells = _spread(cells, field, _numbers(f"--{field}s", values))
        seeds = changes.pop("seed", given.seeds or profile.seeds)
        cells = list(distinct(cell.replace(**changes) for cell in cells))
        _check_values(cells, given)
        _check_count(len(cells), seeds if isinstance(seeds, int) else len(seeds))
        return Profile(tuple(cells), profile.note).with_seeds(seeds)
    except ValueError as error:
        raise UsageError(str(error)) from None


def axes(cells: Sequence[Cell], given: argparse.Namespace) -> list[str]:
    """What was understood, to be printed before anything is trained: optimizers, learning rates, decays, seeds and what
    was changed, a line each."""
    rest = [text.strip() for text in given.set if text.partition("=")[0].strip() != "seed"]
    changed = ["quick"] * given.quick + rest
    return [
        f"optimizers: {', '.join(dict.fromkeys(cell.optimizer for cell in cells))}",
        _axis("learning rates", cells, "alpha"),
        _axis("decays", cells, "decay"),
        f"seeds: {_listed([str(seed) for seed in dict.fromkeys(cell.seed for cell in cells)], WIDTH)}",
        *[f"changed: {', '.join(changed)}"] * bool(changed),
    ]


def _axis(name: str, cells: Sequence[Cell], field: str) -> str:
    """The values in one line, apart for optimizers that differ in them."""
    values: dict[str, dict[str, None]] = {}
    for cell in cells:
        values.setdefault(cell.optimizer, {})[typed(getattr(cell, field))] = None
    kinds: dict[tuple[str, ...], list[str]] = {}
    for optimizer, own in values.items():
        kinds.setdefault(tuple(own), []).append(optimizer)
    told = [_listed(own, WIDTH // len(kinds)) for own in kinds]
    if len(kinds) > 1:
        told = [f"{words} for {', '.join(names)}" for words, names in zip(told, kinds.values(), strict=True)]
    return f"{name}: {'; '.join(told)}"


def _listed(words: Sequence[str], width: int) -> str:
    every = ", ".join(words)
    return every if len(every) <= width else f"{words[0]}, {words[1]}, ..., {words[-1]} ({len(words)} values)"


def _changes(given: argparse.Namespace) -> dict[str, Any]:
    """What --set and --data change of every cell. Raises ValueError where that would replace what else was typed."""
    changes, name = parse_settings(given.set), data_name(given)
    for field in ("seed", "alpha", "decay"):
        if field in changes and getattr(given, f"{field}s") is not None:
            raise ValueError(f"--set {field}=... would replace the values of --{field}s: pass one of them")
    if "optimizer" in changes and given.only and "," in given.only:
        raise ValueError(f"--set optimizer=... would make one of {given.only}: pass one of them to --only")
    if name and "dataset" in changes:
        raise ValueError("--set dataset=NAME is for built-in data sets: --data-name names that of an .npz file")
    return {**changes, **name}


def _of_optimizers(cells: Sequence[Cell], names: str | None) -> list[Cell]:
    known = list(dict.fromkeys(cell.optimizer for cell in cells))
    wanted = known if names is None else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise UsageError(f"--only: {no_such('optimizer', name, known)}")
    return [cell for cell in cells if cell.optimizer in wanted]


def _check_values(cells: Sequence[Cell], given: argparse.Namespace) -> None:
    """Refuse what trains nothing, or would fail cell by cell; often a decimal comma, as in 0,5."""
    if given.alphas is not None and any(cell.alpha == 0 for cell in cells):
        raise UsageError(f"--alphas {brief(given.alphas)}: a learning rate of 0 trains nothing; a decimal has a point")
    for cell in cells:
        if cell.optimizer in ("sgdw", "adamw") and cell.decay_unit == "step" and cell.decay >= 1:
            raise UsageError(
                f"a decay of {typed(cell.decay)} with {cell.optimizer}: it is the share of each weight that an update "
                "takes away, so below 1; a decimal has a point"
            )


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
    """The numbers of a list with commas. A comma in place of a decimal point makes two numbers of one, which is refused
    where it can be told: none begins with 0 and another digit (see also _check_values)."""
    texts = [text.strip() for text in values.split(",")]
    for text in texts:
        if re.fullmatch(r"0\d+", text):
            raise UsageError(f"{option} {brief(values)}: {text} is no number; a decimal has a point")
    if len(texts) == 2 and texts[0] == "0" and re.fullmatch(r"[1-9]\d*(e-?\d+)?", texts[1]):
        raise UsageError(
            f"{option} {brief(values)}: a decimal has a point; 0 and {texts[1]} are written 0.0,{texts[1]}"
        )
    try:
        return [number(text) for text in texts]
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
