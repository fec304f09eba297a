"""Claims on grids of learning rate and decay: the paper's figures 1 and 2."""

from collections.abc import Callable, Sequence
from itertools import combinations, starmap

from analysis.claims.ledger import FACT, PAPER, Claim
from analysis.claims.measures import Measure, Pair, differences, given
from analysis.claims.rules import FAILS, HOLDS, OPEN, Interval, all_above, all_below, apart, sign, within
from analysis.claims.sources import Evidence, Run, Verdict, fact
from analysis.results.words import NAMES, Estimate, format_estimate, format_number

FLAT = 0.25  # a ridge slope within -FLAT .. FLAT is flat: less than one grid step over four
SGD, SGDW, ADAM, ADAMW = OPTIMIZERS = tuple(map(Run, NAMES))
DECOUPLED = {name: Pair(Run("adam", name), Run("adamw", name)) for name in ("fixed", "step_drop", "cosine")}
STEPS = {
    (name, better): Pair(Run(name, worse), Run(name, better))
    for name in ("adam", "adamw")
    for worse, better in (("fixed", "step_drop"), ("step_drop", "cosine"))
}
BESTS = Pair(ADAM, SGD), Pair(ADAMW, SGDW, may_be_worse=True)
NOT_ALWAYS = Pair(SGD, ADAM), Pair(SGDW, ADAMW)
UNDER = {"fixed": "a fixed rate", "step_drop": "step drops", "cosine": "cosine annealing"}
CORRECTED = "p < 0.05 after Holm's correction for all"


def gains_by_decay(experiment: str, *runs: Run) -> Callable[[Evidence], str]:
    """The premise that decoupling has something to change: of one of these at least."""

    def premise(evidence: Evidence) -> str:
        if any(evidence.gains_by_decay(experiment, run) for run in runs):
            return ""
        bests = [panel.best for panel in evidence.selected(experiment, *runs)]
        decays = [format_number(best.decay) for best in bests if best]
        return f"decay does not lower the error (best decays: {', '.join(decays)})"

    return premise


def _decoupled(name: str, schedule: str) -> Claim:
    """Under cosine annealing on figure 2, which has the cells that figure 1 shows again, among all its pairs."""
    pair, is_cosine = DECOUPLED[schedule], schedule == "cosine"
    experiment, figure = ("fig2", "figures 1 and 2") if is_cosine else ("fig1", "figure 1")
    family = tuple(starmap(Pair, combinations(OPTIMIZERS, 2))) if is_cosine else tuple(DECOUPLED.values())
    of = "pairs of figure 2" if is_cosine else "parts of 1"
    premise = "premise: decay improves Adam or AdamW by the margin, or may"
    return Claim(
        name, f"Decoupled decay beats L2 for Adam under {UNDER[schedule]}", figure, experiment,
        f"AdamW's best is below Adam's, {CORRECTED} {of}; {premise}",
        given(gains_by_decay(experiment, *pair[:2]), differences(experiment, all_above, pair, family=family)),
        table=PAPER, in_paper=True, beforehand=not is_cosine,  # which was moved to figure 2 when two seeds were known
    )  # fmt: skip


def _annealed(name: str, optimizer: str, better: str) -> Claim:
    pair = STEPS[optimizer, better]
    text = f"{NAMES[optimizer]} is better under {UNDER[better]} than under {UNDER[pair.first.schedule]}"
    return Claim(
        name, text, "figure 1", "fig1",
        f"its lowest error is lower under the first schedule named, {CORRECTED} parts of 2",
        differences("fig1", all_above, pair, family=tuple(STEPS.values())), table=PAPER, in_paper=True,
        beforehand=True,
    )  # fmt: skip


