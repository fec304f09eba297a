"""python -m experiments list | run | refine | collect | verify | bench | check-gpu: train cells on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import experiments
from experiments import choose, refine, run, verify
from paper_repro.cell import Cell
from paper_repro.cli import Parser, UsageError, run_command

EXAMPLE = """examples:
  python -m experiments run fig2 --profile demo
  python -m experiments run fig2 --profile cpu --seeds 3 --only sgdw,adamw
  python -m experiments run fig2 --profile paper --dry-run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 cells failed, 2 bad argument, 130 stopped by Ctrl-C."""
    return run_command(_parser(), arguments)


def _parser() -> Parser:
    import benchmarks

    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m experiments", description=__doc__, epilog=EXAMPLE, formatter_class=form)
    commands = parser.add_subparsers(required=True, metavar="list|run|refine|collect|verify|bench|check-gpu")
    example = "example: python -m experiments"
    listing = commands.add_parser("list", help="what can be run", epilog=f"{example} list")
    listing.set_defaults(command=_list)
    words = "train an experiment's cells; what is finished is never trained again"
    running = commands.add_parser("run", help=words, epilog=EXAMPLE, formatter_class=form)
    running.set_defaults(command=run.run)
    running.add_argument("name", help="of an experiment (see list)")
    _add_training(running)
    words = "train further seeds of the best cells of each map, before one of them is selected"
    about = (
        f"{words[:1].upper()}{words[1:]}: the best by the error that selects (validation; test at paper), over the "
        "seeds that the map has in common. Typed twice it trains nothing."
    )
    line = f"{example} refine fig2 --profile cpu --top 10 --seeds 5"
    refining = commands.add_parser("refine", help=words, description=about, epilog=line)
    refining.set_defaults(command=refine.refine)
    refining.add_argument("name", help="of an experiment whose map was run")
    refining.add_argument("--top", type=int, default=refine.TOP, help=f"cells of each map (default {refine.TOP})")
    words = "a .jsonl file, or a folder of these, that holds the map or a part of it (default: OUT alone)"
    refining.add_argument("--records", type=Path, metavar="PATH", help=words)
    _add_training(refining, refine.MORE)
    words = "put the records of a run into one file, to commit or to send"
    line = f"{example} collect runs experiments/recorded/fig2-cpu-seed0.jsonl --seed 0"
    collect = commands.add_parser("collect", help=words, epilog=line)
    collect.set_defaults(command=_collect)
    collect.add_argument("runs", type=Path, help="output folder of a run")
    collect.add_argument("file", type=Path, help="to write: one record a line, sorted by id")
    collect.add_argument("--seed", type=int, help="only the records of this seed")
    collect.add_argument("--of", metavar="NAME", help="only the records that this experiment declares")
    verify.add_command(commands)
    benchmarks.add_commands(commands)
    return parser


def _add_training(parser: Parser, further_seeds: int = 0) -> None:
    choose.add_options(parser, further_seeds)
    parser.add_argument("--workers", type=int, help="cells at once (default: one a core; on a GPU, tried out first)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and how long it would take")


def _list(args: argparse.Namespace) -> int:
    for name in experiments.names():
        experiment = experiments.get(name)
        print(f"{name}: {experiment.title}")
        for scale, profile in experiment.profiles.items():
            extent = "no grid of cells"
            if profile.cells:
                first, seeds = profile.cells[0], f"{profile.seeds} seed{'s' * (profile.seeds > 1)}"
                extent = f"{len(profile.cells)} cells x {seeds}, {first.model} on {first.dataset}"
            print(f"  {scale:<9} {extent}: {profile.note}")
    return 0


def _collect(args: argparse.Namespace) -> int:
    from paper_repro import records

    if not args.runs.exists():
        raise UsageError(f"no such folder: {args.runs}")
    try:
        loaded = records.load(args.runs)
        chosen = [record for record in loaded if args.seed in (None, record["cell"]["seed"])]
        if args.of is not None:
            profiles = experiments.get(args.of).profiles.values()
            declared = {choose.bare(cell) for profile in profiles for cell in profile.cells}
            chosen = [record for record in chosen if choose.bare(Cell.from_dict(record["cell"])) in declared]
        if not chosen:
            raise UsageError(f"{args.runs} holds no such records ({len(loaded)} others)")
        # Experiments share cells; a folder of files holds each once, or it would hold two versions of one.
        others = [path for path in args.file.parent.glob("*.jsonl") if path.name != args.file.name]
        there = {record["id"] for path in others for record in records.load(path)}
        new = [record for record in chosen if record["id"] not in there]
        if not new:
            raise UsageError(f"other files in {args.file.parent} hold all {len(chosen)} records of {args.runs}")
        left_out = f" ({len(chosen) - len(new)} that another file there holds left out)" * (len(new) < len(chosen))
        print(f"{args.file}: {records.merge(new, args.file)} records{left_out}")
    except (OSError, records.BadRecord) as error:
        raise UsageError(str(error)) from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
