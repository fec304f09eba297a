"""python -m experiments list | run | collect: train the cells of an experiment on this machine, keep its records."""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import experiments
from experiments.declare import PROFILES, Experiment, Profile
from paper_repro.cell import Cell

EXAMPLE = """examples:
  python -m experiments run fig2 --profile demo
  python -m experiments run fig2 --profile cpu --data cifar10-jpeg.npz --seeds 3 --only sgdw,adamw
  python -m experiments run fig2 --profile paper --dry-run"""


class UsageError(Exception):
    """A bad argument: one line (two for data) on stderr and exit code 2."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 cells failed, 2 bad argument, 130 stopped by Ctrl-C."""
    try:
        given = _parser().parse_args(arguments)
        return int(given.command(given))
    except UsageError as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the output went to `head` or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # before or after training, which has its own way to stop
        print("stopped", file=sys.stderr)
        return 130
    except OSError as error:  # a disk that filled up, a folder taken away: finished cells are kept
        print(f"experiments: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m experiments", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="list|run|collect", parser_class=_Parser)
    listing = commands.add_parser("list", help="what can be run", epilog="example: python -m experiments list")
    listing.set_defaults(command=_list)
    run = commands.add_parser(
        "run", help="train an experiment's cells; what is finished is never trained again", epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.set_defaults(command=_run)
    run.add_argument("name", help="of an experiment (see list)")
    run.add_argument("--profile", default="demo", help=f"scale: {', '.join(PROFILES)} (default demo)")
    run.add_argument(
        "--data", type=Path, help="an .npz file, or the folder that keeps CIFAR-10 (default data; downloaded there)"
    )
    run.add_argument("--data-name", help="what to call the data set of an .npz file (default: the file's name)")
    run.add_argument("--out", type=Path, default=Path("runs"), help="folder of records and checkpoints (default runs)")
    run.add_argument("--workers", type=int, help="processes (default: one a core, one on a GPU)")
    run.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    run.add_argument("--seeds", type=int, help="train every cell with seeds 0 .. SEEDS - 1 (default: the profile's)")
    run.add_argument("--only", metavar="NAMES", help="these optimizers only, as in sgdw,adamw")
    run.add_argument("--alphas", metavar="VALUES", help="learning rates of the grid instead of the profile's")
    run.add_argument("--decays", metavar="VALUES", help="decays of the grid instead of the profile's")
    run.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of every cell")
    run.add_argument("--dry-run", action="store_true", help="say what would be trained, and how long it would take")
    collect = commands.add_parser(
        "collect", help="put the records of a run into one file, to commit or to send",
        epilog="example: python -m experiments collect runs experiments/recorded/fig2-cpu-seed0.jsonl --seed 0",
    )  # fmt: skip
    collect.set_defaults(command=_collect)
    collect.add_argument("runs", type=Path, help="output folder of a run")
    collect.add_argument("file", type=Path, help="to write: one record a line, sorted by id")
    collect.add_argument("--seed", type=int, help="only the records of this seed")
    return parser


def _collect(given: argparse.Namespace) -> int:
    from paper_repro import records

    try:
        found = records.load(given.runs)
        chosen = [record for record in found if given.seed in (None, record["cell"]["seed"])]
        if not chosen:
            raise UsageError(f"{given.runs} holds no such records ({len(found)} of other seeds)")
        print(f"{given.file}: {records.merge(chosen, given.file)} records")
    except (OSError, records.BadRecord) as error:
        raise UsageError(str(error)) from None
    return 0


def _list(given: argparse.Namespace) -> int:
    for name in experiments.names():
        experiment = experiments.get(name)
        print(f"{name}: {experiment.title}")
        for profile, scale in experiment.profiles.items():
            cells = f"{len(scale.cells)} cells x {scale.seeds} seed{'s' * (scale.seeds > 1)}"
            print(f"  {profile:<6} {cells}, {scale.cells[0].model} on {scale.cells[0].dataset}: {scale.note}")
    return 0


def _run(given: argparse.Namespace) -> int:
    experiment, profile = _find(given.name, given.profile)
    data = given.data or Path("data")
    cells = _chosen_cells(profile, given)
    workers = _workers(given)
    if not given.dry_run:
        _check_out(given.out)
    fingerprint = _check_data(cells, data)  # before anything is trained
    have = _records(cells, given.out, fingerprint)
    print(f"{experiment.name}, profile {given.profile}: {profile.note}")
    print(f"{len(cells)} cell{'s' * (len(cells) > 1)}, {len(have)} with a record in {given.out}")
    if given.dry_run:
        return _estimate(cells, have, data, workers, _device(given))
    return _train(cells, given, data, workers)


def _train(cells: list[Cell], given: argparse.Namespace, data: Path, workers: int) -> int:
    from paper_repro import engine

    outcome = engine.run(cells, given.out, data, workers, _device(given))
    done = f"{len(outcome.finished)} finished, {len(outcome.diverged)} diverged, {len(outcome.failed)} failed"
    if outcome.stopped:
        print(f"stopped ({done}); what was trained is saved: type the same command to go on")
        return 130
    print(f"{done}; records in {given.out / 'records'}")
    if outcome.failed:
        print(f"tracebacks in {given.out / 'failures'}; the same command tries the failed cells again")
    else:
        print(f"draw them: python -m analysis figures {given.name} --runs {given.out}")
    return 1 if outcome.failed else 0


def _find(name: str, profile: str) -> tuple[Experiment, Profile]:
    if name not in experiments.names():
        raise UsageError(f"no experiment {name!r}: one of {', '.join(experiments.names())}")
    experiment = experiments.get(name)
    if profile not in experiment.profiles:
        raise UsageError(f"{name} has no profile {profile!r}: one of {', '.join(experiment.profiles)}")
    return experiment, experiment.profiles[profile]


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
        changes = dict(_setting(text) for text in given.set)
        name = _data_name(given)
        cells = [cell.replace(**changes, **name) for cell in cells]
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Profile(tuple(cells), profile.note).with_seeds(given.seeds or profile.seeds)


def _numbers(option: str, values: str) -> list[float]:
    try:
        return [float(value) for value in values.split(",")]
    except ValueError:
        raise UsageError(f"{option} takes numbers with commas between them, got {values!r}") from None


def _setting(text: str) -> tuple[str, Any]:
    """'epochs=3' as ("epochs", 3), read as the type of the Cell's field."""
    name, _, value = text.partition("=")
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Cell)}
    if name not in kinds or not value:
        raise UsageError(f"--set {text}: FIELD=VALUE with FIELD one of {', '.join(kinds)}")
    if kinds[name] == "str":
        return name, value
    if value in ("true", "false", "none"):
        return name, {"true": True, "false": False, "none": None}[value]
    try:
        return name, float(value) if kinds[name] == "float" else int(value)
    except ValueError:
        raise UsageError(f"--set {text}: {name} is a number") from None


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


