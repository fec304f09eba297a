"""Claims on warm restarts: the paper's figure 4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims.ledger import Claim
from analysis.claims.long_runs import late
from analysis.claims.rules import CONTRADICTED, SUPPORTED, UNDECIDED, all_below, interval, not_on_side, sign
from analysis.claims.sources import Evidence, Finding, Run, differences
from analysis.results.panels import Panel
from analysis.results.series import curve
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import OF_STUDENT, student
from paper_repro.records import Record

ADAM, SGDW, ADAMW = Run("adam"), Run("sgdw"), Run("adamw")
SGDWR, ADAMWR = Run("sgdw", "warm_restarts"), Run("adamw", "warm_restarts")


def _speed_up(evidence: Evidence) -> Finding | None:
    plain, restarted = evidence.panel("fig4", ADAMW), evidence.panel("fig4", ADAMWR)
    if plain is None or restarted is None or plain.best is None or restarted.best is None:
        return None
    ends = curve(restarted.best.records, "test_error", "ends_cycle")
    if not ends.epochs:
        return None
    epoch = curve(plain.best.records, "test_error").first_at_most(ends.values[0])
    ratio = (epoch or math.inf) / ends.epochs[0]
    words = f"AdamWR after {ends.epochs[0]} epochs is where AdamW is after {epoch}: {ratio:.1f}-fold"
    return Finding(SUPPORTED if ratio >= 5 else CONTRADICTED if ratio < 2 else UNDECIDED, words)


def _closed(estimates: Sequence[Estimate]) -> str:
    """The gap, and what is left of it."""
    gap, left = estimates
    ends, half = interval(left), gap.value / 2
    if sign(gap) <= 0 or ends is None:
        return UNDECIDED
    return SUPPORTED if ends[1] < half else CONTRADICTED if ends[0] > half else UNDECIDED


def _by_seed(panel: Panel | None) -> dict[int, Record]:
    """The runs of the selected cell."""
    return dict(zip(panel.best.seeds, panel.best.records, strict=True)) if panel and panel.best else {}


def _ends(record: Record) -> list[dict[str, Any]]:
    """The last epoch of every cycle."""
    rows = list(record["epochs"])
    return [row for row in rows if row.get("ends_cycle") or row is rows[-1]]


def _losses(evidence: Evidence) -> Finding | None:
    panels = evidence.selected("fig4", ADAMWR, SGDWR)
    if not panels:
        return None
    logs = [
        {seed: np.log([row["train_loss"] for row in _ends(record)]) for seed, record in _by_seed(panel).items()}
        for panel in panels
    ]
    ratios = [logs[0][seed] - logs[1][seed] for seed in sorted(logs[0].keys() & logs[1].keys())]
    if not ratios:
        return None
    # Repetitions are the seeds; the paper shows a single run of each, and of these the ends of cycles.
    ratio = student(list(ratios[0]) if evidence.is_paper else [float(np.mean(each)) for each in ratios])
    low, high = (None if end is None else math.exp(end) for end in (ratio.low, ratio.high))
    factor = Estimate(math.exp(ratio.value), low, high)
    words = f"AdamWR's training loss at the ends of cycles is {format_estimate(factor)} times SGDWR's"
    return evidence.judge(all_below, [ratio], words, panels, OF_STUDENT)


def _at_equal_loss(evidence: Evidence) -> Finding | None:
    words: list[str] = []
    estimates: list[Estimate] = []
    panels: list[Panel] = []
    for restarted, plain, names in ((ADAMWR, ADAMW, "AdamWR − AdamW"), (SGDWR, SGDW, "SGDWR − SGDW")):
        pair = evidence.selected("fig4", restarted, plain)
        if not pair:
            return None
        panels += pair
        differences = _differences(*map(_by_seed, pair))
        if not differences:
            return evidence.judge(all_below, [None], f"{names}: their training losses do not meet", panels)
        estimates.append(student(differences))
        words.append(f"{names} {format_estimate(estimates[-1])}")
    return evidence.judge(all_below, estimates, f"{', '.join(words)} points at equal training loss", panels, OF_STUDENT)


def _differences(restarted: dict[int, Record], plain: dict[int, Record]) -> list[float]:
    """For each seed the mean over the ends of cycles whose losses the other run passes in its second half."""
    means = []
    for seed in sorted(restarted.keys() & plain.keys()):
        losses, errors = late([plain[seed]])
        ends = [row for row in _ends(restarted[seed]) if row.get("test_error") is not None]
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
          differences("fig4", _closed, (ADAM, SGDWR), (ADAMWR, SGDWR)), True),
    Claim("17", "The training loss falls faster with Adam's family than with SGD's", "supplementary figure 5", "fig4",
          "AdamWR's is significantly below SGDWR's at the ends of their cycles", _losses, True),
    Claim("18", "Restarted runs generalise better at equal training loss", "appendix D", "fig4",
          "their errors are significantly lower for AdamW and for SGDW; contradicted when significantly higher for one",
          _at_equal_loss),
)  # fmt: skip
