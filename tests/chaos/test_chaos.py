"""The chaos test sees what it is for: its judges are shown a leak, a slow end, and a record that is not as it was."""

from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from tests.chaos import kills, soak
from tests.chaos.soak import Sample
from tests.chaos.sweeps import Sweep
from tests.chaos.table import Row, markdown
from tests.conftest import made_record

PARENT, WORKER = 1, 2


def _soak(grown: float = 1.0, opened: int = 0, slower: float = 1.0, parent: float = 0.0) -> list[Sample]:
    """Of 1,000 cells; by the end a worker has grown so many times, opened so many files, and a cell takes longer."""
    samples, seconds = [], 0.0
    for cells in range(0, 1001, 5):
        late = cells > 600
        memory = {PARENT: 20.0 + parent * cells, WORKER: 350.0 * (grown if late else 1)}
        samples.append(Sample(cells, memory, {PARENT: 4, WORKER: 5 + opened * late}, seconds))
        seconds += 5 * 0.05 * (slower if late else 1)
    return samples


def test_a_flat_soak_is_none_the_worse() -> None:
    samples = _soak(grown=1.02, slower=1.05, parent=0.0009)
    assert soak._memory(samples, PARENT) == soak._files(samples) == soak._speed(samples, 1000) == []


def test_growth_and_slowness_are_seen() -> None:
    assert len(soak._memory(_soak(grown=1.05), PARENT)) == 1
    assert len(soak._memory(_soak(parent=0.01), PARENT)) == 1  # 10 kB for each cell
    assert len(soak._files(_soak(opened=1))) == 1
    assert len(soak._speed(_soak(slower=1.2), 1000)) == 1


@pytest.fixture
def sweep(tmp_path: Path, cell: Cell) -> Sweep:
    """A sweep of one cell that is done."""
    made = Sweep(tmp_path, tmp_path / "tiny.npz")
    (tmp_path / "said").touch()
    records.write(made.out, {key: value for key, value in made_record(cell, 20.0).items() if key != "checksum"})
    return made


def test_a_record_that_is_lost_changed_or_more_is_a_difference(sweep: Sweep, cell: Cell) -> None:
    expected = sweep.records()
    assert kills._differences(sweep, expected, "") == 0
    assert kills._differences(sweep, {}, "") == 1
    assert kills._differences(sweep, expected | {"another": expected[cell.id]}, "") == 1
    assert kills._differences(sweep, {cell.id: expected[cell.id] | {"parameters": 11}}, "") == 1
    assert kills._differences(sweep, expected, "not done") == 1


@pytest.mark.parametrize("left", ["checkpoints/a", "claims/0/a.1", "failures/a.txt", "records/.a.json.0-1-2.tmp"])
def test_what_is_left_behind_is_a_difference(sweep: Sweep, left: str) -> None:
    expected, path = sweep.records(), sweep.out / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert kills._differences(sweep, expected, "") == 1


def test_the_table_ends_with_all_differences() -> None:
    lines = markdown([Row("kills", "to a worker", 1200, 0), Row("soak", "memory", 3, 1)])
    assert lines[2] == "| kills | to a worker | 1,200 | 0 |"
    assert lines[-1] == "| in all |  |  | 1 |"