def _workers(given: argparse.Namespace) -> int:
    if given.workers is not None and given.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {given.workers}")
    if given.workers:
        return int(given.workers)
    return 1 if _device(given) == "cuda" else len(os.sched_getaffinity(0))


def _device(given: argparse.Namespace) -> str:
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here")
    return str(given.device or ("cuda" if torch.cuda.is_available() else "cpu"))


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from None


def _check_data(cells: list[Cell], data: Path) -> str:
    """Load the data once and try it, the model, optimizer and schedule on each kind of cell; the data's fingerprint."""
    from paper_repro import train
    from paper_repro.data import load, prepare

    try:
        arrays = load(cells[0].dataset, data)
        kinds = {cell.replace(alpha=0.0, decay=0.0, seed=0): cell for cell in cells}
        for cell in kinds.values():
            train.check(cell, prepare(arrays, cell))
    except ValueError as error:  # DataError is one
        raise UsageError(str(error)) from None
    return arrays.fingerprint


def _records(cells: list[Cell], out: Path, fingerprint: str) -> list[Any]:
    """The records that there are already. Raises UsageError if they were made from other pictures of the same name."""
    from paper_repro import records

    found = [record for cell in cells if (record := records.read_or_put_aside(out, cell.id))]
    for record in found:
        if record["provenance"]["data"]["fingerprint"] != fingerprint:
            raise UsageError(
                f"{record['cell']['dataset']} is not the data set that {out} was trained on (fingerprint {fingerprint} "
                f"against {record['provenance']['data']['fingerprint']}): pass another --out or --data-name"
            )
    return found


def _estimate(cells: list[Cell], have: list[Any], data: Path, workers: int, device: str) -> int:
    """Print cells and time, from the records that there are or from a few updates tried now."""
    missing = len(set(cells) - {Cell.from_dict(record["cell"]) for record in have})
    if have:
        seconds, source = statistics.mean(record["seconds"] for record in have), f"{len(have)} records"
    else:
        from paper_repro import train
        from paper_repro.data import load, prepare

        dataset = prepare(load(cells[0].dataset, data), cells[0]).to(device)
        seconds, source = train.estimate_seconds(cells[0], dataset, device), f"a few updates on {device}, just now"
    hours = missing * seconds / workers / 3600
    print(f"to train: {missing} cells of about {seconds:.3g} s each ({source})")
    print(f"about {hours:.3g} hours with {workers} worker{'s' * (workers > 1)}; nothing was trained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
