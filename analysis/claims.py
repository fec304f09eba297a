"""What the paper claims, and what would decide it.

Each rule was written before its verdict was computed; but only for claims 1 to 3, 10, 14 and 15 also before any of the
numbers had been seen on which it rests.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from analysis import laws, published
from analysis.compare import Comparison, compare
from analysis.curves import curve
from analysis.heat_maps import NAMES
from analysis.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.panels import Panel
from analysis.ridge import ridge
from analysis.scaling import law
from analysis.separability import said
from analysis.surfaces import Estimate, of_panel

FLAT = 0.25  # a ridge slope within -FLAT .. FLAT is flat: less than one grid step over four
SINGLE = 1.96 * math.sqrt(2) * math.hypot(published.RUN_SIGMA, 0.1)  # half an interval of a difference of two readings
SCHEDULES = ("fixed", "step_drop", "cosine")


def _pair(found: list[Panel], first: str, second: str, evidence: Evidence) -> Comparison | None:
    """The comparison of the selected cells of two optimizers, if there is one."""
    own = [panel for panel in found if panel.optimizer in (first, second) and panel.best]
    own.sort(key=lambda panel: (first, second).index(panel.optimizer))
    pairs = compare(own, evidence.noise()) if len(own) == 2 else []
    return pairs[0] if pairs else None


def _by_slopes(coupled: Estimate | None, free: Estimate | None) -> tuple[str, str]:
    """Is the first ridge inclined and the second flat?"""
    if coupled is None or free is None or None in (coupled.low, coupled.high, free.low, free.high):
        return UNDECIDED, "too few rows hold their best decay"
    words = f"slopes {said(coupled)} and {said(free)}"
    assert coupled.high is not None
    assert free.low is not None
    assert free.high is not None
    if coupled.high < -FLAT and free.low > -FLAT and free.high < FLAT:
        return SUPPORTED, words
    if coupled.low is not None and (coupled.low > -FLAT or free.low > FLAT or free.high < -FLAT):
        return CONTRADICTED, words
    return UNDECIDED, words


def _slopes(coupled: str, free: str) -> Claim:
    names = {"sgd": "SGD", "sgdw": "SGDW", "adam": "Adam", "adamw": "AdamW"}

    def ours(evidence: Evidence) -> Verdict:
        found = {panel.optimizer: panel for panel in evidence.panels("fig2")}
        if coupled not in found or free not in found:
            return Verdict(NOT_RUN)
        slopes = [ridge(of_panel(found[name], "validation")).slope for name in (coupled, free)]
        return evidence.verdict("fig2", *_by_slopes(*slopes))

    def paper(figures: Paper) -> Verdict:
        slopes = [ridge(figures.surface("fig2", f"{name}_cosine")).slope for name in (coupled, free)]
        return Verdict(*_by_slopes(*slopes))

    return Claim(
        4 if coupled == "sgd" else 5,
        f"With L2 {names[coupled]}'s learning rate and factor must be tuned together, {names[free]}'s decay alone",
        "figure 2", "fig2", f"ridge slope of {names[coupled]} below -{FLAT}, of {names[free]} within ±{FLAT}",
        ours, paper,
    )  # fmt: skip


def _l2_helps_adam(evidence: Evidence) -> Verdict:
    found = [panel for panel in evidence.panels("fig2") if panel.optimizer == "adam"]
    if not found or found[0].best is None:
        return Verdict(NOT_RUN)
    (panel,) = found
    without = [tile for tile in panel.candidates if tile.decay == 0]
    if not without or panel.best is None:
        return Verdict(NOT_RUN)
    bare = min(without, key=lambda tile: np.mean(tile.errors("validation")))
    pair = compare([panel, dataclasses.replace(panel, best=bare)])
    if not pair:
        return evidence.verdict("fig2", UNDECIDED, "one seed")
    difference = pair[0].difference
    words = f"with the best factor {said(difference)} points against none"
    assert difference.high is not None
    return evidence.verdict("fig2", CONTRADICTED if difference.high < 0 else SUPPORTED, words)


def _lowest(figures: Paper, figure: str, panel: str, no_decay: bool = False) -> float:
    found = [r.value for r in figures.values(figure, panel) if (r.decay == 0) == no_decay or not no_decay]
    return min(found)


def _by_difference(difference: float, wanted: int, words: str) -> Verdict:
    """Of two single readings: wanted 1, the difference should be positive; 0, too small to be seen."""
    told = f"{words}: {difference:+.2f} [{difference - SINGLE:+.2f}, {difference + SINGLE:+.2f}]"
    if wanted == 0:
        return Verdict(SUPPORTED if abs(difference) < SINGLE else CONTRADICTED, told)
    if abs(difference) < SINGLE:
        return Verdict(UNDECIDED, told)
    return Verdict(SUPPORTED if difference > 0 else CONTRADICTED, told)


def _rivals(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig2")
    worse, equal = _pair(found, "adam", "sgd", evidence), _pair(found, "adamw", "sgdw", evidence)
    if worse is None or equal is None:
        return Verdict(NOT_RUN)
    words = f"Adam less SGD {said(worse.difference)}, AdamW less SGDW {said(equal.difference)} points"
    if worse.is_decided and worse.difference.value < 0:
        return evidence.verdict("fig2", CONTRADICTED, words)
    if worse.is_decided and not (equal.is_decided and equal.difference.value > 0):
        return evidence.verdict("fig2", SUPPORTED, words)
    return evidence.verdict("fig2", UNDECIDED, words)


def _decoupled_beats(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig1")
    pairs: dict[str, list[Panel]] = {}
    for panel in found:
        name = str(panel.facets.get("schedule", "")).partition(":")[0]
        pairs.setdefault(name, []).append(panel)
    compared = {name: _pair(own, "adam", "adamw", evidence) for name, own in pairs.items()}
    if set(compared) != set(SCHEDULES) or None in compared.values():
        return Verdict(NOT_RUN)
    words = ", ".join(f"{name} {said(pair.difference)}" for name, pair in compared.items() if pair)
    better = [bool(pair and pair.is_decided and pair.difference.value > 0) for pair in compared.values()]
    worse = [bool(pair and pair.is_decided and pair.difference.value < 0) for pair in compared.values()]
    outcome = SUPPORTED if all(better) else CONTRADICTED if any(worse) else UNDECIDED
    return evidence.verdict("fig1", outcome, f"Adam less AdamW: {words}")


def _decoupled_beats_paper(figures: Paper) -> Verdict:
    gains = {}
    for name in SCHEDULES:
        figure = "fig2" if name == "cosine" else "fig1"
        gains[name] = _lowest(figures, figure, f"adam_{name}") - _lowest(figures, figure, f"adamw_{name}")
    words = ", ".join(f"{name} {gain:+.2f} ± {SINGLE:.2f}" for name, gain in gains.items())
    if all(gain > SINGLE for gain in gains.values()):
        return Verdict(SUPPORTED, f"Adam less AdamW: {words}")
    outcome = CONTRADICTED if any(gain < -SINGLE for gain in gains.values()) else UNDECIDED
    return Verdict(outcome, f"Adam less AdamW: {words}")


def _steps(optimizers: tuple[str, ...], ladder: tuple[str, ...]) -> dict[str, tuple[str, str, str]]:
    """Every claimed gain: name, optimizer, the worse and the better schedule."""
    return {
        f"{NAMES[name]} {worse} less {better}": (name, worse, better)
        for name in optimizers
        for worse, better in itertools.pairwise(ladder)
    }


def _schedules(number: int, text: str, optimizers: tuple[str, ...], ladder: tuple[str, ...]) -> Claim:
    """Each schedule of the ladder is better than the one before, for each of the optimizers."""
    gains = _steps(optimizers, ladder)

    def ours(evidence: Evidence) -> Verdict:
        found = {
            (panel.optimizer, str(panel.facets["schedule"]).partition(":")[0]): panel
            for panel in evidence.panels("fig1")
            if panel.best
        }
        if not all((name, schedule) in found for name in optimizers for schedule in ladder):
            return Verdict(NOT_RUN)
        noise = evidence.noise()
        pairs = {
            words: compare([found[name, worse], found[name, better]], noise)
            for words, (name, worse, better) in gains.items()
        }
        if not all(pairs.values()):
            return evidence.verdict("fig1", UNDECIDED, "the noise of single runs is not known")
        told = {words: found_[0].difference for words, found_ in pairs.items()}
        low = [part.low or 0.0 for part in told.values()]
        high = [part.high or 0.0 for part in told.values()]
        outcome = SUPPORTED if min(low) > 0 else CONTRADICTED if min(high) < 0 else UNDECIDED
        return evidence.verdict("fig1", outcome, ", ".join(f"{words} {said(part)}" for words, part in told.items()))

    def paper(figures: Paper) -> Verdict:
        def best(name: str, schedule: str) -> float:
            return _lowest(figures, "fig2" if schedule == "cosine" else "fig1", f"{name}_{schedule}")

        told = {words: best(name, worse) - best(name, better) for words, (name, worse, better) in gains.items()}
        words = ", ".join(f"{words} {gain:+.2f} ± {SINGLE:.2f}" for words, gain in told.items())
        least = min(told.values())
        return Verdict(SUPPORTED if least > SINGLE else CONTRADICTED if least < -SINGLE else UNDECIDED, words)

    return Claim(number, text, "figure 1", "fig1", "every gain is decidedly above 0", ours, paper)


def _speed_up(evidence: Evidence) -> Verdict:
    found = {
        (panel.optimizer, "restarts" in str(panel.facets.get("schedule"))): panel for panel in evidence.panels("fig4")
    }
    plain, restarted = found.get(("adamw", False)), found.get(("adamw", True))
    if plain is None or restarted is None or plain.best is None or restarted.best is None:
        return Verdict(NOT_RUN)
    ends = curve(restarted.best.records, "test_error", "ends_cycle")
    if not ends.epochs:
        return Verdict(NOT_RUN)
    there = curve(plain.best.records, "test_error").first_at_most(ends.values[0])
    ratio = (there or math.inf) / ends.epochs[0]
    words = f"AdamWR after {ends.epochs[0]} epochs is where AdamW is after {there}: {ratio:.1f}-fold"
    return evidence.verdict("fig4", SUPPORTED if ratio >= 5 else CONTRADICTED if ratio < 2 else UNDECIDED, words)


def _restarts_equal(evidence: Evidence) -> Verdict:
    found = [panel for panel in evidence.panels("fig4") if panel.optimizer == "adamw" and panel.best]
    found.sort(key=lambda panel: "restarts" not in str(panel.facets.get("schedule")))
    pairs = compare(found) if len(found) == 2 else []
    if not pairs:
        return Verdict(NOT_RUN)
    difference = pairs[0].difference
    assert difference.low is not None
    outcome = CONTRADICTED if difference.low > 0 else SUPPORTED
    return evidence.verdict("fig4", outcome, f"AdamWR less AdamW at the end {said(difference)} points")


def _budget(unit: str) -> Claim:
    raw = unit == "raw"

    def judged(exponent: Estimate | None) -> tuple[str, str]:
        if exponent is None or exponent.low is None or exponent.high is None:
            return UNDECIDED, "too few budgets hold their best decay, or the noise of single runs is not known"
        holds = exponent.high < 0 if raw else exponent.low <= 0 <= exponent.high
        return SUPPORTED if holds else CONTRADICTED, f"exponent in the budget {said(exponent)}"

    def ours(evidence: Evidence) -> Verdict:
        chart = evidence.chart("supp3")
        lines = laws.of_chart(chart, evidence.records) if chart else []
        own = [line.law for line in lines if (line.who, line.unit) == ("AdamW", laws.UNITS[unit])]
        return evidence.verdict("supp3", *judged(own[0].exponent)) if own else Verdict(NOT_RUN)

    def paper(figures: Paper) -> Verdict:
        budgets = {float(t): figures.surface("supp3", f"cifar_adamw_{unit}_{t}") for t in (25, 100, 400)}
        return Verdict(*judged(law(budgets).exponent))

    return Claim(
        14 if raw else 15,
        "The best decay per update falls with the budget" if raw else "Normalized, the best decay suits all budgets",
        "supplementary figure 3", "supp3",
        "the exponent's interval lies below 0" if raw else "the exponent's interval holds 0", ours, paper,
    )  # fmt: skip


def _fifteen_percent(figures: Paper) -> Verdict:
    best = {name: min(r.value for r in figures.values("fig3", "test_error_vs_decay") if r.optimizer == name)
            for name in ("adam", "adamw")}  # fmt: skip
    outcome, words = _fifteen(100 * (1 - best["adamw"] / best["adam"]), 100 * SINGLE / best["adam"])
    return Verdict(outcome, f"{words} on CIFAR-10")


def _gain(evidence: Evidence) -> Verdict:
    pair = _pair(evidence.panels("fig3"), "adam", "adamw", evidence)
    adam = [panel.best for panel in evidence.panels("fig3") if panel.optimizer == "adam"]
    if pair is None or not adam or adam[0] is None or adam[0].test_error is None:
        return Verdict(NOT_RUN)
    part, whole = pair.difference, adam[0].test_error
    assert part.low is not None
    assert part.high is not None
    return evidence.verdict("fig3", *_fifteen(100 * part.value / whole, 100 * (part.high - part.value) / whole))


def _fifteen(gain: float, half: float) -> tuple[str, str]:
    """Of a relative gain in percent and half its interval."""
    holds = gain - half <= 15 <= gain + half
    outcome = CONTRADICTED if not holds else SUPPORTED if gain - half > 7.5 else UNDECIDED
    return outcome, f"{gain:.0f} % [{gain - half:.0f}, {gain + half:.0f}]"


CLAIMS = (
    Claim(1, "Decoupled decay beats L2 for Adam under a fixed rate, step drops and cosine", "figure 1", "fig1",
          "AdamW's selected cell is decidedly better under each", _decoupled_beats, _decoupled_beats_paper),
    _schedules(2, "Cosine annealing beats step drops, and those a fixed rate, for Adam and AdamW", ("adam", "adamw"),
               SCHEDULES),
    _schedules(3, "A schedule helps Adam much, although it adapts its rates", ("adam",), ("fixed", "cosine")),
    _slopes("sgd", "sgdw"),
    _slopes("adam", "adamw"),
    Claim(6, "L2 does not help Adam at all", "figure 2", "fig2", "its best cell is not decidedly better than none",
          _l2_helps_adam,
          lambda p: _by_difference(_lowest(p, "fig2", "adam_cosine") - _lowest(p, "fig2", "adam_cosine", True), 0,
                                   "with the best factor against none")),
    Claim(7, "The best Adam is worse than the best SGD; the best AdamW rivals SGDW", "figure 2", "fig2",
          "Adam decidedly above SGD, AdamW not decidedly above SGDW", _rivals,
          lambda p: _by_difference(_lowest(p, "fig2", "adam_cosine") - _lowest(p, "fig2", "sgd_cosine"), 1,
                                   "Adam less SGD")),
    Claim(10, "AdamW's error is 15 % (relative) below Adam's after long runs", "section 4, figure 3", "fig3",
          "the interval of the gain holds 15 % and lies above 7.5 %", _gain, _fifteen_percent),
    Claim(11, "Restarts reach a result up to ten times sooner", "figure 4", "fig4",
          "at the first restart 5 times sooner or more; contradicted below 2", _speed_up),
    Claim(12, "AdamWR ends where AdamW ends", "figure 4", "fig4", "not decidedly worse at the end", _restarts_equal),
    _budget("raw"),
    _budget("norm"),
    Claim(20, "AdamW classifies EEG better than Adam", "section 4.5", "", "the data are not public", None),
)  # fmt: skip
