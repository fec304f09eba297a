"""What more seeds and first runs cost, from the seconds of made records."""

from typing import Any

import pytest

import experiments
from analysis.claims.power import Price, first_run_price, seed_price
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record

SUPP2 = experiments.get("supp2")


def took(cell: Cell, seconds: float, hardware: str = "a processor") -> Record:
    record = made_record(cell.replace(dataset="real"), 50.0)
    return {**record, "seconds": seconds, "provenance": {**record["provenance"], "hardware": hardware}}


def cells(name: str, profile: str = "cpu") -> tuple[Cell, ...]:
    return experiments.get(name).profiles[profile].cells


def test_a_seed_costs_what_each_cell_took_in_the_mean() -> None:
    first, second = cells("supp2")[:2]
    records = [took(first, 1800), took(first.replace(seed=1), 5400), took(second, 3600)]
    assert seed_price(records) == Price(2, 2.0, "core")
    assert seed_price(took(first, 3600, "NVIDIA H100") for _ in range(3)) == Price(1, 1.0, "GPU")
    assert Price(2, 2.0).times(3) == Price(6, 6.0)
    assert Price(1, 0.25, "GPU").text() == "1 cell, 0.25 GPU-hours"
    assert Price(0, 2.0).text() == "2.0 core-hours"


def test_a_first_run_is_priced_by_epochs_of_similar_cells() -> None:
    """Long runs are alike, short ones without augmentation are not."""
    fig3 = {cell.optimizer: cell for cell in cells("fig3")}
    records = [took(fig3["adam"], 360), took(fig3["adamw"], 360), *(took(cell, 9e9) for cell in cells("fig2")[:5])]
    told = first_run_price(SUPP2, records)
    assert told.startswith("cpu: about 25 cells, 1.8 core-hours; ")  # 16 x 100 and 9 x 20 epochs of 3.6 s
    assert told.endswith("; paper: 16 cells, 28,800 epochs in all, never measured")


def test_what_is_recorded_already_is_not_paid_for_again() -> None:
    mine = cells("supp2")
    assert first_run_price(SUPP2, [took(cell, 360) for cell in mine[:6]]).startswith("cpu: about 19 cells, 1.2 core-")
    told = first_run_price(SUPP2, [took(cell, 360) for cell in mine])
    assert told.startswith("cpu: its cells are recorded; others that the rule needs")


def test_another_network_s_time_says_nothing() -> None:
    records = [took(cells("fig2")[0], 20), took(cells("fig2", "gpu")[0], 100, "NVIDIA H100")]
    assert "gpu: 70 cells, 3,500 epochs in all, never measured" in first_run_price(
        experiments.get("transformer"), records
    )
    assert "gpu: about 25 cells, 3.3 GPU-hours" in first_run_price(SUPP2, records)  # as many epochs of 6.7 s


@pytest.mark.parametrize("change", [{"train_examples": 8000}, {"image_size": 32}, {"precision": "fp32"}])
def test_other_pictures_tell_nothing_of_the_time(change: dict[str, Any]) -> None:
    told = first_run_price(SUPP2, [took(cells("fig3")[0].replace(**change), 360)])
    assert told.startswith("cpu: 25 cells, 1,780 epochs in all, never measured")


@pytest.mark.parametrize("name", ["supp2", "transformer", "fig1"])
def test_without_records_nothing_is_guessed(name: str) -> None:
    told = first_run_price(experiments.get(name), [])
    assert told.count("never measured") == told.count(";") + 1
    assert "hours" not in told


def test_a_study_was_never_measured_where_it_was_not_run() -> None:
    assert first_run_price(experiments.get("step_cost"), []) == "a study of minutes; its time was never measured"
