"""The laws of the best decay: exponents of surfaces whose best decays follow known ones, which there are of a chart, on
both axes, what is predicted of them, and those of the paper's own figures."""

import csv
import io
import math
from collections.abc import Sequence

import numpy as np
import pytest

import experiments
from analysis.results import published
from analysis.results.table import Chart, charts
from analysis.results.words import Estimate
from analysis.statistics import surface as module
from analysis.statistics.power_laws import (
    BATCH,
    BATCH_AT_UPDATES,
    EPOCH,
    EPOCHS,
    HEADER,
    NORMALIZED,
    RAW,
    ROOT,
    SMALLER,
    UPDATES,
    Law,
    Sweep,
    best_decay,
    chart_laws,
    fit_exponents,
    fit_laws,
    numbers,
    predicted,
    predictions,
    published_laws,
    table,
)
from analysis.statistics.surface import Floats, Surface, published_surface
from paper_repro.cell import Cell
from tests.conftest import made_record
from tests.made_surfaces import bowl


def _chart(name: str, best, **changes: str) -> Chart:
    """Records whose best decay is best(cell)."""
    experiment = experiments.get(name).changed(changes)
    cells = experiment.profiles["demo"].cells
    records = [made_record(cell, 30 + math.log2(cell.decay / best(cell)) ** 2) for cell in cells]
    (chart,) = charts(experiment, records)
    return chart


def _timescale(cell: Cell) -> float:
    return 0.016 * cell.batch_size / 64


def test_batch_sizes_have_laws_of_both_plans_on_both_axes_and_joint_ones() -> None:
    lines = chart_laws(_chart("batch_size", _timescale), [])
    found = {(line.who, line.unit): line.exponent.value for line in lines if not line.is_joint}
    raw, normalized = (
        [found[f"SGDW, {plan} fixed", unit] for plan in ("epochs", "updates")] for unit in ("per update", "normalized")
    )
    assert [round(part, 2) for part in raw] == [1, 1]
    assert [round(part, 2) for part in normalized] == [0.5, 1]
    both = {(line.who, line.unit, line.quantity): line for line in lines if line.is_joint}
    exponents = both["AdamW, all panels", "per update", "batch size and epochs"].exponents
    assert [round(part.value, 2) + 0.0 for part in exponents.values()] == [1, 0]
    exponents = both["AdamW, all panels", "normalized", "batch size and epochs"].exponents
    assert [round(part.value, 2) for part in exponents.values()] == [0.5, 0.5]
    assert ("AdamW, all panels", "normalized", "updates") in both


def test_decays_that_were_swept_normalized_are_converted_too() -> None:
    chart = _chart("batch_size", lambda cell: 0.016 * (cell.batch_size / 64) ** 0.5, decay_unit="normalized")
    found = {(line.held, line.unit): line for line in chart_laws(chart, []) if line.optimizer == "adamw"}
    normalized, raw = (found["epochs fixed", unit] for unit in (NORMALIZED, RAW))
    assert (normalized.computed, raw.computed) == (False, True)
    assert normalized.exponent.value == pytest.approx(0.5, abs=0.01)
    assert raw.exponent.value == pytest.approx(1.0, abs=0.01)


def test_with_a_fixed_batch_epochs_and_updates_have_one_law_and_there_is_no_joint_one() -> None:
    lines = chart_laws(_chart("supp3", lambda cell: 0.016 if cell.decay_unit == "step" else 0.4), [])
    assert not any(line.is_joint or line.computed for line in lines)
    row = table(lines).rows[0]
    assert row[:2] == ("SGDW, per update", "epochs or updates")
    assert row[4] == "open"  # one run of each


def test_every_row_has_a_predictions() -> None:
    shown = table(published_laws("supp3")).rows
    assert all(len(row) == len(HEADER) for row in shown)
    assert shown[0][4] == "within: the paper's square root; ruled out: constant per epoch"


SIZES = (16.0, 64.0, 256.0)
EPOCHS_FIXED = {size: 8192 / size for size in SIZES}
UPDATES_FIXED = dict.fromkeys(SIZES, 512.0)


def _sweeps(updates: dict[float, float], unit: str = RAW, power: float = 1.0) -> list[Sweep]:
    """Best decays that go as a power of the batch size; the middle one on the grid boundary."""
    spread = np.array([0.0, -1.0, 1.0, -0.5, 0.5])
    best = {size: np.where(size == 64, np.nan, power * math.log2(size) - 14) + spread for size in SIZES}
    return [Sweep(best[x], unit, {BATCH: x} | ({UPDATES: updates[x]} if updates else {})) for x in SIZES]


