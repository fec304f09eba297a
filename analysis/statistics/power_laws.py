"""How the best decay grows with batch size, epochs and updates, ours and the paper's: exponents with intervals.

A law is of panels that differ in one quantity x: lambda* ~ x^p. A joint law is of panels that differ in batch size b
and epochs T: lambda* ~ b^p T^q. Predicted of the decay per update (B images, n = B T / b updates):

    the paper's square root    sqrt(b / (B T)):  p = 1/2, q = -1/2, that is n^(-1/2) whatever b and T
    constant per epoch         the timescale view (Wang & Aitchison, arXiv:2405.13698):  p = 1, q = 0
    smaller for larger batches one of our sources: p < 0

With the epochs fixed the exponent in b is p; with the updates fixed T grows with b, and it is p + q. With b fixed the
exponents in epochs and in updates are both q. The normalized decay is lambda sqrt(n): p less by 1/2, q more by 1/2.
Where decays were swept in one unit only, each best decay is converted into the other, its resamples with it.

Panels whose best decay is on the grid boundary are left out of a fit; those of resampled errors, of that resample's. An
interval is that of the noise of single runs, times the root of the reduced chi-square where that is above 1: panels
that lie further from the law than their noise says follow none, and widen it. In simulations (of panels that follow
one) those of a joint law of eleven panels held the truth in 97 to 100 % of the cases; with half of the panels on the
boundary in 80 and 99 %: to leave those out draws the exponent in the batch size to 0.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

import experiments
from analysis.results import published
from analysis.results.markdown import Table, csv_text
from analysis.results.panels import Panel, panels
from analysis.results.series import EPOCHS as EPOCHS_FIXED
from analysis.results.series import UPDATES as UPDATES_FIXED
from analysis.results.series import of_plan, updates
from analysis.results.table import Chart, charts
from analysis.results.words import NAMES, UNITS, Estimate, format_estimate
from analysis.statistics.ridge import lowest
from analysis.statistics.surface import Floats, Surface, estimate, panel_surface, published_surface, sigmas
from experiments.ranking import selection_split
from paper_repro.records import Record

RAW, NORMALIZED = UNITS["step"], UNITS["normalized"]
ROOT, EPOCH, SMALLER = "the paper's square root", "constant per epoch", "smaller for larger batches"
BATCH, BATCH_AT_UPDATES, EPOCHS, UPDATES = "batch size", "batch size, updates fixed", "epochs", "updates"
PREDICTED: Mapping[str, Mapping[str, tuple[float, float]]] = {  # ranges of the exponent of the decay per update
    BATCH: {ROOT: (0.5, 0.5), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    BATCH_AT_UPDATES: {ROOT: (0.0, 0.0), EPOCH: (1.0, 1.0), SMALLER: (-math.inf, 0.0)},
    EPOCHS: {ROOT: (-0.5, -0.5), EPOCH: (0.0, 0.0)},
    UPDATES: {ROOT: (-0.5, -0.5)},  # over panels that differ in b and in T alike; with b fixed, those of epochs
}
MAPS = ("fig2", "label_noise")  # with several seeds
SHIFTS = {BATCH: -0.5, BATCH_AT_UPDATES: 0.0, EPOCHS: 0.5, UPDATES: 0.5}  # what normalizing adds to an exponent
PAPER = {  # data of the paper's panels, their name, and updates of an epoch
    "supp3": ("cifar10", "CIFAR-10", 50_000 / 128),
    "supp3_imagenet32": ("imagenet32", "ImageNet32x32", 1_281_167 / 128),
}


@dataclass(frozen=True)
class Sweep:
    """log2 of a panel's best decay: of its errors and, behind that, of resampled ones, NaN on the grid boundary.

    unit: of the decays that were swept. at: the panel's quantities; without updates where these are not known.
    """

    samples: Floats
    unit: str
    at: Mapping[str, float]

    def shift(self, unit: str) -> float:
        """What converts it into a unit: normalized decays are sqrt(updates) as large."""
        sign = (unit == NORMALIZED) - (self.unit == NORMALIZED)
        return sign * math.log2(self.at[UPDATES]) / 2 if sign else 0.0


@dataclass(frozen=True)
class Law:
    """A law: of which optimizer's best decay, in which unit, with what held fixed.

    exponents: by the quantity of PREDICTED; None where too few panels hold their best decay. best: the first quantity
    of each panel with log2 lambda*, None on the grid boundary. computed: decays were swept in the other unit.
    """

    who: str
    unit: str
    exponents: Mapping[str, Estimate | None]
    best: tuple[tuple[float, Estimate | None], ...]
    optimizer: str = ""
    held: str = ""
    computed: bool = False

    @property
    def is_paper(self) -> bool:
        return self.who.startswith("paper, ")

    @property
    def is_joint(self) -> bool:
        """Whether it is of all panels, that differ in batch size and epochs alike."""
        return UPDATES in self.exponents or len(self.exponents) > 1

    @property
    def quantity(self) -> str:
        return " and ".join(name.partition(",")[0] for name in self.exponents)

    @property
    def exponent(self) -> Estimate | None:
        """The first."""
        return next(iter(self.exponents.values()))


def chart_laws(chart: Chart, records: Sequence[Record]) -> list[Law]:
    """The laws that a chart's panels hold, and of a chart of batch sizes those of all panels together: in updates, and
    in batch size and epochs. records: all there are, for the noise of single runs."""
    if "epochs" not in chart.experiment.facets:
        return []
    every, split = panels(chart), selection_split(chart.records)
    noise: dict[str, float] = {}  # of single runs at this scale and on such labels: that of the map's seeds
    place = chart.profile, chart.dataset, chart.declared[0].label_noise
    for name in MAPS:
        for other in charts(experiments.get(name).changed(chart.experiment.changes), records):
            if (other.profile, other.dataset, other.declared[0].label_noise) == place:
                noise = sigmas(panels(other), selection_split(other.records))
    laws: list[Law] = []
    joint: list[Law] = []
    for optimizer in dict.fromkeys(panel.optimizer for panel in every):
        group, name = [panel for panel in every if panel.optimizer == optimizer], NAMES.get(optimizer, optimizer)
        rng = np.random.default_rng(0)
        sweeps = [_sweep(panel, split, noise.get(optimizer), rng) for panel in group]
        if "batch_size" not in chart.experiment.facets:
            laws += fit_laws(name, optimizer, [(EPOCHS,)], sweeps)
            continue
        for held, quantity in ((EPOCHS_FIXED, BATCH), (UPDATES_FIXED, BATCH_AT_UPDATES)):
            part = [sweeps[group.index(panel)] for panel in of_plan(group, held)]
            laws += fit_laws(f"{name}, {held}", optimizer, [(quantity,)], part, held)
        if all(UPDATES in sweep.at for sweep in sweeps):
            joint += fit_laws(f"{name}, all panels", optimizer, [(UPDATES,), (BATCH, EPOCHS)], sweeps)
    return laws + joint


def _sweep(panel: Panel, split: str, sigma: float | None, rng: np.random.Generator) -> Sweep:
    record = next(iter(panel.tiles.values())).records[0]  # all of a panel have the same quantities
    size = float(record["cell"]["batch_size"])
    at = {BATCH: size, BATCH_AT_UPDATES: size, EPOCHS: float(record["cell"]["epochs"])}
    at |= {} if (count := updates(record)) is None else {UPDATES: count}
    samples = best_decay(replace(panel_surface(panel, split), known_sigma=sigma), rng)
    return Sweep(samples, UNITS[panel.decay_unit], at)


def published_laws(experiment: str) -> list[Law]:
    """The same from the paper's own figures."""
    dataset, name, updates_per_epoch = PAPER.get(experiment, ("", "", 0.0))
    readings = [r for r in published.load() if (r.figure, r.dataset) == ("supp3", dataset)]
    laws: list[Law] = []
    for optimizer in dict.fromkeys(r.optimizer for r in readings):
        rngs = {unit: np.random.default_rng(0) for unit in (RAW, NORMALIZED)}
        sweeps = []
        for panel, first in {r.panel: r for r in readings if r.optimizer == optimizer}.items():
            unit = NORMALIZED if first.decay_kind == "normalized" else RAW
            at = {EPOCHS: float(first.epochs), UPDATES: updates_per_epoch * first.epochs}
            sweeps.append(Sweep(best_decay(published_surface(readings, "supp3", panel), rngs[unit]), unit, at))
        laws += fit_laws(f"paper, {NAMES[optimizer]}, {name}", optimizer, [(EPOCHS,)], sweeps)
    return laws


