"""Claims that studies decide: the paper's propositions and details, and what texts about AdamW say."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis.claims import power
from analysis.claims.grids import gains_by_decay
from analysis.claims.ledger import FACT, TEXT, Claim
from analysis.claims.measures import doubtful, format_comparison, given
from analysis.claims.power import Price
from analysis.claims.rules import HOLDS, OPEN, Doubt, Interval, all_above, all_below, within
from analysis.claims.sources import Evidence, Run, Verdict, at_edge, decided, fact
from analysis.results.series import curve
from analysis.results.words import format_estimate
from analysis.statistics.estimate import PAIRED_FROM, STUDENT_FROM, compare, student

LIKE = 0.1  # of the distance to SGD: what is no difference beside it
ROUNDING, APART = 1e-9, 1e-2  # relative distances that are none, and that are one
NETS = {"shake_shake-26-2x64d": 11.6, "shake_shake-26-2x96d": 25.6}  # millions of parameters, as the paper has them
Rows = Sequence[dict[str, Any]]


def _study_claim(
    name: str, text: str, source: str, study: str, rule: str, decide: Callable[[Rows], Verdict | None],
    table: str = FACT,
) -> Claim:  # fmt: skip
    """A claim that a function of the study's rows decides."""

    def measure(evidence: Evidence) -> Verdict | None:
        rows = evidence.rows(study)
        return decide(rows) if rows else None

    return Claim(name, text, source, study, rule, measure, table=table, beforehand=True)  # of clean labels


def _first_proposition(rows: Rows) -> Verdict:
    equal = max(row["distance"] for row in rows if row["what"] == "sgd" and row["ratio"] == 1.0)
    others = min(row["distance"] for row in rows if row["what"] == "sgd" and row["ratio"] != 1.0)
    words = f"distance {equal:.0e} at l = λ / α, at least {others:.2f} elsewhere"
    return fact(equal < ROUNDING < APART < others, words)


def _second_proposition(rows: Rows, true_if_apart: bool = True) -> Verdict:
    residual = min(row["residual"] for row in rows if row["what"] == "residual" and row["spread"])
    closest = min(row["distance"] for row in rows if row["what"] == "adam")
    words = (
        f"the best L2 factor misses {residual:.2f} or more of the decay; Adam ends a relative {closest:.2f} off AdamW"
    )
    return fact((min(residual, closest) > APART) == true_if_apart, words)


def _third_proposition(rows: Rows, form: str) -> Verdict:
    scaled = [row for row in rows if row["what"] == "scaled" and row["form"] == form]
    worst = max(scaled, key=lambda row: float(row["distance"]))
    words = f"largest distance {worst['distance']:.2g}, at α = {worst['alpha']:g}"
    return fact(worst["distance"] < ROUNDING, words)


def _parameters(rows: Rows) -> Verdict | None:
    counts = {row["model"]: row["parameters"] / 1e6 for row in rows}
    if not NETS.keys() <= counts.keys():
        return None
    texts = [f"{name.rpartition('-')[2]} {counts[name]:.2f}" for name in NETS]
    holds = all(abs(counts[name] - stated) < 0.1 for name, stated in NETS.items())
    return fact(holds, f"millions of parameters: {', '.join(texts)}")


def _step_cost(rows: Rows) -> Verdict:
    took = {(row["model"], row["optimizer"]): row["milliseconds"] for row in rows}
    ratios = [took[model, "adamw"] / took[model, "adam"] for model, name in took if name == "adamw"]
    words = f"a step of AdamW takes {min(ratios):.2f} to {max(ratios):.2f} times one of Adam with L2"
    return fact(max(ratios) < 0.95, words)


def _effective_rate(rows: Rows) -> Verdict:
    rates = [row["rate"] for row in rows if row["what"] == "parameter" and row["optimizer"] == "adam"]
    ratio = max(rates) / min(rates)
    return decided(ratio > 2, f"{ratio:.0f}-fold between the tensors of one network")


def _effective_decay(rows: Rows) -> Verdict:
    bins = [row for row in rows if row["what"] == "scale" and row["median"] > 0]
    slopes = {}
    for name in ("adam", "adamw"):
        scales, shares = np.log([[row["scale"], row["median"]] for row in bins if row["optimizer"] == name]).T
        slopes[name] = float(np.polyfit(scales, shares, 1)[0])
    words = "the share taken off goes as the gradients' scale to the power "
    words += f"{slopes['adam']:.2f} with L2 in Adam, {slopes['adamw']:.2f} in AdamW"
    return decided(abs(slopes["adam"] + 1) < 0.3 and abs(slopes["adamw"]) < 0.05, words)


