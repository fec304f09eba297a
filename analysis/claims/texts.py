"""Claims that studies decide: the paper's propositions and details, and what texts about AdamW say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.claims import prices
from analysis.claims.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Verdict
from analysis.claims.power import Doubt
from analysis.claims.rules import NOISE_UNKNOWN, OF_STUDENT, all_above, all_below, around, pair, sign, student, told
from analysis.results.series import curve, variants
from analysis.results.words import Estimate, format_estimate
from analysis.statistics.estimate import NO_SCATTER, OWN_SCATTER, paired_difference

ROUNDING, APART = 1e-9, 1e-2  # relative distances that are none, and that are one
NETS = {"shake_shake-26-2x64d": 11.6, "shake_shake-26-2x96d": 25.6}  # millions of parameters, as the paper has them
Row = dict[str, Any]


def _distances(rows: Sequence[Row], what: str, **kept: Any) -> list[float]:
    own = [row for row in rows if row["what"] == what and all(row[key] == value for key, value in kept.items())]
    return [row["distance"] for row in own]


def _decided(evidence: Evidence, study: str, holds: bool, words: str) -> Verdict:
    return evidence.study_verdict(study, SUPPORTED if holds else CONTRADICTED, words)


def _first_proposition(evidence: Evidence) -> Verdict:
    rows = evidence.rows("propositions")
    if not rows:
        return Verdict(NOT_RUN)
    distance = max(_distances(rows, "sgd", ratio=1.0))
    others = min(row["distance"] for row in rows if row["what"] == "sgd" and row["ratio"] != 1.0)
    words = f"distance {distance:.0e} at l = λ / α, at least {others:.2f} elsewhere"
    return _decided(evidence, "propositions", distance < ROUNDING < APART < others, words)


def _second_proposition(evidence: Evidence) -> Verdict:
    rows = evidence.rows("propositions")
    if not rows:
        return Verdict(NOT_RUN)
    residual = min(row["residual"] for row in rows if row["what"] == "residual" and row["spread"])
    closest = min(_distances(rows, "adam"))
    words = f"the best factor leaves {residual:.2f} or more of the decay, and Adam {closest:.2f} away from AdamW"
    return _decided(evidence, "propositions", min(residual, closest) > APART, words)


def _third_proposition(form: str) -> Any:
    def ours(evidence: Evidence) -> Verdict:
        own = [row for row in evidence.rows("propositions") if row["what"] == "scaled" and row["form"] == form]
        if not own:
            return Verdict(NOT_RUN)
        worst = max(own, key=lambda row: row["distance"])
        words = f"largest distance {worst['distance']:.2g}, at α = {worst['alpha']:g}"
        return _decided(evidence, "propositions", worst["distance"] < ROUNDING, words)

    return ours


def _no_l2(evidence: Evidence) -> Verdict:
    """The same numbers as Proposition 2's, for the sentence that says the contrary."""
    found = _second_proposition(evidence)
    if found.outcome == NOT_RUN:
        return found
    outcome = CONTRADICTED if found.outcome == SUPPORTED else SUPPORTED
    return evidence.study_verdict("propositions", outcome, found.words)


def _parameters(evidence: Evidence) -> Verdict:
    counts = {row["model"]: row["parameters"] / 1e6 for row in evidence.rows("step_cost")}
    if not NETS.keys() <= counts.keys():
        return Verdict(NOT_RUN)
    told = [f"{name.rpartition('-')[2]} {counts[name]:.2f}" for name in NETS]
    holds = all(abs(counts[name] - stated) < 0.1 for name, stated in NETS.items())
    return _decided(evidence, "step_cost", holds, f"millions of trained values: {', '.join(told)}")


def _step_cost(evidence: Evidence) -> Verdict:
    took = {(row["model"], row["optimizer"]): row["milliseconds"] for row in evidence.rows("step_cost")}
    ratios = [took[model, "adamw"] / took[model, "adam"] for model, name in took if name == "adamw"]
    if not ratios:
        return Verdict(NOT_RUN)
    words = f"a step of AdamW takes {min(ratios):.2f} to {max(ratios):.2f} times one of Adam with L2"
    return _decided(evidence, "step_cost", max(ratios) < 0.95, words)


def _effective_rate(evidence: Evidence) -> Verdict:
    rows = [row for row in evidence.rows("effective_decay") if row["what"] == "parameter"]
    rates = [row["rate"] for row in rows if row["optimizer"] == "adam"]
    if not rates:
        return Verdict(NOT_RUN)
    ratio = max(rates) / min(rates)
    return _decided(evidence, "effective_decay", ratio > 2, f"{ratio:.0f}-fold between the tensors of one net")


def _effective_decay(evidence: Evidence) -> Verdict:
    bins = [row for row in evidence.rows("effective_decay") if row["what"] == "scale" and row["median"] > 0]
    if not bins:
        return Verdict(NOT_RUN)
    logs = {
        name: np.log([[row["scale"], row["median"]] for row in bins if row["optimizer"] == name]).T
        for name in ("adam", "adamw")
    }
    slopes = {name: float(np.polyfit(scales, shares, 1)[0]) for name, (scales, shares) in logs.items()}
    words = "the share taken off goes as the gradients' scale to the power "
    words += f"{slopes['adam']:.2f} with L2 in Adam, {slopes['adamw']:.2f} in AdamW"
    holds = abs(slopes["adam"] + 1) < 0.3 and abs(slopes["adamw"]) < 0.05
    return _decided(evidence, "effective_decay", holds, words)