def test_the_other_axis_is_the_swept_one_times_the_root_of_the_updates() -> None:
    swept, other = fit_laws("AdamW", "adamw", [(BATCH,)], _sweeps(EPOCHS_FIXED))
    assert (swept.computed, other.computed, other.unit) == (False, True, NORMALIZED)
    for (size, before), (_, after) in zip(swept.best, other.best, strict=True):
        if size == 64:
            assert before is after is None
        else:
            root = math.sqrt(8192 / size)
            assert 2**after.value == pytest.approx(2**before.value * root)
            assert 2**after.low == pytest.approx(2**before.low * root)
    assert (swept.exponent.value, other.exponent.value) == pytest.approx((1.0, 0.5))


def test_there_and_back_is_where_it_was() -> None:
    raw, _ = fit_laws("AdamW", "adamw", [(BATCH,)], _sweeps(EPOCHS_FIXED))
    normalized = [Sweep(each.samples + each.shift(NORMALIZED), NORMALIZED, each.at) for each in _sweeps(EPOCHS_FIXED)]
    _, back = fit_laws("AdamW", "adamw", [(BATCH,)], normalized)
    assert back.unit == RAW
    assert back.exponent.value == pytest.approx(1.0)
    assert back.best[0][1].value == pytest.approx(raw.best[0][1].value)


def test_what_was_swept_on_both_is_not_computed_and_unknown_updates_compute_nothing() -> None:
    both = list(fit_laws("", "", [(BATCH,)], [*_sweeps(EPOCHS_FIXED), *_sweeps(EPOCHS_FIXED, NORMALIZED, 0.5)]))
    assert [(each.unit, each.computed) for each in both] == [(RAW, False), (NORMALIZED, False)]
    assert [each.exponent.value for each in both] == pytest.approx([1.0, 0.5])
    assert len(list(fit_laws("", "", [(BATCH,)], _sweeps({})))) == 1


def _powers(quantity: str, unit: str) -> dict[str, float]:
    return {name: low for name, (low, high) in predicted(quantity, unit).items() if low == high}


def test_at_equal_epochs_the_paper_s_rule_is_a_root_and_normalized_it_is_constant() -> None:
    assert _powers(BATCH, RAW) == {ROOT: 0.5, EPOCH: 1.0}
    assert _powers(BATCH, NORMALIZED) == {ROOT: 0.0, EPOCH: 0.5}


def test_at_equal_updates_the_paper_s_rule_is_one_decay_on_either_axis() -> None:
    for unit in (RAW, NORMALIZED):
        assert _powers(BATCH_AT_UPDATES, unit) == {ROOT: 0.0, EPOCH: 1.0}


def test_the_table_has_a_line_for_each_axis_and_place_and_no_number_on_the_boundary() -> None:
    laws = fit_laws("AdamW", "adamw", [(BATCH,), (UPDATES,)], _sweeps(EPOCHS_FIXED))
    lines = list(csv.DictReader(io.StringIO(numbers(list(laws)))))
    assert [(line["unit"], line["computed"], float(line["x"])) for line in lines] == [
        (unit, computed, size) for unit, computed in ((RAW, "no"), (NORMALIZED, "yes")) for size in SIZES
    ]
    assert float(lines[0]["value"]) == pytest.approx(16 / 2**14)
    assert (lines[1]["on_boundary"], lines[1]["value"]) == ("yes", "")
    assert float(lines[0]["exponent"]) == pytest.approx(1.0)


HALF, ONE, ZERO, FALLS = (Estimate(at, at - 0.1, at + 0.1) for at in (0.5, 1.0, 0.0, -0.5))


def _predictions(exponents: dict[str, Estimate | None], unit: str = RAW) -> str:
    return predictions(Law("", unit, exponents, ()))


def within(exponent: Estimate | None, quantity: str, unit: str = RAW) -> list[str]:
    """The predictions that an exponent's interval holds."""
    held = _predictions({quantity: exponent}, unit).partition("; ruled out")[0]
    return held.removeprefix("within: ").split(", ") if held.startswith("within") else []


def test_each_prediction_is_within_or_ruled_out() -> None:
    assert (within(HALF, BATCH), within(FALLS, BATCH)) == ([ROOT], [SMALLER])
    assert _predictions({BATCH: ONE}) == f"within: {EPOCH}; ruled out: {ROOT}, {SMALLER}"


def test_with_the_updates_fixed_the_paper_predicts_no_change() -> None:
    """sqrt(b / (B T)) is n^(-1/2): the same for all batch sizes with as many updates."""
    assert ROOT in within(ZERO, BATCH_AT_UPDATES)
    assert ROOT not in within(HALF, BATCH_AT_UPDATES)


