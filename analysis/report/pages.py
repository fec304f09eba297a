"""`python -m analysis pages`: the tables of README and docs, written from the committed records between their markers.

    <!-- begin: NAME -->
    (what block NAME gives)
    <!-- end -->

A test fails where a page differs from what its blocks give.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import experiments
from analysis.claims import CLAIMS, ledger, power, recent, sources
from analysis.report import tables
from analysis.results.markdown import Table
from analysis.results.panels import best_tile, panels
from analysis.results.series import EPOCHS, UPDATES, Variant, bests, variants
from analysis.results.studies import RECORDED
from analysis.results.table import Chart, charts
from analysis.results.words import format_estimate, short_commit
from analysis.statistics import power_laws
from analysis.statistics.estimate import paired_difference
from analysis.statistics.ridge import ridge
from analysis.statistics.surface import panel_surface
from experiments.ranking import selection_split
from paper_repro import records
from paper_repro.cli import UsageError
from paper_repro.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md", "docs/claims.md", "docs/evidence.md", "docs/experiments-figure2.md", "docs/experiments-schedules.md",
    "docs/experiments-batch-and-budget.md", "docs/experiments-later-papers.md", "docs/reliability.md", "docs/speed.md",
)  # fmt: skip
MARKED = re.compile(r"<!-- begin: ([^\n]+?) -->\n((?:(?!<!--).)*)<!-- end -->", re.DOTALL)  # never over another mark
SHOWN = {"sgd": "SGD, L2", "sgdw": "SGDW", "adam": "Adam, L2", "adamw": "AdamW"}
LEFT_OUT = (  # of the table of speeds, which has them all
    "one cell on one core", "cells of 100 epochs", "16d: peak memory", "compiled: peak memory", "start of a sweep",
    "files left", "figure, peak memory",
)  # fmt: skip
MACHINES = {"Xeon": "bench-xeon.csv", "EPYC": "bench-epyc.csv"}


class Blocks:
    """All blocks by name, from the committed records, which are read once."""

    @cached_property
    def evidence(self) -> sources.Evidence:
        return sources.evidence([RECORDED])

    @cached_property
    def decided(self) -> list[ledger.Decided]:
        return ledger.decide(CLAIMS, self.evidence)

    def chart(self, name: str, profile: str = "cpu") -> Chart:
        """Of an experiment's profile. Raises UsageError where nothing of it is committed."""
        for chart in charts(experiments.get(name), self.evidence.records):
            if chart.profile == profile:
                return chart
        raise UsageError(f"no committed records of {name} at the {profile} profile")

    def text(self, name: str) -> str:
        """What stands between the markers of this name. Raises UsageError for a name that is none."""
        kind, _, experiment = name.partition(" ")
        if kind in ("statistics", "laws") and experiment in experiments.names():
            chart, every = self.chart(experiment), self.evidence.records
            if kind == "statistics":
                return tables.Statistics.of(chart, every).markdown()
            published = power_laws.published_laws(chart.experiment.repeats or experiment)
            laws = [*power_laws.chart_laws(chart, every), *published]
            return power_laws.table(laws).markdown()
        if kind in MAPS and experiment in experiments.names():
            return MAPS[kind](self, experiment).markdown()
        if name not in BLOCKS:
            kinds = "findings, slopes, statistics or laws NAME"
            raise UsageError(f"no block {name!r}: one of {', '.join(BLOCKS)}, {kinds}")
        return BLOCKS[name](self).markdown()


def make(check: bool) -> Iterator[str]:
    """Write every page anew, and name those that change; check: only name them."""
    blocks = Blocks()
    for name in PAGES:
        before = (ROOT / name).read_text(encoding="utf-8")
        after = renewed(before, blocks)
        if after != before:
            if not check:
                write_atomically(ROOT / name, after.encode())
            yield name


def renewed(page: str, blocks: Blocks) -> str:
    """The page with all that stands between markers written anew. Raises UsageError for a marker without its end."""
    if page.count("<!-- begin: ") != len(MARKED.findall(page)):
        raise UsageError("a block that begins and does not end before the next")
    return MARKED.sub(lambda match: f"<!-- begin: {match[1]} -->\n\n{blocks.text(match[1])}\n<!-- end -->", page)


def _findings(blocks: Blocks, name: str) -> Table:
    rows = []
    for panel in panels(blocks.chart(name)):
        tiles, best = panel.candidates, panel.best
        assert best is not None
        without = min(tile.test_error for tile in tiles if tile.decay == 0 and tile.test_error is not None)
        by_alpha = [[tile for tile in tiles if tile.alpha == alpha] for alpha in reversed(panel.alphas)]
        lowest = [best_tile(row, "validation") for row in by_alpha if row]
        decays = ", ".join(f"{tile.decay:g}" for tile in lowest if tile)
        error = f"{best.test_error:.1f} ± {best.spread:.1f} %"
        rows.append((SHOWN[panel.optimizer], decays, f"{without:.1f} %", error))
    header = (
        "", "best decay in the rows from the largest α to the smallest", "error without decay, at its best α",
        "error of the starred cell",
    )  # fmt: skip
    return Table(header, tuple(rows))


