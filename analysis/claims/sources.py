"""The two sources that a rule is asked about: our records (Evidence), and the values read off the paper's figures
(Paper), as panels of the same form. A rule need not know which one it asks."""

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import experiments
from analysis.claims import power
from analysis.claims.power import PowerInput, Price
from analysis.claims.rules import (
    BETWEEN,
    FAILS,
    GRID,
    HOLDS,
    NOISE,
    OPEN,
    SELECTION,
    SLIP,
    TRUE,
    Doubt,
    Interval,
    Rule,
    doubted,
    intervals,
    margin,
)
from analysis.figures import changed, read_records
from analysis.results import published
from analysis.results import studies as findings
from analysis.results.panels import Panel, Tile, at_border, best_tile, panels
from analysis.results.published import Reading
from analysis.results.studies import StudyResult
from analysis.results.table import Chart, charts
from analysis.results.words import NAMES, SCHEDULES, Estimate
from analysis.statistics import power_laws
from analysis.statistics.estimate import Comparison, compare
from analysis.statistics.ridge import ridge
from analysis.statistics.surface import panel_surface, published_surface, sigmas
from experiments.declare import PROFILES, Experiment
from experiments.ranking import selection_split
from paper_repro.records import Record

READINGS = {  # of experiments that are no heat map, the panel of the paper's figure
    "fig3": ("fig3", "test_error_vs_decay"), "supp4": ("supp4", "test_error_vs_decay"),
    "fig4": ("fig4", "cifar_test_error"), "fig4_imagenet32": ("fig4", "in32_test_error"),
}  # fmt: skip


class Run(NamedTuple):
    """A selected cell: of an optimizer under a schedule, with any decay or among those without."""

    optimizer: str
    schedule: str = "cosine"
    decays: bool = True


class Setting(NamedTuple):
    """Where a claim is tested: records of these profiles, with noisy training labels or without (None: either)."""

    name: str
    profiles: tuple[str, ...]
    noisy: bool | None