def fit_laws(
    who: str, optimizer: str, quantities: Sequence[tuple[str, ...]], sweeps: Sequence[Sweep], held: str = ""
) -> Iterator[Law]:
    """A law in each of these sets of quantities and in each unit; in one that was not swept, by converting all, where
    the number of updates is known."""
    swept = dict.fromkeys(sweep.unit for sweep in sweeps)
    known = all(UPDATES in sweep.at for sweep in sweeps)
    for unit in [*swept, *(unit for unit in (RAW, NORMALIZED) if known and unit not in swept)]:
        used = [sweep for sweep in sweeps if sweep.unit == unit] or sweeps
        best = [None if np.isnan(sweep.samples[0]) else estimate(sweep.samples).moved(sweep.shift(unit))
                for sweep in used]  # fmt: skip
        samples = [sweep.samples + sweep.shift(unit) for sweep in used]
        for names in quantities:
            at = np.array([[sweep.at[name] for name in names] for sweep in used])
            exponents = dict(zip(names, fit_exponents(samples, at), strict=True))
            points = tuple(zip(at[:, 0].tolist(), best, strict=True))
            yield Law(who, unit, exponents, points, optimizer, held, unit not in swept)


HEADER = ("best decay of", "in", "exponent", "best decays", "predictions")
CAPTION = "Laws of the best decay: the exponent p of λ* ~ x^p with its 95 % interval, and which predictions that holds."


