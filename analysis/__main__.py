"""The command line: `python -m analysis figures|statistics|claims [NAME ...] [--runs FOLDER | --recorded]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis.figures import make, make_paper, make_published
from analysis.select import Refused
from experiments.declare import parse_settings
from paper_repro.cli import Parser, answer

EXAMPLES = """examples:
  python -m analysis figures                     every experiment that has records in runs/
  python -m analysis figures fig2 --runs runs    one of them
  python -m analysis figures --recorded          from the records that come with the project
  python -m analysis figures --paper fig1        with the panels where the paper has them
  python -m analysis figures --published fig2    the paper's own, from the values read off its figures
  python -m analysis statistics fig2 --recorded  how separable its maps are, beside the paper's own
  python -m analysis report --recorded           everything on one page
"""


def parser() -> Parser:
    whole = Parser(
        prog="python -m analysis",
        description="Draw figures from records, and put numbers on them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(required=True, metavar="figures|statistics|claims|report|pages")
    figures = _add(
        commands, "figures", _figures, "draw each experiment's figures as PNG and PDF, with the numbers as CSV"
    )
    _add_source(figures, published=True)
    figures.add_argument(
        "--paper", action="store_true", help="put panels where the paper has them; NAME: its figures, as fig4 or supp6"
    )
    figures.add_argument("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    figures.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="draw what was run with the same --set"
    )
    figures.add_argument("--quick", action="store_true", help="draw what was run with --quick")
    numbers = _add(
        commands, "statistics", _statistics, "how separable each map is and how the best decay scales, as Markdown"
    )
    _add_source(numbers)
    numbers.add_argument("--out", type=Path, help="folder for the numbers as CSV and their pictures (default: none)")
    claims = _add(commands, "claims", _claims, "the paper's claims: supported, contradicted, undecided or not run")
    _add_source(claims, names=False)
    report = _add(commands, "report", _report, "everything on one page to cite: HTML, Markdown, tables in LaTeX")
    _add_source(report, names=False)
    report.add_argument("--out", type=Path, default=Path("report"), help="folder to write to (default: report)")
    pages = _add(commands, "pages", _pages, "write the tables of README and docs anew from the committed records")
    pages.add_argument("--check", action="store_true", help="change nothing, only name the pages that would change")
    return whole


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], Iterator[object]], told: str) -> Parser:
    command: Parser = commands.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.set_defaults(command=lambda given: _show(run(given)))
    return command


def _show(lines: Iterator[object]) -> int:
    for line in lines:
        print(line, flush=True)
    return 0


def _add_source(command: argparse.ArgumentParser, names: bool = True, published: bool = False) -> None:
    if names:
        command.add_argument("names", nargs="*", metavar="NAME", help="experiment, as fig2 (default: all with records)")
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of runs, or a .jsonl file (default runs)"
    )
    source.add_argument("--recorded", action="store_true", help="use the records that come with the project")
    if published:
        source.add_argument(
            "--published", action="store_true", help="draw the paper's own figures, from the values read off them"
        )


def _figures(given: argparse.Namespace) -> Iterator[object]:
    changes = _changes(given.set)
    if given.published:
        if given.paper or changes or given.quick:
            raise Refused("--published draws no records: not with --paper, --set or --quick")
        return make_published(given.names, given.out)
    draw = make_paper if given.paper else make
    return draw(given.names, None if given.recorded else given.runs, given.out, changes, given.quick)


def _statistics(given: argparse.Namespace) -> Iterator[object]:
    from analysis import tables  # scipy takes half a second to load

    return tables.make(given.names, None if given.recorded else given.runs, given.out)


def _claims(given: argparse.Namespace) -> Iterator[object]:
    from analysis import ledger
    from analysis.captions import of_several_codes
    from analysis.claims import CLAIMS

    evidence = ledger.evidence(None if given.recorded else given.runs)
    decided = ledger.decide(CLAIMS, evidence)
    yield ledger.table(decided).markdown()
    used = {name for each in decided for name in each.ours.records}
    if several := of_several_codes([record for record in evidence.records if record["id"] in used]):
        yield several


def _pages(given: argparse.Namespace) -> Iterator[object]:
    from analysis import pages

    return pages.make(given.check)


def _report(given: argparse.Namespace) -> Iterator[object]:
    from analysis import report

    return (
        path
        for path in report.make(None if given.recorded else given.runs, given.out)
        if path.suffix in (".png", ".html", ".md")
    )


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    try:
        return parse_settings(texts)
    except ValueError as error:
        raise Refused(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, 2 with one line on stderr for what cannot be done, 130 when interrupted."""
    return answer("analysis", parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
