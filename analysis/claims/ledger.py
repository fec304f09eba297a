"""The claims ledger: what is claimed, by which rule it is decided, what came out in each setting, and of which records.

A claim is declared once, with its rule, and has a verdict (rules.py) in each setting in which it can be tested (clean
labels, noisy ones, on a GPU), and by the same rule one of the paper's own figures. What is open or not run comes with
what would decide it on clean labels (power.py): more seeds, or a first run.

There are three tables and no total: facts of algebra and code, which depend on no setting; what the paper's experiments
show; and what other texts say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import experiments
from analysis.claims import power
from analysis.claims.measures import Measure
from analysis.claims.power import SeedsNeeded
from analysis.claims.rules import GRID, NOT_RUN, OPEN
from analysis.claims.sources import CLEAN, GPU, NOISY, SETTINGS, Evidence, Paper, Verdict
from analysis.results.markdown import Table

FACT, PAPER, TEXT = "facts", "the paper's experiments", "other texts"
AFTER = "†"
TO_DECIDE = (
    "To decide: the seeds with which the rule would decide on clean labels in 4 of 5 repetitions if the present "
    "estimates were the truth, and the price of the additional cells; or that of a first run. "
)
CAPTIONS = {
    FACT: "Algebra and code: these answers depend on no training setting.",
    PAPER: (
        "What the paper's experiments show. A − B: test error of A less that of B, positive where B is better; Adam "
        f"and SGD are those with L2. Brackets: 95 % intervals. {TO_DECIDE}{AFTER}: the rule had its present form only "
        "after numbers of that column that bear on it had been seen, which is weaker. Of the paper's own figures that "
        "holds throughout."
    ),
    TEXT: "What other texts say, and laws of the best decay. As in the table above.",
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """text: in our words. source: who says it, and where. measure: the rule, which finds nothing where nothing was run;
    None for what nothing here can run. table: in which it stands. in_paper: whether the paper's own figures show it.

    beforehand: the rule has been as it is since before any record with clean labels, or of a GPU, that bears on it was
    seen; before_noisy: likewise of noisy labels.
    """

    name: str
    text: str
    source: str
    experiment: str
    rule: str
    measure: Measure | None
    _: KW_ONLY
    table: str = TEXT
    in_paper: bool = False
    beforehand: bool = False
    before_noisy: bool = False

    def is_after(self, setting: str) -> bool:
        """Whether numbers of this setting had been seen when the rule was set."""
        return self.table != FACT and not (self.before_noisy if setting == NOISY.name else self.beforehand)


@dataclass(frozen=True)
class Decided:
    """A claim with its verdicts by setting (of a fact, one) and that of the paper's own figures. needed: to decide it
    on clean labels; None where it is decided. to_run: commands that make the evidence that there is none of."""

    claim: Claim
    verdicts: Mapping[str, Verdict]
    paper: Verdict | None = None
    needed: SeedsNeeded | None = None
    to_run: tuple[str, ...] = ()

    @property
    def ours(self) -> Verdict:
        """That of the first setting where it was run: clean labels, noisy ones, a GPU."""
        run = [verdict for verdict in self.verdicts.values() if verdict.outcome != NOT_RUN]
        return next(iter(run), Verdict(NOT_RUN))


def decide(claims: Sequence[Claim], evidence: Evidence) -> list[Decided]:
    """Every claim, in the order given."""
    paper, settings = Paper(), [evidence.at(setting) for setting in SETTINGS]
    return [_decided(claim, settings, paper) for claim in claims]


def _decided(claim: Claim, settings: Sequence[Evidence], paper: Paper) -> Decided:
    if claim.measure is None:
        return Decided(claim, {CLEAN.name: Verdict(NOT_RUN, "cannot be run here")}, None, SeedsNeeded(claim.rule))
    theirs = claim.measure(paper) if claim.in_paper else None
    verdicts = {evidence.setting.name: _verdict(claim, evidence) for evidence in settings if _is_tried(claim, evidence)}
    if claim.table == FACT:  # of the first setting that has it
        verdicts = dict([each for each in verdicts.items() if each[1].outcome != NOT_RUN][:1])
    verdicts = verdicts or {CLEAN.name: Verdict(NOT_RUN)}
    first = next(evidence for evidence in settings if evidence.setting.name in verdicts)
    verdict = verdicts[first.setting.name]
    if verdict.outcome == NOT_RUN:
        return Decided(claim, verdicts, theirs, *_to_run(claim, first))
    needed = power.seeds_needed(verdict.power) if verdict.outcome == OPEN else None
    if verdict.why == GRID:
        needed = SeedsNeeded("no number of seeds: cells beyond the grid boundary, or runs of equal training loss")
    return Decided(claim, verdicts, theirs, needed)


def _is_tried(claim: Claim, evidence: Evidence) -> bool:
    """Whether the claim's experiment is declared in the setting, or its study has findings there."""
    study = experiments.get(claim.experiment).study
    return bool(evidence.declared_in(claim.experiment) or (study and evidence.study(study)))


def _verdict(claim: Claim, evidence: Evidence) -> Verdict:
    chart = evidence.chart(claim.experiment)
    if chart is not None and evidence.setting == GPU and not chart.whole:
        return Verdict(NOT_RUN, chart.extent)
    verdict = claim.measure(evidence) if claim.measure else None
    return Verdict(NOT_RUN) if verdict is None else _with_origin(claim.experiment, verdict, evidence)


