"""How the best decay grows with batch size, epochs and updates, ours and the paper's: exponents with intervals.

A law is of panels that differ in one quantity x: lambda* ~ x^p. A joint law is of panels that differ in batch size b
and epochs T: lambda* ~ b^p T^q. Predicted of the decay per update (B images, n = B T / b updates):

    the paper's square root    sqrt(b / (B T)):  p = 1/2, q = -1/2, that is n^(-1/2) whatever b and T
    constant per epoch         the timescale view (Wang & Aitchison, arXiv:2405.13698):  p = 1, q = 0
    smaller for larger batches one of our sources: p < 0

With the epochs fixed the exponent in b is p; with the updates fixed T grows with b, and it is p + q. With b fixed the
exponents in epochs and in updates are both q. The normalized decay is lambda sqrt(n): p less by 1/2, q more by 1/2.
Where decays were swept on one axis only, per update or normalized, the law on the other is computed: each best decay
moves by a known factor, its interval with it, and the exponent by half the exponent with which the updates grow.

Panels whose best decay is on the grid boundary are left out of a fit; those of resampled errors, of that resample's. An
interval is that of the noise of single runs: it does not say whether the panels follow a power law at all. In
simulations those of a joint law of eleven panels held the truth in 97 to 100 % of the cases, and in 80 and 99 % with
half of the panels on the boundary: to leave those out draws the exponent in the batch size to 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

import experiments
from analysis.results import published
from analysis.results.markdown import Table
from analysis.results.panels import Panel, panels, selection_split
from analysis.results.series import EPOCHS as EPOCHS_FIXED
from analysis.results.series import UPDATES as UPDATES_FIXED
from analysis.results.series import known_updates, of_plan, updates
from analysis.results.table import Chart, charts
from analysis.results.words import NAMES, UNITS, Estimate, format_estimate
from analysis.statistics.ridge import lowest
from analysis.statistics.surface import RESAMPLES, Floats, Surface, basin, moving, of_panel, of_readings
from paper_repro.records import Record

YES = {True: "yes", False: "no"}
RAW, NORMALIZED = UNITS["step"], UNITS["normalized"]
ROOT, EPOCH, SMALLER = "the paper's square root", "constant per epoch", "smaller for larger batches"
BATCH, BATCH_AT_UPDATES, EPOCHS, UPDATES = "batch size", "batch size, updates fixed", "epochs", "updates"
PREDICTED: Mapping[str, Mapping[str, tuple[float, float]]] = {  # ranges of the exponent of the decay per update
    BATCH: {ROOT: (0.5, 0.5), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    BATCH_AT_UPDATES: {ROOT: (0.0, 0.0), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    EPOCHS: {ROOT: (-0.5, -0.5), EPOCH: (0.0, 0.0)},
    UPDATES: {ROOT: (-0.5, -0.5)},  # over panels that differ in b and in T alike; with b fixed, those of epochs
}
SHIFTS = {BATCH: -0.5, BATCH_AT_UPDATES: 0.0, EPOCHS: 0.5, UPDATES: 0.5}  # what normalizing adds to an exponent
PAPER = {  # optimizer, data, units and budgets of the paper's panels
    "supp3": (("adamw", "cifar", ("raw", "norm"), (25, 100, 400)),),
    "supp3_imagenet32": (("adamw", "in32", ("norm",), (1, 16, 64)), ("sgdw", "in32", ("norm",), (1, 16, 64))),
}
PAPER_UNITS = {"raw": RAW, "norm": NORMALIZED}
UPDATES_PER_EPOCH = {"cifar": 50_000 / 128, "in32": 1_281_167 / 128}  # of the paper's runs


@dataclass(frozen=True)
class Optimum:
    """log2 of a panel's best decay. estimate: None on the grid boundary. samples: of resampled errors, NaN on the
    boundary; None where the noise is not known."""

    estimate: Estimate | None
    samples: Floats | None

    def moved(self, steps: float) -> Optimum:
        """In another unit of decay, 2^steps times as large."""
        samples = None if self.samples is None else self.samples + steps
        return Optimum(None if self.estimate is None else _moved(self.estimate, steps), samples)


@dataclass(frozen=True)
class Law:
    """exponent: None where fewer than two places hold their best decay. best: log2 lambda* for each x, None on the grid
    boundary."""

    exponent: Estimate | None
    best: Mapping[float, Estimate | None]


@dataclass(frozen=True)
class Line:
    """A law: of which optimizer's best decay (in which unit) in what, with what held fixed.

    updates: of a run at each x; empty where that is not known. computed: decays were swept in the other unit.
    """

    who: str
    unit: str
    quantity: str  # "batch size" or "epochs"
    law: Law
    optimizer: str = ""
    held: str = ""
    updates: Mapping[float, float] = field(default_factory=dict)
    computed: bool = False

    @property
    def is_paper(self) -> bool:
        return self.who.startswith("paper, ")

    @property
    def exponents(self) -> Mapping[str, Estimate | None]:
        """By the quantity of PREDICTED."""
        at_updates = self.quantity == BATCH and self.held == UPDATES_FIXED
        return {BATCH_AT_UPDATES if at_updates else self.quantity: self.law.exponent}

    @property
    def rests_on(self) -> str:
        """The best decays."""
        best = self.law.best.items()
        return ", ".join(f"{x:g}: {'boundary' if part is None else f'{2**part.value:.2g}'}" for x, part in best)


@dataclass(frozen=True)
class Joint:
    """A law of all panels of an optimizer, that differ in batch size and epochs alike. exponents: by quantity."""

    who: str
    unit: str
    exponents: Mapping[str, Estimate | None]
    rests_on: str

    @property
    def quantity(self) -> str:
        return " and ".join(self.exponents)


def of_chart(chart: Chart, records: Sequence[Record]) -> list[Line]:
    """The laws that a chart's panels hold; records: all there are, for the noise of single runs."""
    return [
        _line(own, _in_unit(own, optima, unit), quantity, unit, series, held)
        for own, optima in _optimizers(chart, records)
        for quantity, unit, series, held in _series(chart, own)
    ]


