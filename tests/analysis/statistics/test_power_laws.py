"""The laws of a chart: which there are, on both axes, and the table's rows."""

import math

import experiments
from analysis.results.table import Chart, charts
from analysis.statistics import power_laws
from paper_repro.cell import Cell
from tests.conftest import made_record


def _chart(name: str, best) -> Chart:
    """Records whose best decay is best(cell)."""
    experiment = experiments.get(name)
    cells = experiment.profiles["demo"].cells
    records = [made_record(cell, 30 + math.log2(cell.decay / best(cell)) ** 2) for cell in cells]
    (chart,) = charts(experiment, records)
    return chart


def _timescale(cell: Cell) -> float:
    return 0.016 * cell.batch_size / 64


def test_batch_sizes_have_laws_of_both_plans_on_both_axes_and_joint_ones() -> None:
    chart = _chart("batch_size", _timescale)
    lines, joints = power_laws.of_chart(chart, []), power_laws.joint(chart, [])
    found = {(line.who, line.unit): line.law.exponent.value for line in lines}
    raw, normalized = (
        [found[f"SGDW, {plan} fixed", unit] for plan in ("epochs", "updates")] for unit in ("per update", "normalized")
    )
    assert [round(part, 2) for part in raw] == [1, 1]
    assert [round(part, 2) for part in normalized] == [0.5, 1]
    both = {(line.who, line.unit, line.quantity): line for line in joints}
    exponents = both["AdamW, all panels", "per update", "batch size and epochs"].exponents
    assert [round(part.value, 2) + 0.0 for part in exponents.values()] == [1, 0]
    exponents = both["AdamW, all panels", "normalized", "batch size and epochs"].exponents
    assert [round(part.value, 2) for part in exponents.values()] == [0.5, 0.5]
    assert ("AdamW, all panels", "normalized", "updates") in both


def test_with_a_fixed_batch_epochs_and_updates_have_one_law_and_there_is_no_joint_one() -> None:
    chart = _chart("supp3", lambda cell: 0.016 if cell.decay_unit == "step" else 0.4)
    assert power_laws.joint(chart, []) == []
    row = power_laws.table(power_laws.of_chart(chart, [])).rows[0]
    assert row[:2] == ("SGDW, per update", "epochs or updates")
    assert row[4] == "undecided"  # one run of each


def test_every_row_has_a_verdict() -> None:
    shown = power_laws.table(power_laws.of_paper("supp3")).rows
    assert all(len(row) == len(power_laws.HEADER) for row in shown)
    assert shown[0][4] == "within: the paper's square root; ruled out: constant per epoch"
