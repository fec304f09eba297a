"""Claims on how the best decay goes with the budget and with the batch size: supplementary figure 3, and beyond."""

from collections.abc import Sequence

from analysis.claims.ledger import PAPER, Claim
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, Rule, all_below, sign, within
from analysis.claims.sources import Evidence, Verdict
from analysis.results.series import EPOCHS, of_plan
from analysis.results.words import UNITS, format_estimate
from analysis.statistics.power_laws import BATCH, PREDICTED, ROOT

STAYS = 0.25  # an exponent within -STAYS .. STAYS: over a factor of 16 less than twofold, one grid step


def _budget(name: str, text: str, words: str, unit: str, rule: Rule) -> Claim:
    """unit: of the decay."""

    def measure(evidence: Evidence) -> Verdict | None:
        for line in evidence.laws("supp3"):
            if (line.optimizer, line.unit, line.held, line.computed) == ("adamw", UNITS[unit], "", False):
                words = f"exponent in the budget {format_estimate(line.exponent)}"
                if line.exponent is None or line.exponent.low is None:
                    words = "too few budgets have their best decay inside the grid, or the noise of runs is not known"
                panels = [panel for panel in evidence.panels("supp3") if panel.decay_unit == unit]
                return evidence.judge(rule, [line.exponent], words, panels)
        return None

    return Claim(
        name, text, "supplementary figure 3", "supp3", words, measure, table=PAPER, in_paper=True, beforehand=True
    )


def _batch_size(name: str, text: str, source: str, words: str, rule: Rule) -> Claim:
    """Of the exponents in the batch size, at equal epochs, of SGDW's and AdamW's best decay per update."""

    def measure(evidence: Evidence) -> Verdict | None:
        place = BATCH, EPOCHS, UNITS["step"]
        lines = [line for line in evidence.laws("batch_size") if (line.quantity, line.held, line.unit) == place]
        if not lines:
            return None
        texts = []
        for line in lines:
            best = ", ".join(f"{size:g}: {2**part.value:.2g}" for size, part in line.best if part)
            texts.append(f"{line.who.partition(',')[0]} {format_estimate(line.exponent)} (best decays {best})")
        panels = of_plan(evidence.panels("batch_size"), EPOCHS)
        exponents = [line.exponent for line in lines]
        return evidence.judge(rule, exponents, f"exponents in the batch size: {', '.join(texts)}", panels)

    return Claim(name, text, source, "batch_size", words, measure, beforehand=True)


def _falls(exponents: Sequence[Interval]) -> str:
    signs = set(map(sign, exponents))
    return HOLDS if signs == {-1} else FAILS if signs == {1} else OPEN


HALF = PREDICTED[BATCH][ROOT][0]
CLAIMS = (
    _budget("14", "The best decay per update falls with the budget",
            "AdamW's exponent lies below 0; does not hold above", "step", all_below),
    _budget("15", "Normalized, the best decay suits all budgets",
            f"AdamW's exponent lies within ±{STAYS}; does not hold outside", "normalized",
            within(-STAYS, STAYS)),
    _batch_size("B1", "The best decay per update is proportional to the square root of the batch size", "appendix B.1",
                f"SGDW's and AdamW's intervals lie within {HALF} ± {STAYS}; does not hold when one lies outside",
                within(HALF - STAYS, HALF + STAYS)),
    _batch_size("B3", "The larger the batch, the smaller the best decay", "notes on the paper",
                "SGDW's and AdamW's intervals lie below 0; does not hold when both lie above", _falls),
)  # fmt: skip
