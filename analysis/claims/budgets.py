"""Claims on how the best decay goes with the budget and with the batch size: supplementary figure 3, and beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis import laws
from analysis.batch_sizes import EPOCHS
from analysis.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.predictions import BATCH, EPOCH, PREDICTED, ROOT
from analysis.scaling import law
from analysis.separability import said
from analysis.surfaces import Estimate

Interval = tuple[float, float]
Judged = Callable[[Sequence[Interval]], str]


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
        "14" if raw else "15",
        "The best decay per update falls with the budget" if raw else "Normalized, the best decay suits all budgets",
        "supplementary figure 3", "supp3",
        "the exponent's interval lies below 0" if raw else "the exponent's interval holds 0", ours, paper, True,
    )  # fmt: skip


def _batch_size(name: str, text: str, source: str, rule: str, judged: Judged) -> Claim:
    """Of the exponents in the batch size, at equal epochs, of SGDW's and AdamW's best decay per update."""

    def ours(evidence: Evidence) -> Verdict:
        chart = evidence.chart("batch_size")
        lines = laws.of_chart(chart, evidence.records) if chart else []
        own = [line for line in lines if line.quantity == BATCH and line.held == EPOCHS]
        own = [line for line in own if line.unit == laws.UNITS["step"]]
        if not own:
            return Verdict(NOT_RUN)
        words = ", ".join(f"{line.who.partition(',')[0]} {said(line.law.exponent)}" for line in own)
        found = [line.law.exponent for line in own if line.law.exponent is not None]
        intervals = [(part.low, part.high) for part in found if part.low is not None and part.high is not None]
        outcome = judged(intervals) if len(intervals) == len(own) else UNDECIDED
        return evidence.verdict("batch_size", outcome, f"exponents in the batch size: {words}")

    return Claim(name, text, source, "batch_size", rule, ours)


def _holds(value: float) -> Judged:
    def judged(intervals: Sequence[Interval]) -> str:
        held = [low <= value <= high for low, high in intervals]
        return SUPPORTED if all(held) else UNDECIDED if any(held) else CONTRADICTED

    return judged


def _falls(intervals: Sequence[Interval]) -> str:
    if all(high < 0 for _, high in intervals):
        return SUPPORTED
    return CONTRADICTED if all(low > 0 for low, _ in intervals) else UNDECIDED


HALF, ONE = PREDICTED[BATCH][ROOT][0], PREDICTED[BATCH][EPOCH][0]
CLAIMS = (
    _budget("raw"),
    _budget("norm"),
    _batch_size("B1", "The best decay per update goes with the square root of the batch size", "appendix B.1",
                f"both intervals hold {HALF}; contradicted when neither does", _holds(HALF)),
    _batch_size("B2", "It goes in proportion to the batch size", "the timescale view (arXiv:2405.13698)",
                f"both intervals hold {ONE:g}; contradicted when neither does", _holds(ONE)),
    _batch_size("B3", "The larger the batch, the smaller the best decay", "notes on the paper",
                "both intervals lie below 0; contradicted when both lie above", _falls),
)  # fmt: skip