def _line(
    own: Sequence[Panel], optima: Sequence[Optimum], quantity: str, unit: str, series: Mapping[float, int], held: str
) -> Line:
    counts = {x: updates(_any_record(own[place])) for x, place in series.items()}
    known = {x: count for x, count in counts.items() if count is not None}
    computed = any(UNITS[own[place].decay_unit] != unit for place in series.values())
    fit, optimizer = law_of({x: optima[place] for x, place in series.items()}), own[0].optimizer
    who = NAMES.get(optimizer, optimizer) + f", {held}" * bool(held)
    return Line(who, unit, quantity, fit, optimizer, held, known if len(known) == len(counts) else {}, computed)


def joint(chart: Chart, records: Sequence[Record]) -> list[Joint]:
    """The laws of all panels together: in updates, and in batch size and epochs. None but of a chart of batch sizes:
    elsewhere the batch is fixed, and updates are in proportion to epochs."""
    if chart.experiment.figure != "batch_sizes":
        return []
    laws = []
    for own, optima in _optimizers(chart, records):
        at = {
            UPDATES: [known_updates(_any_record(panel)) for panel in own],
            BATCH: [float(panel.facets["batch_size"]) for panel in own],
            EPOCHS: [float(panel.facets["epochs"]) for panel in own],
        }
        rests_on = f"{sum(each.estimate is not None for each in optima)} of {len(own)} panels"
        for unit in (RAW, NORMALIZED):
            for names in ((UPDATES,), (BATCH, EPOCHS)):
                found = exponents_of(_in_unit(own, optima, unit), np.array([at[name] for name in names]).T)
                exponents: dict[str, Estimate | None] = dict(zip(names, found or (None, None), strict=False))
                who = f"{NAMES.get(own[0].optimizer, own[0].optimizer)}, all panels"
                laws.append(Joint(who, unit, exponents, rests_on))
    return laws


def of_paper(experiment: str) -> list[Line]:
    """The same from the paper's own figures."""
    readings, lines = published.load(), []
    for optimizer, data, units, budgets in PAPER.get(experiment, ()):
        for unit in units:
            names = {float(t): f"{data}_{optimizer}_{unit}_{t}" for t in budgets}
            fit = law({t: of_readings(readings, "supp3", name) for t, name in names.items()})
            counts = {t: UPDATES_PER_EPOCH[data] * t for t in names}
            who = f"paper, {NAMES[optimizer]}, {published.words(data)}"
            lines.append(Line(who, PAPER_UNITS[unit], EPOCHS, fit, optimizer, "", counts))
    return lines


HEADER = ("best decay of", "in", "exponent", "best decays", "predictions")
CAPTION = "Laws of the best decay: the exponent p of λ* ~ x^p with its 95 % interval, and which predictions that holds."


def table(lines: Sequence[Line | Joint]) -> Table:
    """A row for each law."""
    rows = []
    for line in lines:
        exponents = [format_estimate(part) if part else "on the grid boundary" for part in line.exponents.values()]
        quantity = "epochs or updates" if line.quantity == EPOCHS else line.quantity
        verdict = predictions(line.exponents, line.unit == NORMALIZED)
        rows.append((f"{line.who}, {line.unit}", quantity, ", ".join(exponents), line.rests_on, verdict))
    return Table(HEADER, tuple(rows), "laws", CAPTION)


