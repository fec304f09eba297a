"""Claims on long runs of Adam and AdamW at one learning rate: figure 3, and supplementary figure 2 beside restarts."""

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from analysis.claims.ledger import Claim
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, all_above, sign
from analysis.claims.sources import Evidence, Run, Verdict, decided
from analysis.results.series import curve
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import PAIRED_FROM, around
from paper_repro.records import Record

ALL_WRONG = 100.0  # percent: the error of a decay that diverged, which is no reason to leave it out
ALIKE = 1.25  # training losses within this factor coincide
POINTS = 20  # of the losses that both runs pass, where their errors are compared
FEWER = 5  # times fewer epochs: what a good schedule saves a constant rate
ADAM, ADAMW, CONSTANT = Run("adam"), Run("adamw"), Run("adam", "fixed")


def _every_decay(evidence: Evidence) -> Verdict | None:
    bar, half, panels = evidence.error("fig3", ADAM), evidence.half_width("fig3"), evidence.panels("fig3")
    errors = [tile.test_error for panel in panels if panel.optimizer == "adamw" for tile in panel.tiles.values()]
    if bar is None or half is None or not errors:
        return None
    parts = [around((ALL_WRONG if error is None else error) - bar, half) for error in errors]
    below, significant = sum(part.value < 0 for part in parts), sum(part.value < -half for part in parts)
    words = f"{below} of AdamW's {len(errors)} decays end below Adam's best ({bar:.2f} %), {significant} by more than "
    words += f"{half:.2f}" + f"; {errors.count(None)} diverged" * (None in errors)
    return evidence.judge(_half_below, parts, words, panels)


def _half_below(parts: Sequence[Interval]) -> str:
    below, above = sum(sign(part) < 0 for part in parts), sum(part.value > 0 for part in parts)
    return HOLDS if 2 * below >= len(parts) else FAILS if 2 * above >= len(parts) else OPEN


def _halves(evidence: Evidence) -> Verdict | None:
    lines = [curve(records, "train_loss") for records in evidence.selected_records("fig3", ADAM, ADAMW)]
    if not lines:
        return None
    adam, adamw = (dict(zip(line.epochs, line.values, strict=True)) for line in lines)
    last = lines[0].epochs[-1]
    end, half = adamw[last] / adam[last], last // 2
    if half not in adam:
        return Verdict(OPEN, f"{end:.2f} times at the end; halfway it was not read off")
    halfway = adamw[half] / adam[half]
    words = f"AdamW's training loss is {halfway:.2f} times Adam's halfway and {end:.2f} times at the end"
    if end >= 1 or not 1 / ALIKE < halfway < ALIKE:
        return Verdict(FAILS, words)
    return Verdict(HOLDS if end < 1 / ALIKE else OPEN, words)


def _at_equal_loss(evidence: Evidence) -> Verdict | None:
    panels, half = evidence.selected("fig3", ADAM, ADAMW), evidence.half_width("fig3")
    records = evidence.selected_records("fig3", ADAM, ADAMW)
    if not records or half is None:
        return None
    difference = mean_difference(*records)
    if difference is None:
        return evidence.judge(all_above, [None], "their training losses do not meet in the second half", panels)
    part = around(difference, half)
    words = f"Adam − AdamW at equal training loss {format_estimate(part)} points"
    return evidence.judge(all_above, [part], words, panels)


def mean_difference(first: Sequence[Record], second: Sequence[Record]) -> float | None:
    """First − second in test error at equal training losses, over those that both pass in their second halves; None
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


def _gain(evidence: Evidence) -> Verdict | None:
    compared, error = evidence.compare("fig3", ADAM, ADAMW), evidence.error("fig3", ADAM)
    if compared is None or error is None:
        return None
    value, low, high = (None if part is None else 100 * part / error for part in astuple(compared.difference))
    words = f"{value:.0f} %" + ("" if low is None else f" [{low:.0f}, {high:.0f}]")
    words += f" (seeds: {compared.seeds_text})" * (not compared.seeds_text.isdigit())
    gain = compared.judged and Estimate(value or 0.0, low, high)
    return evidence.judge(_fifteen, [gain], words, evidence.selected("fig3", ADAM, ADAMW), PAIRED_FROM)


def _fifteen(gains: Sequence[Interval]) -> str:
    """Of a relative gain in percent."""
    _, low, high = gains[0]
    return FAILS if not low <= 15 <= high else HOLDS if low > 7.5 else OPEN


def _constant_rate(evidence: Evidence) -> Verdict | None:
    """The cycles of AdamWR are short runs of AdamW with cosine annealing."""
    constant, error = evidence.selected_records("supp2", CONSTANT), evidence.error("supp2", CONSTANT)
    restarted = evidence.selected_records("fig4", Run("adamw", "warm_restarts"))
    if not restarted or error is None:
        return None
    long = int(constant[0][0]["cell"]["epochs"])
    epoch = curve(restarted[0], "test_error", "ends_cycle").first_at_most(error)
    words = f"constant-rate Adam ends at {error:.1f} % after {long} epochs"
    if epoch is None:
        return decided(False, f"{words}, which no cycle of AdamWR reaches")
    words += f", AdamWR at its cycle's end after {epoch}"
    return Verdict(HOLDS if FEWER * epoch <= long else OPEN, words)


CLAIMS = (
    Claim("8", "In long runs AdamW ends below Adam for every reasonable decay", "section 4.3, figure 3", "fig3",
          "at least half of AdamW's decays end significantly below Adam's best; contradicted when half end above it",
          _every_decay, in_paper=True, beforehand=True),
    Claim("8a", "Their training losses coincide in the first half, then AdamW's is lower", "section 4.3, figure 3",
          "fig3", f"within a factor of {ALIKE} halfway, and apart by more than that at the end", _halves,
          in_paper=True, beforehand=True),
    Claim("9", "AdamW generalises better at equal training loss", "section 4.3, figure 3", "fig3",
          "the selected runs' errors, at losses that both pass in their second halves, differ by more than noise",
          _at_equal_loss, beforehand=True),
    Claim("10", "AdamW's error is 15 % (relative) below Adam's after long runs", "section 4, figure 3", "fig3",
          "the interval of the gain holds 15 % and lies above 7.5 %", _gain, in_paper=True, beforehand=True),
    Claim("16", "A long run of Adam at a constant rate is only as good as AdamW with a schedule in far fewer epochs",
          "supplementary figure 2", "supp2",
          f"a cycle of AdamWR is as good in {FEWER} times fewer epochs; contradicted when none is", _constant_rate,
          in_paper=True, beforehand=True),
)  # fmt: skip
