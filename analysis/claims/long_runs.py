"""Claims on long runs of Adam and AdamW at one learning rate: figure 3, and supplementary figure 2 beside restarts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.claims.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.claims.rules import SINGLE, all_above, around, by_difference, lowest, pair, sign
from analysis.results.panels import Panel, Tile
from analysis.results.series import curve
from analysis.results.words import Estimate
from analysis.statistics.estimate import OWN_SCATTER
from paper_repro.records import Record

ALL_WRONG = 100.0  # percent: the error of a decay that diverged, which is no reason to leave it out
ALIKE = 1.25  # training losses within this factor coincide
POINTS = 20  # of the losses that both runs pass, where their errors are compared
FEWER = 5  # times fewer epochs: what a good schedule saves a constant rate


def _best(found: Sequence[Panel], optimizer: str) -> Tile | None:
    return next((panel.best for panel in found if panel.optimizer == optimizer), None)


def _half(evidence: Evidence, runs: int) -> float | None:
    """Half the interval of a difference of means of so many runs of Adam and AdamW."""
    noise = evidence.noise()
    if not {"adam", "adamw"} <= noise.keys():
        return None
    return 1.96 * math.hypot(noise["adam"], noise["adamw"]) / math.sqrt(runs)


def _every_decay(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig3")
    best = _best(found, "adam")
    own = [t for panel in found if panel.optimizer == "adamw" for t in panel.tiles.values()]
    half = _half(evidence, len(best.seeds)) if best else None
    if best is None or best.test_error is None or half is None or not own:
        return Verdict(NOT_RUN)
    errors = [ALL_WRONG if tile.test_error is None else tile.test_error for tile in own]
    differences, words = _against(errors, best.test_error, half)
    lost = sum(tile.test_error is None for tile in own)
    words += f"; {lost} diverged" * bool(lost)
    return evidence.by_rule("fig3", _half_below, differences, words, found)


def _against(errors: Sequence[float], bar: float, half: float) -> tuple[list[Estimate], str]:
    """AdamW's errors less Adam's best."""
    differences = [around(error - bar, half) for error in errors]
    lower, below = sum(error < bar for error in errors), sum(sign(part) < 0 for part in differences)
    words = (
        f"{lower} of AdamW's {len(errors)} decays end below Adam's best ({bar:.2f} %), {below} by more than {half:.2f}"
    )
    return differences, words


def _half_below(differences: Sequence[Estimate]) -> str:
    below, above = sum(sign(part) < 0 for part in differences), sum(part.value > 0 for part in differences)
    if 2 * below >= len(differences):
        return SUPPORTED
    return CONTRADICTED if 2 * above >= len(differences) else UNDECIDED


def _every_decay_paper(figures: Paper) -> Verdict:
    found = figures.values("fig3", "test_error_vs_decay")
    best = min(reading.value for reading in found if reading.optimizer == "adam")
    differences, words = _against([r.value for r in found if r.optimizer == "adamw"], best, SINGLE)
    return Verdict(_half_below(differences), words)


def _halves(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig3")
    tiles = [_best(found, name) for name in ("adam", "adamw")]
    lines = [curve(tile.records, "train_loss") for tile in tiles if tile is not None]
    if len(lines) < 2 or not all(line.values for line in lines):
        return Verdict(NOT_RUN)
    halfway, end = (lines[1].values[place] / lines[0].values[place] for place in (len(lines[0].values) // 2 - 1, -1))
    words = f"AdamW's training loss is {halfway:.2f} times Adam's halfway and {end:.2f} times at the end"
    if end >= 1 or not 1 / ALIKE < halfway < ALIKE:
        return evidence.verdict("fig3", CONTRADICTED, words)
    return evidence.verdict("fig3", SUPPORTED if end < 1 / ALIKE else UNDECIDED, words)


def _halves_paper(figures: Paper) -> Verdict:
    ends = {r.optimizer: r.value for r in figures.values("fig4", "cifar_training_loss") if r.epoch == r.epochs == 1800}
    return Verdict(UNDECIDED, f"{ends['adamw'] / ends['adam']:.2f} times at the end; halfway it was not read off")


def _at_equal_loss(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig3")
    adam, adamw = _best(found, "adam"), _best(found, "adamw")
    half = _half(evidence, len(adam.seeds)) if adam else None
    if adam is None or adamw is None or half is None:
        return Verdict(NOT_RUN)
    difference = mean_difference(adam.records, adamw.records)
    if difference is None:
        words = "their training losses do not meet in the second half"
        return evidence.by_rule("fig3", all_above, [None], words, found)
    words = (
        f"Adam less AdamW at equal training loss {difference:.2f} [{difference - half:.2f}, {difference + half:.2f}]"
    )
    return evidence.by_rule("fig3", all_above, [around(difference, half)], f"{words} points", found)


def mean_difference(first: Sequence[Record], second: Sequence[Record]) -> float | None:
    """First less second in test error at equal training losses, over those that both pass in their second halves; None
    where there are none."""
    lines = [late(records) for records in (first, second)]
    low, high = max(line[0].min() for line in lines), min(line[0].max() for line in lines)
    if low >= high:
        return None
    losses = np.linspace(low, high, POINTS)
    errors = [np.interp(losses, *line) for line in lines]
    return float(np.mean(errors[0] - errors[1]))


def late(records: Sequence[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Log training losses, ascending, and test errors of the second half of the runs, their mean where several."""
    losses, errors = curve(records, "train_loss"), curve(records, "test_error")
    of_epoch = dict(zip(losses.epochs, losses.values, strict=True))
    rows = sorted(
        (math.log(of_epoch[epoch]), error)
        for epoch, error in zip(errors.epochs, errors.values, strict=True)
        if 2 * epoch > losses.epochs[-1] and epoch in of_epoch
    )
    return np.array([loss for loss, _ in rows]), np.array([error for _, error in rows])


