"""Claims on warm restarts: the paper's figure 4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.claims.long_runs import late
from analysis.claims.rules import OF_STUDENT, SINGLE, all_below, around, sign, student, told
from analysis.results.panels import Panel
from analysis.results.series import curve
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import OWN_SCATTER, Comparison, compare
from paper_repro.records import Record


def _run(evidence: Evidence, optimizer: str, restarted: bool) -> Panel | None:
    """The panel of an optimizer, with restarts or without; None where it was not run or every run diverged."""
    for panel in evidence.panels("fig4"):
        if panel.optimizer == optimizer and ("restarts" in str(panel.facets["schedule"])) == restarted:
            return panel if panel.best is not None else None
    return None


def _speed_up(evidence: Evidence) -> Verdict:
    plain, restarted = _run(evidence, "adamw", False), _run(evidence, "adamw", True)
    if plain is None or restarted is None or plain.best is None or restarted.best is None:
        return Verdict(NOT_RUN)
    ends = curve(restarted.best.records, "test_error", "ends_cycle")
    if not ends.epochs:
        return Verdict(NOT_RUN)
    there = curve(plain.best.records, "test_error").first_at_most(ends.values[0])
    ratio = (there or math.inf) / ends.epochs[0]
    words = f"AdamWR after {ends.epochs[0]} epochs is where AdamW is after {there}: {ratio:.1f}-fold"
    return evidence.verdict("fig4", SUPPORTED if ratio >= 5 else CONTRADICTED if ratio < 2 else UNDECIDED, words)


def _ends_equal(evidence: Evidence) -> Verdict:
    runs = [_run(evidence, "adamw", restarted) for restarted in (True, False)]
    found = _compared(*runs)
    if found is None:
        return Verdict(NOT_RUN)
    words, shown = f"AdamWR less AdamW at the end {told(found)} points", [run for run in runs if run is not None]
    return evidence.by_rule("fig4", _not_above, [found.judged], words, shown, OWN_SCATTER)


def _not_above(differences: Sequence[Estimate]) -> str:
    if differences[0].low is None:
        return UNDECIDED
    return CONTRADICTED if sign(differences[0]) > 0 else SUPPORTED


def _compared(first: Panel | None, second: Panel | None) -> Comparison | None:
    pairs = compare([first, second]) if first is not None and second is not None else []
    return pairs[0] if pairs else None


def _gap(evidence: Evidence) -> Verdict:
    shown = [_run(evidence, *which) for which in (("adam", False), ("adamw", True), ("sgdw", True))]
    gap, left = (_compared(shown[place], shown[2]) for place in (0, 1))
    if gap is None or left is None:
        return Verdict(NOT_RUN)
    compared = [panel for panel in shown if panel is not None]
    words = _gaps(gap.difference, told(gap), told(left))
    return evidence.by_rule("fig4", _closed, [gap.judged, left.judged], words, compared, OWN_SCATTER)


def _closed(both: Sequence[Estimate]) -> str:
    """The gap, and what is left of it."""
    gap, left = both
    if sign(gap) <= 0 or left.low is None or left.high is None:
        return UNDECIDED
    half = gap.value / 2
    return SUPPORTED if left.high < half else CONTRADICTED if left.low > half else UNDECIDED


def _gaps(gap: Estimate, gap_words: str, left_words: str) -> str:
    none = "" if sign(gap) > 0 else ": no gap is seen"
    return f"Adam less SGDWR {gap_words}, AdamWR less SGDWR {left_words} points{none}"


def _gap_paper(figures: Paper) -> Verdict:
    last = {r.optimizer: r.value for r in figures.values("fig4", "cifar_test_error") if r.epoch == r.epochs}
    gaps = [around(last[name] - last["sgdwr"], SINGLE) for name in ("adam", "adamwr")]
    return Verdict(_closed(gaps), _gaps(gaps[0], *map(format_estimate, gaps)))


def _losses(evidence: Evidence) -> Verdict:
    runs = [_run(evidence, name, True) for name in ("adamw", "sgdw")]
    by_seed = [_by_seed(run) for run in runs if run is not None]
    if len(by_seed) < 2:
        return Verdict(NOT_RUN)
    shown = [run for run in runs if run is not None]
    ratios = [
        float(np.mean(np.log(_cycle_losses(by_seed[0][seed])) - np.log(_cycle_losses(by_seed[1][seed]))))
        for seed in sorted(by_seed[0].keys() & by_seed[1].keys())
    ]
    if not ratios:
        return Verdict(NOT_RUN)
    found = student(ratios)
    return evidence.by_rule("fig4", all_below, [found], _faster(found), shown, OF_STUDENT)


def _by_seed(panel: Panel) -> dict[int, Record]:
    return {} if panel.best is None else dict(zip(panel.best.seeds, panel.best.records, strict=True))


def _cycle_losses(record: Record) -> list[float]:
    return [row["train_loss"] for row in _ends(record)]


def _ends(record: Record) -> list[dict[str, Any]]:
    """The last epoch of every cycle."""
    rows = list(record["epochs"])
    return [row for row in rows if row.get("ends_cycle") or row is rows[-1]]


def _faster(found: Estimate) -> str:
    """Of the logarithm of a ratio of losses."""
    factors = [None if part is None else math.exp(part) for part in (found.value, found.low, found.high)]
    words = f"AdamWR's training loss at the ends of cycles is {factors[0]:.2f}"
    words += f" [{factors[1]:.2f}, {factors[2]:.2f}]" if None not in factors else ""
    return f"{words} times SGDWR's"


def _losses_paper(figures: Paper) -> Verdict:
    losses = {(r.optimizer, r.epoch): r.value for r in figures.values("fig4", "cifar_training_loss")}
    epochs = [epoch for name, epoch in losses if name == "adamwr"]
    found = student([math.log(losses["adamwr", epoch] / losses["sgdwr", epoch]) for epoch in epochs])
    return Verdict(all_below([found]), _faster(found))


def _at_equal_loss(evidence: Evidence) -> Verdict:
    words: list[str] = []
    found: list[Estimate] = []
    shown: list[Panel] = []
    for name, pair in (("adamw", "AdamWR less AdamW"), ("sgdw", "SGDWR less SGDW")):
        plain, restarted = _run(evidence, name, False), _run(evidence, name, True)
        if plain is None or restarted is None:
            return Verdict(NOT_RUN)
        shown += [plain, restarted]
        differences = _differences(_by_seed(restarted), _by_seed(plain))
        if not differences:
            return evidence.by_rule("fig4", all_below, [None], f"{pair}: their training losses do not meet", shown)
        found.append(student(differences))
        words.append(f"{pair} {format_estimate(found[-1])}")
    points = f"{', '.join(words)} points at equal training loss"
    return evidence.by_rule("fig4", all_below, found, points, shown, OF_STUDENT)


def _differences(restarted: dict[int, Record], plain: dict[int, Record]) -> list[float]:
    """For each seed the mean over the ends of cycles whose losses the other run passes in its second half."""
    found = []
    for seed in sorted(restarted.keys() & plain.keys()):
        losses, errors = late([plain[seed]])
        ends = [row for row in _ends(restarted[seed]) if row.get("test_error") is not None]
        met = [row for row in ends if losses.min() <= math.log(row["train_loss"]) <= losses.max()]
        if met:
            apart = [row["test_error"] - np.interp(math.log(row["train_loss"]), losses, errors) for row in met]
            found.append(float(np.mean(apart)))
    return found


CLAIMS = (
    Claim("11", "Restarts reach a result up to ten times sooner", "figure 4", "fig4",
          "at the first restart 5 times sooner or more; contradicted below 2", _speed_up),
    Claim("12", "AdamWR ends where AdamW ends", "figure 4", "fig4", "not decidedly worse at the end", _ends_equal),
    Claim("13", "Decoupling and restarts close most of the gap between Adam and SGDWR", "section 4.4, figure 4", "fig4",
          "Adam is decidedly worse than SGDWR, and AdamWR by decidedly less than half as much", _gap, _gap_paper),
    Claim("17", "The training loss falls faster with Adam's family than with SGD's", "supplementary figure 5", "fig4",
          "AdamWR's is decidedly below SGDWR's at the ends of their cycles", _losses, _losses_paper),
    Claim("18", "Restarted runs generalise better at equal training loss", "appendix D", "fig4",
          "their errors are decidedly lower for AdamW and for SGDW; contradicted when decidedly higher for one",
          _at_equal_loss),
)  # fmt: skip