def _first_steps(evidence: Evidence) -> Verdict | None:
    """Mean losses of the last tenth of the first updates, seed by seed."""
    ends: dict[str, dict[int, float]] = {}
    for row in evidence.rows("first_steps"):
        tail = row["losses"][-max(1, len(row["losses"]) // 10) :]
        ends.setdefault(row["optimizer"], {})[row["seed"]] = float(np.mean(tail))
    study = evidence.study("first_steps")
    if study is None or not {"sgd", "adam", "adamw"} <= ends.keys():
        return None
    seeds = ends["adam"].keys()
    parts = [student([ends["adam"][seed] - ends[name][seed] for seed in seeds]) for name in ("adamw", "sgd")]
    words = f"Adam − AdamW {format_estimate(parts[0])}, Adam − SGD {format_estimate(parts[1])} nats"
    price = Price(0, study.seconds / 3600 / len(seeds), power.unit(study.provenance or {}))
    return evidence.judge(_alike_and_behind, parts, words, (), STUDENT_FROM, price, len(seeds))


def _alike_and_behind(differences: Sequence[Interval]) -> str:
    """Of Adam − AdamW and Adam − SGD."""
    alike, lag = differences
    behind, same = all_below([lag]), within(-LIKE * abs(lag.value), LIKE * abs(lag.value))([alike])
    return same if behind == HOLDS else behind


def _exemption(evidence: Evidence) -> Verdict | None:
    """AdamW at the best decay of each group, less AdamW at its best decay for all."""
    panels = {panel.facets["decay_on"]: panel for panel in evidence.panels("groups") if panel.optimizer == "adamw"}
    pairs = compare([panels["matrices"], panels["all"]], evidence.noise()) if len(panels) == 2 else []
    if not pairs:
        return None
    both = [panels[name] for name in ("matrices", "all")]
    doubts = [Doubt(1.0, *(at_edge(one, one.tiles) for one in both), *(one.selected_too_high for one in both))]
    decays = [f"{one.best.decay:g}" for one in both if one.best]
    remarks = doubtful((pairs[0].first, pairs[0].second), doubts[0])
    words = f"{format_comparison(pairs[0], remarks)} points at decays {' and '.join(decays)}"
    return evidence.judge(all_below, [pairs[0].judged], words, list(panels.values()), PAIRED_FROM, doubts=doubts)


def _transformer(evidence: Evidence) -> Verdict | None:
    runs = Run("adam"), Run("adamw")
    compared = evidence.compare("transformer", *runs)
    if compared is None:
        return None
    adam, adamw = (curve(records, "train_loss") for records in evidence.selected_records("transformer", *runs))
    epoch = adamw.first_at_most(adam.values[-1])
    doubt = evidence.doubt("transformer", *runs)
    remarks = doubtful((compared.first, compared.second), doubt)
    words = f"{format_comparison(compared, remarks)} points; Adam's final training loss (epoch {adam.epochs[-1]}) "
    words += f"is reached by AdamW after {epoch}" if epoch else "is never reached by AdamW"
    sooner = epoch is not None and 2 * epoch <= adam.epochs[-1]

    def rule(differences: Sequence[Interval]) -> str:
        outcome = all_above(differences)
        return OPEN if outcome == HOLDS and not sooner else outcome

    return evidence.judge(
        rule, [compared.judged], words, evidence.selected("transformer", *runs), PAIRED_FROM, doubts=[doubt]
    )


CLAIMS = (
    _study_claim("19a", "For SGD decay λ is an L2 factor of λ / α", "Proposition 1", "propositions",
              "equal iterates at that factor, and at no other", _first_proposition),
    _study_claim("19b", "No L2 factor is decay under a preconditioner", "Proposition 2", "propositions",
              "even the best factor misses a part of the decay", _second_proposition),
    _study_claim("19c", "Under a fixed preconditioner decay is a penalty scaled by it", "Proposition 3, appendix",
              "propositions", "equal iterates at every learning rate",
              lambda rows: _third_proposition(rows, "appendix")),
    _study_claim("19d", "The same with the 1 / α that the statement has", "Proposition 3, statement", "propositions",
              "equal iterates at every learning rate", lambda rows: _third_proposition(rows, "statement")),
    _study_claim("21", "The networks have 11.6 and 25.6 million parameters", "section 4", "step_cost",
              "within 0.1 million", _parameters),
    _study_claim("S3", "AdamW's decay is an L2 penalty on the parameters", "a lesson on optimizers", "propositions",
              "a slip where no factor makes Adam into AdamW", lambda rows: _second_proposition(rows, False)),
    _study_claim("S4", "AdamW computes less than Adam with L2", "a blog on AdamW", "step_cost",
              "its step takes less than 0.95 of the time on every network", _step_cost),
    _study_claim("S5", "Adam gives each parameter a learning rate of its own", "a reference page on Adam",
              "effective_decay", "effective rates differ more than twofold between tensors", _effective_rate, TEXT),
    _study_claim("S6", "L2 in Adam decays weights with large gradients less, AdamW all alike", "a blog on AdamW",
              "effective_decay", "powers of the gradient scale within 0.3 of -1, and within 0.05 of 0",
              _effective_decay, TEXT),
    Claim("S7", "In the first 100 updates Adam and AdamW look alike, untuned SGD lags", "a lesson on optimizers",
          "first_steps", f"SGD's loss is higher, and Adam's and AdamW's differ by less than {LIKE} of that lag; does "
          "not hold when SGD's is lower, or they differ by more", _first_steps, beforehand=True),
    Claim("S8", "Biases and normalisations should be exempt from decay", "a lesson on optimizers", "groups",
          "AdamW is better with the exemption, each way at its own best decay; does not hold when worse; premise: "
          "decay improves AdamW by the margin, or may", given(gains_by_decay("fig2", Run("adamw")), _exemption),
          beforehand=True),
    Claim("S9", "A Transformer learns better with AdamW, and in far fewer epochs", "a blog on AdamW", "transformer",
          "AdamW's error is significantly lower, and it reaches Adam's final training loss in half the epochs; open "
          "where only the former is so",
          _transformer, beforehand=True, before_noisy=True),
)  # fmt: skip
