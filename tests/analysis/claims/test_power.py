"""The number of seeds that is told decides as often as is promised: in simulations that know nothing of how."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from analysis.claims.power import PowerInput, Price, seeds, seeds_needed
from analysis.claims.rules import FAILS, HOLDS, OPEN, Doubt, Interval, Rule, all_above, all_below, doubted
from analysis.results.words import Estimate
from analysis.statistics.estimate import MOST, PAIRED_FROM, POWER, around, student

PRICE = Price(4, 0.5)
NORMAL, STUDENT = 1.96, {runs: float(stats.t.ppf(0.975, runs - 1)) for runs in (3, 5)}


def power_input(
    *parts: Estimate | None, rule: Rule = all_above, runs: int = 2, student_from: float = math.inf
) -> PowerInput:
    return PowerInput(parts, rule, runs, PRICE, student_from)


def simulated(means: Sequence[float], deviation: float, count: int, rule: Rule, known: bool) -> dict[str, float]:
    """How often a rule says what of so many runs' differences, drawn and judged 2,000 times."""
    rng, said = np.random.default_rng(1), []
    for _ in range(2000):
        draws = [rng.normal(mean, deviation, count) for mean in means]
        if known:
            said.append(rule([around(float(own.mean()), NORMAL * deviation / math.sqrt(count)) for own in draws]))
        else:
            said.append(rule([student([float(value) for value in own]) for own in draws]))
    return {outcome: said.count(outcome) / len(said) for outcome in (HOLDS, FAILS, OPEN)}


@pytest.mark.parametrize("distance", [0.3, 0.6])
def test_one_difference_is_the_textbook_s_number(distance: float) -> None:
    """Single differences deviate by 1."""
    found = seeds(power_input(around(distance, NORMAL / math.sqrt(2))))
    quantiles = float(stats.norm.ppf(0.975) + stats.norm.ppf(POWER))
    assert found == pytest.approx((quantiles / distance) ** 2, rel=0.15)
    told = simulated([distance], 1.0, found or 0, all_above, known=True)
    assert told[HOLDS] == pytest.approx(POWER, abs=0.06)
    half = simulated([distance], 1.0, (found or 0) // 2, all_above, known=True)
    assert half[HOLDS] < 0.6


@pytest.mark.parametrize(("runs", "distance"), [(3, 1.0), (5, 0.5)])
def test_what_student_s_interval_needs(runs: int, distance: float) -> None:
    """Few seeds estimate their own deviation: wide intervals now, narrower ones then."""
    found = seeds(power_input(around(distance, STUDENT[runs] / math.sqrt(runs)), runs=runs, student_from=2))
    assert found is not None
    assert simulated([distance], 1.0, found, all_above, known=False)[HOLDS] == pytest.approx(POWER, abs=0.07)
    assert simulated([distance], 1.0, found // 2, all_above, known=False)[HOLDS] < 0.6


def test_a_known_deviation_now_and_their_own_scatter_then() -> None:
    """As comparisons do it: from three seeds on."""
    found = seeds(power_input(around(1.0, NORMAL), runs=1, student_from=PAIRED_FROM))
    assert found is not None
    assert simulated([1.0], 1.0, found, all_above, known=False)[HOLDS] == pytest.approx(POWER, abs=0.07)
    assert found > (seeds(power_input(around(1.0, NORMAL), runs=1)) or 0)


def test_two_that_must_both_be_seen_need_more_than_the_worse_of_them() -> None:
    halves = NORMAL / math.sqrt(2)
    found = seeds(power_input(around(0.5, halves), around(0.5, halves)))
    one = seeds(power_input(around(0.5, halves)))
    assert found is not None
    assert one is not None
    assert found > 1.2 * one
    assert simulated([0.5, 0.5], 1.0, found, all_above, known=True)[HOLDS] == pytest.approx(POWER, abs=0.06)


def test_one_that_contradicts_is_enough() -> None:
    """The rule decides, not a list of thresholds: a gain that is clearly below 0 settles it whatever the others are."""
    near, far = around(0.01, 1.0), around(-0.7, 1.0)
    assert (seeds(power_input(near, far)) or MOST) < 25
    assert seeds(power_input(near, around(0.7, 1.0))) is None


def test_a_verdict_that_more_seeds_would_overturn_is_no_decision() -> None:
    """With few more seeds 9 ± 7 would be within 0 to 20; with many it is below 10, which the rule asks for as well."""

    def rule(parts: Sequence[Interval]) -> str:
        ((_, low, high),) = parts
        return FAILS if high < 10 else HOLDS if low > 5 else OPEN

    found = seeds(power_input(around(9.0, 7.0), rule=rule, runs=1))
    assert found == pytest.approx((2.80 * 7.0 / NORMAL / 1.0) ** 2, rel=0.15)


def test_what_the_grid_leaves_open_no_number_of_seeds_decides() -> None:
    told = seeds_needed(power_input(around(2.0, 1.0), rule=doubted(all_above, [Doubt(no_low=True)])))
    assert "no number of seeds" in told.words


def test_a_skewed_interval_counts_on_the_side_of_the_bound() -> None:
    wide, narrow = Estimate(0.5, -0.9, 0.7), Estimate(0.5, -0.1, 1.5)
    assert (seeds(power_input(wide)) or 0) > (seeds(power_input(narrow)) or MOST)


def test_what_is_told() -> None:
    told = seeds_needed(power_input(around(0.5, NORMAL / math.sqrt(2))))
    assert told.seeds is not None
    more = told.seeds - 2
    assert told.words == f"{told.seeds} seeds in place of 2: {4 * more} cells, {0.5 * more:.1f} core-hours more"
    assert (told.hours, told.unit) == (0.5 * more, "core")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "compares numbers without intervals"),
        (power_input(around(1.0, 2.0), None), "could not be measured"),
        (power_input(Estimate(1.0, None, None), runs=1), "first a second seed, for the noise: 4 cells, 0.5 core-hours"),
        (power_input(around(0.01, 1.0)), "no number of seeds up to 1,000: too near a bound"),
        (power_input(around(0.0, 1.0), rule=all_below), "leaves these very numbers open"),
    ],
)
def test_where_seeds_do_not_decide_it_says_why(given: PowerInput | None, words: str) -> None:
    told = seeds_needed(given)
    assert words in told.words
    assert told.seeds is None
