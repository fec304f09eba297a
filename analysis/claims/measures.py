"""What most claims measure: differences in test error between selected cells, where a claim's premise is there."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from analysis.claims.rules import ABSENT, Doubt, Rule
from analysis.claims.sources import Evidence, Run, Verdict
from analysis.results.words import format_estimate
from analysis.statistics.estimate import NO_SCATTER, PAIRED_FROM, Comparison, holm

Measure = Callable[[Evidence], Verdict | None]


class Pair(NamedTuple):
    """Two to compare, the first less the second; may_be_worse: the first by the margin (rules.py)."""

    first: Run
    second: Run
    may_be_worse: bool = False


def given(premise: Callable[[Evidence], str], measure: Measure) -> Measure:
    """The measure where what it assumes is there; premise: says what is not, nothing where it is."""

    def measured(evidence: Evidence) -> Verdict | None:
        verdict, absent = measure(evidence), premise(evidence)
        if verdict is None or not absent:
            return verdict
        return Verdict(ABSENT, f"{absent}; {verdict.words}")

    return measured


def differences(
    experiment: str, rule: Rule, *of: tuple[Run, Run] | Pair, family: Sequence[Pair] = ()
) -> Measure:  # fmt: skip
    """The rule on differences of test error between selected cells, the first of each pair less the second, or less
    the margin by which the first may be worse; nothing where one of them was not run.

    An interval decides where its p-value, corrected with those of the family (pairs, and those of the claim's other
    parts) by Holm's rule, is below 0.05, and where no better cell may lie beyond the grid on the side that it decides
    against, nor another cell of the grid looks so much better than the selected one that it would not decide.
    """
    pairs = [Pair(*pair) for pair in of]
    every = list(dict.fromkeys((*pairs, *family)))

    def measure(evidence: Evidence) -> Verdict | None:
        compared = {pair: each for pair in every if (each := _beyond(evidence, pair))}
        if not compared.keys() >= set(pairs):
            return None
        corrected = holm([each.p for each in compared.values() if each.p is not None])
        of_pair = dict(zip((pair for pair, each in compared.items() if each.p is not None), corrected, strict=True))
        doubts, texts = [], []
        for pair in pairs:
            each, p = compared[pair], of_pair.get(pair)
            doubts.append(evidence.doubt(experiment, *pair[:2], widening=1.0 if p is None else each.widening(p)))
            texts.append(_texts(evidence, pair, p if len(corrected) > 1 else None, doubts[-1]))
        words = f"{', '.join(texts)} points"
        runs = dict.fromkeys(run for pair in pairs for run in pair[:2])
        estimates = [compared[pair].judged for pair in pairs]
        return evidence.judge(rule, estimates, words, evidence.selected(experiment, *runs), PAIRED_FROM, doubts=doubts)

    def _beyond(evidence: Evidence, pair: Pair) -> Comparison | None:
        compared = evidence.compare(experiment, *pair[:2])
        return compared.beyond(evidence.margin(experiment, *pair[:2])) if compared and pair.may_be_worse else compared

    def _texts(evidence: Evidence, pair: Pair, p: float | None, doubt: Doubt) -> str:
        compared = evidence.compare(experiment, *pair[:2])
        assert compared is not None
        remarks = [f"margin {evidence.margin(experiment, *pair[:2]):.2f}"] * pair.may_be_worse
        remarks += [f"Holm's p {p:.2g}"] if p is not None else []
        names = compared.first, compared.second
        return format_comparison(compared, [*remarks, *doubtful(names, doubt)])

    return measure


def doubtful(names: Iterable[str], doubt: Doubt) -> list[str]:
    """What there is to say of the first and of the second."""
    edges, points = (doubt.no_low, doubt.no_high), (doubt.lower, doubt.higher)
    texts = []
    for name, is_at_edge, better in zip(names, edges, points, strict=True):
        texts += [f"{name} on the grid boundary"] * is_at_edge
        texts += [f"another cell of {name} looks {better:.2f} points better"] * (better > 0)
    return texts


def format_comparison(compared: Comparison, remarks: Sequence[str] = ()) -> str:
    """Adam − AdamW 0.92 [0.34, 1.49], or why it has no interval, and the seeds that it lacks."""
    remarks = [*remarks, *[NO_SCATTER] * (compared.p is None)]
    remarks += [f"seeds: {compared.seeds_text}"] * (not compared.seeds_text.isdigit())
    text = f"{compared.first} − {compared.second} {format_estimate(compared.difference)}"
    return text + (f" ({'; '.join(remarks)})" if remarks else "")
