"""What others said of weight decay from 2022 to 2026, judged on the records of figure 2, supplementary figure 3, the
batch sizes and two experiments of their own.

Set before any record on clean labels was judged, with made records alone; W1 and W2 after laws on noisy labels had been
seen. What they look at, and in which convention: analysis/statistics/later_laws.py.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from analysis.claims import power
from analysis.claims.ledger import Claim
from analysis.claims.measures import Measure, Pair, differences, format_comparison, given
from analysis.claims.rules import (
    ABSENT,
    FAILS,
    GRID,
    HOLDS,
    OPEN,
    Doubt,
    Interval,
    Rule,
    all_above,
    apart,
    intervals,
    within,
)
from analysis.claims.sources import Evidence, Run, Verdict
from analysis.figures import KINDS, write_figure
from analysis.figures.captions import caption
from analysis.results.panels import Panel, Tile
from analysis.results.series import EPOCHS, updates
from analysis.results.words import UNITS, Estimate, format_estimate
from analysis.statistics.estimate import PAIRED_FROM, compare, student
from analysis.statistics.later_laws import (
    CHANCE,
    decayed_row,
    final_norms,
    norm_exponents,
    outlasts,
    rise,
    rise_slopes,
    rises_by_place,
    sensitivity,
    timescale_exponent,
    tuned_lines,
)  # fmt: skip
from analysis.statistics.power_laws import Law

EXPONENT = 0.25  # an exponent this near to what is claimed is that
NORM_EXPONENT = 0.125  # and one of 1/2, which is smaller
POINTS = 1.0  # of test error: what a gain must be to count
RATES = 4  # along a line: fewer show no sensitivity
ADAM, ADAMW, SGDW = Run("adam"), Run("adamw"), Run("sgdw")
CAUTIOUS, CORRECTED = Run("cautious"), Run("corrected")
COMPARED = (  # in the figure
    ("Adam − AdamW", "fig2", (ADAM, ADAMW)), ("without normalisation", "normalization", (ADAM, ADAMW)),
    ("AdamW − cautious", "later_decays", (ADAMW, CAUTIOUS)), ("AdamW − corrected", "later_decays", (ADAMW, CORRECTED)),
)  # fmt: skip


def gains(parts: Sequence[Interval]) -> str:
    """Of one difference in points: holds when it lies above 0, does not when a gain of POINTS is excluded."""
    (gain,) = parts
    return HOLDS if gain.low > 0 else FAILS if gain.high < POINTS else OPEN


def _by_law(evidence: Evidence, experiment: str, held: str) -> tuple[Law, list[Panel]] | None:
    """Of AdamW's best decay per update, as it was swept, with the panels that it rests on; None where it was not."""
    wanted = "adamw", UNITS["step"], held, False, False
    panels = [each for each in evidence.panels(experiment) if (each.optimizer, each.decay_unit) == ("adamw", "step")]
    laws = (x for x in evidence.laws(experiment) if (x.optimizer, x.unit, x.held, x.computed, x.is_joint) == wanted)
    return next(((law, panels) for law in laws), None)


def _judge_tiles(
    evidence: Evidence, rule: Rule, estimates: Sequence[Estimate | None], words: str, tiles: Iterable[Tile], seeds: int
) -> Verdict:
    """Of means over so many seeds, by Student, of all these tiles."""
    price = power.seed_price(record for tile in tiles for record in tile.records)
    return evidence.judge(rule, estimates, words, student_from=2, price=price, runs=seeds)


def _constant_timescale(evidence: Evidence) -> Verdict | None:
    if (found := _by_law(evidence, "supp3", "")) is None:
        return None
    law, panels = found
    exponent = timescale_exponent(law)
    words = "too few budgets have their best decay inside the grid"
    if exponent:
        words = f"AdamW's exponent in the budget {format_estimate(exponent)}"
    return evidence.judge(within(-EXPONENT, EXPONENT), [exponent], words, panels)


def _in_proportion(evidence: Evidence) -> Verdict | None:
    if (found := _by_law(evidence, "batch_size", EPOCHS)) is None:
        return None
    law, panels = found
    words = f"AdamW's exponent in the batch size, at equal epochs, {format_estimate(law.exponent)}"
    return evidence.judge(within(1 - EXPONENT, 1 + EXPONENT), [law.exponent], words, panels)


