"""The command line: `python -m analysis figures|statistics|claims|report [NAME ...] [--runs PATH ...] [--recorded]`."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import experiments
from analysis import figures
from analysis.figures.captions import of_several_codes
from analysis.results import studies
from experiments.declare import KINDS, describe_changes, parse_settings
from paper_repro.cli import Parser, UsageError, run_command

EXAMPLES = """examples:
  python -m analysis figures                     every experiment that has records in runs/
  python -m analysis figures fig2 --runs runs    one of them
  python -m analysis figures --recorded          from the records that come with the project
  python -m analysis figures --published fig2    the paper's own, from the values read off its figures
  python -m analysis figures fig2 --width column --no-caption    for a column of a paper, its caption as text
  python -m analysis statistics fig2 --recorded  how separable its maps are, beside the paper's own
  python -m analysis report --recorded           everything on one page
  python -m analysis report --recorded --runs runs more.jsonl    the same with your own runs beside them
  python -m analysis claims --set compile=true   of what was run with the same --set
"""


def parser() -> Parser:
    look: dict[str, Any] = {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    words = "Draw figures from records, and put numbers on them."
    parser = Parser(prog="python -m analysis", description=words, **look)
    commands = parser.add_subparsers(required=True, metavar="figures|statistics|claims|report|pages")
    verbs: dict[str, Parser] = {}
    for name, words in (
        ("figures", "draw each experiment's figures as PNG and PDF, with the numbers as CSV"),
        ("statistics", "how separable each map is and how the best decay scales, as Markdown"),
        (
            "claims",
            "the paper's claims and others': which hold, do not hold, or are open, on clean labels and noisy ones",
        ),
        ("report", "everything on one page to cite: HTML, Markdown, tables in LaTeX"),
        ("pages", "write the tables of README and docs anew from the committed records"),
    ):
        verbs[name] = verb = commands.add_parser(
            name, help=words, description=f"{words[:1].upper()}{words[1:]}.", **look
        )
        verb.set_defaults(command=_run, verb=name)
        if name in ("figures", "statistics"):
            words = "experiment, as fig2 (default: all with records)"
            verb.add_argument("names", nargs="*", metavar="NAME", help=words)
        if name == "pages":
            words = "change nothing, only name the pages that would change"
            verb.add_argument("--check", action="store_true", help=words)
            continue
        verb.instead |= {f"--{field}": f"--set {field}=..." for field in KINDS} | {"--seeds": "--set seed=..."}
        words = (
            "folders of runs or of .jsonl files, and .jsonl files; a cell that several have counts once, as the first "
            "has it (default runs)"
        )
        verb.add_argument("--runs", nargs="+", action="append", metavar="PATH", help=words)
        words = "use the records that come with the project; with --runs, both"
        verb.add_argument("--recorded", dest="runs", action="append_const", const=[str(studies.RECORDED)], help=words)
        words = "use what was run with the same --set"
        verb.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help=words)
        verb.add_argument("--quick", action="store_true", help="use what was run with --quick")
    add = verbs["figures"].add_argument
    add("--published", action="store_true", help="draw the paper's own figures, from the values read off them")
    add("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    add = verbs["statistics"].add_argument
    add("--out", type=Path, help="folder for the numbers as CSV and their images (default: none)")
    words = "folder for the figure of later papers' claims, with its numbers as CSV (default: none)"
    verbs["claims"].add_argument("--out", type=Path, help=words)
    for name in ("figures", "statistics", "claims"):
        words = "inches for a paper: column {column} and page {page} (ICML), text {text} (NeurIPS and ICLR; default); "
        words = f"{words}nothing but subscripts is below 7 points".format(**figures.WIDTHS)
        verbs[name].add_argument("--width", choices=figures.WIDTHS, default="text", help=words)
        words = "the caption not in the picture, but as .txt beside it"
        verbs[name].add_argument("--no-caption", action="store_true", help=words)
    add = verbs["report"].add_argument
    add("--out", type=Path, default=Path("report"), help="folder to write to (default: report)")
    add("--pdf", action="store_true", help="its figures as PDF too, for a paper: takes twice as long")
    return parser


def _run(args: argparse.Namespace) -> int:
    for line in _lines(args):
        print(line, flush=True)
    return 0


def _lines(args: argparse.Namespace) -> Iterable[object]:
    """What the typed command prints. It loads what it needs only now: scipy alone takes half a second."""
    if args.verb == "pages":
        from analysis.report import pages

        return pages.make(args.check)
    form = {"width": args.width, "has_caption": not args.no_caption} if "width" in args else {}
    if form and args.out is None and (args.width != "text" or args.no_caption):
        raise UsageError("--width and --no-caption are of pictures: with --out only")
    if args.verb == "figures" and args.published:
        if args.set or args.quick or args.runs:
            raise UsageError("--published draws no records: not with --set, --quick, --runs or --recorded")
        return figures.make_published(args.names, args.out, **form)
    words = [word for group in args.runs or [["runs"]] for word in group]
    if "names" in args:  # --runs takes all that follows it: experiments too
        named = [word for word in words if word in experiments.names() and not Path(word).exists()]
        args.names, words = args.names + named, [word for word in words if word not in named]
    sources = [Path(word) for word in words]
    try:
        changes = {**({"quick": "run"} if args.quick else {}), **parse_settings(args.set)}
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.verb == "figures":
        return figures.make(args.names, sources, args.out, changes, **form)
    if args.verb == "statistics":
        from analysis.report import tables

        return tables.make(args.names, sources, args.out, changes, **form)
    if args.verb == "claims":
        return _claims(sources, changes, args.out, form)
    from analysis import report

    paths = report.make(sources, args.out, changes, figures.KINDS if args.pdf else ("png",))
    return (path for path in paths if path.suffix in (".png", ".html", ".md"))


def _claims(
    paths: Sequence[Path], changes: Mapping[str, Any], out: Path | None, form: Mapping[str, Any]
) -> Iterator[object]:
    from analysis.claims import CLAIMS, ledger, recent, sources

    evidence = sources.evidence(paths, changes)
    decided = ledger.decide(CLAIMS, evidence)
    if changes:
        yield f"{describe_changes(changes)}\n"
    yield from map(str, ledger.tables(decided))
    used = {name for each in decided for verdict in each.verdicts.values() for name in verdict.records}
    if several := of_several_codes([record for record in evidence.records if record["id"] in used]):
        yield several
    if out is not None:
        figures.check_writable(out)
        yield from recent.write(evidence, out, **form)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. 1: a disk failed, 2: it cannot be done, each with a line on stderr; 130: interrupted."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
