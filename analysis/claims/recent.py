"""What others said of weight decay from 2022 to 2026, judged on the records of figure 2, supplementary figure 3, the
batch sizes and two experiments of their own.

Set before any record on clean labels was judged, with made records alone; W1 and W2 after laws on noisy labels had been
seen.

In their convention decay is weight_decay = lambda / alpha and an update takes off eta_t alpha weight_decay = eta_t
lambda. So the timescale 1 / (alpha weight_decay) of arXiv:2405.13698 is 1 / lambda updates. The equilibrium norm of
AdamW's weights before a normalisation is sqrt(alpha C / (2 weight_decay)) for C weights (arXiv:2305.17212): an update
of length alpha sqrt(C), at right angles to them, adds alpha^2 C to the squared norm off which decay takes 2 lambda. In
the paper's convention that is alpha sqrt(C / (2 lambda)). The steady ratio of gradient to weight norm under SGD,
sqrt(2 weight_decay / rate) (arXiv:2506.02285), is sqrt(2 lambda / eta_t) / alpha: it grows as the rate anneals.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from analysis.claims.ledger import Claim
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, Rule, all_above, intervals
from analysis.claims.sources import Evidence, Measure, Run, Verdict, differences, format_comparison
from analysis.results.panels import SAME, Panel, Tile
from analysis.results.series import EPOCHS, updates
from analysis.results.words import UNITS, Estimate, format_estimate
from analysis.statistics.estimate import PAIRED_FROM, around, compare, student
from analysis.statistics.power_laws import BATCH, Law
from paper_repro.records import Record

EXPONENT = 0.25  # an exponent this near to what is claimed is that
NORM_EXPONENT = 0.125  # and one of 1/2, which is smaller
POINTS = 1.0  # of test error: what a gain must be to count
MEAN_ETA = 0.5  # of cosine annealing
CHANCE = 90.0  # percent: the error of guessing one of ten classes, and that of what diverged
RATES = 4  # along a line: fewer show no sensitivity
ADAM, ADAMW, SGDW = Run("adam"), Run("adamw"), Run("sgdw")
CAUTIOUS, CORRECTED = Run("cautious"), Run("corrected")


def near(value: float, margin: float) -> Rule:
    """Of exponents: holds when all intervals lie within the margin of a value, does not when one lies outside."""

    def rule(exponents: Sequence[Interval]) -> str:
        low, high = value - margin, value + margin
        if any(part.high < low or part.low > high for part in exponents):
            return FAILS
        return HOLDS if all(low <= part.low and part.high <= high for part in exponents) else OPEN

    return rule


def gains(parts: Sequence[Interval]) -> str:
    """Of one difference in points: holds when it lies above 0, does not when a gain of POINTS is excluded."""
    (gain,) = parts
    return HOLDS if gain.low > 0 else FAILS if gain.high < POINTS else OPEN


def timescale_exponent(law: Law) -> Estimate | None:
    """Of 1 / lambda* in the law's quantity, from that of lambda*."""
    if law.exponent is None:
        return None
    low, high = (None if end is None else -end for end in (law.exponent.high, law.exponent.low))
    return Estimate(-law.exponent.value, low, high)


def _constant_timescale(evidence: Evidence) -> Verdict | None:
    for law in evidence.laws("supp3"):
        if (law.optimizer, law.unit, law.held, law.computed) == ("adamw", UNITS["step"], "", False):
            power = timescale_exponent(law)
            words = "too few budgets hold their best decay"
            if power is not None:
                words = f"AdamW's exponent in the budget {format_estimate(power)}"
            panels = [panel for panel in evidence.panels("supp3") if panel.decay_unit == "step"]
            panels = [panel for panel in panels if panel.optimizer == "adamw"]
            return evidence.judge(near(0.0, EXPONENT), [power], words, panels)
    return None


def _in_proportion(evidence: Evidence) -> Verdict | None:
    for law in evidence.laws("batch_size"):
        if (law.optimizer, law.quantity, law.held, law.unit) == ("adamw", BATCH, EPOCHS, UNITS["step"]):
            words = f"AdamW's exponent in the batch size, at equal epochs, {format_estimate(law.exponent)}"
            panels = [panel for panel in evidence.panels("batch_size") if panel.optimizer == "adamw"]
            return evidence.judge(near(1.0, EXPONENT), [law.exponent], words, panels)
    return None


def outlasts(record: Record) -> bool:
    """Whether a run is longer than the timescale of its decay, 1 / lambda updates at the full rate, under cosine
    annealing; False where its number of updates is not known."""
    count = updates(record)
    return count is not None and MEAN_ETA * count * record["cell"]["decay"] > 1


