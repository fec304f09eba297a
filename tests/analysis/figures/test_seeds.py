"""Variants side by side: named by what differs, compared seed by seed, other experiments' records left out."""

import math

import pytest

import experiments
from analysis.figures.captions import caption
from analysis.figures.seeds import READING, draw
from analysis.figures.style import render
from analysis.results.series import Variant, variants
from analysis.results.table import Chart, charts
from analysis.statistics.estimate import paired_difference
from paper_repro.records import Record
from tests.conftest import made_record

PRECISION = experiments.get("precision")
CELLS = [cell for cell in PRECISION.profiles["demo"].cells if cell.optimizer == "adamw"]


def _chart(records: list[Record]) -> Chart:
    (chart,) = charts(PRECISION, records)
    return chart


def _seeds(place: int, errors: list[float]) -> list[Record]:
    return [made_record(CELLS[place].replace(seed=seed), error) for seed, error in enumerate(errors)]


def test_variants_are_named_by_what_differs_and_compared_by_seed() -> None:
    chart = _chart([*_seeds(0, [20.0, 30.0, 40.0]), *_seeds(1, [21.0, 32.0, 43.0]), *_seeds(2, [50.0])])
    fp32, bf16, compiled = variants(chart, "adamw")
    assert [fp32.name, bf16.name, compiled.name] == ["fp32", "bf16", "bf16, compile"]
    assert (bf16.mean, bf16.deviation) == (32.0, 11.0)
    difference, half = paired_difference(fp32, bf16)
    assert difference == 2.0
    assert half == pytest.approx(
        4.302653 / math.sqrt(3)
    )  # Student's t with two degrees of freedom; differences 1, 2, 3


def test_one_common_seed_has_a_difference_and_no_interval() -> None:
    difference, half = paired_difference(Variant("a", {0: 10.0, 1: 11.0}, 0), Variant("b", {1: 15.0, 2: 9.0}, 0))
    assert difference == 4.0
    assert math.isnan(half)


def test_equal_differences_have_no_interval() -> None:
    difference, half = paired_difference(
        Variant("a", {0: 10.0, 1: 11.0, 2: 12.0}, 0), Variant("b", {0: 10.3, 1: 11.3, 2: 12.3}, 0)
    )
    assert difference == pytest.approx(0.3)
    assert math.isnan(half)


def test_diverged_runs_are_counted_not_averaged() -> None:
    gone = made_record(CELLS[1].replace(seed=1), 0.0, status="diverged")
    _, bf16 = variants(_chart([*_seeds(0, [29.0]), *_seeds(1, [30.0]), gone]), "adamw")
    assert (bf16.mean, bf16.diverged) == (30.0, 1)


def test_records_of_other_grids_with_the_same_settings_stay_out(demo_records) -> None:
    chart = _chart([*demo_records, *_seeds(0, [29.0]), *_seeds(1, [30.0])])
    own = {cell.id for cell in PRECISION.profiles["demo"].cells}
    assert {record["id"] for record in chart.records} <= own


def test_the_figure_can_be_drawn_and_says_what_it_shows() -> None:
    records = [
        made_record(cell.replace(seed=seed), 30.0 + seed)
        for cell in PRECISION.profiles["demo"].cells
        for seed in (0, 1)
    ]
    chart = _chart(records)
    assert render(draw(chart))["png"].startswith(b"\x89PNG")
    assert "bf16, fp32" in caption(chart, READING)