def table(laws: Sequence[Law]) -> Table:
    """A row for each law."""
    rows = []
    for law in laws:
        exponents = [format_estimate(part) if part else "on the grid boundary" for part in law.exponents.values()]
        quantity = "epochs or updates" if law.quantity == EPOCHS else law.quantity
        rests_on = ", ".join(f"{x:g}: {f'{2**part.value:.2g}' if part else 'boundary'}" for x, part in law.best)
        if law.is_joint:
            rests_on = f"{sum(part is not None for _, part in law.best)} of {len(law.best)} panels"
        who = f"{law.who}, {law.unit}" + ", converted" * law.computed
        rows.append((who, quantity, ", ".join(exponents), rests_on, predictions(law)))
    return Table(HEADER, tuple(rows), "laws", CAPTION)


def numbers(laws: Sequence[Law]) -> str:
    """As CSV: a line for each law of one quantity, each unit and x; value empty where the best decay is on the grid
    boundary."""
    columns = ["best_decay_of", "unit", "computed", "in", "x", "on_boundary", "value", "low", "high"]
    rows, none = [], (None, None, None)
    for law in (law for law in laws if not law.is_joint):
        for x, best in law.best:
            decays = [None if part is None else 2**part for part in (astuple(best) if best else none)]
            place = (law.who, law.unit, "yes" if law.computed else "no", law.quantity, x, "no" if best else "yes")
            rows.append((*place, *decays, *(astuple(law.exponent) if law.exponent else none)))
    columns += ["exponent", "exponent_low", "exponent_high"]
    return csv_text(columns, rows)


def predicted(quantity: str, unit: str) -> dict[str, tuple[float, float]]:
    """The ranges of an exponent that stand against each other."""
    shift = SHIFTS[quantity] if unit == NORMALIZED else 0.0
    return {name: (low + shift, high + shift) for name, (low, high) in PREDICTED[quantity].items()}