def rise(record: Record) -> float | None:
    """log2 of gradient norm over weight norm, of the whole network, in the last tenth of the epochs against that in the
    middle tenth (geometric means); None where a norm is missing or 0."""
    rows, count = record["epochs"], len(record["epochs"])
    tenth = max(1, count // 10)
    start = (count - tenth) // 2
    if record["status"] != "finished" or count < 3:
        return None
    parts = [[_ratio(row) for row in rows[at : at + tenth]] for at in (start, count - tenth)]
    middle, end = ([each for each in part if each] for part in parts)
    if len(middle) + len(end) < 2 * tenth:
        return None
    return statistics.fmean(map(math.log2, end)) - statistics.fmean(map(math.log2, middle))


def _ratio(row: Mapping[str, float | None]) -> float | None:
    gradient, weights = row.get("gradient_norm"), row.get("weight_norm")
    return gradient / weights if gradient and weights else None


def _rises(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("fig2", SGDW, ADAMW)
    if not panels:
        return None
    estimates, texts = [], []
    for panel in panels:
        assert panel.best is not None
        if not all(map(outlasts, panel.best.records)):
            words = f"premise absent: {panel.name}'s selected decay, {panel.best.decay:g}, has a longer timescale"
            return Verdict(OPEN, f"{words} than the run")
        rises = [value for record in panel.best.records if (value := rise(record)) is not None]
        if len(rises) < len(panel.best.records):
            return Verdict(OPEN, "the norms were not recorded")
        estimates.append(student(rises))
        texts.append(f"{panel.name} {format_estimate(estimates[-1])}")
    return evidence.judge(all_above, estimates, f"log2 of end over middle: {', '.join(texts)}", panels, student_from=2)


def _rises_with_decay(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("fig2", SGDW, ADAMW)
    if not panels:
        return None
    estimates, texts = [], []
    for panel in panels:
        assert panel.best is not None
        row = [tile for tile in panel.tiles.values() if tile.alpha == panel.best.alpha and tile.decay]
        by_seed = [slope for seed in panel.best.seeds if (slope := _slope_at(row, seed)) is not None]
        estimates.append(student(by_seed) if by_seed else None)
        texts.append(f"{panel.name} {format_estimate(estimates[-1])}")
    words = f"log2 of end over middle, for each doubling of the decay: {', '.join(texts)}"
    return evidence.judge(all_above, estimates, words, panels, student_from=2)


def _slope_at(row: Sequence[Tile], seed: int) -> float | None:
    """Of the rise in log2 of the decay, of one seed; None with fewer than three decays."""
    points = [
        (math.log2(tile.decay), value)
        for tile in row
        for record in tile.records
        if record["cell"]["seed"] == seed and (value := rise(record)) is not None
    ]
    return slope(points) if len(points) > 2 else None


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through (x, y)."""
    x, y = np.array(points).T
    x = x - x.mean()
    return float(x @ y / (x @ x))


def _corrected_rise(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("later_decays", ADAMW, CORRECTED)
    if not panels:
        return None
    plain, corrected = (_rises_by_place(panel) for panel in panels)
    common = sorted(plain.keys() & corrected.keys())
    seeds = sorted({seed for *_, seed in common})
    falls = [statistics.fmean(plain[at] - corrected[at] for at in common if at[2] == seed) for seed in seeds]
    if not falls:
        return Verdict(OPEN, "premise absent: no decay of both acts within the run")
    part = student(falls)
    words = f"AdamW − corrected, log2 of end over middle {format_estimate(part)}, {len(common)} pairs"
    return evidence.judge(all_above, [part], words, panels, student_from=2)


def _rises_by_place(panel: Panel) -> dict[tuple[float, float, int], float]:
    """By learning rate, decay and seed, where the run is longer than the decay's timescale."""
    return {
        (tile.alpha, tile.decay, record["cell"]["seed"]): value
        for tile in panel.tiles.values()
        for record in tile.records
        if outlasts(record) and (value := rise(record)) is not None
    }


def final_norms(panel: Panel) -> dict[tuple[float, float], float]:
    """log2 of the final weight norm by (alpha, decay), mean over seeds, of runs longer than the decay's timescale."""
    result = {}
    for tile in panel.tiles.values():
        if tile.diverged or not all(map(outlasts, tile.records)):
            continue
        norms = [record["epochs"][-1].get("weight_norm") for record in tile.records]
        if all(norms):
            result[tile.place] = statistics.fmean(math.log2(norm) for norm in norms)
    return result


def norm_exponents(norms: Mapping[tuple[float, float], float]) -> dict[str, Estimate]:
    """Exponents of the norm in alpha / weight_decay = alpha^2 / lambda: over the learning rates of each decay, and over
    the decays of each learning rate, each the mean of these slopes with an interval from their scatter."""
    result = {}
    for name, axis, factor in (("at fixed λ", 0, 0.5), ("at fixed α", 1, -1.0)):
        lines: dict[float, list[tuple[float, float]]] = {}
        for place, norm in norms.items():
            lines.setdefault(place[1 - axis], []).append((math.log2(place[axis]), norm))
        slopes = [factor * slope(points) for points in lines.values() if len(points) > 2]
        if len(slopes) > 1:
            result[name] = student(slopes)
    return result


def _norms(evidence: Evidence) -> Verdict | None:
    panel = evidence.panel("fig2", ADAMW)
    if panel is None:
        return None
    exponents = norm_exponents(final_norms(panel))
    if len(exponents) < 2:
        return Verdict(OPEN, "premise absent: too few decays act within the run")
    words = ", ".join(f"{name} {format_estimate(part)}" for name, part in exponents.items())
    known = intervals(exponents.values())
    outcome = near(0.5, NORM_EXPONENT)(known) if len(known) == len(exponents) else OPEN
    return Verdict(outcome, f"exponents {words}")  # without power: no further seed would narrow these intervals


def tuned_lines(panel: Panel) -> dict[str, list[Tile]]:
    """From the selected cell along the learning rate: at its lambda, and at its weight_decay = lambda / alpha; at the
    rates that both have, ascending. Empty where the cell has no decay."""
    best = panel.best
    if best is None or not best.decay:
        return {}
    both: dict[float, tuple[Tile, Tile]] = {}
    for alpha in panel.alphas:
        independent, coupled = (_tile(panel, alpha, decay) for decay in (best.decay, best.decay * alpha / best.alpha))
        if independent and coupled:
            both[alpha] = independent, coupled
    return {name: [pair[place] for pair in both.values()] for place, name in enumerate(("fixed λ", "fixed λ/α"))}


def _tile(panel: Panel, alpha: float, decay: float) -> Tile | None:
    """Of this rate and decay, which may be rounded in two ways."""
    known = panel.tiles.values()
    return next((tile for tile in known if np.allclose(tile.place, (alpha, decay), rtol=SAME, atol=0)), None)


def sensitivity(line: Sequence[Tile]) -> dict[int, float]:
    """Mean over the learning rates of min(test error, CHANCE) less the lowest of them, in points, by seed; of the seeds
    that all tiles have."""
    errors: dict[int, list[float]] = {}
    for record in (record for tile in line for record in tile.records):
        final = record["final"]
        errors.setdefault(record["cell"]["seed"], []).append(min(CHANCE, final["test_error"]) if final else CHANCE)
    return {seed: statistics.fmean(each) - min(each) for seed, each in errors.items() if len(each) == len(line)}


def _less_sensitive(evidence: Evidence) -> Verdict | None:
    panel = evidence.panel("fig2", ADAMW)
    if panel is None or panel.best is None:
        return None
    lines = list(tuned_lines(panel).values())
    rates = [tile.alpha for tile in lines[0]] if lines else []
    if len(rates) < RATES or not rates[0] < panel.best.alpha < rates[-1]:
        return Verdict(OPEN, f"{len(rates)} learning rates have both lines, too few or on one side of the selected one")
    independent, coupled = map(sensitivity, lines)
    seeds = sorted(independent.keys() & coupled.keys())
    if not seeds:
        return None
    gain = student([coupled[seed] - independent[seed] for seed in seeds])
    means = [statistics.fmean(each[seed] for seed in seeds) for each in (independent, coupled)]
    words = f"sensitivity {means[0]:.2f} at fixed λ, {means[1]:.2f} at fixed λ/α, over {len(rates)} learning rates; "
    return evidence.judge(gains, [gain], f"{words}difference {format_estimate(gain)} points", [panel], student_from=2)


def _more_without_normalization(evidence: Evidence) -> Verdict | None:
    compared = [evidence.compare(name, ADAM, ADAMW) for name in ("normalization", "fig2")]
    if None in compared:
        return None
    without, with_it = (each.judged for each in compared if each)
    part, known = None, intervals([without, with_it])
    if len(known) == 2:
        half = math.hypot(*((each.high - each.low) / 2 for each in known))  # as if independent
        part = around(known[0].value - known[1].value, half)
    words = f"Adam − AdamW {format_estimate(without)} without, {format_estimate(with_it)} with it; difference "
    panels = [*evidence.selected("normalization", ADAM, ADAMW), *evidence.selected("fig2", ADAM, ADAMW)]
    return evidence.judge(gains, [part], f"{words}{format_estimate(part)} points", panels)


def dropped_in(other: Run) -> Measure:
    """AdamW less another at AdamW's selected cell, in points of test error."""

    def measure(evidence: Evidence) -> Verdict | None:
        panels = evidence.selected("later_decays", ADAMW, other)
        if not panels or panels[0].best is None:
            return None
        there = panels[1].tiles.get(panels[0].best.place)
        pairs = compare([panels[0], replace(panels[1], best=there)], evidence.noise())
        if not pairs:
            return None
        words = f"{format_comparison(pairs[0])} points"
        return evidence.judge(gains, [pairs[0].judged], words, panels, PAIRED_FROM)

    return measure


GAIN = f"the interval lies above 0; does not hold when a gain of {POINTS:g} point is excluded"
ACTS = "premise: the run is longer than the decay's timescale, λ n / 2 > 1 for n updates under cosine"
TAIL = "log2 of gradient over weight norm, last tenth of the epochs against the middle tenth"
WITHIN = f"within ±{EXPONENT}; does not hold when outside"
_claim = partial(Claim, beforehand=True)
CLAIMS = (
    _claim("W1", "AdamW's best timescale, 1/λ updates, is the same number of epochs in every budget",
           "arXiv:2405.13698, of data sets and models, where budgets stand here", "supp3",
           f"the interval of the exponent of 1/λ* in the epochs lies {WITHIN}", _constant_timescale,
           in_paper=True, beforehand=False),
    _claim("W2", "AdamW's best decay per update goes in proportion to the batch size",
           "arXiv:2505.13738; the timescale view, arXiv:2405.13698", "batch_size",
           f"at equal epochs the interval of the exponent lies {WITHIN.replace('±', '1 ± ')}", _in_proportion,
           beforehand=False),
    _claim("D1", "The ratio of gradient to weight norm rises at the end of an annealed run with decay",
           "arXiv:2506.02285, of layers before a normalisation, where the whole network stands here", "fig2",
           f"{TAIL}, lies above 0 at SGDW's and AdamW's selected cells; does not hold when one lies below; {ACTS}",
           _rises),
    _claim("D1a", "It rises the more the larger the decay", "arXiv:2506.02285", "fig2",
           f"the slope of {TAIL}, in log2 of the decay, at the selected learning rate, lies above 0 for SGDW and "
           "AdamW; does not hold when one lies below", _rises_with_decay),
    _claim("D1b", "Decay that follows the square of the schedule lowers that rise", "arXiv:2506.02285", "later_decays",
           f"{TAIL}, AdamW less corrected at equal settings, lies above 0; does not hold when below; {ACTS}",
           _corrected_rise),
    _claim("C1", "Tuned, decay that follows the square of the schedule ends better than AdamW's",
           "arXiv:2506.02285, of the loss; arXiv:2512.08217", "later_decays", f"selected cells, test error: {GAIN}",
           differences("later_decays", gains, (ADAMW, CORRECTED))),
    _claim("C1a", "So it does at AdamW's own learning rate and decay", "arXiv:2506.02285, of the loss", "later_decays",
           f"both at AdamW's selected cell, test error: {GAIN}", dropped_in(CORRECTED)),
    _claim("K1", "Tuned, cautious decay ends better than AdamW's", "arXiv:2510.12402", "later_decays",
           f"selected cells, test error: {GAIN}", differences("later_decays", gains, (ADAMW, CAUTIOUS))),
    _claim("K1a", "So it does without tuning, at AdamW's own learning rate and decay", "arXiv:2510.12402",
           "later_decays", f"both at AdamW's selected cell, test error: {GAIN}", dropped_in(CAUTIOUS)),
    _claim("E1", "AdamW's weight norm goes with the square root of α / weight_decay, here α²/λ",
           "arXiv:2305.17212, of layers before a normalisation, where the whole network stands here", "fig2",
           "the exponents of the final norm in α²/λ, the mean over decays of those in α and the mean over learning "
           f"rates of those in λ, with intervals from their scatter, lie within 0.5 ± {NORM_EXPONENT:g}; does not hold "
           f"when one lies outside; {ACTS}", _norms),
    _claim("L1", "The learning rate is tuned more easily at fixed λ than at fixed weight_decay = λ/α",
           "arXiv:2309.14322", "fig2",
           f"sensitivity (mean over rates of min(test error, {CHANCE:g} %), less the lowest) along both lines through "
           f"AdamW's selected cell, at {RATES} common rates or more on both sides of it; fixed λ/α less fixed λ, by "
           f"seed: {GAIN}", _less_sensitive),
    _claim("Z1", "Without normalisation AdamW is better than Adam with L2", "arXiv:2202.00089, of deeper networks",
           "normalization", f"selected cells, test error: {GAIN}", differences("normalization", gains, (ADAM, ADAMW))),
    _claim("Z1a", "Its gain over Adam is larger than with batch normalisation", "arXiv:2202.00089", "normalization",
           f"the difference of both gains: {GAIN}", _more_without_normalization),
)  # fmt: skip
