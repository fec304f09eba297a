"""Claims on warm restarts: the paper's figure 4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims.long_runs import late
from analysis.claims.measures import SINGLE, below_zero, student
from analysis.compare import compare
from analysis.curves import curve
from analysis.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.panels import Panel
from analysis.separability import said
from analysis.surfaces import Estimate
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
    difference = _difference(_run(evidence, "adamw", True), _run(evidence, "adamw", False))
    if difference is None or difference.low is None:
        return Verdict(NOT_RUN)
    outcome = CONTRADICTED if difference.low > 0 else SUPPORTED
    return evidence.verdict("fig4", outcome, f"AdamWR less AdamW at the end {said(difference)} points")


def _difference(first: Panel | None, second: Panel | None) -> Estimate | None:
    pairs = compare([first, second]) if first is not None and second is not None else []
    return pairs[0].difference if pairs else None


def _gap(evidence: Evidence) -> Verdict:
    sgdwr = _run(evidence, "sgdw", True)
    gap = _difference(_run(evidence, "adam", False), sgdwr)
    left = _difference(_run(evidence, "adamw", True), sgdwr)
    return evidence.verdict("fig4", *_closed(gap, left)) if gap and left else Verdict(NOT_RUN)


def _closed(gap: Estimate, left: Estimate) -> tuple[str, str]:
    words = f"Adam less SGDWR {said(gap)}, AdamWR less SGDWR {said(left)} points"
    assert gap.low is not None
    assert left.low is not None
    assert left.high is not None
    if gap.low <= 0:
        return UNDECIDED, f"{words}: no gap is seen"
    half = gap.value / 2
    return SUPPORTED if left.high < half else CONTRADICTED if left.low > half else UNDECIDED, words


def _gap_paper(figures: Paper) -> Verdict:
    last = {r.optimizer: r.value for r in figures.values("fig4", "cifar_test_error") if r.epoch == r.epochs}
    gaps = [last[name] - last["sgdwr"] for name in ("adam", "adamwr")]
    return Verdict(*_closed(*(Estimate(gap, gap - SINGLE, gap + SINGLE) for gap in gaps)))


def _losses(evidence: Evidence) -> Verdict:
    runs = [_run(evidence, name, True) for name in ("adamw", "sgdw")]
    by_seed = [_by_seed(run) for run in runs if run is not None]
    if len(by_seed) < 2:
        return Verdict(NOT_RUN)
    ratios = [
        float(np.mean(np.log(_cycle_losses(by_seed[0][seed])) - np.log(_cycle_losses(by_seed[1][seed]))))
        for seed in sorted(by_seed[0].keys() & by_seed[1].keys())
    ]
    return evidence.verdict("fig4", *_faster(ratios)) if ratios else Verdict(NOT_RUN)


def _by_seed(panel: Panel) -> dict[int, Record]:
    return {} if panel.best is None else dict(zip(panel.best.seeds, panel.best.records, strict=True))


def _cycle_losses(record: Record) -> list[float]:
    return [row["train_loss"] for row in _ends(record)]


def _ends(record: Record) -> list[dict[str, Any]]:
    """The last epoch of every cycle."""
    rows = list(record["epochs"])
    return [row for row in rows if row.get("ends_cycle") or row is rows[-1]]


def _faster(log_ratios: Sequence[float]) -> tuple[str, str]:
    found = student(log_ratios)
    factors = [None if part is None else math.exp(part) for part in (found.value, found.low, found.high)]
    words = f"AdamWR's training loss at the ends of cycles is {factors[0]:.2f}"
    words += f" [{factors[1]:.2f}, {factors[2]:.2f}]" if None not in factors else ""
    return below_zero(found), f"{words} times SGDWR's"


def _losses_paper(figures: Paper) -> Verdict:
    losses = {(r.optimizer, r.epoch): r.value for r in figures.values("fig4", "cifar_training_loss")}
    epochs = [epoch for name, epoch in losses if name == "adamwr"]
    return Verdict(*_faster([math.log(losses["adamwr", epoch] / losses["sgdwr", epoch]) for epoch in epochs]))


def _at_equal_loss(evidence: Evidence) -> Verdict:
    words, found = [], []
    for name, told in (("adamw", "AdamWR less AdamW"), ("sgdw", "SGDWR less SGDW")):
        plain, restarted = _run(evidence, name, False), _run(evidence, name, True)
        if plain is None or restarted is None:
            return Verdict(NOT_RUN)
        differences = _differences(_by_seed(restarted), _by_seed(plain))
        if not differences:
            return evidence.verdict("fig4", UNDECIDED, f"{told}: their training losses do not meet")
        found.append(student(differences))
        words.append(f"{told} {said(found[-1])}")
    return evidence.verdict("fig4", below_zero(*found), f"{', '.join(words)} points at equal training loss")


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
