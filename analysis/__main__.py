"""The command line: `python -m analysis figures|statistics|claims [NAME ...] [--runs FOLDER | --recorded]`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from analysis.figures import make
from analysis.select import Refused
from experiments.declare import parse_setting

EXAMPLES = """examples:
  python -m analysis figures                     every experiment that has records in runs/
  python -m analysis figures fig2 --runs runs    one of them
  python -m analysis figures --recorded          from the records that come with the project
  python -m analysis statistics fig2 --recorded  how separable its maps are, beside the paper's own
"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that answers a bad argument with one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def parser() -> Parser:
    whole = Parser(
        prog="python -m analysis",
        description="Draw figures from records, and put numbers on them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    figures = commands.add_parser(
        "figures",
        help="draw each experiment's figures as PNG and PDF, with the numbers as CSV",
        description="Draw each experiment's figures as PNG and PDF, with the numbers of every record as CSV.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    figures.set_defaults(command=_figures)
    _add_source(figures)
    figures.add_argument("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    figures.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="draw what was run with the same --set"
    )
    figures.add_argument("--quick", action="store_true", help="draw what was run with --quick")
    numbers = commands.add_parser(
        "statistics",
        help="how separable learning rate and decay are, with intervals, beside the paper's own figures",
        description="Tilt, ridge, interaction, regret and size of the basin of each heat map, as Markdown.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers.set_defaults(command=_statistics)
    _add_source(numbers)
    numbers.add_argument("--out", type=Path, help="folder for the numbers as CSV (default: none are written)")
    claims = commands.add_parser(
        "claims",
        help="the paper's claims: supported, contradicted, undecided or not run",
        description="The verdict on each of the paper's claims, of the records and of the paper's own figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    claims.set_defaults(command=_claims)
    _add_source(claims, names=False)
    return whole


def _add_source(command: argparse.ArgumentParser, names: bool = True) -> None:
    if names:
        command.add_argument("names", nargs="*", metavar="NAME", help="experiment, as fig2 (default: all with records)")
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of runs, or a .jsonl file (default runs)"
    )
    source.add_argument("--recorded", action="store_true", help="use the records that come with the project")


def _figures(given: argparse.Namespace) -> Iterator[object]:
    changes = _changes(given.set)
    return make(given.names, None if given.recorded else given.runs, given.out, changes, given.quick)


def _statistics(given: argparse.Namespace) -> Iterator[object]:
    from analysis import tables  # scipy takes half a second to load

    return tables.make(given.names, None if given.recorded else given.runs, given.out)


def _claims(given: argparse.Namespace) -> Iterator[object]:
    from analysis import ledger
    from analysis.captions import of_several_codes
    from analysis.claims import CLAIMS
    from analysis.figures import read_records

    records = read_records(None if given.recorded else given.runs)
    decided = ledger.decide(CLAIMS, records)
    yield ledger.markdown(decided)
    used = {name for _, ours, _ in decided for name in ours.records}
    if several := of_several_codes([record for record in records if record["id"] in used]):
        yield several


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    try:
        return dict(parse_setting(text) for text in texts)
    except ValueError as error:
        raise Refused(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, or 2 with one line on stderr for what cannot be done."""
    given = parser().parse_args(arguments)
    try:
        for line in given.command(given):
            print(line, flush=True)
    except BrokenPipeError:  # the output went to `head` or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Refused as refusal:
        print(f"python -m analysis: error: {refusal}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
