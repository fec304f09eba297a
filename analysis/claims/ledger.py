"""The claims ledger: what the paper says, by which rule it is decided, what came out, and of which records.

A claim is declared once, with its rule (claims.py). A verdict is one of

    supported, contradicted     the rule says so, by numbers whose intervals are told
    undecided                   there are records, and their intervals leave it open
    not run                     there are none

The last two come with what would decide them: more seeds (deciding.py), or a first run (prices.py).
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import experiments
from analysis.claims import costs, power, prices
from analysis.claims.power import Doubt, Needed, Rule
from analysis.figures import changed, read_records
from analysis.results import published
from analysis.results import studies as findings
from analysis.results.document import Table
from analysis.results.panels import Panel, panels
from analysis.results.published import Reading
from analysis.results.studies import Shown
from analysis.results.table import Chart, charts
from analysis.results.words import Estimate
from analysis.statistics.surface import Surface, basin, of_panel, of_readings
from experiments.declare import PROFILES
from paper_repro.records import Record

CAPTION = (
    "Every claim with its rule and verdicts; brackets: 95 % intervals. To decide: the seeds with which the rule would "
    "decide here in 4 of 5 repetitions if the present estimates were the truth, and the price of the additional cells; "
    "or that of a first run. Set: whether the rule was written before or "
    "after numbers of ours that bear on it had been seen; no rule was written after its verdict was computed."
)
OUTCOMES = SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "undecided", "not run"


@dataclass(frozen=True)
class Verdict:
    """words: the numbers with their intervals. scale: profile and data of the evidence. records: their ids. stem: of
    the figure that shows them. doubt: what it hangs on, where that has intervals."""

    outcome: str
    words: str = ""
    scale: str = ""
    records: tuple[str, ...] = ()
    stem: str = ""
    doubt: Doubt | None = None


class Evidence:
    """The records there are: of each experiment those of its largest scale that was run wholly. So a sweep that begins
    at a larger one takes no verdict away. The demo's pictures are evidence of nothing but that it runs, and are left
    out."""

    def __init__(
        self, records: Sequence[Record], studies: Sequence[Shown] = (), changes: Mapping[str, Any] = {},
        sources: Sequence[Path] = (),
    ) -> None:  # fmt: skip
        self.records = records
        self.studies = studies
        self.changes = changes  # to the declared cells
        self.sources = sources
        self.lacking: dict[str, None] = {}  # experiments that were asked for and have nothing
        self.first_run = functools.cache(self._price)
        self._chart = functools.cache(self._find)

    def chart(self, experiment: str) -> Chart | None:
        """That of the largest scale that was run wholly, or else begun."""
        found = self._chart(experiment)
        if found is None:
            self.lacking[experiment] = None
        return found

    def panels(self, experiment: str) -> list[Panel]:
        """None of them where nothing was run."""
        chart = self.chart(experiment)
        return panels(chart) if chart else []

    def noise(self) -> dict[str, float]:
        """The deviation of single runs' test errors by optimizer: that of figure 2's seeds."""
        surfaces = {panel.optimizer: of_panel(panel, "test") for panel in self.panels("fig2")}
        found = {name: surface.sigma(basin(surface)) for name, surface in surfaces.items()}
        return {name: sigma for name, sigma in found.items() if sigma}

    def verdict(self, experiment: str, outcome: str, words: str, doubt: Doubt | None = None) -> Verdict:
        """With the scale and the records of the experiment's evidence."""
        chart = self.chart(experiment)
        assert chart is not None
        ids = tuple(record["id"] for record in (*chart.records, *chart.beyond))
        return Verdict(outcome, words, f"{chart.profile}, {chart.dataset}", ids, chart.stem, doubt)

    def by_rule(
        self, experiment: str, rule: Rule, estimates: Sequence[Estimate | None], words: str, shown: Sequence[Panel],
        own_from: float = math.inf,
    ) -> Verdict:  # fmt: skip
        """What the rule says of estimates that rest on these panels; undecided where one could not be measured.

        own_from: as in a Doubt, of rules that look at selected cells only.
        """
        known = [part for part in estimates if part is not None]
        outcome = rule(known) if len(known) == len(estimates) else UNDECIDED
        compares = own_from < math.inf  # selected cells, which may have seeds of their own
        chosen = [panel.with_all_seeds(panel.best) if compares else panel.best for panel in shown if panel.best]
        tiles = chosen if compares else [tile for panel in shown for tile in panel.tiles.values()]
        records = [record for tile in tiles for record in tile.records]
        runs = min((len(tile.seeds) - tile.diverged for tile in chosen), default=1)
        doubt = Doubt(tuple(estimates), rule, runs, prices.of_a_seed(records), own_from)
        return self.verdict(experiment, outcome, words, doubt)

    def rows(self, study: str) -> list[dict[str, Any]]:
        """What a study found at its largest scale; demos count where they need no pictures."""
        found = self._study(study)
        if found is None:
            self.lacking[study] = None
        return found.rows if found else []

    def study_verdict(self, study: str, outcome: str, words: str, doubt: Doubt | None = None) -> Verdict:
        """With the scale of the study's findings."""
        found = self._study(study)
        assert found is not None
        scale = f"{found.profile}, {found.dataset}" if "cell" in found.settings else "no pictures needed"
        return Verdict(outcome, words, scale, (), found.stem, doubt)

    def study_price(self, study: str) -> prices.Price:
        """Of the study as it was run."""
        found = self._study(study)
        assert found is not None
        return prices.Price(0, found.seconds / 3600, costs.unit(found.provenance or {}))

    def to_type(self, experiment: str) -> str:
        """The command that makes evidence of an experiment, at the scale of what there is of it."""
        profiles, there = experiments.get(experiment).profiles, self._chart(experiment)
        if there is not None:
            own = {cell.dataset for cell in there.experiment.profiles[there.profile].cells}
            data = "" if there.dataset in own else there.dataset
            return findings.to_type(experiment, self.sources, self.changes, there.profile, data)
        evident = experiments.get(experiment).study is not None and "cell" not in profiles["demo"].settings
        profile = "demo" if evident else next((name for name in profiles if name != "demo"), "demo")
        return findings.to_type(experiment, self.sources, self.changes, profile)

    def missing(self, experiment: str) -> list[str]:
        """What a claim about an experiment lacks that was asked for last: that experiment first, unless all its
        declared cells were run."""
        there = self._chart(experiment)
        whole = there is not None and there.whole
        return list(dict.fromkeys([*([] if whole else [experiment]), *self.lacking]))

    def seeds(self, experiment: str) -> int:
        """How many seeds its figure has."""
        there = self._chart(experiment)
        return 1 + max(record["cell"]["seed"] for record in there.records) if there else 0

    def _price(self, experiment: str) -> str:
        """What a first run of an experiment costs, in words."""
        return prices.of_a_first_run(experiments.get(experiment).changed(self.changes), self._kinds)

    @functools.cached_property
    def _kinds(self) -> list[Record]:
        return prices.one_of_each(self.records)

    def _study(self, study: str) -> Shown | None:
        own = [found for found in self.studies if found.experiment.study == study]
        own = [found for found in own if found.profile.endswith("-quick") == ("quick" in self.changes)]
        own = [found for found in own if found.profile[:4] != "demo" or "cell" not in found.settings]
        return max(own, key=lambda found: PROFILES.index(found.profile.removesuffix("-quick")), default=None)

    def _find(self, experiment: str) -> Chart | None:
        asked = experiments.get(experiment).changed(self.changes)
        found = [chart for chart in charts(asked, self.records) if chart.profile != "demo"]
        return max(found, key=lambda chart: (chart.whole, PROFILES.index(chart.profile)), default=None)


