"""A law on the axis that was not swept: best decays and exponents move by what the number of updates says."""

import csv
import io
import math

import pytest

from analysis.results.words import Estimate
from analysis.statistics.both_axes import NORMALIZED, RAW, on_both_axes, predicted, table
from analysis.statistics.power_laws import Line
from analysis.statistics.predictions import EPOCH, ROOT
from analysis.statistics.scaling import Law

SIZES = (16.0, 64.0, 256.0)
EPOCHS_FIXED = {size: 8192 / size for size in SIZES}
UPDATES_FIXED = dict.fromkeys(SIZES, 512.0)


def _line(updates: dict[float, float], unit: str = RAW) -> Line:
    """Best decays in proportion to the batch size; the middle one at the edge."""
    best = {size: Estimate(math.log2(size) - 14, math.log2(size) - 15, None) for size in SIZES}
    held = "updates fixed" if updates == UPDATES_FIXED else "epochs fixed"
    law = Law(Estimate(1.0, 0.8, 1.2), {**best, 64.0: None})
    return Line("AdamW", unit, "batch size", law, held=held, updates=updates)


def test_the_other_axis_is_the_swept_one_times_the_root_of_the_updates() -> None:
    swept, other = on_both_axes([_line(EPOCHS_FIXED)])
    assert (swept.computed, other.computed, other.line.unit) == (False, True, NORMALIZED)
    for size in (16.0, 256.0):
        assert 2 ** other.line.law.best[size].value == pytest.approx(
            2 ** swept.line.law.best[size].value * math.sqrt(8192 / size)
        )
        assert other.line.law.best[size].high is None
    assert other.line.law.best[64.0] is None
    exponent = other.line.law.exponent
    assert (exponent.value, exponent.low, exponent.high) == pytest.approx((0.5, 0.3, 0.7))


def test_there_and_back_is_where_it_was() -> None:
    normalized = on_both_axes([_line(EPOCHS_FIXED)])[1].line
    back = on_both_axes([normalized])[1].line
    assert back.unit == RAW
    assert back.law.exponent.value == pytest.approx(1.0)
    assert back.law.best[16.0].value == pytest.approx(-10)


def test_what_was_swept_on_both_is_not_computed_and_unknown_updates_compute_nothing() -> None:
    both = on_both_axes([_line(EPOCHS_FIXED), _line(EPOCHS_FIXED, NORMALIZED)])
    assert [each.computed for each in both] == [False, False]
    assert len(on_both_axes([_line({})])) == 1


def test_at_equal_epochs_the_paper_s_rule_is_a_root_and_normalized_it_is_constant() -> None:
    assert predicted(_line(EPOCHS_FIXED)) == {ROOT: 0.5, EPOCH: 1.0}
    assert predicted(_line(EPOCHS_FIXED, NORMALIZED)) == {ROOT: 0.0, EPOCH: 0.5}


def test_at_equal_updates_the_paper_s_rule_is_one_decay_on_either_axis() -> None:
    for unit in (RAW, NORMALIZED):
        assert predicted(_line(UPDATES_FIXED, unit)) == {ROOT: 0.0, EPOCH: 1.0}


def test_the_table_has_a_line_for_each_axis_and_place_and_no_number_at_the_edge() -> None:
    lines = list(csv.DictReader(io.StringIO(table([_line(EPOCHS_FIXED)]))))
    assert [(line["unit"], line["computed"], float(line["x"])) for line in lines] == [
        (unit, computed, size) for unit, computed in ((RAW, "no"), (NORMALIZED, "yes")) for size in SIZES
    ]
    assert float(lines[0]["value"]) == pytest.approx(16 / 2**14)
    assert (lines[1]["at_edge"], lines[1]["value"]) == ("yes", "")
    assert float(lines[0]["exponent_low"]) == 0.8
