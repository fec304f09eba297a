"""The two sources that a rule is asked about: our records (Evidence), and the values read off the paper's figures
(Paper), as panels of the same form. A rule need not know which one it asks."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import experiments
from analysis.claims import power
from analysis.claims.power import PowerInput, Price
from analysis.claims.rules import FAILS, HOLDS, OPEN, Rule, intervals
from analysis.figures import changed, read_records
from analysis.results import published
from analysis.results import studies as findings
from analysis.results.panels import Panel, Tile, best_tile, panels
from analysis.results.published import Reading
from analysis.results.studies import StudyResult
from analysis.results.table import Chart, charts
from analysis.results.words import NAMES, SCHEDULES, Estimate, format_estimate
from analysis.statistics import power_laws
from analysis.statistics.estimate import NO_SCATTER, PAIRED_FROM, Comparison, compare
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


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a source. words: the numbers with their intervals. scale: profile and data of the evidence.
    records: their ids. stem: of the figure that shows them. power: what the outcome hangs on, where that has
    intervals."""

    outcome: str
    words: str = ""
    scale: str = ""
    records: tuple[str, ...] = ()
    stem: str = ""
    power: PowerInput | None = None


def decided(holds: bool, words: str) -> Verdict:
    """Of numbers without intervals."""
    return Verdict(HOLDS if holds else FAILS, words)


class Evidence:
    """Our records: of each experiment those of its largest scale that was run wholly. So a sweep that begins at a
    larger one takes no verdict away. The demo's images are evidence of nothing but that it runs, and are left out."""

    is_paper = False

    def __init__(
        self, records: Sequence[Record], studies: Sequence[StudyResult] = (), changes: Mapping[str, Any] = {},
        sources: Sequence[Path] = (),
    ) -> None:  # fmt: skip
        self.records = records
        self.studies = studies
        self.changes = changes  # to the declared cells
        self.sources = sources
        self.lacking: dict[str, None] = {}  # experiments that were asked for and have nothing
        self.first_run = functools.cache(lambda name: power.first_run_price(self._declared(name), records))
        self._chart = functools.cache(self._largest)

    def _declared(self, experiment: str) -> Experiment:
        return experiments.get(experiment).changed(self.changes)

    def _largest(self, experiment: str) -> Chart | None:
        there = [chart for chart in charts(self._declared(experiment), self.records) if chart.profile != "demo"]
        return max(there, key=lambda chart: (chart.whole, PROFILES.index(chart.profile)), default=None)

    def chart(self, experiment: str) -> Chart | None:
        """That of the largest scale that was run wholly, or else begun."""
        chart = self._chart(experiment)
        if chart is None:
            self.lacking[experiment] = None
        return chart

    def panels(self, experiment: str) -> list[Panel]:
        """None of them where nothing was run."""
        chart = self.chart(experiment)
        return panels(chart) if chart else []

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
                return replace(panel, best=best_tile(bare, selection_split([r for tile in bare for r in tile.records])))
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
        remark = "" if runs[1].decays else " without decay"
        return replace(pairs[0], second=pairs[0].second + remark) if pairs else None

    def error(self, experiment: str, run: Run) -> float | None:
        """The mean test error of the selected cell."""
        panel = self.panel(experiment, run)
        return panel.best.test_error if panel and panel.best else None

    def half_width(self, experiment: str) -> float | None:
        """Half the interval of a difference of means of as many runs of Adam and AdamW as Adam's selected cell has."""
        noise, panel = self.noise(), self.panel(experiment, Run("adam"))
        if not {"adam", "adamw"} <= noise.keys() or panel is None or panel.best is None:
            return None
        return 1.96 * math.hypot(noise["adam"], noise["adamw"]) / math.sqrt(len(panel.best.seeds))

    def judge(
        self, rule: Rule, estimates: Sequence[Estimate | None], words: str, panels: Sequence[Panel] = (),
        student_from: float = math.inf, price: Price | None = None, runs: int = 1,
    ) -> Verdict:  # fmt: skip
        """What the rule says of estimates that rest on these panels; undecided where one was not measured, or without
        its interval.

        student_from: as in a PowerInput, of rules that look at selected cells only. price, runs: of a seed more and the
        number there are, of what is no panels.
        """
        known = intervals(estimates)
        outcome = rule(known) if len(known) == len(estimates) else OPEN
        if self.is_paper:  # no more seeds can be run of it
            return Verdict(outcome, words)
        if price is None:
            compares = student_from < math.inf  # selected cells, which may have seeds of their own
            best = [(panel, panel.best) for panel in panels if panel.best]
            selected = [one.with_all_seeds() if compares else panel.tiles[one.place] for panel, one in best]
            tiles = selected if compares else [tile for panel in panels for tile in panel.tiles.values()]
            price = power.seed_price(record for tile in tiles for record in tile.records)
            runs = min((len(tile.seeds) - tile.diverged for tile in selected), default=1)
        return Verdict(outcome, words, power=PowerInput(tuple(estimates), rule, runs, price, student_from))

    def rows(self, study: str) -> list[dict[str, Any]]:
        """What a study found at its largest scale; demos count where they need no images."""
        result = self.study(study)
        if result is None:
            self.lacking[study] = None
        return result.rows if result else []

    def study(self, name: str) -> StudyResult | None:
        """Its findings at the largest scale."""
        there = [each for each in self.studies if each.experiment.study == name]
        there = [each for each in there if each.profile.endswith("-quick") == ("quick" in self.changes)]
        there = [each for each in there if each.profile[:4] != "demo" or "cell" not in each.settings]
        return max(there, key=lambda each: PROFILES.index(each.profile.removesuffix("-quick")), default=None)

    def to_type(self, experiment: str) -> str:
        """The command that makes evidence of an experiment, at the scale of what there is of it."""
        declared, chart = experiments.get(experiment), self._chart(experiment)
        if chart is not None:
            return findings.to_type(experiment, self.sources, self.changes, chart.profile, chart.other_data)
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


