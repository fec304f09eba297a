"""Claims on grids of learning rate and decay: the paper's figures 1 and 2."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from analysis.claims.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Claim, Evidence, Paper, Verdict
from analysis.claims.rules import NOISE_UNKNOWN, SINGLE, all_above, by_difference, lowest, pair, sign, told
from analysis.results.panels import Panel
from analysis.results.table import provenance
from analysis.results.words import NAMES, Estimate, format_estimate
from analysis.statistics.estimate import OWN_SCATTER, compare
from analysis.statistics.ridge import ridge
from analysis.statistics.surface import of_panel

FLAT = 0.25  # a ridge slope within -FLAT .. FLAT is flat: less than one grid step over four
SCHEDULES = ("fixed", "step_drop", "cosine")


def _by_slopes(slopes: Sequence[Estimate]) -> str:
    """Is the first ridge inclined and the second flat?"""
    (_, low, high), (_, free_low, free_high) = ((part.value, part.low, part.high) for part in slopes)
    if low is None or high is None or free_low is None or free_high is None:
        return UNDECIDED
    if high < -FLAT and free_low > -FLAT and free_high < FLAT:
        return SUPPORTED
    return CONTRADICTED if low > -FLAT or free_low > FLAT or free_high < -FLAT else UNDECIDED


def _told(coupled: Estimate | None, free: Estimate | None) -> str:
    if coupled is None or free is None or coupled.low is None or free.low is None:
        return "too few rows hold their best decay"
    return f"slopes {format_estimate(coupled)} and {format_estimate(free)}"


def _slopes(coupled: str, free: str) -> Claim:
    names = {"sgd": "SGD", "sgdw": "SGDW", "adam": "Adam", "adamw": "AdamW"}

    def ours(evidence: Evidence) -> Verdict:
        found = {panel.optimizer: panel for panel in evidence.panels("fig2")}
        if coupled not in found or free not in found:
            return Verdict(NOT_RUN)
        shown = [found[name] for name in (coupled, free)]
        slopes = [ridge(of_panel(panel, "validation")).slope for panel in shown]
        return evidence.by_rule("fig2", _by_slopes, slopes, _told(*slopes), shown)

    def paper(figures: Paper) -> Verdict:
        slopes = [ridge(figures.surface("fig2", f"{name}_cosine")).slope for name in (coupled, free)]
        known = [slope for slope in slopes if slope is not None]
        return Verdict(_by_slopes(known) if len(known) == len(slopes) else UNDECIDED, _told(*slopes))

    return Claim(
        "4" if coupled == "sgd" else "5",
        f"With L2 {names[coupled]}'s learning rate and factor must be tuned together, {names[free]}'s decay alone",
        "figure 2", "fig2", f"ridge slope of {names[coupled]} below -{FLAT}, of {names[free]} within ±{FLAT}",
        ours, paper,
    )  # fmt: skip


def _l2_helps_adam(evidence: Evidence) -> Verdict:
    found = [panel for panel in evidence.panels("fig2") if panel.optimizer == "adam"]
    if not found or found[0].best is None:
        return Verdict(NOT_RUN)
    (panel,) = found
    without = [tile for tile in panel.candidates if tile.decay == 0]
    if not without or panel.best is None:
        return Verdict(NOT_RUN)
    bare = min(without, key=lambda tile: np.mean(tile.errors("validation")))
    compared = compare([panel, dataclasses.replace(panel, best=bare)])
    if not compared:
        return evidence.by_rule("fig2", _no_gain, [NOISE_UNKNOWN], "one seed", [panel])
    words = f"with the best factor {told(compared[0])} points against none"
    return evidence.by_rule("fig2", _no_gain, [compared[0].judged], words, [panel], OWN_SCATTER)


def _no_gain(differences: Sequence[Estimate]) -> str:
    if differences[0].low is None:
        return UNDECIDED
    return CONTRADICTED if sign(differences[0]) < 0 else SUPPORTED


def _rivals(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig2")
    worse, equal = pair(found, "adam", "sgd", evidence), pair(found, "adamw", "sgdw", evidence)
    if worse is None or equal is None:
        return Verdict(NOT_RUN)
    words = f"Adam less SGD {told(worse)}, AdamW less SGDW {told(equal)} points"
    differences = [worse.judged, equal.judged]
    return evidence.by_rule("fig2", _worse_and_rival, differences, words, found, OWN_SCATTER)


def _worse_and_rival(differences: Sequence[Estimate]) -> str:
    worse, equal = map(sign, differences)
    rival = equal <= 0 and differences[1].low is not None
    return CONTRADICTED if worse < 0 else SUPPORTED if worse > 0 and rival else UNDECIDED


def _decoupled_beats(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig1")
    pairs: dict[str, list[Panel]] = {}
    for panel in found:
        name = str(panel.facets.get("schedule", "")).partition(":")[0]
        pairs.setdefault(name, []).append(panel)
    compared = {name: pair(own, "adam", "adamw", evidence) for name, own in pairs.items()}
    if set(compared) != set(SCHEDULES) or None in compared.values():
        return Verdict(NOT_RUN)
    known = {name: each for name, each in compared.items() if each}
    words = ", ".join(f"{name} {told(each)}" for name, each in known.items())
    judged = [each.judged for each in known.values()]
    return evidence.by_rule("fig1", all_above, judged, f"Adam less AdamW: {words}", found, OWN_SCATTER)


def _decoupled_beats_paper(figures: Paper) -> Verdict:
    gains = {}
    for name in SCHEDULES:
        figure = "fig2" if name == "cosine" else "fig1"
        gains[name] = lowest(figures, figure, f"adam_{name}") - lowest(figures, figure, f"adamw_{name}")
    words = ", ".join(f"{name} {gain:+.2f} ± {SINGLE:.2f}" for name, gain in gains.items())
    if all(gain > SINGLE for gain in gains.values()):
        return Verdict(SUPPORTED, f"Adam less AdamW: {words}")
    outcome = CONTRADICTED if any(gain < -SINGLE for gain in gains.values()) else UNDECIDED
    return Verdict(outcome, f"Adam less AdamW: {words}")


def _steps(optimizers: tuple[str, ...], ladder: tuple[str, ...]) -> dict[str, tuple[str, str, str]]:
    """Every claimed gain: name, optimizer, the worse and the better schedule."""
    return {
        f"{NAMES[name]} {worse} less {better}": (name, worse, better)
        for name in optimizers
        for worse, better in itertools.pairwise(ladder)
    }


def _schedules(name: str, text: str, optimizers: tuple[str, ...], ladder: tuple[str, ...]) -> Claim:
    """Each schedule of the ladder is better than the one before, for each of the optimizers."""
    gains = _steps(optimizers, ladder)

    def ours(evidence: Evidence) -> Verdict:
        found = {
            (panel.optimizer, str(panel.facets["schedule"]).partition(":")[0]): panel
            for panel in evidence.panels("fig1")
            if panel.best
        }
        if not all((name, schedule) in found for name in optimizers for schedule in ladder):
            return Verdict(NOT_RUN)
        noise = evidence.noise()
        pairs = {
            words: compare([found[name, worse], found[name, better]], noise)
            for words, (name, worse, better) in gains.items()
        }
        shown = [found[name, schedule] for name in optimizers for schedule in ladder]
        if not all(pairs.values()):
            words = "the noise of single runs is not known"
            return evidence.by_rule("fig1", all_above, [NOISE_UNKNOWN], words, shown)
        words = ", ".join(f"{words} {told(each)}" for words, (each,) in pairs.items())
        return evidence.by_rule(
            "fig1", all_above, [each.judged for (each,) in pairs.values()], words, shown, OWN_SCATTER
        )

    def paper(figures: Paper) -> Verdict:
        def best(name: str, schedule: str) -> float:
            return lowest(figures, "fig2" if schedule == "cosine" else "fig1", f"{name}_{schedule}")

        found = {words: best(name, worse) - best(name, better) for words, (name, worse, better) in gains.items()}
        words = ", ".join(f"{words} {gain:+.2f} ± {SINGLE:.2f}" for words, gain in found.items())
        least = min(found.values())
        return Verdict(SUPPORTED if least > SINGLE else CONTRADICTED if least < -SINGLE else UNDECIDED, words)

    return Claim(name, text, "figure 1", "fig1", "every gain is decidedly above 0", ours, paper, True)


def _fixed_rate(evidence: Evidence) -> Verdict:
    found = [panel for panel in evidence.panels("fig1") if str(panel.facets.get("schedule")) == "fixed"]
    gain = pair(found, "adam", "adamw", evidence)
    if gain is None:
        return Verdict(NOT_RUN)
    words = f"Adam less AdamW {told(gain)} points"
    return evidence.by_rule("fig1", all_above, [gain.judged], words, found, OWN_SCATTER)


def _fixed_rate_paper(figures: Paper) -> Verdict:
    best = {name: min(figures.values("fig1", f"{name}_fixed"), key=lambda r: r.value) for name in ("adam", "adamw")}
    decays = " and ".join(f"{reading.decay or 0:g}" for reading in best.values())
    gain = best["adam"].value - best["adamw"].value
    return by_difference(gain, 1, f"the best cells have decays {decays}; Adam less AdamW")


def _not_always(evidence: Evidence) -> Verdict:
    found = evidence.panels("fig2")
    pairs = [pair(found, *names, evidence) for names in (("sgd", "adam"), ("sgdw", "adamw"))]
    if None in pairs:
        return Verdict(NOT_RUN)
    known = [each for each in pairs if each is not None]
    words = ", ".join(f"{each.first} less {each.second} {told(each)}" for each in known)
    differences = [each.judged for each in known]
    return evidence.by_rule("fig2", _one_ahead, differences, f"{words} points", found, OWN_SCATTER)


def _one_ahead(differences: Sequence[Estimate]) -> str:
    """Supported when one lies decidedly below 0, contradicted when all lie decidedly above."""
    signs = [sign(part) for part in differences]
    return SUPPORTED if -1 in signs else CONTRADICTED if set(signs) == {1} else UNDECIDED


def _no_decay_no_difference(evidence: Evidence) -> Verdict:
    """Final numbers of Adam and AdamW at decay 0, cell by cell: of runs on the same hardware, as others round anew."""
    finals: dict[str, dict[tuple[float, int, object], object]] = {"adam": {}, "adamw": {}}
    for panel in evidence.panels("fig2"):
        for record in [r for (_, decay), tile in panel.tiles.items() if not decay for r in tile.records]:
            if panel.optimizer in finals:
                place = (record["cell"]["alpha"], record["cell"]["seed"], provenance(record).get("hardware"))
                finals[panel.optimizer][place] = record["final"]
    both = finals["adam"].keys() & finals["adamw"].keys()
    if not both:
        return Verdict(NOT_RUN)
    equal = sum(finals["adam"][place] == finals["adamw"][place] for place in both)
    words = f"{equal} of {len(both)} pairs of runs end in the same numbers, bit for bit"
    return evidence.verdict("fig2", SUPPORTED if equal == len(both) else CONTRADICTED, words)


CLAIMS = (
    Claim("1", "Decoupled decay beats L2 for Adam under a fixed rate, step drops and cosine", "figure 1", "fig1",
          "AdamW's selected cell is decidedly better under each", _decoupled_beats, _decoupled_beats_paper, True),
    Claim("1a", "Of these, under a fixed rate", "figure 1, left", "fig1", "AdamW's selected cell is decidedly better",
          _fixed_rate, _fixed_rate_paper),
    _schedules("2", "Cosine annealing beats step drops, and those a fixed rate, for Adam and AdamW", ("adam", "adamw"),
               SCHEDULES),
    _schedules("3", "A schedule helps Adam much, although it adapts its rates", ("adam",), ("fixed", "cosine")),
    _slopes("sgd", "sgdw"),
    _slopes("adam", "adamw"),
    Claim("6", "L2 does not help Adam at all", "figure 2", "fig2", "its best cell is not decidedly better than none",
          _l2_helps_adam,
          lambda p: by_difference(lowest(p, "fig2", "adam_cosine") - lowest(p, "fig2", "adam_cosine", True), 0,
                                  "with the best factor against none")),
    Claim("7", "The best Adam is worse than the best SGD; the best AdamW rivals SGDW", "figure 2", "fig2",
          "Adam decidedly above SGD, AdamW not decidedly above SGDW", _rivals,
          lambda p: by_difference(lowest(p, "fig2", "adam_cosine") - lowest(p, "fig2", "sgd_cosine"), 1,
                                  "Adam less SGD")),
    Claim("S1", "Adam is not always better than SGD", "a reference page on Adam", "fig2",
          "SGD decidedly below Adam, or SGDW below AdamW; contradicted when above in both", _not_always),
    Claim("S2", "Without decay Adam and AdamW are identical", "a blog on AdamW", "fig2",
          "every pair of runs ends in the same numbers", _no_decay_no_difference),
)  # fmt: skip