def _first_steps(evidence: Evidence) -> Verdict:
    """Mean losses of the last tenth of the first updates, seed by seed."""
    ends: dict[str, dict[int, float]] = {}
    for row in evidence.rows("first_steps"):
        tail = row["losses"][-max(1, len(row["losses"]) // 10) :]
        ends.setdefault(row["optimizer"], {})[row["seed"]] = float(np.mean(tail))
    if not {"sgd", "adam", "adamw"} <= ends.keys():
        return Verdict(NOT_RUN)
    seeds = ends["adam"].keys()
    alike = student([ends["adam"][seed] - ends["adamw"][seed] for seed in seeds])
    lag = student([ends["adam"][seed] - ends["sgd"][seed] for seed in seeds])
    words = f"Adam less AdamW {format_estimate(alike)}, Adam less SGD {format_estimate(lag)} nats"
    price = evidence.study_price("first_steps").shared(len(seeds))
    doubt = Doubt((alike, lag), _alike_and_behind, len(seeds), price, OF_STUDENT)
    return evidence.study_verdict("first_steps", _alike_and_behind([alike, lag]), words, doubt)


def _alike_and_behind(differences: Sequence[Estimate]) -> str:
    """Of Adam less AdamW and Adam less SGD."""
    alike, lag = differences
    same = alike.low is not None and sign(alike) == 0
    behind = all_below([lag])
    return behind if behind != SUPPORTED or same else UNDECIDED


def _exemption(evidence: Evidence) -> Verdict:
    chart = evidence.chart("groups")
    found = variants(chart, "adamw") if chart else []
    if chart is None or len(found) < 2:
        return Verdict(NOT_RUN)
    difference, half = paired_difference(*found[:2])
    scatter = NO_SCATTER if math.isnan(half) else f"± {half:.2f} points"
    words = f"AdamW with them exempt, less with decay on all: {difference:+.2f} {scatter}"
    lost = [f"{variant.diverged} of {variant.name} diverged" for variant in found[:2] if variant.diverged]
    words += f" (seeds: {len(found[0].errors.keys() & found[1].errors.keys())}; {', '.join(lost)})" if lost else ""
    part = NOISE_UNKNOWN if math.isnan(half) else around(difference, half)
    survivors_ahead = found[1 if difference < 0 else 0].diverged  # as in a Comparison
    judged = () if survivors_ahead else (part,)
    price = prices.of_a_seed(record for record in chart.records if record["cell"]["optimizer"] == "adamw")
    doubt = Doubt(judged or (None,), all_below, len(found[0].errors), price, OF_STUDENT)
    return evidence.verdict("groups", all_below(judged), words, doubt)


def _transformer(evidence: Evidence) -> Verdict:
    found = evidence.panels("transformer")
    better = pair(found, "adam", "adamw", evidence)
    runs = {panel.optimizer: panel.best for panel in found}
    adam, adamw = runs.get("adam"), runs.get("adamw")
    if better is None or adam is None or adamw is None:
        return Verdict(NOT_RUN)
    line = curve(adam.records, "train_loss")
    there = curve(adamw.records, "train_loss").first_at_most(line.values[-1])
    words = f"Adam less AdamW {told(better)} points; Adam's final training loss ({line.epochs[-1]} epochs) "
    words += f"is AdamW's after {there}" if there else "is never AdamW's"
    sooner = there is not None and 2 * there <= line.epochs[-1]

    def judged(differences: Sequence[Estimate]) -> str:
        outcome = all_above(differences)
        return UNDECIDED if outcome == SUPPORTED and not sooner else outcome

    return evidence.by_rule("transformer", judged, [better.judged], words, found, OWN_SCATTER)


CLAIMS = (
    Claim("19a", "For SGD decay λ is an L2 factor of λ / α", "Proposition 1", "propositions",
          "equal iterates there, and nowhere else", _first_proposition),
    Claim("19b", "No L2 factor is decay under a preconditioner", "Proposition 2", "propositions",
          "the best factor leaves a part of the decay", _second_proposition),
    Claim("19c", "Under a fixed preconditioner decay is a penalty scaled by it", "Proposition 3, appendix",
          "propositions", "equal iterates at every learning rate", _third_proposition("appendix")),
    Claim("19d", "The same with the 1 / α that the statement has", "Proposition 3, statement", "propositions",
          "equal iterates at every learning rate", _third_proposition("statement")),
    Claim("21", "The nets have 11.6 and 25.6 million parameters", "section 4", "step_cost",
          "within 0.1 million", _parameters),
    Claim("S3", "AdamW's decay is an L2 penalty on the parameters", "a lesson on optimizers", "propositions",
          "contradicted where no factor makes Adam into AdamW", _no_l2),
    Claim("S4", "AdamW computes less than Adam with L2", "a blog on AdamW", "step_cost",
          "its step takes less than 0.95 of the time on every net", _step_cost),
    Claim("S5", "Adam gives each parameter a learning rate of its own", "a reference page on Adam", "effective_decay",
          "more than twofold between tensors", _effective_rate),
    Claim("S6", "L2 in Adam decays weights with large gradients less, AdamW all alike", "a blog on AdamW",
          "effective_decay", "powers of the gradient scale within 0.3 of -1, and within 0.05 of 0", _effective_decay),
    Claim("S7", "In the first 100 updates Adam and AdamW look alike, untuned SGD lags", "a lesson on optimizers",
          "first_steps", "no difference of Adam and AdamW is seen, one to SGD is", _first_steps),
    Claim("S8", "Biases and normalisations should be exempt from decay", "a lesson on optimizers", "groups",
          "AdamW is decidedly better so", _exemption),
    Claim("S9", "A Transformer learns better with AdamW, and in far fewer epochs", "a blog on AdamW", "transformer",
          "decidedly lower error, and Adam's final training loss in half the epochs", _transformer, None, True),
)  # fmt: skip