def predictions(law: Law) -> str:
    """Which stand: those that all exponents' intervals hold. One outside its interval rules a prediction out."""
    holds: dict[str, bool] = {}
    for quantity, exponent in law.exponents.items():
        if exponent is None or exponent.low is None or exponent.high is None:
            return "open"
        for name, (low, high) in predicted(quantity, law.unit).items():
            holds[name] = holds.get(name, True) and low <= exponent.high and exponent.low <= high
    groups = {words: [name for name in holds if holds[name] == is_in]
              for words, is_in in (("within", True), ("ruled out", False))}  # fmt: skip
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in groups.items() if names)


def best_decay(surface: Surface, rng: np.random.Generator) -> Floats:
    """log2 of the best decay of a surface and, behind it, of resampled ones; NaN on the grid boundary.

    Of the errors averaged over the better half of the learning rates, chosen once: a minimum over all would choose the
    luckiest run of each decay. Rates with less than half of the decays that others have are none of them: single
    further cells would leave no decay that all have.
    """
    known = np.isfinite(surface.means)
    counts = (known | surface.clipped).sum(1)
    heights = np.where(known & (2 * counts >= counts.max())[:, None], surface.means, np.inf).min(1, initial=np.inf)
    rows = heights.argsort()[: max(1, math.ceil(np.isfinite(heights).sum() / 2))]
    whole, clipped = known[rows].all(0), surface.clipped[rows].any(0)
    means = surface.resampled(surface.basin, rng)[:, rows]
    profile = np.where(whole, np.where(known[rows], means, 0.0).mean(1), np.nan)
    return lowest(profile[:, None, :], surface.v, clipped[None])[:, 0]


def fit_exponents(samples: Sequence[Floats], at: Floats) -> Sequence[Estimate | None]:
    """The exponents of the product of powers that best decays follow; all None where too few panels hold theirs.

    samples: of each panel, as of best_decay. at: the quantities, [panels, quantities].
    """
    inside = [place for place, best in enumerate(samples) if np.isfinite(best[0])]
    design = np.concatenate([np.ones((len(inside), 1)), np.log2(at[inside])], 1)
    if len(inside) < design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return [None] * at.shape[1]
    count = min(len(samples[place]) for place in inside)  # 1 where the noise of one is not known
    values = np.stack([samples[place][:count] for place in inside], 1)
    powers = np.concatenate([_powers(design, values[:1]), _powers(design, values[1:])])
    return [_widened(estimate(each), _misfit(design, values)) for each in powers.T]


def _misfit(design: Floats, values: Floats) -> float:
    """Root of the reduced chi-square of a law, 1 at least: how much further than their noise the best decays lie from
    it. values: [samples, panels], those of the errors themselves first."""
    free = design.shape[0] - design.shape[1]
    noise = np.nanvar(values[1:], 0).mean() if len(values) > 1 else 0.0
    if not free or not noise > 0:
        return 1.0
    rest = values[0] - design @ np.linalg.lstsq(design, values[0])[0]
    return math.sqrt(max(1.0, float(rest @ rest) / free / float(noise)))


def _widened(part: Estimate, by: float) -> Estimate:
    low, high = (None if end is None else part.value + by * (end - part.value) for end in (part.low, part.high))
    return Estimate(part.value, low, high)


def _powers(design: Floats, values: Floats) -> Floats:
    """The coefficients but the constant of each row of values, [samples, quantities], by least squares through those
    that it has; NaN where they are too few."""
    there = np.isfinite(values).astype(float)
    squares = np.einsum("sp,pi,pj->sij", there, design, design)
    usable = np.linalg.matrix_rank(squares) == design.shape[1]
    squares = np.where(usable[:, None, None], squares, np.eye(design.shape[1]))
    moments = np.nan_to_num(values) @ design
    return np.where(usable[:, None], np.linalg.solve(squares, moments[:, :, None])[:, 1:, 0], np.nan)