def evidence(sources: Sequence[Path], changes: Mapping[str, Any] = {}) -> Evidence:
    """All that lies in these sources. changes: to the declared cells, as for figures. Raises UsageError."""
    every = changed(experiments.names(), changes)
    studies = findings.shown([each for each in every if each.study], sources, named=False, quick="quick" in changes)
    return Evidence(read_records(sources, changes=changes), studies, changes, sources)


class Paper:
    """The paper's own figures."""

    def __init__(self) -> None:
        self.readings: list[Reading] = published.load()

    def surface(self, figure: str, panel: str) -> Surface:
        return of_readings(self.readings, figure, panel)

    def values(self, figure: str, panel: str) -> list[Reading]:
        return [r for r in self.readings if (r.figure, r.panel) == (figure, panel) and not r.clipped]


@dataclass(frozen=True)
class Claim:
    """text: in our words. source: who says it, and where. ours: None for what nothing here can run. paper: the same
    rule on the paper's own figures, where those show it. beforehand: the rule was written before any record of ours
    that bears on it."""

    name: str
    text: str
    source: str
    experiment: str
    rule: str
    ours: Callable[[Evidence], Verdict] | None
    paper: Callable[[Paper], Verdict] | None = None
    beforehand: bool = False


@dataclass(frozen=True)
class Decided:
    """A claim with the verdict of our records and that of the paper's own figures. needed: to decide it here; None
    where it is decided. to_run: commands that make the evidence that there is none of."""

    claim: Claim
    ours: Verdict
    paper: Verdict | None
    needed: Needed | None
    to_run: tuple[str, ...] = ()


