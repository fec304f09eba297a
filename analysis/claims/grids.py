"""Claims on grids of learning rate and decay: the paper's figures 1 and 2."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from analysis.claims.ledger import Claim
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, all_above, not_on_side, sign
from analysis.claims.sources import Evidence, Measure, Run, Verdict, decided, differences
from analysis.results.words import NAMES, format_estimate

FLAT = 0.25  # a ridge slope within -FLAT .. FLAT is flat: less than one grid step over four
SCHEDULES = ("fixed", "step_drop", "cosine")
SGD, SGDW, ADAM, ADAMW = map(Run, NAMES)
FIXED = Run("adam", "fixed"), Run("adamw", "fixed")


def _by_slopes(slopes: Sequence[Interval]) -> str:
    """Is the first ridge inclined and the second flat?"""
    inclined, flat = slopes
    if inclined.high < -FLAT < flat.low and flat.high < FLAT:
        return HOLDS
    return FAILS if inclined.low > -FLAT or flat.low > FLAT or flat.high < -FLAT else OPEN


def _slopes(name: str, coupled: Run, free: Run) -> Claim:
    def measure(evidence: Evidence) -> Verdict | None:
        if not {coupled.optimizer, free.optimizer} <= {panel.optimizer for panel in evidence.panels("fig2")}:
            return None
        slopes = [evidence.slope(run.optimizer) for run in (coupled, free)]
        words = f"slopes {' and '.join(map(format_estimate, slopes))}"
        if any(slope is None or slope.low is None for slope in slopes):
            words = "too few rows hold their best decay"
        return evidence.judge(_by_slopes, slopes, words, evidence.selected("fig2", coupled, free))

    first, second = (NAMES[run.optimizer] for run in (coupled, free))
    return Claim(
        name, f"With L2 {first}'s learning rate and factor must be tuned together, {second}'s decay alone",
        "figure 2", "fig2", f"ridge slope of {first} below -{FLAT}, of {second} within ±{FLAT}", measure, in_paper=True,
    )  # fmt: skip


def _fixed(evidence: Evidence) -> Verdict | None:
    """Of the paper with the reason: neither gains by any decay."""
    verdict = differences("fig1", all_above, FIXED)(evidence)
    if verdict is None or not evidence.is_paper:
        return verdict
    decays = [f"{panel.best.decay:g}" for panel in evidence.selected("fig1", *FIXED) if panel.best]
    return replace(verdict, words=f"the best cells have decays {' and '.join(decays)}; {verdict.words}")


def _better_schedules(optimizers: Sequence[str], *ladder: str) -> Measure:
    """Each schedule of the ladder and the one before, for each of the optimizers."""
    steps = itertools.product(optimizers, itertools.pairwise(ladder))
    return differences("fig1", all_above, *((Run(name, worse), Run(name, better)) for name, (worse, better) in steps))


def _worse_and_rival(parts: Sequence[Interval]) -> str:
    worse, equal = map(sign, parts)
    return FAILS if worse < 0 else HOLDS if worse > 0 and equal <= 0 else OPEN


def _one_below(parts: Sequence[Interval]) -> str:
    """Supported when one lies significantly below 0, contradicted when all lie significantly above."""
    signs = set(map(sign, parts))
    return HOLDS if -1 in signs else FAILS if signs == {1} else OPEN


def _no_decay_no_difference(evidence: Evidence) -> Verdict | None:
    """Final numbers of Adam and AdamW at decay 0, cell by cell: of runs on the same hardware, as others round anew."""
    finals: dict[str, dict[tuple[float, int, object], object]] = {"adam": {}, "adamw": {}}
    for panel in evidence.panels("fig2"):
        for record in [r for (_, decay), tile in panel.tiles.items() if not decay for r in tile.records]:
            if panel.optimizer in finals:
                place = (record["cell"]["alpha"], record["cell"]["seed"], record["provenance"]["hardware"])
                finals[panel.optimizer][place] = record["final"]
    both = finals["adam"].keys() & finals["adamw"].keys()
    equal = sum(finals["adam"][place] == finals["adamw"][place] for place in both)
    words = f"{equal} of {len(both)} pairs of runs end in the same numbers, bit for bit"
    return decided(equal == len(both), words) if both else None


_each = differences("fig1", all_above, *((Run("adam", schedule), Run("adamw", schedule)) for schedule in SCHEDULES))
CLAIMS = (
    Claim("1", "Decoupled decay beats L2 for Adam under a fixed rate, step drops and cosine", "figure 1", "fig1",
          "AdamW's selected cell is significantly better under each", _each, in_paper=True, beforehand=True),
    Claim("1a", "Of these, under a fixed rate", "figure 1, left", "fig1",
          "AdamW's selected cell is significantly better", _fixed, in_paper=True),
    Claim("2", "Cosine annealing beats step drops, and those a fixed rate, for Adam and AdamW", "figure 1", "fig1",
          "every gain is significantly above 0", _better_schedules(("adam", "adamw"), *SCHEDULES),
          in_paper=True, beforehand=True),
    Claim("3", "A schedule helps Adam much, although it adapts its rates", "figure 1", "fig1",
          "every gain is significantly above 0", _better_schedules(("adam",), "fixed", "cosine"),
          in_paper=True, beforehand=True),
    _slopes("4", SGD, SGDW),
    _slopes("5", ADAM, ADAMW),
    Claim("6", "L2 does not help Adam at all", "figure 2", "fig2",
          "its best cell is not significantly better than without",
          differences("fig2", not_on_side(-1), (ADAM, Run("adam", decays=False))), in_paper=True),
    Claim("7", "The best Adam is worse than the best SGD; the best AdamW rivals SGDW", "figure 2", "fig2",
          "Adam significantly above SGD, AdamW not significantly above SGDW",
          differences("fig2", _worse_and_rival, (ADAM, SGD), (ADAMW, SGDW)), in_paper=True),
    Claim("S1", "Adam is not always better than SGD", "a reference page on Adam", "fig2",
          "SGD significantly below Adam, or SGDW below AdamW; contradicted when above in both",
          differences("fig2", _one_below, (SGD, ADAM), (SGDW, ADAMW))),
    Claim("S2", "Without decay Adam and AdamW are identical", "a blog on AdamW", "fig2",
          "every pair of runs ends in the same numbers", _no_decay_no_difference),
)  # fmt: skip