def numbers(lines: Sequence[Line]) -> str:
    """As CSV: a line for each law, axis and x; value empty where the best decay is on the grid boundary."""
    columns = ["best_decay_of", "unit", "computed", "in", "x", "at_edge", "value", "low", "high"]
    rows: list[tuple[object, ...]] = []
    for line in on_both_axes(lines):
        for x, best in line.law.best.items():
            decays = [None if part is None else 2**part for part in _parts(best)]
            place = (line.who, line.unit, YES[line.computed], line.quantity, x, YES[best is None])
            rows.append((*place, *decays, *_parts(line.law.exponent)))
    columns += ["exponent", "exponent_low", "exponent_high"]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")


def on_both_axes(lines: Sequence[Line]) -> list[Line]:
    """Each law on both axes; on its own only where the number of updates is not known."""
    swept = {(line.who, line.quantity, line.unit) for line in lines}
    both = []
    for line in lines:
        both.append(line)
        other = RAW if line.unit == NORMALIZED else NORMALIZED
        if line.updates and (line.who, line.quantity, other) not in swept:
            both.append(replace(line, unit=other, law=_converted(line), computed=True))
    return both


def _converted(line: Line) -> Law:
    """In the other unit."""
    sign = -1 if line.unit == NORMALIZED else 1
    shifts = {x: sign * math.log2(count) / 2 for x, count in line.updates.items()}
    best = {x: None if part is None else _moved(part, shifts[x]) for x, part in line.law.best.items()}
    inside, exponent = [x for x, part in best.items() if part is not None], line.law.exponent
    if exponent is not None:
        exponent = _moved(exponent, float(np.polyfit(np.log2(inside), [shifts[x] for x in inside], 1)[0]))
    return Law(exponent, best)


def _moved(estimate: Estimate, by: float) -> Estimate:
    return Estimate(estimate.value + by, *(None if part is None else part + by for part in _parts(estimate)[1:]))


def _parts(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def predicted(line: Line) -> dict[str, float]:
    """The exponents that stand against each other, on the line's own axis and with what it holds fixed."""
    (quantity,) = line.exponents
    shift = SHIFTS[quantity] if line.unit == NORMALIZED else 0.0
    return {name: low + shift for name, (low, high) in PREDICTED[quantity].items() if low == high}


def within(exponent: Estimate | None, quantity: str, normalized: bool = False) -> dict[str, bool]:
    """For each prediction of this exponent, whether it lies in the interval; empty without an interval."""
    if exponent is None or exponent.low is None or exponent.high is None:
        return {}
    low, high = (end - SHIFTS[quantity] * normalized for end in (exponent.low, exponent.high))
    return {name: low <= ends[1] and ends[0] <= high for name, ends in PREDICTED[quantity].items()}


def predictions(exponents: Mapping[str, Estimate | None], normalized: bool = False) -> str:
    """Which stand. exponents: by the quantity that they are of; one outside its interval rules a prediction out."""
    results = [within(exponent, quantity, normalized) for quantity, exponent in exponents.items()]
    if not all(results):
        return "undecided"
    holds = {name: all(part.get(name, True) for part in results) for part in results for name in part}
    groups = {words: [name for name in holds if holds[name] == is_in]
              for words, is_in in (("within", True), ("ruled out", False))}  # fmt: skip
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in groups.items() if names)


def law(surfaces: Mapping[float, Surface], seed: int = 0) -> Law:
    """The power law of the best decays of surfaces at different x (batch size, epochs)."""
    rng = np.random.default_rng(seed)
    return law_of({x: optimum(surface, rng) for x, surface in surfaces.items()})


def law_of(optima: Mapping[float, Optimum]) -> Law:
    """The same of what was found already."""
    exponents = exponents_of(list(optima.values()), np.array(list(optima))[:, None])
    return Law(exponents[0] if exponents else None, {x: each.estimate for x, each in optima.items()})


def optimum(surface: Surface, rng: np.random.Generator) -> Optimum:
    """Where a surface has its best decay."""
    value = _best(surface.means[None], surface)[0]
    noise = surface.noise(basin(surface), rng, RESAMPLES)
    samples = None if noise is None else _best(surface.means + noise, surface)
    return Optimum(Estimate.of(value, moving(samples)) if np.isfinite(value) else None, samples)


def exponents_of(optima: Sequence[Optimum], at: Floats) -> list[Estimate] | None:
    """The exponents of the product of powers that the best decays follow; None where too few panels hold theirs.

    at: the quantities, [panels, quantities].
    """
    inside = [place for place, each in enumerate(optima) if each.estimate is not None]
    design = np.concatenate([np.ones((len(inside), 1)), np.log2(at[inside])], 1)
    if len(inside) < design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    values = np.array([[each.estimate.value for each in optima if each.estimate is not None]])
    known = [samples for place in inside if (samples := optima[place].samples) is not None]
    resampled = _powers(design, np.stack(known, 1)) if len(known) == len(inside) else None
    return [
        Estimate.of(exponent, None if resampled is None else moving(resampled[:, place]))
        for place, exponent in enumerate(_powers(design, values)[0])
    ]


