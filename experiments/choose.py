"""Which cells a command means: the options that `experiments run` and all verbs of `slurm` share. No torch here."""

import argparse
import itertools
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import experiments
from experiments import scales
from experiments.declare import KINDS, PROFILES, Experiment, Profile, distinct, parse_settings, setting
from paper_repro.cell import Cell
from paper_repro.cli import Parser, UsageError, brief, no_such, number, typed

MOST = 200_000  # cells of a sweep: twice as many as have been tried
AXES = {  # what people try, and what there is
    "--optimizer": "--only", "--alpha": "--alphas", "--lr": "--alphas", "--learning-rate": "--alphas",
    "--decay": "--decays", "--weight-decay": "--decays", "--wd": "--decays", "--seed": "--seeds",
}  # fmt: skip
LISTED = 10  # values of a printed axis


def add_options(parser: Parser, further_seeds: int = 0) -> None:
    """The options that choose cells and say where their data and records are; of further seeds for cells of a map that
    was run, without those that make another map."""
    parser.instead |= {f"--{field}": f"--set {field}=..." for field in KINDS} | AXES
    add = parser.add_argument
    add("--profile", default="demo", help=f"scale: {', '.join(PROFILES)} (default demo)")
    add("--data", type=Path, help="an .npz file, or the folder that keeps what is downloaded or decoded (default data)")
    add("--data-name", help="what to call the data set of an .npz file (default: the file's name)")
    add("--out", type=Path, default=Path("runs"), help="folder of records and checkpoints (default runs)")
    more = f" and {further_seeds} more" * bool(further_seeds)
    add("--seeds", type=int, help=f"so many: every cell with seeds 0 .. SEEDS - 1 (default: the profile's{more})")
    add("--only", metavar="NAMES", help="these optimizers only, as in sgdw,adamw")
    for option, words in (("--alphas", "learning rates"), ("--decays", "decays")):
        words = argparse.SUPPRESS if further_seeds else f"{words} of the grid instead of the profile's"
        add(option, metavar="VALUES", help=words)
    fields = " ".join(setting(name, value) for name, value in scales.DEMO.to_dict().items())
    add(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help=f"change a field of every cell (may be repeated; seed=3,5 trains these seeds). Those of demo: {fields}",
    )  # fmt: skip
    add("--quick", action="store_true", help="so few images that it only shows that all works")


def find(name: str, profile: str, quick: bool) -> tuple[Experiment, Profile]:
    """The experiment and its profile. Raises UsageError."""
    experiment = experiments.get(name).changed({"quick": "run"} if quick else {})
    if profile not in experiment.profiles:
        raise UsageError(f"{name} has {no_such('profile', profile, experiment.profiles)}")
    return experiment, experiment.profiles[profile]


def chosen_cells(profile: Profile, args: argparse.Namespace) -> list[Cell]:
    """All that is to be trained, seed by seed. Raises UsageError."""
    if args.seeds is not None and args.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {args.seeds}")
    optimizers = list(dict.fromkeys(cell.optimizer for cell in profile.cells))
    wanted = [name.strip() for name in args.only.split(",")] if args.only is not None else optimizers
    if unknown := [name for name in wanted if name not in optimizers]:
        raise UsageError(f"--only: {no_such('optimizer', unknown[0], optimizers)}")
    typed_axes = {f: _numbers(f"--{f}s", v) for f in ("alpha", "decay") if (v := getattr(args, f"{f}s")) is not None}
    try:
        changes = _changes(args)
        cells = [cell for cell in profile.cells if cell.optimizer in wanted]
        kinds = dict.fromkeys(cell.replace(**dict.fromkeys(typed_axes, 0.0)) for cell in cells)
        seeds = changes.pop("seed", ())
        count = len(seeds) or args.seeds or profile.seeds
        total = len(kinds) * math.prod(map(len, typed_axes.values())) * count
        if total > MOST:  # before they are made: a typing mistake must not fill the memory
            raise UsageError(f"that are {total:,} cells, and at most {MOST:,} are taken at a time")
        points = [dict(zip(typed_axes, point, strict=True)) for point in itertools.product(*typed_axes.values())]
        cells = list(distinct(cell.replace(**{**point, **changes}) for cell in kinds for point in points))
        _check_values(cells, args)
        return [cell.replace(seed=seed) for seed in seeds or range(count) for cell in cells]
    except ValueError as error:
        raise UsageError(str(error)) from None


