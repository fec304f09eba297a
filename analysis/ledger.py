"""The claims ledger: what the paper says, by which rule it is decided, what came out, and of which records.

A claim is declared once, with its rule (claims.py). A verdict is one of

    supported, contradicted     the rule says so, by numbers whose intervals are told
    undecided                   there are records, and their intervals leave it open
    not run                     there are none
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import experiments
from analysis import published
from analysis.panels import Panel, panels
from analysis.published import Reading
from analysis.select import Chart, charts
from analysis.surfaces import Surface, basin, of_panel
from experiments.declare import PROFILES
from paper_repro.records import Record

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "undecided", "not run"


@dataclass(frozen=True)
class Verdict:
    """words: the numbers with their intervals. scale: profile and data of the evidence. records: their ids."""

    outcome: str
    words: str = ""
    scale: str = ""
    records: tuple[str, ...] = ()


class Evidence:
    """The records there are: of each experiment those of its largest scale. The demo's pictures are evidence of nothing
    but that it runs, and are left out."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.chart = functools.cache(self._find)

    def panels(self, experiment: str) -> list[Panel]:
        """None of them where nothing was run."""
        chart = self.chart(experiment)
        return panels(chart) if chart else []

    def noise(self) -> dict[str, float]:
        """The deviation of single runs' test errors by optimizer: that of figure 2's seeds."""
        surfaces = {panel.optimizer: of_panel(panel, "test") for panel in self.panels("fig2")}
        found = {name: surface.sigma(basin(surface)) for name, surface in surfaces.items()}
        return {name: sigma for name, sigma in found.items() if sigma}

    def verdict(self, experiment: str, outcome: str, words: str) -> Verdict:
        """With the scale and the records of the experiment's evidence."""
        chart = self.chart(experiment)
        assert chart is not None
        return Verdict(
            outcome, words, f"{chart.profile}, {chart.dataset}", tuple(record["id"] for record in chart.records)
        )

    def _find(self, experiment: str) -> Chart | None:
        found = [chart for chart in charts(experiments.get(experiment), self.records) if chart.profile != "demo"]
        return max(found, key=lambda chart: PROFILES.index(chart.profile), default=None)


class Paper:
    """The paper's own figures."""

    def __init__(self) -> None:
        self.readings: list[Reading] = published.load()

    def surface(self, figure: str, panel: str) -> Surface:
        return published.surface(self.readings, figure, panel)

    def values(self, figure: str, panel: str) -> list[Reading]:
        return [r for r in self.readings if (r.figure, r.panel) == (figure, panel) and not r.clipped]


@dataclass(frozen=True)
class Claim:
    """text: in our words. source: where the paper says it. rule: fixed beforehand. ours: None for what nothing here can
    run. paper: the same rule on the paper's own figures, where those show it."""

    number: int
    text: str
    source: str
    experiment: str
    rule: str
    ours: Callable[[Evidence], Verdict] | None
    paper: Callable[[Paper], Verdict] | None = None


def decide(claims: Sequence[Claim], records: Sequence[Record]) -> list[tuple[Claim, Verdict, Verdict | None]]:
    """For each claim the verdict of our records and that of the paper's own figures."""
    evidence, paper = Evidence(records), Paper()
    found = []
    for claim in claims:
        ours = claim.ours(evidence) if claim.ours else Verdict(NOT_RUN, "cannot be run here")
        found.append((claim, ours, claim.paper(paper) if claim.paper else None))
    return found


def markdown(decided: Sequence[tuple[Claim, Verdict, Verdict | None]]) -> str:
    """A table to read."""
    header = ("", "claim", "here", "in the paper's own figures", "rule")
    rows = [header, ("---",) * len(header)]
    for claim, ours, paper in decided:
        cost = f" (`run {claim.experiment}`)" if ours.outcome == NOT_RUN and claim.ours else ""
        rows.append((
            str(claim.number), f"{claim.text} ({claim.source})", _cell(ours) + cost,
            _cell(paper) if paper else "", claim.rule,
        ))  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cell(verdict: Verdict) -> str:
    scale = f" ({verdict.scale})" if verdict.scale else ""
    return f"**{verdict.outcome}**{f': {verdict.words}' if verdict.words else ''}{scale}"