@pytest.mark.parametrize(
    ("quantity", "raw"), [(BATCH, HALF), (BATCH_AT_UPDATES, ZERO), (EPOCHS, FALLS), (UPDATES, FALLS)]
)
def test_normalized_the_paper_s_rule_is_no_change_at_all(quantity: str, raw: Estimate) -> None:
    assert ROOT in within(raw, quantity)
    assert ROOT in within(ZERO, quantity, NORMALIZED)


def test_a_joint_law_must_fit_in_both_exponents() -> None:
    assert _predictions({BATCH: HALF, EPOCHS: FALLS}).startswith(f"within: {ROOT}; ruled out: {EPOCH}")
    assert _predictions({BATCH: HALF, EPOCHS: ZERO}).startswith(f"ruled out: {ROOT}")
    assert _predictions({BATCH: FALLS, EPOCHS: ONE}).startswith(f"within: {SMALLER}")  # says nothing of epochs


def test_without_an_interval_nothing_is_decided() -> None:
    for exponents in ({BATCH: None}, {BATCH: HALF, EPOCHS: Estimate(0.5, None, None)}):
        assert _predictions(exponents) == "open"


RNG = np.random.default_rng(0)


def _family(exponent: float, sigma: float = 0.0, seed: int = 0) -> dict[float, Surface]:
    """Best decays that move by `exponent` tiles for each doubling of x = 1, 2, 4, 8."""
    return {2.0**k: bowl(0.0, sigma, at=(0.3, exponent * k - 1), shape=(7, 9), seed=10 * seed + k) for k in range(4)}