def _best(means: Floats, surface: Surface) -> Floats:
    """log2 of the best decay, [samples]; NaN on the grid boundary.

    Of the errors averaged over the better half of the learning rates, chosen once: a minimum over all would choose the
    luckiest run of each decay. Rates with less than half of the decays that others have are none of them: single
    further cells would leave no decay that all have.
    """
    known = np.isfinite(surface.means)
    counts = (known | surface.clipped).sum(1)
    heights = np.where(known & (2 * counts >= counts.max())[:, None], surface.means, np.inf).min(1, initial=np.inf)
    rows = heights.argsort()[: max(1, math.ceil(np.isfinite(heights).sum() / 2))]
    whole, clipped = known[rows].all(0), surface.clipped[rows].any(0)
    profile = np.where(whole, np.where(known[rows], means[:, rows], 0.0).mean(1), np.nan)
    return lowest(profile[:, None, :], surface.v, clipped[None])[:, 0]


def _powers(design: Floats, values: Floats) -> Floats:
    """The coefficients but the constant of each row of values, [samples, quantities], by least squares through those
    that it has; NaN where they are too few."""
    there = np.isfinite(values).astype(float)
    squares = np.einsum("sp,pi,pj->sij", there, design, design)
    usable = np.linalg.matrix_rank(squares) == design.shape[1]
    squares = np.where(usable[:, None, None], squares, np.eye(design.shape[1]))
    moments = np.nan_to_num(values) @ design
    return np.where(usable[:, None], np.linalg.solve(squares, moments[:, :, None])[:, 1:, 0], np.nan)


def _optimizers(chart: Chart, records: Sequence[Record]) -> Iterator[tuple[list[Panel], list[Optimum]]]:
    """Each optimizer's panels, of a chart that holds laws, and their best decays."""
    if chart.experiment.figure != "batch_sizes" and "epochs" not in chart.experiment.facets:
        return
    every, split, sigmas = panels(chart), selection_split(chart.records), _sigmas(chart, records)
    for optimizer in dict.fromkeys(panel.optimizer for panel in every):
        own, rng = [panel for panel in every if panel.optimizer == optimizer], np.random.default_rng(0)
        surfaces = [replace(of_panel(panel, split), known_sigma=sigmas.get(optimizer)) for panel in own]
        yield own, [optimum(surface, rng) for surface in surfaces]


def _series(chart: Chart, own: Sequence[Panel]) -> Iterator[tuple[str, str, dict[float, int], str]]:
    """Panels by what they differ in: quantity, unit of decay, the place of a panel by the quantity's value, and what is
    held fixed."""
    if chart.experiment.figure == "batch_sizes":
        for plan in (EPOCHS_FIXED, UPDATES_FIXED):
            sizes = {float(panel.facets["batch_size"]): own.index(panel) for panel in of_plan(own, plan)}
            for unit in (RAW, NORMALIZED):
                yield BATCH, unit, sizes, plan
    else:
        for unit in dict.fromkeys(panel.decay_unit for panel in own):
            budgets = {float(p.facets["epochs"]): place for place, p in enumerate(own) if p.decay_unit == unit}
            yield EPOCHS, UNITS[unit], budgets, ""


def _in_unit(own: Sequence[Panel], optima: Sequence[Optimum], unit: str) -> list[Optimum]:
    """The best decays in a unit: normalized ones of panels per update are sqrt(updates) as large."""
    return [
        each.moved(np.log2(known_updates(_any_record(panel))) / 2)
        if unit == NORMALIZED and panel.decay_unit == "step"
        else each
        for panel, each in zip(own, optima, strict=True)
    ]


def _any_record(panel: Panel) -> Record:
    """Of its records, which share all that counts updates."""
    return next(iter(panel.tiles.values())).records[0]


def _sigmas(chart: Chart, records: Sequence[Record]) -> dict[str, float]:
    """The deviation of single runs of each optimizer at this scale: that of figure 2's seeds."""
    sigmas: dict[str, float] = {}
    for other in charts(experiments.get("fig2").changed(chart.experiment.changes), records):
        if (other.profile, other.dataset) == (chart.profile, chart.dataset):
            for panel in panels(other):
                surface = of_panel(panel, selection_split(other.records))
                sigma = surface.sigma(basin(surface))
                if sigma is not None:
                    sigmas.setdefault(panel.optimizer, sigma)
    return sigmas
