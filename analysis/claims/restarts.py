"""Claims on warm restarts: the paper's figure 4."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims.ledger import Claim
from analysis.claims.long_runs import late
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, all_below, not_on_side, sign
from analysis.claims.sources import Evidence, Run, Verdict, differences
from analysis.results.series import curve
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import STUDENT_FROM, student
from paper_repro.records import Record

ADAM, SGDW, ADAMW = Run("adam"), Run("sgdw"), Run("adamw")
SGDWR, ADAMWR = Run("sgdw", "warm_restarts"), Run("adamw", "warm_restarts")


def _speed_up(evidence: Evidence) -> Verdict | None:
    records = evidence.selected_records("fig4", ADAMW, ADAMWR)
    ends = curve(records[1], "test_error", "ends_cycle") if records else None
    if ends is None or not ends.epochs:
        return None
    epoch = curve(records[0], "test_error").first_at_most(ends.values[0])
    ratio = (epoch or math.inf) / ends.epochs[0]
    words = f"AdamWR after {ends.epochs[0]} epochs is where AdamW is after {epoch}: {ratio:.1f}-fold"
    return Verdict(HOLDS if ratio >= 5 else FAILS if ratio < 2 else OPEN, words)


def _closed(parts: Sequence[Interval]) -> str:
    """The gap, and what is left of it."""
    gap, left = parts
    if sign(gap) <= 0:
        return OPEN
    return HOLDS if left.high < gap.value / 2 else FAILS if left.low > gap.value / 2 else OPEN


def _ends(record: Record) -> list[dict[str, Any]]:
    """The last epoch of every cycle."""
    rows = list(record["epochs"])
    return [row for row in rows if row.get("ends_cycle") or row is rows[-1]]


def _by_seed(*selected: Sequence[Record]) -> list[tuple[Record, ...]]:
    """The runs of selected cells that have a seed in common."""
    first, second = ({record["cell"]["seed"]: record for record in records} for records in selected)
    return [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]


def _losses(evidence: Evidence) -> Verdict | None:
    records = evidence.selected_records("fig4", ADAMWR, SGDWR)
    pairs = _by_seed(*records) if records else []
    if not pairs:
        return None
    logs = [[np.log([row["train_loss"] for row in _ends(record)]) for record in pair] for pair in pairs]
    ratios = [adamwr - sgdwr for adamwr, sgdwr in logs]
    # Repetitions are the seeds; the paper shows a single run of each, and of these the ends of cycles.
    ratio = student(list(ratios[0]) if evidence.is_paper else [float(np.mean(each)) for each in ratios])
    low, high = (None if end is None else math.exp(end) for end in (ratio.low, ratio.high))
    factor = format_estimate(Estimate(math.exp(ratio.value), low, high))
    words = f"AdamWR's training loss at the ends of cycles is {factor} times SGDWR's"
    return evidence.judge(all_below, [ratio], words, evidence.selected("fig4", ADAMWR, SGDWR), STUDENT_FROM)


def _at_equal_loss(evidence: Evidence) -> Verdict | None:
    runs = {"AdamWR − AdamW": (ADAMWR, ADAMW), "SGDWR − SGDW": (SGDWR, SGDW)}
    panels = evidence.selected("fig4", *itertools.chain(*runs.values()))
    if not panels:
        return None
    estimates: dict[str, Estimate] = {}
    for names, pair in runs.items():
        differences = _differences(_by_seed(*evidence.selected_records("fig4", *pair)))
        if not differences:
            return evidence.judge(all_below, [None], f"{names}: their training losses do not meet", panels)
        estimates[names] = student(differences)
    words = ", ".join(f"{names} {format_estimate(part)}" for names, part in estimates.items())
    words += " points at equal training loss"
    return evidence.judge(all_below, list(estimates.values()), words, panels, STUDENT_FROM)


def _differences(pairs: Sequence[tuple[Record, ...]]) -> list[float]:
    """For each seed the mean over the ends of cycles whose losses the other run passes in its second half."""
    means = []
    for restarted, plain in pairs:
        losses, errors = late([plain])
        ends = [row for row in _ends(restarted) if row.get("test_error") is not None]
        met = [row for row in ends if losses.min() <= math.log(row["train_loss"]) <= losses.max()]
        if met:
            apart = [row["test_error"] - np.interp(math.log(row["train_loss"]), losses, errors) for row in met]
            means.append(float(np.mean(apart)))
    return means


CLAIMS = (
    Claim("11", "Restarts reach a result up to ten times sooner", "figure 4", "fig4",
          "at the first restart 5 times sooner or more; contradicted below 2", _speed_up),
    Claim("12", "AdamWR ends where AdamW ends", "figure 4", "fig4", "not significantly worse at the end",
          differences("fig4", not_on_side(1), (ADAMWR, ADAMW))),
    Claim("13", "Decoupling and restarts close most of the gap between Adam and SGDWR", "section 4.4, figure 4", "fig4",
          "Adam is significantly worse than SGDWR, and AdamWR by significantly less than half as much",
          differences("fig4", _closed, (ADAM, SGDWR), (ADAMWR, SGDWR)), in_paper=True),
    Claim("17", "The training loss falls faster with Adam's family than with SGD's", "supplementary figure 5", "fig4",
          "AdamWR's is significantly below SGDWR's at the ends of their cycles", _losses, in_paper=True),
    Claim("18", "Restarted runs generalise better at equal training loss", "appendix D", "fig4",
          "their errors are significantly lower for AdamW and for SGDW; contradicted when significantly higher for one",
          _at_equal_loss),
)  # fmt: skip