def decide(claims: Sequence[Claim], found: Evidence) -> list[Decided]:
    """Every claim, in the order given."""
    paper = Paper()
    return [_decided(claim, found, paper) for claim in claims]


def _decided(claim: Claim, found: Evidence, paper: Paper) -> Decided:
    found.lacking.clear()
    ours = claim.ours(found) if claim.ours else Verdict(NOT_RUN, "cannot be run here")
    needed, missing = None, found.missing(claim.experiment) if claim.ours and ours.outcome == NOT_RUN else []
    if ours.outcome == UNDECIDED:
        needed = power.needed(ours.doubt)
    elif ours.outcome == NOT_RUN:
        needed = Needed(
            found.first_run(missing[0]) if missing else "a second seed, for the noise" if claim.ours else claim.rule
        )
    to_run = tuple(map(found.to_type, missing))
    if claim.ours and ours.outcome == NOT_RUN and not missing:  # all of it was run, and one seed tells no noise
        to_run = (f"{found.to_type(claim.experiment)} --seeds {found.seeds(claim.experiment) + 1}",)
    return Decided(claim, ours, claim.paper(paper) if claim.paper else None, needed, to_run)


def table(decided: Sequence[Decided]) -> Table:
    """A row for each claim."""
    header = ("", "claim", "here", "in the paper's own figures", "to decide", "rule", "set")
    rows = []
    for each in decided:
        claim = each.claim
        missing = f" ({', '.join(f'`{line}`' for line in each.to_run)})" if each.to_run else ""
        rows.append((
            claim.name, f"{claim.text} ({claim.source})", _cell(each.ours) + missing,
            _cell(each.paper) if each.paper else "", each.needed.words if each.needed else "", claim.rule,
            "before" if claim.beforehand else "after",
        ))  # fmt: skip
    return Table(header, tuple(rows), "claims", CAPTION)


def as_json(decided: Sequence[Decided]) -> str:
    """Every claim with its verdicts and the ids of the records that they rest on, for programs."""
    claims = [
        {
            "claim": each.claim.name, "text": each.claim.text, "source": each.claim.source, "rule": each.claim.rule,
            "experiment": each.claim.experiment, "rule_written_beforehand": each.claim.beforehand,
            "here": _as_dict(each.ours), "to_decide": asdict(each.needed) if each.needed else None,
            "paper": _as_dict(each.paper) if each.paper else None,
        }
        for each in decided
    ]  # fmt: skip
    return json.dumps(claims, indent=1, ensure_ascii=False) + "\n"


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    return {name: value for name, value in vars(verdict).items() if name != "doubt"}


def _cell(verdict: Verdict) -> str:
    scale = f" ({verdict.scale})" if verdict.scale else ""
    return f"**{verdict.outcome}**{f': {verdict.words}' if verdict.words else ''}{scale}"