class Paper(Evidence):
    """The paper's own figures: single runs, whose noise is that of a run and of the reading."""

    is_paper = True

    def __init__(self) -> None:
        super().__init__([])
        self.readings: list[Reading] = published.load()

    def beside(self, experiment: str, run: Run) -> list[Reading]:
        """The readings of the panel that corresponds to a run's; only its last epoch where they are curves."""
        figure = "fig2" if (experiment, run.schedule) == ("fig1", "cosine") else experiment
        figure, panel = READINGS.get(experiment, (figure, f"{run.optimizer}_{run.schedule}"))
        readings = [r for r in self._run_readings(run) if (r.figure, r.panel) == (figure, panel)]
        return sorted(readings, key=lambda r: r.epoch)[-1:] if figure == "fig4" else readings

    def _run_readings(self, run: Run) -> list[Reading]:
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

    def slope(self, optimizer: str) -> Estimate | None:
        return ridge(published_surface(self.readings, "fig2", f"{optimizer}_cosine")).slope

    def laws(self, experiment: str) -> list[power_laws.Law]:
        return power_laws.published_laws(experiment)


Measure = Callable[[Evidence], Verdict | None]


def differences(experiment: str, rule: Rule, *pairs: tuple[Run, Run]) -> Measure:
    """The rule on differences of test error between selected cells, the first of each pair less the second; nothing
    where one of them was not run."""

    def measure(evidence: Evidence) -> Verdict | None:
        compared = [each for pair in pairs if (each := evidence.compare(experiment, *pair))]
        if len(compared) < len(pairs):
            return None
        runs = dict.fromkeys(run for pair in pairs for run in pair)
        words = f"{', '.join(map(format_comparison, compared))} points"
        estimates = [each.judged for each in compared]
        return evidence.judge(rule, estimates, words, evidence.selected(experiment, *runs), PAIRED_FROM)

    return measure


def format_comparison(compared: Comparison) -> str:
    """Adam − AdamW 0.92 [0.34, 1.49], or why it has no interval, and the seeds that it lacks."""
    remarks = [NO_SCATTER] * (compared.p is None) + [f"seeds: {compared.seeds_text}"] * (
        not compared.seeds_text.isdigit()
    )
    text = f"{compared.first} − {compared.second} {format_estimate(compared.difference)}"
    return text + (f" ({'; '.join(remarks)})" if remarks else "")
