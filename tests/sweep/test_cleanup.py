"""Of a finished cell nothing is left but its record; what others still need is left alone."""

import subprocess
import sys
from pathlib import Path

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.sweep import cleanup, engine, leases
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]


def _checkpoint(out: Path, cell: Cell) -> Path:
    folder = out / "checkpoints" / cell.id
    folder.mkdir(parents=True)
    (folder / "000000007.pt").write_bytes(b"state")
    return folder


def _claim_of_a_dead_process(out: Path, cell: Cell) -> None:
    code = (
        "import pathlib, sys; from paper_repro.sweep import leases; "
        "leases.acquire(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(out / "claims"), cell.id], cwd=ROOT, check=True)


def test_what_finished_cells_left_goes(cell: Cell, tmp_path: Path) -> None:
    finished, unfinished = cell, cell.replace(seed=1)
    for each in (finished, unfinished):
        _checkpoint(tmp_path, each)
        _claim_of_a_dead_process(tmp_path, each)
        records.write_failure(tmp_path, each, "its worker process died")
    cleanup.clear(tmp_path, [finished.id])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [unfinished.id]
    assert [path.name for path in tmp_path.glob("claims/*/*")] == [f"{unfinished.id}.1"]
    assert [path.name for path in (tmp_path / "failures").iterdir()] == [f"{unfinished.id}.txt"]


def test_a_living_claim_stays(cell: Cell, tmp_path: Path) -> None:
    with leases.hold(leases.folder_of(tmp_path), cell.id):
        cleanup.clear(tmp_path, [cell.id])
        assert [path.name for path in tmp_path.glob("claims/*/*")] == [f"{cell.id}.1"]


def test_nothing_there_is_nothing_to_remove(tmp_path: Path, cell: Cell) -> None:
    cleanup.clear(tmp_path / "none", [cell.id])
    assert not (tmp_path / "none").exists()


def test_the_command_typed_again_tidies_up(cell: Cell, tmp_path: Path) -> None:
    record = made_record(cell, 20.0)
    records.write(tmp_path, {key: value for key, value in record.items() if key != "checksum"})
    folder = _checkpoint(tmp_path, cell)
    engine.run([cell], tmp_path, tmp_path, workers=1)
    assert not folder.exists()
