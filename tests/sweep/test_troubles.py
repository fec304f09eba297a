"""What all cells would meet alike ends a sweep in one line; what one cell lacks beside others it gets alone."""

import os
from pathlib import Path

import pytest

from paper_repro import files, records
from paper_repro.cell import Cell
from paper_repro.sweep import cleanup, engine
from paper_repro.training import checkpoints, memory

HUNGRY = Path(__file__).parents[1] / "chaos" / "hungry"


def test_a_place_that_cannot_be_written_ends_the_sweep_and_no_cell_fails(
    cell: Cell, npz: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "checkpoints").touch()
    with pytest.raises(OSError, match=r"checkpoints/[^ ]*\.pt: (File exists|Not a directory); move away") as caught:
        engine.run([cell, cell.replace(seed=1)], out, npz, workers=1)
    assert str(caught.value).startswith(str(out / "checkpoints"))
    assert "\n" not in str(caught.value)
    assert not (out / "failures").exists()
    assert not list(out.glob("claims/*/*"))
    assert capfd.readouterr().err.count("\n") == 2  # of the display


def test_cells_that_do_not_fit_side_by_side_get_more_room_and_fail_only_alone(
    cell: Cell, npz: Path, tmp_path: Path, monkeypatch, capfd
) -> None:
    """Never seen on a GPU: an optimizer that raises what torch raises there stands for it, in one process as there."""
    monkeypatch.setenv("PYTHONPATH", str(HUNGRY))
    monkeypatch.setenv("HUNGRY_CELLS", "2")
    monkeypatch.setattr(engine, "_processes", lambda device, count: [count])
    cells = [cell.replace(optimizer="mine.hungry", seed=seed, epochs=12) for seed in range(4)]
    never = cell.replace(optimizer="mine.hungry", alpha=1.0, epochs=20)  # never fits
    outcome = engine.run([*cells, never], tmp_path, npz, workers=4)
    assert sorted(outcome.finished) == sorted(each.id for each in cells)
    assert list(outcome.failed) == [never.id]
    said = capfd.readouterr().err
    assert 2 <= said.count("one cell fewer at once") <= 3
    assert "even alone: a smaller batch_size or model" in said
    assert "Traceback" not in said
    assert "CUDA out of memory" in records.failure_path(tmp_path, never.id).read_text()


@pytest.mark.parametrize(
    ("error", "has"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 byte"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("Expected more than 1 value per channel"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_what_says_that_memory_has_run_out(error: Exception, has: bool) -> None:
    assert memory.has_run_out(error) == has


def test_half_written_files_of_killed_processes_go_when_a_run_begins(cell: Cell, tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "records" / "x.json", b"x")
    folders = (tmp_path, tmp_path / "records", tmp_path / "failures", tmp_path / "claims" / "0")
    gone = [folder / ".x.0badf00d-1.tmp" for folder in folders]
    for path in gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1000, 1000))
    young = tmp_path / "records" / ".y.0badf00d-1.tmp"  # of another machine, perhaps being written
    young.touch()
    cleanup.clear(tmp_path, [])
    assert young.exists()
    assert not any(path.exists() for path in gone)
    assert not checkpoints.folder_of(tmp_path, cell.id).exists()
