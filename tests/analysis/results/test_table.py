"""Records find their figure by what they hold."""

import pytest

import experiments
from analysis.results.table import charts
from paper_repro.cli import UsageError
from tests.conftest import made_record

FIG2 = experiments.get("fig2")


def _cells(profile: str):
    return FIG2.profiles[profile].cells


def test_each_profile_and_data_set_is_a_figure_of_its_own(demo_records) -> None:
    other = [made_record(cell.replace(dataset="mine"), 50.0) for cell in _cells("cpu")[:5]]
    own = [made_record(cell, 50.0) for cell in _cells("cpu")[:3]]
    found = charts(FIG2, [*other, *own, *demo_records])
    assert [chart.stem for chart in found] == ["fig2-demo", "fig2-cpu", "fig2-cpu-mine"]
    assert [len(chart.records) for chart in found] == [len(demo_records), 3, 5]


def test_other_settings_belong_to_no_profile() -> None:
    changed = [made_record(cell.replace(epochs=99), 40.0) for cell in _cells("demo")[:4]]
    assert charts(FIG2, changed) == []


def test_a_widened_grid_and_more_seeds_stay_with_their_profile() -> None:
    cell = _cells("demo")[0]
    wide = [cell.replace(alpha=123.0), cell.replace(decay=0.77), cell.replace(seed=4)]
    (chart,) = charts(FIG2, [made_record(cell, 40.0) for cell in wide])
    assert (chart.stem, len(chart.records)) == ("fig2-demo", 3)


def test_two_data_sets_of_one_name_are_refused() -> None:
    one, two = _cells("demo")[:2]
    mixed = [made_record(one, 40.0, fingerprint="aaaa"), made_record(two, 40.0, fingerprint="bbbb")]
    with pytest.raises(UsageError, match=r"aaaa .*bbbb"):
        charts(FIG2, mixed)


def test_a_comparison_with_one_variant_is_no_figure() -> None:
    precision = experiments.get("precision")
    fp32, bf16 = precision.profiles["demo"].cells[:2]
    assert charts(precision, [made_record(bf16.replace(seed=seed), 40.0) for seed in (0, 1)]) == []
    assert len(charts(precision, [made_record(fp32, 40.0), made_record(bf16, 40.0)])) == 1
