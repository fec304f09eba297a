"""The copy of the code that jobs run from: whole, of the same source, mended where it was damaged."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import provenance
from slurm import snapshot

SAY = "from paper_repro.records import provenance as p; print(p.PACKAGE, p.code())"


def test_the_copy_says_where_it_comes_from(cell: Cell, tmp_path: Path) -> None:
    code = snapshot.take(tmp_path, [cell])
    done = subprocess.run([sys.executable, "-c", SAY], cwd=code, capture_output=True, text=True)
    assert done.stdout.strip() == f"{code / 'paper_repro'} {provenance.code()}", done.stderr
    assert snapshot.take(tmp_path, [cell]) == code
    assert [path.name for path in (tmp_path / "slurm" / "code").iterdir() if path.is_dir()] == [code.name]


@pytest.mark.parametrize("damage", ["changed", "removed", "added"])
def test_a_damaged_copy_is_put_aside_and_made_anew(cell: Cell, tmp_path: Path, damage: str) -> None:
    code = snapshot.take(tmp_path, [cell])
    path = code / "paper_repro" / ("optim/x.py" if damage == "added" else "schedules.py")
    path.unlink(missing_ok=True) if damage == "removed" else path.write_text("x = 1")
    assert snapshot.take(tmp_path, [cell]) == code
    assert code.with_suffix(".damaged").exists()
    assert (code / "paper_repro" / "schedules.py").read_bytes() == (provenance.PACKAGE / "schedules.py").read_bytes()
    assert not (code / "paper_repro" / "optim" / "x.py").exists()


def test_code_that_was_edited_since_this_process_read_it_is_not_sent(cell: Cell, tmp_path: Path, monkeypatch) -> None:
    """A notebook lives long: it would plan with what it has read, and send what there is."""
    provenance.source(cell)
    for name in snapshot.IMPORTED:
        shutil.copytree(
            snapshot.REPOSITORY / name, tmp_path / "edited" / name, ignore=shutil.ignore_patterns("recorded")
        )
    (tmp_path / "edited" / "paper_repro" / "schedules.py").write_text("x = 1")
    monkeypatch.setattr(snapshot, "REPOSITORY", tmp_path / "edited")
    with pytest.raises(UsageError, match="the code was edited since this was started"):
        snapshot.take(tmp_path, [cell])
