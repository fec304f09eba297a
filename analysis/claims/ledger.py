"""The claims ledger: what the paper says, by which rule it is decided, what came out, and of which records.

A claim is declared once, with its rule. A verdict is one of

    supported, contradicted     the rule says so, by numbers whose intervals are reported
    undecided                   there are records, and their intervals leave it open
    not run                     there are none

The last two come with what would decide them (power.py): more seeds, or a first run.
"""

import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import experiments
from analysis.claims import power
from analysis.claims.power import SeedsNeeded
from analysis.claims.rules import NOT_RUN, OPEN
from analysis.claims.sources import Evidence, Measure, Paper, Verdict
from analysis.results.markdown import Table

CAPTION = (
    "Every claim with its rule and verdicts; brackets: 95 % intervals. To decide: the seeds with which the rule would "
    "decide here in 4 of 5 repetitions if the present estimates were the truth, and the price of the additional cells; "
    "or that of a first run. Set: whether the rule was written before or "
    "after numbers of ours that bear on it had been seen; no rule was written after its verdict was computed."
)


@dataclass(frozen=True)
class Claim:
    """text: in our words. source: who says it, and where. measure: the rule, which finds nothing where nothing was run;
    None for what nothing here can run. in_paper: whether the paper's own figures show it. beforehand: the rule was
    written before any record of ours that bears on it."""

    name: str
    text: str
    source: str
    experiment: str
    rule: str
    measure: Measure | None
    _: KW_ONLY
    in_paper: bool = False
    beforehand: bool = False


@dataclass(frozen=True)
class Decided:
    """A claim with the verdict of our records and that of the paper's own figures. needed: to decide it here; None
    where it is decided. to_run: commands that make the evidence that there is none of."""

    claim: Claim
    ours: Verdict
    paper: Verdict | None
    needed: SeedsNeeded | None
    to_run: tuple[str, ...] = ()


def decide(claims: Sequence[Claim], evidence: Evidence) -> list[Decided]:
    """Every claim, in the order given."""
    paper = Paper()
    return [_decided(claim, evidence, paper) for claim in claims]


def _decided(claim: Claim, evidence: Evidence, paper: Paper) -> Decided:
    if claim.measure is None:
        return Decided(claim, Verdict(NOT_RUN, "cannot be run here"), None, SeedsNeeded(claim.rule))
    theirs = claim.measure(paper) if claim.in_paper else None
    evidence.lacking.clear()
    ours = claim.measure(evidence)
    if ours is not None:
        needed = power.seeds_needed(ours.power) if ours.outcome == OPEN else None
        return Decided(claim, _with_origin(claim.experiment, ours, evidence), theirs, needed)
    if missing := evidence.missing(claim.experiment):
        first, to_run = evidence.first_run(missing[0]), [evidence.to_type(name) for name in missing]
    else:  # all of it was run, and one seed shows no noise
        chart = evidence.chart(claim.experiment)
        seeds = 2 + max(record["cell"]["seed"] for record in chart.records) if chart else 2
        first, to_run = "a second seed, for the noise", [f"{evidence.to_type(claim.experiment)} --seeds {seeds}"]
    return Decided(claim, Verdict(NOT_RUN), theirs, SeedsNeeded(first), tuple(to_run))


def _with_origin(experiment: str, verdict: Verdict, evidence: Evidence) -> Verdict:
    """With the scale and the records of the evidence."""
    study = evidence.study(experiments.get(experiment).study or "")
    if study is not None:
        scale = f"{study.profile}, {study.dataset}" if "cell" in study.settings else "no images needed"
        return replace(verdict, scale=scale, stem=study.stem)
    chart = evidence.chart(experiment)
    assert chart is not None
    ids = tuple(record["id"] for record in (*chart.records, *chart.beyond))
    return replace(verdict, scale=f"{chart.profile}, {chart.dataset}", records=ids, stem=chart.stem)


def table(decided: Sequence[Decided]) -> Table:
    """A row for each claim."""
    header = ("", "claim", "here", "in the paper's own figures", "to decide", "rule", "set")
    rows = []
    for each in decided:
        claim = each.claim
        commands = f" ({', '.join(f'`{line}`' for line in each.to_run)})" if each.to_run else ""
        rows.append((
            claim.name, f"{claim.text} ({claim.source})", _cell(each.ours) + commands,
            _cell(each.paper), each.needed.words if each.needed else "", claim.rule,
            "before" if claim.beforehand else "after",
        ))  # fmt: skip
    return Table(header, tuple(rows), "claims", CAPTION)


def as_json(decided: Sequence[Decided]) -> str:
    """Every claim with its verdicts and the ids of the records that they rest on, for programs."""
    claims = [
        {
            "claim": each.claim.name, "text": each.claim.text, "source": each.claim.source, "rule": each.claim.rule,
            "experiment": each.claim.experiment, "rule_written_beforehand": each.claim.beforehand,
            "here": _plain(each.ours), "to_decide": each.needed and vars(each.needed), "paper": _plain(each.paper),
        }
        for each in decided
    ]  # fmt: skip
    return json.dumps(claims, indent=1, ensure_ascii=False) + "\n"


def _plain(verdict: Verdict | None) -> dict[str, Any] | None:
    return None if verdict is None else {name: value for name, value in vars(verdict).items() if name != "power"}


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    scale = f" ({verdict.scale})" if verdict.scale else ""
    return f"**{verdict.outcome}**{f': {verdict.words}' if verdict.words else ''}{scale}"