def law(surfaces: dict[float, Surface], seed: int = 0) -> Law:
    """Of the best decays of surfaces at different numbers of epochs."""
    rng = np.random.default_rng(seed)
    sweeps = [Sweep(best_decay(surface, rng), RAW, {EPOCHS: x}) for x, surface in surfaces.items()]
    (line,) = fit_laws("", "", [(EPOCHS,)], sweeps)
    return line


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.5, 1.0])
def test_without_noise_it_is_the_law_s(exponent: float) -> None:
    found = law(_family(exponent))
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(exponent, abs=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 300)
    held = []
    for seed in range(150):
        found = law(_family(0.5, 1.0, seed), seed).exponent
        assert found is not None
        held.append(found.low <= 0.5 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.995


def test_places_on_the_boundary_are_left_out_and_too_few_make_no_law() -> None:
    family = _family(2.0)  # the last one's best lies beyond the grid
    found = law(family)
    assert dict(found.best)[8.0] is None
    assert found.exponent is not None
    assert found.exponent.value == pytest.approx(2.0)
    assert law({1.0: family[1.0], 8.0: family[8.0]}).exponent is None


def test_a_wall_drags_no_best_decay_off() -> None:
    """Errors that were seen after 80 epochs, in three rows: the third decay is the best, by far."""
    row = np.array([69.4, 70.2, 64.5, 86.0, 81.4])
    runs = (row + np.array([[0.0], [0.3], [9.0]]))[:, :, None]
    found = best_decay(Surface(np.arange(3.0), np.arange(5.0), runs, np.zeros((3, 5), bool), 1.0), RNG)
    assert 1.5 < found[0] < 2


def test_further_cells_at_single_rates_change_no_law() -> None:
    """A decay between that was run at one rate, and a rate at which one decay was run, as low as they are."""
    surface = bowl(shape=(5, 5))
    runs = np.insert(surface.runs, 3, np.nan, 1)
    runs[2, 3] = 55.0
    runs = np.concatenate([runs, np.full((1, 6, 2), np.nan)])
    runs[5, 4] = 10.0
    more = Surface(np.append(surface.u, 9.0), np.insert(surface.v, 3, 0.4), runs, np.isinf(runs).all(2), None)
    expected, found = (best_decay(each, RNG)[0] for each in (surface, more))
    assert found == pytest.approx(expected)


def test_what_is_supported() -> None:
    steep = law(_family(1.0, 0.3))
    assert within(steep.exponent, BATCH) == [EPOCH]
    assert within(law(_family(0.5, 0.3)).exponent, EPOCHS) == []


def test_the_paper_s_supplementary_figure_3() -> None:
    """Raw decay falls with the budget, about as the normalization says; normalized it hardly moves."""
    readings = published.load()
    raw, norm = (
        law({float(t): published_surface(readings, "supp3", f"cifar_adamw_{unit}_{t}") for t in (25, 100, 400)})
        for unit in ("raw", "norm")
    )
    assert raw.exponent is not None
    assert norm.exponent is not None
    assert raw.exponent.high < 0
    assert ROOT in within(raw.exponent, EPOCHS)
    assert norm.exponent.low < 0 < norm.exponent.high or abs(norm.exponent.value) < 0.25


PLANS = [(2.0**k, 16.0) for k in range(4, 10)] + [(2.0**k, 2.0 ** (k - 3)) for k in range(4, 10) if k != 7]  # b, T


def _panels(p: float, q: float, sigma: float, seed: int = 0, decays: int = 9) -> list[Floats]:
    """Best decays that go as b^p T^q, of one run and one learning rate."""
    rng, v = np.random.default_rng(seed), np.arange(decays) - (decays - 1) / 2
    found = []
    for b, epochs in PLANS:
        away = v - p * np.log2(b / 90) - q * np.log2(epochs / 16)
        runs = 55 + away[None, :, None] ** 2 / 2 + sigma * rng.normal(size=(1, decays, 1))
        found.append(best_decay(Surface(np.zeros(1), v, runs, np.zeros((1, decays), bool), sigma), rng))
    return found


@pytest.mark.parametrize(("p", "q"), [(0.5, -0.5), (1.0, 0.0), (-0.5, 0.0)])
def test_without_noise_the_joint_law_is_found_and_so_is_that_in_updates(p: float, q: float) -> None:
    found = _panels(p, q, 1e-6)
    exponents = fit_exponents(found, np.array(PLANS))
    assert [part.value for part in exponents] == pytest.approx([p, q], abs=1e-4)
    updates = np.array([[epochs / b] for b, epochs in PLANS])
    (alone,) = fit_exponents(found, updates)
    assert (abs(alone.value + 0.5) < 1e-4) == ((p, q) == (0.5, -0.5))  # only the paper's rule is one of updates


def _held(p: float, q: float, sigma: float, decays: int, seeds: int = 80) -> Floats:
    held = []
    for seed in range(seeds):
        exponents = fit_exponents(_panels(p, q, sigma, seed, decays), np.array(PLANS))
        if None not in exponents:
            held.append([part.low <= truth <= part.high for part, truth in zip(exponents, (p, q), strict=True)])
    return np.mean(held, 0)


def test_the_joint_law_s_intervals_hold_the_truth_as_often_as_they_say(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    assert all(share >= 0.92 for share in _held(0.5, -0.5, 0.5, 9))
    assert all(0.92 <= share <= 0.99 for share in _held(1.0, 0.0, 0.3, 9))


def test_with_half_of_the_panels_on_the_boundary_they_hold_it_less_often(monkeypatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    in_batch_size, in_epochs = _held(1.0, 0.0, 0.5, 5)
    assert 0.72 <= in_batch_size <= 0.9  # as the docstring says
    assert in_epochs >= 0.92


def test_panels_on_the_boundary_are_left_out_of_a_joint_law_and_too_few_make_none() -> None:
    found = _panels(2.0, 0.0, 1e-6)
    assert [bool(np.isnan(part[0])) for part in found[:6]] == [True, False, False, False, False, True]
    exponents = fit_exponents(found, np.array(PLANS))
    assert exponents[0].value == pytest.approx(2.0, abs=1e-3)
    assert fit_exponents(found[:2], np.array(PLANS[:2])) == [None, None]
    assert fit_exponents(found[1:5], np.array(PLANS[1:5])) == [None, None]  # all with the same epochs


def test_panels_that_follow_no_power_law_widen_its_interval() -> None:
    """By the ratio of what they miss it by to their noise; those that follow one have that of the noise alone."""
    rng, at = np.random.default_rng(0), 2.0 ** np.arange(6)[:, None]

    def width(best: Sequence[float]) -> float:
        samples = [np.concatenate([[value], value + 0.1 * rng.normal(size=2000)]) for value in best]
        (part,) = fit_exponents(samples, at)
        return part.high - part.low

    straight, bent = width([0, 1, 2, 3, 4, 5]), width([0, 1, 2, 3, 4, 2])
    x = np.arange(6) - 2.5
    assert straight == pytest.approx(2 * 1.96 * 0.1 / np.sqrt(x @ x), rel=0.05)
    rest = np.array([0, 1, 2, 3, 4, 2]) - np.polyval(np.polyfit(x, [0, 1, 2, 3, 4, 2], 1), x)
    assert bent / straight == pytest.approx(np.sqrt(rest @ rest / 4) / 0.1, rel=0.05)