def _slopes(rule: Callable[[Sequence[Interval]], str], *runs: Run) -> Measure:
    """The rule on figure 2's ridges: the slope of one, or that of the first less that of the second."""

    def measure(evidence: Evidence) -> Verdict | None:
        panels = evidence.selected("fig2", *runs)
        if not panels:
            return None
        slopes = [evidence.slope(run.optimizer) for run in runs]
        named = zip((NAMES[run.optimizer] for run in runs), slopes, strict=True)
        few = "too few rows have their best decay inside the grid"
        texts = [f"{name} {format_estimate(slope) if slope else few}" for name, slope in named]
        known: list[Estimate | None] = list(slopes)
        if len(runs) == 2:
            first, second = slopes
            known = [apart(first, second) if first and second else None]
            texts = [f"{texts[0]} − {texts[1]}: {format_estimate(known[0])}"] if known[0] else texts
        return evidence.judge(rule, known, f"slopes of {', '.join(texts)}" if len(runs) > 1 else texts[0], panels)

    return measure


def _coupled(parts: Sequence[Interval]) -> str:
    """Of one slope."""
    return HOLDS if parts[0].high < -FLAT else FAILS if parts[0].low > -FLAT else OPEN


def _ridges(name: str, coupled: Run, free: Run) -> list[Claim]:
    first, second = (NAMES[run.optimizer] for run in (coupled, free))
    parts = (
        ("", f"{first}'s best L2 factor depends more on the learning rate than {second}'s best decay", all_below,
         (coupled, free), "the difference of their slopes of log λ over log α lies below 0; does not hold above"),
        ("a", f"With L2 {first}'s learning rate and factor must be tuned together", _coupled, (coupled,),
         f"the slope lies below -{FLAT}; does not hold above that"),
        ("b", f"{second}'s decay can be tuned alone", within(-FLAT, FLAT), (free,),
         f"the slope lies within ±{FLAT}; does not hold outside"),
    )  # fmt: skip
    return [
        Claim(name + part, text, "figure 2", "fig2", words, _slopes(rule, *runs), table=PAPER, in_paper=True,
              beforehand=True)
        for part, text, rule, runs, words in parts
    ]  # fmt: skip


def _one_below(parts: Sequence[Interval]) -> str:
    """Holds when one lies below 0, does not when all lie above."""
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
    return fact(equal == len(both), words) if both else None


CLAIMS = (
    *map(_decoupled, ("1a", "1b", "1c"), DECOUPLED),
    *(_annealed(f"2{letter}", *step) for letter, step in zip("abcd", STEPS, strict=True)),
    Claim("3", "A schedule helps Adam much, although it adapts its rates", "figure 1", "fig1",
          "the gain of cosine annealing over a fixed rate lies above 0 (how much is not asked); does not hold below",
          differences("fig1", all_above, Pair(Run("adam", "fixed"), ADAM)), table=PAPER, in_paper=True,
          beforehand=True, before_noisy=True),
    *_ridges("4", SGD, SGDW),
    *_ridges("5", ADAM, ADAMW),
    Claim("6", "L2 does not help Adam at all", "figure 2", "fig2",
          "without decay the best is worse by less than the margin; does not hold when by more",
          differences("fig2", all_below, Pair(Run("adam", decays=False), ADAM, may_be_worse=True)), table=PAPER,
          in_paper=True, beforehand=True),
    Claim("7a", "The best Adam is worse than the best SGD", "figure 2", "fig2",
          f"the difference lies above 0, {CORRECTED} parts of 7; does not hold below",
          differences("fig2", all_above, BESTS[0], family=BESTS), table=PAPER, in_paper=True, beforehand=True),
    Claim("7b", "The best AdamW rivals the best SGDW", "figure 2", "fig2",
          f"AdamW is worse by less than the margin, {CORRECTED} parts of 7; does not hold when by more",
          differences("fig2", all_below, BESTS[1], family=BESTS), table=PAPER, in_paper=True, beforehand=True),
    Claim("S1", "Adam and AdamW are not always better than SGD and SGDW", "a reference page on Adam", "fig2",
          "SGD below Adam, or SGDW below AdamW; does not hold when above in both; p < 0.05 after Holm's correction for "
          "the two", differences("fig2", _one_below, *NOT_ALWAYS), beforehand=True),
    Claim("S2", "Without decay Adam and AdamW are identical", "a blog on AdamW", "fig2",
          "every pair of runs ends in the same numbers", _no_decay_no_difference, table=FACT),
)  # fmt: skip
