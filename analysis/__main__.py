"""The command line: `python -m analysis figures|statistics|claims|report [NAME ...] [--runs PATH ...] [--recorded]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
    form = argparse.RawDescriptionHelpFormatter
    words = "Draw figures from records, and put numbers on them."
    parser = Parser(prog="python -m analysis", description=words, epilog=EXAMPLES, formatter_class=form)
    commands = parser.add_subparsers(required=True, metavar="figures|statistics|claims|report|pages")
    verbs: dict[str, Parser] = {}
    for name, run, words in (
        ("figures", _figures, "draw each experiment's figures as PNG and PDF, with the numbers as CSV"),
        ("statistics", _statistics, "how separable each map is and how the best decay scales, as Markdown"),
        ("claims", _claims, "the paper's claims: supported, contradicted, undecided or not run"),
        ("report", _report, "everything on one page to cite: HTML, Markdown, tables in LaTeX"),
        ("pages", _pages, "write the tables of README and docs anew from the committed records"),
    ):
        description = f"{words[0].upper()}{words[1:]}."
        verb = commands.add_parser(name, help=words, description=description, epilog=EXAMPLES, formatter_class=form)
        verb.set_defaults(command=partial(_print, run))
        verbs[name] = verb
        if name in ("figures", "statistics"):
            verb.add_argument(
                "names", nargs="*", metavar="NAME", help="experiment, as fig2 (default: all with records)"
            )
        if name != "pages":
            _add_sources(verb)
    add = verbs["figures"].add_argument
    add("--published", action="store_true", help="draw the paper's own figures, from the values read off them")
    add("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    add = verbs["statistics"].add_argument
    add("--out", type=Path, help="folder for the numbers as CSV and their pictures (default: none)")
    add = verbs["report"].add_argument
    add("--out", type=Path, default=Path("report"), help="folder to write to (default: report)")
    add("--pdf", action="store_true", help="its figures as PDF too, for a paper: takes twice as long")
    add = verbs["pages"].add_argument
    add("--check", action="store_true", help="change nothing, only name the pages that would change")
    return parser


def _print(run: Callable[[argparse.Namespace], Iterator[object]], args: argparse.Namespace) -> int:
    for line in run(args):
        print(line, flush=True)
    return 0


def _add_sources(command: Parser) -> None:
    command.instead |= {f"--{field}": f"--set {field}=..." for field in KINDS} | {"--seeds": "--set seed=..."}
    words = (
        "folders of runs or of .jsonl files, and .jsonl files; a cell that several have counts once, as the first has"
    )
    command.add_argument("--runs", nargs="+", action="append", metavar="PATH", help=f"{words} it (default runs)")
    words = "use the records that come with the project; with --runs, both"
    command.add_argument("--recorded", dest="runs", action="append_const", const=[str(studies.RECORDED)], help=words)
    words = "use what was run with the same --set"
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help=words)
    command.add_argument("--quick", action="store_true", help="use what was run with --quick")


def _sources(args: argparse.Namespace) -> list[Path]:
    """All paths after --runs, but for experiments named there: they are moved to args.names."""
    words = [word for group in args.runs or [["runs"]] for word in group]
    names = (
        [word for word in words if word in experiments.names() and not Path(word).exists()] if "names" in args else []
    )
    if names:
        args.names += names
    return [Path(word) for word in words if word not in names]


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    try:
        return {**({"quick": "run"} if args.quick else {}), **parse_settings(args.set)}
    except ValueError as error:
        raise UsageError(str(error)) from None


def _figures(args: argparse.Namespace) -> Iterator[object]:
    if not args.published:
        sources = _sources(args)
        return figures.make(args.names, sources, args.out, _changes(args))
    if args.set or args.quick or args.runs:
        raise UsageError("--published draws no records: not with --set, --quick, --runs or --recorded")
    return figures.make_published(args.names, args.out)


def _statistics(args: argparse.Namespace) -> Iterator[object]:
    from analysis.report import tables  # scipy takes half a second to load

    sources = _sources(args)
    return tables.make(args.names, sources, args.out, _changes(args))


def _claims(args: argparse.Namespace) -> Iterator[object]:
    from analysis.claims import CLAIMS, ledger, sources
    from analysis.figures.captions import of_several_codes

    evidence = sources.evidence(_sources(args), _changes(args))
    decided = ledger.decide(CLAIMS, evidence)
    if evidence.changes:
        yield f"{told(evidence.changes)}\n"
    yield ledger.table(decided).markdown()
    used = {name for each in decided for name in each.ours.records}
    if several := of_several_codes([record for record in evidence.records if record["id"] in used]):
        yield several


def _pages(args: argparse.Namespace) -> Iterator[object]:
    from analysis.report import pages

    return pages.make(args.check)


def _report(args: argparse.Namespace) -> Iterator[object]:
    from analysis import report

    made = report.make(_sources(args), args.out, _changes(args), figures.KINDS if args.pdf else ("png",))
    return (path for path in made if path.suffix in (".png", ".html", ".md"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, 2 with one line on stderr for what cannot be done, 130 when interrupted."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
