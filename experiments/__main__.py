"""python -m experiments list | run | collect | bench | check-gpu: train the cells of an experiment on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import experiments
from experiments import choose
from experiments import run as running
from experiments.declare import Profile
from paper_repro.cell import Cell
from paper_repro.cli import Parser, UsageError, no_such, run_command

EXAMPLE = """examples:
  python -m experiments run fig2 --profile demo
  python -m experiments run fig2 --profile cpu --data cifar10-jpeg.npz --seeds 3 --only sgdw,adamw
  python -m experiments run fig2 --profile paper --dry-run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 cells failed, 2 bad argument, 130 stopped by Ctrl-C."""
    return run_command(_parser(), arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m experiments", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="list|run|collect|bench|check-gpu")
    listing = commands.add_parser("list", help="what can be run", epilog="example: python -m experiments list")
    listing.set_defaults(command=_list)
    run = commands.add_parser(
        "run", help="train an experiment's cells; what is finished is never trained again", epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.set_defaults(command=running.run)
    run.add_argument("name", help="of an experiment (see list)")
    choose.add_options(run)
    run.add_argument("--workers", type=int, help="cells at once (default: one a core; on a GPU, tried out first)")
    run.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    run.add_argument("--dry-run", action="store_true", help="say what would be trained, and how long it would take")
    collect = commands.add_parser(
        "collect", help="put the records of a run into one file, to commit or to send",
        epilog="example: python -m experiments collect runs experiments/recorded/fig2-cpu-seed0.jsonl --seed 0",
    )  # fmt: skip
    collect.set_defaults(command=_collect)
    collect.add_argument("runs", type=Path, help="output folder of a run")
    collect.add_argument("file", type=Path, help="to write: one record a line, sorted by id")
    collect.add_argument("--seed", type=int, help="only the records of this seed")
    collect.add_argument("--of", metavar="NAME", help="only the records that this experiment declares")
    bench = commands.add_parser(
        "bench",
        help="speed of this machine: plain PyTorch beside ours",
        epilog="example: python -m experiments bench --quick",
    )
    bench.set_defaults(command=_bench)
    bench.add_argument("--quick", action="store_true", help="two minutes on two cores: rougher, nothing compiled")
    bench.add_argument("--csv", type=Path, help="also write the table here")
    bench.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    check = commands.add_parser(
        "check-gpu", help="whether a GPU trains right and how fast (docs/gpu.md)",
        epilog="example: python -m experiments check-gpu --only recorded,packed",
    )  # fmt: skip
    check.set_defaults(command=_check_gpu)
    check.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda; cpu rehearses, with --tiny")
    check.add_argument("--tiny", action="store_true", help="small nets and short measurements")
    check.add_argument("--seconds", type=float, default=300, help="for all of it (default: 300)")
    check.add_argument(
        "--only", metavar="NAMES", help="correctness, speed or some of their steps, as in packed,kernels"
    )
    check.add_argument("--out", type=Path, default=Path("gpu_check"), help="folder of log, results.json, kernels.txt")
    return parser


def _check_gpu(given: argparse.Namespace) -> int:
    import benchmarks
    from benchmarks import gpu_check

    only = given.only.split(",") if given.only else []
    for name in only:
        if name not in gpu_check.NAMES:
            raise UsageError(f"--only: {no_such('step', name, gpu_check.NAMES)}")
    if not 0 < given.seconds <= 86400:
        raise UsageError(f"--seconds must lie between 0 and 86400, got {given.seconds}")
    try:
        device = benchmarks.device(given.device)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if device == "cpu" and given.device is None:
        raise UsageError("torch sees no GPU here; to rehearse the check without one, add --device cpu --tiny")
    return gpu_check.check(device, given.tiny, given.seconds, only, given.out)


def _bench(given: argparse.Namespace) -> int:
    import benchmarks

    try:
        device = benchmarks.device(given.device)
        if given.csv:
            given.csv.open("a").close()  # rather now than after twenty minutes
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from None
    print(f"{benchmarks.hardware(device)}; {benchmarks.versions()}\n{benchmarks.HEADER}", flush=True)
    table = []
    for row in benchmarks.rows(device, given.quick):
        table.append(row)
        print(benchmarks.line(row), flush=True)
    if given.csv:
        benchmarks.write_csv(given.csv, table, device)
    return 0


def _collect(given: argparse.Namespace) -> int:
    from paper_repro import records

    if not given.runs.exists():
        raise UsageError(f"no such folder: {given.runs}")
    try:
        found = records.load(given.runs)
        chosen = [record for record in found if given.seed in (None, record["cell"]["seed"])]
        if given.of is not None:
            declared = choose.declared_by(given.of)
            chosen = [record for record in chosen if choose.without_data(Cell.from_dict(record["cell"])) in declared]
        if not chosen:
            raise UsageError(f"{given.runs} holds no such records ({len(found)} others)")
        # Two experiments may share cells; a folder of files holds each once, or it would hold two versions of one.
        others = [path for path in given.file.parent.glob("*.jsonl") if path.name != given.file.name]
        there = {record["id"] for path in others for record in records.load(path)}
        new = [record for record in chosen if record["id"] not in there]
        if not new:
            raise UsageError(f"other files in {given.file.parent} hold all {len(chosen)} records of {given.runs}")
        left_out = f" ({len(chosen) - len(new)} that another file there holds left out)" * (len(new) < len(chosen))
        print(f"{given.file}: {records.merge(new, given.file)} records{left_out}")
    except (OSError, records.BadRecord) as error:
        raise UsageError(str(error)) from None
    return 0


def _list(given: argparse.Namespace) -> int:
    for name in experiments.names():
        experiment = experiments.get(name)
        print(f"{name}: {experiment.title}")
        for profile, scale in experiment.profiles.items():
            print(f"  {profile:<9} {_extent(scale)}: {scale.note}")
    return 0


def _extent(scale: Profile) -> str:
    if not scale.cells:
        return "no grid of cells"
    first, seeds = scale.cells[0], f"{scale.seeds} seed{'s' * (scale.seeds > 1)}"
    return f"{len(scale.cells)} cells x {seeds}, {first.model} on {first.dataset}"


if __name__ == "__main__":
    sys.exit(main())
