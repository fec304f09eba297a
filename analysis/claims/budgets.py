"""Claims on how the best decay goes with the budget and with the batch size: supplementary figure 3, and beyond."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.claims.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.results.series import EPOCHS, of_plan
from analysis.results.words import Estimate, format_estimate
from analysis.statistics import power_laws
from analysis.statistics.predictions import BATCH, EPOCH, PREDICTED, ROOT
from analysis.statistics.scaling import law

Interval = tuple[float, float]
Judged = Callable[[Sequence[Interval]], str]


def _intervals(parts: Sequence[Estimate]) -> list[Interval]:
    """Of those that have one."""
    return [(part.low, part.high) for part in parts if part.low is not None and part.high is not None]


def _budget(unit: str) -> Claim:
    raw = unit == "raw"

    def judged(exponents: Sequence[Estimate]) -> str:
        intervals = _intervals(exponents)
        if not intervals:
            return UNDECIDED
        ((low, high),) = intervals
        return SUPPORTED if (high < 0 if raw else low <= 0 <= high) else CONTRADICTED

    def told(exponent: Estimate | None) -> str:
        if exponent is None or exponent.low is None:
            return "too few budgets hold their best decay, or the noise of single runs is not known"
        return f"exponent in the budget {format_estimate(exponent)}"

    def ours(evidence: Evidence) -> Verdict:
        chart = evidence.chart("supp3")
        lines = power_laws.of_chart(chart, evidence.records) if chart else []
        own = [line.law.exponent for line in lines if (line.who, line.unit) == ("AdamW", power_laws.UNITS[unit])]
        shown = [
            panel for panel in evidence.panels("supp3") if power_laws.UNITS[panel.decay_unit] == power_laws.UNITS[unit]
        ]
        return evidence.by_rule("supp3", judged, own[:1], told(own[0]), shown) if own else Verdict(NOT_RUN)

    def paper(figures: Paper) -> Verdict:
        budgets = {float(t): figures.surface("supp3", f"cifar_adamw_{unit}_{t}") for t in (25, 100, 400)}
        found = law(budgets).exponent
        return Verdict(judged([found]) if found else UNDECIDED, told(found))

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
        lines = power_laws.of_chart(chart, evidence.records) if chart else []
        own = [line for line in lines if line.quantity == BATCH and line.held == EPOCHS]
        own = [line for line in own if line.unit == power_laws.UNITS["step"]]
        if not own:
            return Verdict(NOT_RUN)
        words = ", ".join(f"{line.who.partition(',')[0]} {format_estimate(line.law.exponent)}" for line in own)
        shown = of_plan(evidence.panels("batch_size"), EPOCHS)
        exponents = [line.law.exponent for line in own]
        return evidence.by_rule("batch_size", by_intervals, exponents, f"exponents in the batch size: {words}", shown)

    def by_intervals(exponents: Sequence[Estimate]) -> str:
        intervals = _intervals(exponents)
        return judged(intervals) if len(intervals) == len(exponents) else UNDECIDED

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
