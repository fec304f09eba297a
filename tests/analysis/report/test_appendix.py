"""The report's list of runs that diverged or look unusual."""

import pytest

import experiments
from analysis.report import appendix
from analysis.results.markdown import Table
from analysis.results.table import Chart, charts
from paper_repro.records import Record
from tests.conftest import made_record

SPIKE = {"kind": "loss spike", "epoch": 4, "value": 3.25, "usual": 1.0}


def _charts(records: list[Record]) -> list[Chart]:
    return charts(experiments.get("fig3"), records)


@pytest.fixture
def made() -> list[Record]:
    return [made_record(cell, 30.0) for cell in experiments.get("fig3").profiles["cpu"].cells[:3]]


def test_each_kind_has_a_row_with_the_first_cell_and_a_remedy(made: list[Record]) -> None:
    made[0] = made_record(experiments.get("fig3").profiles["cpu"].cells[0], 30.0, status="diverged")
    made[1]["diagnoses"] = [SPIKE, {"kind": "gradient blow-up", "epoch": 5, "value": None, "usual": 1.0}]
    made[2]["diagnoses"] = [SPIKE]
    table = appendix.anomalies(_charts(made))
    assert isinstance(table, Table)
    assert [row[:2] for row in table.rows] == [("diverged", "1"), ("loss spike", "2"), ("gradient blow-up", "1")]
    assert [row[3] for row in table.rows] == [
        "step 3: training loss nan", "epoch 4: 3.25, against 1", "epoch 5: an overflow, against 1",
    ]  # fmt: skip
    assert made[0]["id"] in table.rows[0][2]
    assert all(row[4] for row in table.rows)


def test_none_is_said(made: list[Record]) -> None:
    text = appendix.anomalies(_charts(made))
    assert str(text).startswith("None")