def _to_run(claim: Claim, evidence: Evidence) -> tuple[SeedsNeeded, tuple[str, ...]]:
    evidence.lacking.clear()
    if claim.measure:
        claim.measure(evidence)
    if missing := evidence.missing(claim.experiment):
        return SeedsNeeded(evidence.first_run(missing[0])), tuple(map(evidence.to_type, missing))
    # All of it was run, and one seed shows no noise.
    chart = evidence.chart(claim.experiment)
    seeds = 2 + max(record["cell"]["seed"] for record in chart.records) if chart else 2
    command = f"{evidence.to_type(claim.experiment)} --seeds {seeds}"
    return SeedsNeeded("a second seed, for the noise"), (command,)


def _with_origin(experiment: str, verdict: Verdict, evidence: Evidence) -> Verdict:
    """With the scale and the records of the evidence."""
    study = evidence.study(experiments.get(experiment).study or "")
    if study is not None:
        scale = f"{study.profile}, {study.dataset}" if "cell" in study.settings else ""
        return replace(verdict, scale=scale, stem=study.stem)
    chart = evidence.chart(experiment)
    assert chart is not None
    ids = tuple(record["id"] for record in (*chart.records, *chart.beyond))
    seeds, most = (
        len({r["cell"]["seed"] for r in group}) for group in (chart.records, (*chart.records, *chart.beyond))
    )
    maps = [panel.candidates for panel in evidence.panels(experiment) if panel.candidates]
    fewest = min((len(tile.seeds) for each in maps for tile in each), default=seeds)
    text = f"{fewest} to " * (fewest < seeds) + f"{seeds} seed{'s' * (seeds > 1)}"
    text += f", of best cells up to {most}" * (most > seeds)
    parts = [chart.profile, chart.dataset, text, *[chart.extent] * (not chart.whole)]
    return replace(verdict, scale=", ".join(parts), records=ids, stem=chart.stem)


def tables(
    decided: Sequence[Decided], link: Callable[[str, Verdict], str] = lambda words, verdict: words
) -> list[Table]:
    """The three tables, of the claims that there are. link: adds to a verdict's words what leads to its records."""
    of_kind = {kind: [each for each in decided if each.claim.table == kind] for kind in CAPTIONS}
    return [_table(kind, rows, link) for kind, rows in of_kind.items() if rows]


def _table(kind: str, decided: Sequence[Decided], link: Callable[[str, Verdict], str]) -> Table:
    def shown(each: Decided) -> Iterable[str]:
        if kind == FACT:
            return [link(format_verdict(each.ours), each.ours)]
        paper = [link(format_verdict(each.paper, "paper"), each.paper) if each.paper else ""]
        ours = [each.verdicts.get(setting.name) for setting in SETTINGS]
        marks = [AFTER * each.claim.is_after(setting.name) for setting in SETTINGS]
        return [
            *paper[: kind == PAPER],
            *(link(format_verdict(own, mark=mark), own) if own else "" for own, mark in zip(ours, marks, strict=True)),
        ]

    header = {
        FACT: ("answer",), PAPER: ("the paper's own figures", *(setting.name for setting in SETTINGS)),
        TEXT: tuple(setting.name for setting in SETTINGS),
    }  # fmt: skip
    rows = []
    for each in decided:
        claim = each.claim
        commands = f" ({', '.join(f'`{line}`' for line in each.to_run)})" if each.to_run else ""
        needed = [(each.needed.words if each.needed else "") + commands] if kind != FACT else []
        rows.append((claim.name, f"{claim.text} ({claim.source})", *shown(each), claim.rule, *needed))
    ends = ("what decides",) if kind == FACT else ("what decides", "to decide")
    return Table(("", "claim", *header[kind], *ends), tuple(rows), f"claims-{kind.split()[-1]}", CAPTIONS[kind])


def short_table(decided: Sequence[Decided]) -> Table:
    """The second and third table in words alone."""
    kinds, rows = (PAPER, TEXT), []
    for each in sorted(
        (each for each in decided if each.claim.table in kinds), key=lambda e: kinds.index(e.claim.table)
    ):
        ours = [each.verdicts.get(setting.name) for setting in SETTINGS]
        words = [outcome(verdict) if verdict else "" for verdict in ours]
        rows.append((each.claim.name, each.claim.text, outcome(each.paper, "paper") if each.paper else "", *words))
    header = ("", "claim", "the paper's own figures", *(setting.name for setting in SETTINGS))
    return Table(header, tuple(rows))


def outcome(verdict: Verdict, where: str = "") -> str:
    """Of a verdict in words: open (noise). The paper's own figures are not "here"."""
    words = verdict.outcome.removesuffix(" here") if where == "paper" else verdict.outcome
    return f"{words} ({verdict.why})" if verdict.why else words


def format_verdict(verdict: Verdict, where: str = "", mark: str = "") -> str:
    """The outcome with its numbers and their scale."""
    scale = f" ({verdict.scale})" if verdict.scale else ""
    mark = mark * (verdict.outcome != NOT_RUN)
    return f"**{outcome(verdict, where)}**{mark}{f': {verdict.words}' if verdict.words else ''}{scale}"