CLEAN, NOISY = Setting("clean", ("cpu", "cpu_long"), False), Setting("noisy", ("cpu", "cpu_long"), True)
GPU = Setting("GPU", ("gpu_short", "gpu", "paper"), None)
SETTINGS = CLEAN, NOISY, GPU


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a source. words: the numbers with their intervals. why: of what is open: noise, selection,
    grid. scale: profile and data of the evidence. records: their ids. stem: of the figure that shows them. power: what
    the outcome hangs on, where that has intervals."""

    outcome: str
    words: str = ""
    why: str = ""
    scale: str = ""
    records: tuple[str, ...] = ()
    stem: str = ""
    power: PowerInput | None = None


def decided(holds: bool, words: str) -> Verdict:
    """Of numbers without intervals."""
    return Verdict(HOLDS if holds else FAILS, words)


def fact(is_true: bool, words: str) -> Verdict:
    """Of algebra or code."""
    return Verdict(TRUE if is_true else SLIP, words)


class Evidence:
    """Our records in one setting: of each experiment those of its largest scale that was run wholly. So a sweep that
    begins at a larger one takes no verdict away. The demo's images are evidence of nothing but that it runs, and are in
    no setting."""

    is_paper = False

    def __init__(
        self, records: Sequence[Record], studies: Sequence[StudyResult] = (), changes: Mapping[str, Any] = {},
        sources: Sequence[Path] = (), setting: Setting = CLEAN,
    ) -> None:  # fmt: skip
        self.records = records
        self.studies = studies
        self.changes = changes  # to the declared cells
        self.sources = sources
        self.setting = setting
        self.lacking: dict[str, None] = {}  # experiments that were asked for and have nothing
        self.first_run = functools.cache(lambda name: power.first_run_price(self._declared(name), records))
        self._declared = functools.cache(lambda name: experiments.get(name).changed(changes))
        self._chart = functools.cache(self._largest)
        self._panels = functools.cache(lambda name: panels(chart) if (chart := self._chart(name)) else [])

    def at(self, setting: Setting) -> "Evidence":
        """The same in another setting."""
        there = Evidence(self.records, self.studies, self.changes, self.sources, setting)
        there._declared = self._declared  # of thousands of cells each
        return there

    def _is_here(self, profile: str, cell: Mapping[str, Any]) -> bool:
        """Whether cells of a profile belong to the setting; cell: one of them."""
        profiles, noisy = self.setting[1:]
        return profile in profiles and noisy in (None, bool(cell.get("label_noise")))

    def declared_in(self, experiment: str) -> dict[str, Experiment]:
        """The profiles of the setting, each with the experiment that declares it: this one or its noisy form."""
        names = [experiment, *(name for name in experiments.names() if experiments.get(name).repeats == experiment)]
        return {
            profile: declared
            for declared in map(self._declared, names)
            for profile, each in declared.profiles.items()
            for cell in [*(cell.to_dict() for cell in each.cells[:1]), each.settings.get("cell")]
            if cell is not None and self._is_here(profile, cell)
        }

    def _largest(self, experiment: str) -> Chart | None:
        there = self.declared_in(experiment)
        found = [
            chart
            for declared in {each.name: each for each in there.values()}.values()
            for chart in charts(declared, self.records)
            if there.get(chart.profile) is declared
        ]
        return max(found, key=lambda chart: (chart.whole, PROFILES.index(chart.profile)), default=None)

    def chart(self, experiment: str) -> Chart | None:
        """That of the largest scale that was run wholly, or else begun."""
        chart = self._chart(experiment)
        if chart is None:
            self.lacking[experiment] = None
        return chart

    def panels(self, experiment: str) -> list[Panel]:
        """None of them where nothing was run."""
        self.chart(experiment)  # which notes where there is none
        return self._panels(experiment)

    def noise(self) -> dict[str, float]:
        """The deviation of single runs' test errors by optimizer: that of figure 2's seeds."""
        return sigmas(self.panels("fig2"), "test")

    def slope(self, optimizer: str) -> Estimate | None:
        """Of figure 2's ridge."""
        panel = self.panel("fig2", Run(optimizer))
        if panel is None:
            return None
        records = [record for tile in panel.tiles.values() for record in tile.records]
        return ridge(panel_surface(panel, selection_split(records))).slope

    def laws(self, experiment: str) -> list[power_laws.Law]:
        """Of the best decay."""
        chart = self.chart(experiment)
        return power_laws.chart_laws(chart, self.records) if chart else []

    def panel(self, experiment: str, run: Run) -> Panel | None:
        """The panel with the run's selected cell; None where it was not run or every run diverged."""
        for panel in self.panels(experiment):
            schedule = str(panel.facets.get("schedule", run.schedule)).partition(":")[0]
            if (panel.optimizer, schedule) == run[:2] and panel.best is not None:
                if run.decays:
                    return panel
                bare = [tile for tile in panel.candidates if tile.decay == 0]
                split = selection_split(record for tile in bare for record in tile.records)
                return replace(panel, best=best_tile(bare, split), candidates=tuple(bare))
        return None

    def selected(self, experiment: str, *runs: Run) -> list[Panel]:
        """The panel of each; none where one was not run."""
        selected = [panel for run in runs if (panel := self.panel(experiment, run))]
        return selected if len(selected) == len(runs) else []

    def selected_records(self, experiment: str, *runs: Run) -> list[tuple[Record, ...]]:
        """Those of each selected cell; none where one was not run."""
        return [panel.best.records for panel in self.selected(experiment, *runs) if panel.best]

    def compare(self, experiment: str, *runs: Run) -> Comparison | None:
        """The first − the second in test error; None where one was not run, or the noise is not known."""
        selected = self.selected(experiment, *runs)
        pairs = compare(selected, self.noise()) if selected else []
        first, second = (" without decay" * (not run.decays) for run in runs)
        return replace(pairs[0], first=pairs[0].first + first, second=pairs[0].second + second) if pairs else None

    def error(self, experiment: str, run: Run) -> float | None:
        """The mean test error of the selected cell."""
        panel = self.panel(experiment, run)
        return panel.best.test_error if panel and panel.best else None

    def margin(self, experiment: str, *runs: Run) -> float:
        """In points, within which these are as good as equal."""
        return margin(min(error for run in runs if (error := self.error(experiment, run)) is not None))

    def is_at_edge(self, experiment: str, run: Run) -> bool:
        """Whether a better cell may lie beyond the grid's border."""
        panel = self.panel(experiment, run)
        return panel is not None and at_edge(panel, panel.tiles)

    def doubt(self, experiment: str, first: Run, second: Run, widening: float = 1.0) -> Doubt:
        """Of the difference of their selected cells: what lies beyond the grid, and what was selected by luck."""
        edges = (self.is_at_edge(experiment, run) for run in (first, second))
        panels = (self.panel(experiment, run) for run in (first, second))
        return Doubt(widening, *edges, *(panel.selected_too_high if panel else 0.0 for panel in panels))

    def gains_by_decay(self, experiment: str, run: Run) -> bool:
        """Whether some decay is better than none, or may be, by more than the margin: what decoupling can change."""
        panel, bare = self.panel(experiment, run), run._replace(decays=False)
        if panel is None or panel.best is None or panel.best.decay == 0:
            return False
        gain = self.compare(experiment, bare, run)
        high = gain.difference.high if gain else None
        return high is None or high >= self.margin(experiment, bare, run)

    def half_width(self, experiment: str) -> float | None:
        """Half the interval of a difference of means of as many runs of Adam and AdamW as Adam's selected cell has."""
        noise, panel = self.noise(), self.panel(experiment, Run("adam"))
        if not {"adam", "adamw"} <= noise.keys() or panel is None or panel.best is None:
            return None
        return 1.96 * math.hypot(noise["adam"], noise["adamw"]) / math.sqrt(len(panel.best.seeds))

    def judge(
        self, rule: Rule, estimates: Sequence[Estimate | None], words: str, panels: Sequence[Panel] = (),
        student_from: float = math.inf, price: Price | None = None, runs: int = 1, doubts: Sequence[Doubt] = (),
    ) -> Verdict:  # fmt: skip
        """What the rule says of estimates that rest on these panels; open where one was not measured, or without its
        interval.

        student_from: as in a PowerInput, of rules that look at selected cells only, where an estimate that is None has
        lost seeds; elsewhere the grid does not hold it. price, runs: of a seed more and the number there are, of what
        is no panels. doubts: of each estimate.
        """
        known, lost = intervals(estimates), SELECTION if student_from < math.inf else GRID
        doubting = doubted(rule, doubts) if doubts else rule
        if len(known) == len(estimates):
            outcome, why = doubting(known), _why_open(rule, known, doubts) if doubts else NOISE
            if why == NOISE and all(
                rule([Interval(*(x,) * 3) for x in side]) == OPEN for side in zip(*known, strict=True)
            ):
                why = BETWEEN  # wherever the numbers lie in their intervals
        else:
            outcome, why = OPEN, lost if None in estimates else NOISE
        verdict = Verdict(outcome, words, why * (outcome == OPEN))
        if self.is_paper:  # no more seeds can be run of it
            return verdict
        if price is None:
            compares = student_from < math.inf  # selected cells, which may have seeds of their own
            best = [(panel, panel.best) for panel in panels if panel.best]
            selected = [one.with_all_seeds() if compares else panel.tiles[one.place] for panel, one in best]
            tiles = selected if compares else [tile for panel in panels for tile in panel.tiles.values()]
            price = power.seed_price(record for tile in tiles for record in tile.records)
            runs = min((len(tile.seeds) - tile.diverged for tile in selected), default=1)
        return replace(verdict, power=PowerInput(tuple(estimates), doubting, runs, price, student_from))

    def rows(self, study: str) -> list[dict[str, Any]]:
        """What a study found at its largest scale."""
        result = self.study(study)
        if result is None:
            self.lacking[study] = None
        return result.rows if result else []

    def study(self, name: str) -> StudyResult | None:
        """Its findings at the largest scale of the setting. What needs no images depends on no setting: its demos count
        too, and every setting has it."""
        there = [each for each in self.studies if each.experiment.study == name]
        there = [each for each in there if each.profile.endswith("-quick") == ("quick" in self.changes)]
        there = [
            each
            for each in there
            if self._is_here(each.profile.removesuffix("-quick"), each.settings.get("cell") or {})
            or "cell" not in each.settings
        ]
        return max(there, key=lambda each: PROFILES.index(each.profile.removesuffix("-quick")), default=None)

    def to_type(self, experiment: str) -> str:
        """The command that makes evidence of an experiment, at the scale of what there is of it."""
        declared, chart = experiments.get(experiment), self._chart(experiment)
        if chart is not None:
            name, data = chart.experiment.name, chart.other_data
            return findings.to_type(name, self.sources, self.changes, chart.profile, data)
        evident = declared.study is not None and "cell" not in declared.profiles["demo"].settings
        profile = "demo" if evident else next((name for name in declared.profiles if name != "demo"), "demo")
        return findings.to_type(experiment, self.sources, self.changes, profile)

    def missing(self, experiment: str) -> list[str]:
        """What a claim about an experiment lacks that was asked for last: that experiment first, unless all its
        declared cells were run."""
        chart = self._chart(experiment)
        return list(dict.fromkeys([*([] if chart and chart.whole else [experiment]), *self.lacking]))


