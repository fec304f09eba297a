"""Claims on warm restarts: the paper's figure 4."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.claims.ledger import PAPER, Claim
from analysis.claims.long_runs import ALIKE
from analysis.claims.measures import Pair, differences, given
from analysis.claims.rules import FAILS, GRID, HOLDS, OPEN, Interval, all_below, exponential
from analysis.claims.sources import Evidence, Run, Verdict
from analysis.results.series import Curve, curve
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import STUDENT_FROM, student
from paper_repro.records import Record

ADAM, SGDW, ADAMW = Run("adam"), Run("sgdw"), Run("adamw")
SGDWR, ADAMWR = Run("sgdw", "warm_restarts"), Run("adamw", "warm_restarts")
SOONER, HARDLY = 5, 2  # times: of "up to ten" what is enough, and what is too little


def _speed_up(evidence: Evidence) -> Verdict | None:
    records = evidence.selected_records("fig4", ADAMW, ADAMWR)
    factors, ends = [], []
    for plain, restarted in _by_seed(*records) if records else []:
        first = curve([restarted], "test_error", "ends_cycle")
        if first.epochs:
            ends.append(first.epochs[0])
            factors.append([epoch / ends[-1] for epoch in _reached(curve([plain], "test_error"), first.values[0])])
    if not factors:
        return None
    part = student([math.log(value) for value, _, _ in factors])
    if part.low is None and (evidence.is_paper or len(factors) > 1):  # between the epochs where errors are known
        low, high = min(before for _, before, _ in factors), max(after for *_, after in factors)
        part = Estimate(part.value, math.log(low), math.log(high))
    factor = exponential(part)
    words = (
        f"AdamW reaches the error that AdamWR has at its first restart (epoch {ends[0]}) {format_estimate(factor)} "
        "times later"
    )
    panels = evidence.selected("fig4", ADAMW, ADAMWR)
    return evidence.judge(_sooner, [part], words, panels, STUDENT_FROM)


def _sooner(parts: Sequence[Interval]) -> str:
    """Of the log of a factor."""
    ((_, low, high),) = parts
    return HOLDS if low >= math.log(SOONER) else FAILS if high < math.log(HARDLY) else OPEN


def _reached(line: Curve, level: float) -> tuple[float, float, float]:
    """The epoch at which a curve first comes down to a level, by interpolation, with the two between which it is known
    to; its last epoch where it never does."""
    epoch = line.first_at_most(level)
    if epoch is None:
        return (line.epochs[-1],) * 3
    place = line.epochs.index(epoch)
    if not place:
        return (epoch,) * 3
    before, (high, low) = line.epochs[place - 1], line.values[place - 1 : place + 1]
    return epoch - (epoch - before) * (level - low) / (high - low), before, epoch


def _no_gap(evidence: Evidence) -> str:
    """The premise of a claim on closing a gap: that there is none."""
    gap = evidence.compare("fig4", ADAM, SGDWR)
    high = gap.difference.high if gap else None
    small = high is not None and high < evidence.margin("fig4", ADAM, SGDWR)
    return "Adam is not worse than SGDWR by the margin: there is no gap to close" if small else ""


def _closed(parts: Sequence[Interval]) -> str:
    """The gap, and what is left of it."""
    gap, left = parts
    if gap.low <= 0:
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
    words = f"AdamWR's training loss at the ends of cycles is {format_estimate(exponential(ratio))} times SGDWR's"
    return evidence.judge(all_below, [ratio], words, evidence.selected("fig4", ADAMWR, SGDWR), STUDENT_FROM)


def _at_equal_loss(evidence: Evidence) -> Verdict | None:
    """For each seed the mean over the ends of cycles whose training loss the other run has in the end."""
    runs = {"AdamWR − AdamW": (ADAMWR, ADAMW), "SGDWR − SGDW": (SGDWR, SGDW)}
    panels = evidence.selected("fig4", *(run for pair in runs.values() for run in pair))
    if not panels:
        return None
    parts: dict[str, Estimate | None] = {}
    for names, pair in runs.items():
        means = []
        for restarted, plain in _by_seed(*evidence.selected_records("fig4", *pair)):
            last = _ends(plain)[-1]
            met = [row["test_error"] - last["test_error"] for row in _ends(restarted) if _alike(row, last)]
            means += [float(np.mean(met))] if met else []
        parts[names] = student(means) if means else None
    texts = [
        f"{name} {format_estimate(part)} points" if part else f"{name} have none in common"
        for name, part in parts.items()
    ]
    words = f"at equal final training losses: {', '.join(texts)}"
    verdict = evidence.judge(all_below, list(parts.values()), words, panels, STUDENT_FROM)
    return replace(verdict, why=GRID) if None in parts.values() else verdict


def _alike(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether training losses are, where errors are known."""
    known = row.get("test_error") is not None and other.get("test_error") is not None
    return known and abs(math.log(row["train_loss"] / other["train_loss"])) < math.log(ALIKE)


CLAIMS = (
    Claim("11", "Restarts reach a result up to ten times sooner", "figure 4", "fig4",
          f"AdamW reaches AdamWR's error at the first restart {SOONER} times later or more; does not hold below "
          f"{HARDLY} times", _speed_up, table=PAPER, in_paper=True),
    Claim("12", "AdamWR ends as well as AdamW", "figure 4", "fig4",
          "it ends worse by less than the margin; does not hold when by more",
          differences("fig4", all_below, Pair(ADAMWR, ADAMW, may_be_worse=True)), table=PAPER, in_paper=True),
    Claim("13", "Decoupling and restarts close most of the gap between Adam and SGDWR", "section 4.4, figure 4", "fig4",
          "Adam is worse than SGDWR, and AdamWR by less than half as much; does not hold when by more than half; "
          "premise: Adam is worse by the margin, or may be",
          given(_no_gap, differences("fig4", _closed, Pair(ADAM, SGDWR), Pair(ADAMWR, SGDWR))), table=PAPER,
          in_paper=True),
    Claim("17", "The training loss falls faster with Adam's family than with SGD's", "supplementary figure 5", "fig4",
          "AdamWR's is below SGDWR's at the ends of their cycles; does not hold when above", _losses, table=PAPER,
          in_paper=True),
    Claim("18", "Restarted runs generalise better at equal training loss", "appendix D", "fig4",
          "at the ends of cycles whose training loss is within a factor of "
          f"{ALIKE} of the other run's final one, errors are lower for AdamW and for SGDW; does not hold when higher "
          "for one", _at_equal_loss, table=PAPER),
)  # fmt: skip