def _slopes(blocks: Blocks, name: str) -> Table:
    chart, paper = blocks.chart(name), sources.Paper()
    grids, split = panels(chart), selection_split(chart.records)
    ours = [format_estimate(ridge(panel_surface(panel, split)).slope) for panel in grids]
    theirs = [format_estimate(paper.slope(panel.optimizer)) for panel in grids]
    return Table(("", *(SHOWN[panel.optimizer] for panel in grids)), (("here", *ours), ("the paper's figure", *theirs)))


def _speed(blocks: Blocks) -> Table:
    measured, columns = [], ("ours", "opponent", "ratio")
    for file in MACHINES.values():
        with open(RECORDED / file, newline="", encoding="utf-8") as lines:
            measured.append({row["what"]: row for row in csv.DictReader(lines)})
    rows = []
    for what, row in measured[0].items():
        if not any(part in what for part in LEFT_OUT):
            values = [machine.get(what, {}).get(column) for machine in measured for column in columns]
            rows.append((what, row["unit"], *(f"{float(value):.3g}" if value else "" for value in values)))
    header = (words for name in MACHINES for words in (f"{name}: ours", *columns[1:]))
    return Table(("", "unit", *header), tuple(rows))


def _precision(blocks: Blocks) -> Table:
    chart, rows = blocks.chart("precision", "demo"), []
    for name, words in SHOWN.items():
        first, *others = variants(chart, name)
        deviations = ", ".join(f"{variant.deviation:.2f}" for variant in (first, *others))
        rows.append((words, f"{first.mean:.2f}", *(_difference(first, other) for other in others), deviations))
    header = ("", "float32", "bfloat16", "bfloat16, compiled", "standard deviations between seeds")
    return Table(header, tuple(rows))


def _difference(first: Variant, other: Variant) -> str:
    return "{:+.2f} ± {:.2f}".format(*paired_difference(first, other))


def _batch_sizes(blocks: Blocks) -> Table:
    rows, sizes = [], []
    for optimizer in ("sgdw", "adamw"):
        best = bests(blocks.chart("label_noise_batch_size"), optimizer)
        sizes = sorted({each.batch_size for each in best})
        for plan, words in ((EPOCHS, "16 epochs"), (UPDATES, "512 updates")):
            decays = [f"{each.decay:g}{' (boundary)' * each.on_boundary}" for each in best if each.plan == plan]
            rows.append((f"{SHOWN[optimizer]}, {words}", *decays))
    return Table(("batch size", *map(str, sizes)), tuple(rows))


def _claims(blocks: Blocks, kind: str) -> Table:
    (table,) = ledger.tables([each for each in blocks.decided if each.claim.table == kind])
    return table


def _later_claims(blocks: Blocks) -> Table:
    """What came out of each in each setting where it can be run; the rules stand in docs/claims.md."""
    names, rows = [setting.name for setting in sources.SETTINGS[:2]], []
    for each in (each for each in blocks.decided if each.claim in recent.CLAIMS):
        verdicts = (each.verdicts.get(name) for name in names)
        texts = (ledger.format_verdict(replace(verdict, scale="")) if verdict else "" for verdict in verdicts)
        rows.append((each.claim.name, f"{each.claim.text} ({each.claim.source})", *texts))
    return Table(("", "claim", *names), tuple(rows))


def _cost(blocks: Blocks) -> Table:
    """By file of committed records, with the machines and commits of their runs, and in all."""
    files = [(path.stem, records.load(path)) for path in sorted(RECORDED.glob("*.jsonl"))]
    rows = [(name, str(len(of_file)), power.hours(of_file), _machines(of_file)) for name, of_file in files]
    every = [record for _, of_file in files for record in of_file]
    rows.append(("all", str(len(every)), power.hours(every), ""))
    return Table(("records", "cells", "training time", "machine: commits"), tuple(rows))


def _machines(of_file: list[records.Record]) -> str:
    """Each with the commits that trained on it."""
    commits: dict[str, set[str]] = {}
    for record in of_file:
        commits.setdefault(record["provenance"]["hardware"], set()).add(short_commit(record["provenance"]))
    return "; ".join(f"{name}: {', '.join(sorted(commits[name]))}" for name in sorted(commits))


def _chaos(blocks: Blocks) -> Table:
    """What `python -m tests.chaos --long --only PART --json FILE` wrote, summed over each part."""
    sums: dict[tuple[str, ...], Counter[str]] = {}
    for path in sorted((RECORDED / "chaos").glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        for row in run["rows"]:
            counts = {"checks": row["tried"], "differences": row["differences"]}
            sums.setdefault((row["part"], run["code"], run["hardware"]), Counter()).update(counts)
    rows = ((part[0], f"{n['checks']:,}", str(n["differences"]), *part[1:]) for part, n in sums.items())
    return Table(("part", "checks", "differences", "code", "hardware"), tuple(rows))


MAPS: Mapping[str, Callable[[Blocks, str], Table]] = {"findings": _findings, "slopes": _slopes}  # of an experiment
BLOCKS: Mapping[str, Callable[[Blocks], Table]] = {
    "speed": _speed, "precision": _precision, "batch sizes": _batch_sizes,
    "cost": _cost, "chaos": _chaos, "later claims": _later_claims,
    "claims in short": lambda blocks: ledger.short_table(blocks.decided),
    **{f"claims: {kind}": partial(_claims, kind=kind) for kind in ledger.CAPTIONS},
}  # fmt: skip