def bare(cell: Cell) -> Cell:
    """The cell without what --seeds and --data change: what an experiment declares."""
    return cell.replace(seed=0, dataset="any")


def axes(cells: Sequence[Cell], args: argparse.Namespace) -> list[str]:
    """What was understood, to be printed before anything is trained: optimizers, learning rates, decays, seeds and what
    was changed, a line each. Values stand apart for optimizers that differ in them."""
    grids: dict[str, list[Cell]] = {}
    for cell in cells:
        grids.setdefault(cell.optimizer, []).append(cell)
    lines = [f"optimizers: {', '.join(grids)}"]
    for name, field in (("learning rates", "alpha"), ("decays", "decay")):
        axes: dict[str, list[str]] = {}
        for optimizer, grid in grids.items():
            axes.setdefault(_shortened(typed(getattr(cell, field)) for cell in grid), []).append(optimizer)
        apart = [axis + f" for {', '.join(names)}" * (len(axes) > 1) for axis, names in axes.items()]
        lines.append(f"{name}: {'; '.join(apart)}")
    lines.append(f"seeds: {_shortened(str(cell.seed) for cell in cells)}")
    changed = ["quick"] * args.quick + [text.strip() for text in args.set if text.partition("=")[0].strip() != "seed"]
    return lines + [f"changed: {', '.join(changed)}"] * bool(changed)


def _shortened(values: Iterable[str]) -> str:
    words = list(dict.fromkeys(values))
    if len(words) <= LISTED:
        return ", ".join(words)
    return f"{words[0]}, {words[1]}, ..., {words[-1]} ({len(words)} values)"


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    """What --set and --data change of every cell. Raises ValueError where that would replace what else was typed."""
    changes, name = parse_settings(args.set), data_name(args)
    for field in ("seed", "alpha", "decay"):
        if field in changes and getattr(args, f"{field}s") is not None:
            raise ValueError(f"--set {field}=... would replace the values of --{field}s: pass one of them")
    if "optimizer" in changes and args.only and "," in args.only:
        raise ValueError(f"--set optimizer=... would make one of {args.only}: pass one of them to --only")
    if name and "dataset" in changes:
        raise ValueError("--set dataset=NAME is for built-in data sets: --data-name names that of an .npz file")
    return {**changes, **name}


def _check_values(cells: Sequence[Cell], args: argparse.Namespace) -> None:
    """Refuse what trains nothing, or would fail cell by cell; often a decimal comma, as in 0,5."""
    if args.alphas is not None and any(cell.alpha == 0 for cell in cells):
        raise UsageError(f"--alphas {brief(args.alphas)}: a learning rate of 0 trains nothing; a decimal has a point")
    for cell in cells:
        if cell.optimizer in ("sgdw", "adamw") and cell.decay_unit == "step" and cell.decay >= 1:
            raise UsageError(
                f"a decay of {typed(cell.decay)} with {cell.optimizer}: it is the share of each weight that an update "
                "takes away, so below 1; a decimal has a point"
            )


def _numbers(option: str, values: str) -> list[float]:
    """The numbers of a list with commas, each once. 001 is what a decimal comma leaves of 0,001."""
    texts = [text.strip() for text in values.split(",")]
    try:
        if any(re.fullmatch(r"0\d+", text) for text in texts):
            raise ValueError
        return list(dict.fromkeys(number(text, float) for text in texts))
    except ValueError:
        words = f"{option} takes numbers with commas between them and decimal points, got {brief(values)!r}"
        raise UsageError(words) from None


def data_name(args: argparse.Namespace) -> dict[str, str]:
    """The dataset field for cells that learn from an .npz file; none for a built-in data set."""
    if args.data is None or args.data.is_dir():
        if args.data_name:
            raise UsageError("--data-name names the data set of an .npz file: pass that with --data")
        return {}
    if args.data.suffix != ".npz":
        raise UsageError(f"--data {args.data}: neither an .npz file nor a folder")
    from paper_repro.data import name_of

    try:
        return {"dataset": name_of(args.data, args.data_name)}
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_out(out: Path) -> None:
    """Make the folder. Raises UsageError where it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from None