def evidence(sources: Sequence[Path], changes: Mapping[str, Any] = {}) -> Evidence:
    """All that lies in these sources. changes: to the declared cells, as for figures. Raises UsageError."""
    every = changed(experiments.names(), changes)
    studies = findings.study_results(
        [each for each in every if each.study], sources, named=False, quick="quick" in changes
    )
    return Evidence(read_records(sources, changes=changes), studies, changes, sources)


def _why_open(rule: Rule, known: Sequence[Interval], doubts: Sequence[Doubt]) -> str:
    """Without which doubts the rule would decide."""
    lucky, edges = {"lower": 0.0, "higher": 0.0}, {"no_low": False, "no_high": False}
    for why, given in ((SELECTION, lucky), (GRID, edges), (GRID, lucky | edges)):
        if doubted(rule, [doubt._replace(**given) for doubt in doubts])(known) != OPEN:
            return why
    return NOISE


class Paper(Evidence):
    """The paper's own figures: single runs, whose noise is that of a run and of the reading."""

    is_paper = True

    def __init__(self) -> None:
        super().__init__([])
        self.readings: list[Reading] = published.load()
        self._run_readings = functools.cache(self._readings_of)

    def beside(self, experiment: str, run: Run) -> list[Reading]:
        """The readings of the panel that corresponds to a run's; only its last epoch where they are curves."""
        figure = "fig2" if experiment in ("fig1", "supp2") and run.schedule == "cosine" else experiment
        figure, panel = READINGS.get(experiment, (figure, f"{run.optimizer}_{run.schedule}"))
        readings = [r for r in self._run_readings(run) if (r.figure, r.panel) == (figure, panel)]
        return sorted(readings, key=lambda r: r.epoch)[-1:] if figure == "fig4" else readings

    def _readings_of(self, run: Run) -> list[Reading]:
        """All of an optimizer under a schedule; with restarts the paper calls it AdamWR or SGDWR."""
        return [r for r in self.readings if (r.optimizer.removesuffix("r"), r.schedule, r.clipped) == (*run[:2], False)]

    def panels(self, experiment: str) -> list[Panel]:
        """As of our records, with a tile for each reading."""
        runs = {
            run: self.beside(experiment, run) for run in itertools.starmap(Run, itertools.product(NAMES, SCHEDULES))
        }
        return [self._panel(experiment, run, readings) for run, readings in runs.items() if readings]

    def _panel(self, experiment: str, run: Run, readings: Sequence[Reading]) -> Panel:
        rows: dict[int, dict[str, Any]] = {}  # of the curves in figure 4, which are of figure 3's runs as well
        for r in self._run_readings(run) if experiment in READINGS else ():
            if (r.figure, r.dataset) == ("fig4", readings[0].dataset):
                row = rows.setdefault(r.epoch, {"epoch": r.epoch, "ends_cycle": run.schedule == "warm_restarts"})
                row["train_loss" if r.metric == "training_loss" else "test_error"] = r.value
        tiles = {}
        for r in readings:
            alpha, decay, final = r.alpha or 0.0, r.decay or 0.0, {"test_error": r.value}
            record = {
                "cell": {"seed": 0, "epochs": r.epochs, "validation_examples": 0},
                "status": "finished",
                "final": final,
            }
            tiles[alpha, decay] = Tile(alpha, decay, (record | {"epochs": list(rows.values())},))
        best = min(tiles.values(), key=lambda tile: tile.errors())
        facets = {"schedule": run.schedule} if experiments.get(experiment).facets else {}
        return Panel(run.optimizer, facets, "step", (), (), tiles, tuple(tiles.values()), best)

    def noise(self) -> dict[str, float]:
        """Of a run and of a reading that is off by 0.1 points."""
        return dict.fromkeys(NAMES, math.hypot(published.RUN_SIGMA, 0.1))

    def is_at_edge(self, experiment: str, run: Run) -> bool:
        """Tiles that are clipped were run."""
        panel, shown = self.panel(experiment, run), {r.panel for r in self.beside(experiment, run)}
        clipped = [(r.alpha or 0.0, r.decay or 0.0) for r in self.readings if r.panel in shown and r.clipped]
        return panel is not None and at_edge(panel, [*panel.tiles, *clipped])

    def slope(self, optimizer: str) -> Estimate | None:
        return ridge(published_surface(self.readings, "fig2", f"{optimizer}_cosine")).slope

    def laws(self, experiment: str) -> list[power_laws.Law]:
        return power_laws.published_laws(experiment)


def at_edge(panel: Panel, run: Iterable[tuple[float, float]]) -> bool:
    """Whether nothing was run beyond a panel's selected cell, so that a better one may lie there: beyond decay 0 there
    is nothing. run: where there are runs."""
    if panel.best is None:
        return False
    (alpha, decay), places = panel.best.place, list(run)
    if decay == 0 and any(other for _, other in places):
        places.append((alpha, -1.0))
    return at_border((alpha, decay), places, (panel.alphas, panel.decays) if panel.alphas else ())