def _gain(evidence: Evidence) -> Verdict:
    shown = evidence.panels("fig3")
    found, adam = pair(shown, "adam", "adamw", evidence), _best(shown, "adam")
    if found is None or adam is None or adam.test_error is None:
        return Verdict(NOT_RUN)
    part, share = found.difference, 100 / adam.test_error
    ends = [None if end is None else share * end for end in (part.low, part.high)]
    gain = Estimate(share * part.value, *ends)
    words = _percent(gain) + f" (seeds: {found.seeds_told})" * bool(found.lacking)
    return evidence.by_rule("fig3", _fifteen, [found.judged and gain], words, shown, OWN_SCATTER)


def _fifteen(gains: Sequence[Estimate]) -> str:
    """Of a relative gain in percent."""
    low, high = gains[0].low, gains[0].high
    if low is None or high is None:
        return UNDECIDED
    if not low <= 15 <= high:
        return CONTRADICTED
    return SUPPORTED if low > 7.5 else UNDECIDED


def _percent(gain: Estimate) -> str:
    interval = "" if gain.low is None else f" [{gain.low:.0f}, {gain.high:.0f}]"
    return f"{gain.value:.0f} %{interval}"


def _fifteen_paper(figures: Paper) -> Verdict:
    best = {name: min(r.value for r in figures.values("fig3", "test_error_vs_decay") if r.optimizer == name)
            for name in ("adam", "adamw")}  # fmt: skip
    gain = around(100 * (1 - best["adamw"] / best["adam"]), 100 * SINGLE / best["adam"])
    return Verdict(_fifteen([gain]), f"{_percent(gain)} on CIFAR-10")


def _constant_rate(evidence: Evidence) -> Verdict:
    """The cycles of AdamWR are short runs of AdamW with cosine annealing."""
    constant = _best(evidence.panels("supp2"), "adam")
    restarted = [
        panel.best
        for panel in evidence.panels("fig4")
        if panel.optimizer == "adamw" and "restarts" in str(panel.facets["schedule"])
    ]
    if constant is None or constant.test_error is None or not restarted or restarted[0] is None:
        return Verdict(NOT_RUN)
    long = int(constant.records[0]["cell"]["epochs"])
    there = curve(restarted[0].records, "test_error", "ends_cycle").first_at_most(constant.test_error)
    words = f"constant-rate Adam ends at {constant.test_error:.1f} % after {long} epochs"
    if there is None:
        return evidence.verdict("supp2", CONTRADICTED, f"{words}, which no cycle of AdamWR reaches")
    outcome = SUPPORTED if FEWER * there <= long else UNDECIDED
    return evidence.verdict("supp2", outcome, f"{words}, AdamWR at its cycle's end after {there}")


CLAIMS = (
    Claim("8", "In long runs AdamW ends below Adam for every reasonable decay", "section 4.3, figure 3", "fig3",
          "at least half of AdamW's decays end decidedly below Adam's best; contradicted when half end above it",
          _every_decay, _every_decay_paper, True),
    Claim("8a", "Their training losses coincide in the first half, then AdamW's is lower", "section 4.3, figure 3",
          "fig3", f"within a factor of {ALIKE} halfway, and apart by more than that at the end", _halves,
          _halves_paper, True),
    Claim("9", "AdamW generalises better at equal training loss", "section 4.3, figure 3", "fig3",
          "the selected runs' errors, at losses that both pass in their second halves, differ by more than noise",
          _at_equal_loss, None, True),
    Claim("10", "AdamW's error is 15 % (relative) below Adam's after long runs", "section 4, figure 3", "fig3",
          "the interval of the gain holds 15 % and lies above 7.5 %", _gain, _fifteen_paper, True),
    Claim("16", "A long run of Adam at a constant rate is only as good as AdamW with a schedule in far fewer epochs",
          "supplementary figure 2", "supp2",
          f"a cycle of AdamWR is as good in {FEWER} times fewer epochs; contradicted when none is", _constant_rate,
          lambda p: by_difference(lowest(p, "supp2", "adam_fixed") - lowest(p, "fig2", "adamw_cosine"), 1,
                                  "constant-rate Adam, 1800 epochs, less AdamW, 100"), True),
)  # fmt: skip
