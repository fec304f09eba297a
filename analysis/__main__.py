"""The command line: `python -m analysis figures|statistics|claims|report [NAME ...] [--runs PATH ...] [--recorded]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import experiments
from analysis import figures
from analysis.results import studies
from experiments.declare import KINDS, parse_settings, told
from paper_repro.cli import Parser, UsageError, run_command

EXAMPLES = """examples:
  python -m analysis figures                     every experiment that has records in runs/
  python -m analysis figures fig2 --runs runs    one of them
  python -m analysis figures --recorded          from the records that come with the project
  python -m analysis figures --published fig2    the paper's own, from the values read off its figures
  python -m analysis statistics fig2 --recorded  how separable its maps are, beside the paper's own
  python -m analysis report --recorded           everything on one page
  python -m analysis report --recorded --runs runs more.jsonl    the same with your own runs beside them
  python -m analysis claims --set compile=true   of what was run with the same --set
"""


def parser() -> Parser:
    whole = Parser(
        prog="python -m analysis",
        description="Draw figures from records, and put numbers on them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(required=True, metavar="figures|statistics|claims|report|pages")
    drawing = _add(
        commands, "figures", _figures, "draw each experiment's figures as PNG and PDF, with the numbers as CSV"
    )
    _add_source(drawing)
    drawing.add_argument(
        "--published", action="store_true", help="draw the paper's own figures, from the values read off them"
    )
    drawing.add_argument("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
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
    report.add_argument("--pdf", action="store_true", help="its figures as PDF too, for a paper: takes twice as long")
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


def _add_source(command: Parser, names: bool = True) -> None:
    command.instead |= {f"--{field}": f"--set {field}=..." for field in KINDS} | {"--seeds": "--set seed=..."}
    if names:
        command.add_argument("names", nargs="*", metavar="NAME", help="experiment, as fig2 (default: all with records)")
    command.add_argument(
        "--runs", nargs="+", action="append", metavar="PATH",
        help="folders of runs or of .jsonl files, and .jsonl files; a cell that several have counts once, as the first "
        "has it (default runs)",
    )  # fmt: skip
    command.add_argument(
        "--recorded", dest="runs", action="append_const", const=[str(studies.RECORDED)],
        help="use the records that come with the project; with --runs, both",
    )  # fmt: skip
    command.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="use what was run with the same --set"
    )
    command.add_argument("--quick", action="store_true", help="use what was run with --quick")


def _sources(given: argparse.Namespace) -> list[Path]:
    """All paths after --runs, but for experiments named there: they are moved to given.names."""
    found = []
    for first, *rest in given.runs or [["runs"]]:
        named = [word for word in rest if word in experiments.names()] if "names" in given else []
        for word in named:
            if Path(word).exists():
                raise UsageError(
                    f"--runs {word}: an experiment and a file here; write ./{word}, or the experiment before"
                )
        if named:
            given.names += named
        found += [first, *(word for word in rest if word not in named)]
    return [Path(word) for word in found]


def _figures(given: argparse.Namespace) -> Iterator[object]:
    if given.published:
        if given.set or given.quick or given.runs:
            raise UsageError("--published draws no records: not with --set, --quick, --runs or --recorded")
        return figures.make_published(given.names, given.out)
    sources = _sources(given)
    return figures.make(given.names, sources, given.out, _changes(given))


def _statistics(given: argparse.Namespace) -> Iterator[object]:
    from analysis.report import tables  # scipy takes half a second to load

    sources = _sources(given)
    return tables.make(given.names, sources, given.out, _changes(given))


def _claims(given: argparse.Namespace) -> Iterator[object]:
    from analysis.claims import CLAIMS, ledger, sources
    from analysis.figures.captions import of_several_codes

    evidence = sources.evidence(_sources(given), _changes(given))
    decided = ledger.decide(CLAIMS, evidence)
    if evidence.changes:
        yield f"{told(evidence.changes)}\n"
    yield ledger.table(decided).markdown()
    used = {name for each in decided for name in each.ours.records}
    if several := of_several_codes([record for record in evidence.records if record["id"] in used]):
        yield several


def _pages(given: argparse.Namespace) -> Iterator[object]:
    from analysis.report import pages

    return pages.make(given.check)


def _report(given: argparse.Namespace) -> Iterator[object]:
    from analysis import report

    made = report.make(_sources(given), given.out, _changes(given), figures.KINDS if given.pdf else ("png",))
    return (path for path in made if path.suffix in (".png", ".html", ".md"))


def _changes(given: argparse.Namespace) -> dict[str, Any]:
    try:
        return {**({"quick": "run"} if given.quick else {}), **parse_settings(given.set)}
    except ValueError as error:
        raise UsageError(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, 2 with one line on stderr for what cannot be done, 130 when interrupted."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