def _rises(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("fig2", SGDW, ADAMW)
    if not panels:
        return None
    estimates, texts = [], []
    for panel in panels:
        assert panel.best is not None
        if not all(map(outlasts, panel.best.records)):
            words = f"{panel.name}'s selected decay, {panel.best.decay:g}, has a longer timescale"
            return Verdict(ABSENT, f"{words} than the run")
        rises = [value for record in panel.best.records if (value := rise(record)) is not None]
        if len(rises) < len(panel.best.records):
            return Verdict(OPEN, "the norms were not recorded", GRID)
        estimates.append(student(rises))
        texts.append(f"{panel.name} {format_estimate(estimates[-1])}")
    return evidence.judge(all_above, estimates, f"log2 of end over middle: {', '.join(texts)}", panels, student_from=2)


def _rises_with_decay(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("fig2", SGDW, ADAMW)
    if not panels:
        return None
    estimates, texts, tiles = [], [], list[Tile]()
    for panel in panels:
        by_seed = rise_slopes(panel)
        tiles += decayed_row(panel)
        estimates.append(student(by_seed) if by_seed else None)
        texts.append(f"{panel.name} {format_estimate(estimates[-1])}")
    words = f"log2 of end over middle, for each doubling of the decay: {', '.join(texts)}"
    return _judge_tiles(evidence, all_above, estimates, words, tiles, min(len(tile.seeds) for tile in tiles))


def _corrected_rise(evidence: Evidence) -> Verdict | None:
    panels = evidence.selected("later_decays", ADAMW, CORRECTED)
    if not panels:
        return None
    plain, corrected = (rises_by_place(panel) for panel in panels)
    common = sorted(plain.keys() & corrected.keys())
    seeds = sorted({seed for *_, seed in common})
    falls = [statistics.fmean(plain[at] - corrected[at] for at in common if at[2] == seed) for seed in seeds]
    if not falls:
        return Verdict(ABSENT, "no decay of both acts within the run")
    part = student(falls)
    words = f"AdamW − corrected, log2 of end over middle {format_estimate(part)}, {len(common)} pairs"
    tiles = [tile for panel in panels for tile in panel.tiles.values()]
    return _judge_tiles(evidence, all_above, [part], words, tiles, len(seeds))


def _norms(evidence: Evidence) -> Verdict | None:
    panel = evidence.panel("fig2", ADAMW)
    if panel is None:
        return None
    exponents = norm_exponents(final_norms(panel))
    if len(exponents) < 2:
        return Verdict(ABSENT, "too few decays act within the run")
    words = ", ".join(f"{name} {format_estimate(part)}" for name, part in exponents.items())
    known = intervals(exponents.values())
    outcome = within(0.5 - NORM_EXPONENT, 0.5 + NORM_EXPONENT)(known) if len(known) == len(exponents) else OPEN
    # Without power: no further seed would narrow these intervals.
    why = "; they scatter between the map's rows and columns, not between seeds" * (outcome == OPEN)
    return Verdict(outcome, f"exponents {words}{why}", GRID * (outcome == OPEN))


def _less_sensitive(evidence: Evidence) -> Verdict | None:
    panel = evidence.panel("fig2", ADAMW)
    if panel is None or panel.best is None:
        return None
    lines = list(tuned_lines(panel).values())
    rates = [tile.alpha for tile in lines[0]] if lines else []
    if len(rates) < RATES or not rates[0] < panel.best.alpha < rates[-1]:
        return Verdict(
            OPEN, f"{len(rates)} learning rates have both lines, few or on one side of the selected one", GRID
        )
    independent, coupled = map(sensitivity, lines)
    seeds = sorted(independent.keys() & coupled.keys())
    if not seeds:
        return None
    gain = student([coupled[seed] - independent[seed] for seed in seeds])
    means = [statistics.fmean(each[seed] for seed in seeds) for each in (independent, coupled)]
    words = f"sensitivity {means[0]:.2f} at fixed λ, {means[1]:.2f} at fixed λ/α, over {len(rates)} learning rates; "
    words += f"difference {format_estimate(gain)} points"
    tiles = {tile.place: tile for line in lines for tile in line}
    return _judge_tiles(evidence, gains, [gain], words, tiles.values(), len(seeds))


def _more_without_normalization(evidence: Evidence) -> Verdict | None:
    names = "normalization", "fig2"
    compared = [evidence.compare(name, ADAM, ADAMW) for name in names]
    if None in compared:
        return None
    without, with_it = (each.judged for each in compared if each)
    part = apart(without, with_it) if without and with_it else None
    words = f"Adam − AdamW {format_estimate(without)} without, {format_estimate(with_it)} with it; difference "
    panels = [*evidence.selected("normalization", ADAM, ADAMW), *evidence.selected("fig2", ADAM, ADAMW)]
    one, less = (evidence.doubt(name, ADAM, ADAMW) for name in names)
    edges, points = (
        (one.no_low or less.no_high, one.no_high or less.no_low),
        (one.lower + less.higher, one.higher + less.lower),
    )
    doubt = Doubt(1.0, *edges, *points)
    return evidence.judge(gains, [part], f"{words}{format_estimate(part)} points", panels, doubts=[doubt])


def _no_decay(evidence: Evidence) -> str:
    """The premise that decay is of use without normalisation, where it is not there."""
    panel = evidence.panel("normalization", ADAMW)
    return "AdamW's selected cell has no decay" if panel and panel.best and not panel.best.decay else ""


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
DECAYS = "premise: AdamW's selected cell without normalisation has a decay, without which both are one algorithm"
WITHIN = f"within ±{EXPONENT}; does not hold when outside"
_claim = partial(Claim, beforehand=True, before_noisy=True)
CLAIMS = (
    _claim("W1", "AdamW's best timescale, 1/λ updates, is the same number of epochs in every budget",
           "arXiv:2405.13698: there over data sets and models, here over budgets", "supp3",
           f"the interval of the exponent of 1/λ* in the epochs lies {WITHIN}", _constant_timescale,
           in_paper=True, before_noisy=False),
    _claim("W2", "AdamW's best decay per update is proportional to the batch size",
           "arXiv:2505.13738; the timescale view, arXiv:2405.13698", "batch_size",
           f"at equal epochs the interval of the exponent lies {WITHIN.replace('±', '1 ± ')}", _in_proportion,
           before_noisy=False),
    _claim("D1", "The ratio of gradient to weight norm rises at the end of an annealed run with decay",
           "arXiv:2506.02285: there of layers before a normalisation, here of the whole network", "fig2",
           f"{TAIL}, lies above 0 at SGDW's and AdamW's selected cells; does not hold when one lies below; {ACTS}",
           _rises),
    _claim("D1a", "The larger the decay, the more that ratio rises", "arXiv:2506.02285", "fig2",
           f"the slope of {TAIL}, in log2 of the decay, at the selected learning rate, lies above 0 for SGDW and "
           "AdamW; does not hold when one lies below", _rises_with_decay),
    _claim("D1b", "Decay that follows the square of the schedule reduces that rise", "arXiv:2506.02285", "later_decays",
           f"{TAIL}, AdamW less corrected at equal settings, lies above 0; does not hold when below; {ACTS}",
           _corrected_rise),
    _claim("C1", "Tuned, decay that follows the square of the schedule ends better than AdamW's",
           "arXiv:2506.02285: there of the loss; arXiv:2512.08217", "later_decays",
           f"selected cells, test error: {GAIN}", differences("later_decays", gains, Pair(ADAMW, CORRECTED))),
    _claim("C1a", "The same without tuning, at AdamW's own learning rate and decay",
           "arXiv:2506.02285: there of the loss", "later_decays",
           f"both at AdamW's selected cell, test error: {GAIN}", dropped_in(CORRECTED)),
    _claim("K1", "Tuned, cautious decay ends better than AdamW's", "arXiv:2510.12402", "later_decays",
           f"selected cells, test error: {GAIN}", differences("later_decays", gains, Pair(ADAMW, CAUTIOUS))),
    _claim("K1a", "The same without tuning, at AdamW's own learning rate and decay", "arXiv:2510.12402",
           "later_decays", f"both at AdamW's selected cell, test error: {GAIN}", dropped_in(CAUTIOUS)),
    _claim("E1", "AdamW's weight norm is proportional to the square root of α / weight_decay, here α²/λ",
           "arXiv:2305.17212: there of layers before a normalisation, here of the whole network", "fig2",
           "the exponents of the final norm in α²/λ, the mean over decays of those in α and the mean over learning "
           f"rates of those in λ, with intervals from their scatter, lie within 0.5 ± {NORM_EXPONENT:g}; does not hold "
           f"when one lies outside; {ACTS}", _norms),
    _claim("L1", "The learning rate is tuned more easily at fixed λ than at fixed weight_decay = λ/α",
           "arXiv:2309.14322", "fig2",
           f"sensitivity (mean over rates of min(test error, {CHANCE:g} %), less the lowest) along both lines through "
           f"AdamW's selected cell, at {RATES} common rates or more on both sides of it; fixed λ/α less fixed λ, by "
           f"seed: {GAIN}", _less_sensitive),
    _claim("Z1", "Without normalisation AdamW is better than Adam with L2",
           "arXiv:2202.00089: there of deeper networks", "normalization",
           f"selected cells, test error: {GAIN}; {DECAYS}",
           given(_no_decay, differences("normalization", gains, Pair(ADAM, ADAMW)))),
    _claim("Z1a", "Its gain over Adam is larger than with batch normalisation", "arXiv:2202.00089", "normalization",
           f"the difference of both gains: {GAIN}; {DECAYS}", given(_no_decay, _more_without_normalization)),
)  # fmt: skip


def write(evidence: Evidence, out: Path, kinds: Sequence[str] = KINDS, **form: Any) -> list[Path]:
    """All of this in one figure (analysis/figures/later_claims.py), from whatever there is, and its numbers as CSV;
    their paths. form: as of write_figure."""
    from analysis.figures import later_claims  # only now: it loads matplotlib

    sizes, budgets = _by_law(evidence, "batch_size", EPOCHS), _by_law(evidence, "supp3", "")
    names = "fig2", "batch_size", "supp3", "normalization", "later_decays"
    charts = {name: chart for name in names if (chart := evidence.chart(name))}
    first = charts["supp3"].records[0] if budgets else None
    count = updates(first) if first else None
    shown = later_claims.Shown(
        sizes[0] if sizes else None,
        budgets[0] if budgets else None,
        count / first["cell"]["epochs"] if first and count else None,
        {run.optimizer: panel for run in (SGDW, ADAMW) if (panel := evidence.panel("fig2", run))},
        {text: each.difference for text, name, pair in COMPARED if (each := evidence.compare(name, *pair))},
        "\n".join(caption(chart, "") for chart in charts.values()),
    )
    return write_figure(out, "later-laws", "later_claims", [shown], later_claims.numbers(shown), kinds, **form)
