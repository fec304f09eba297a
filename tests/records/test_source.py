"""Which code made a number: told apart by content, with git or without."""

import resource
import subprocess
import sys
from pathlib import Path

from paper_repro.records import source

OLD = {"commit": "a" * 40, "dirty": False}


def test_it_changes_with_the_code_and_not_with_anything_else(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "paper_repro"
    package.mkdir()
    for name in source.NUMERICS:
        path = package / name
        (path if path.suffix else path / "a.py").parent.mkdir(exist_ok=True)
        (path if path.suffix else path / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(source, "PACKAGE", package)
    first = source.source()
    (package / "optim" / "notes.txt").write_text("n")
    (package / "sweep.py").touch()  # which cannot change a number
    assert source.source() == first
    (package / "optim" / "a.py").write_text("x = 2\n")
    second = source.source()
    (package / "optim" / "a.py").write_text("x = 1\n")
    (package / "optim" / "b.py").touch()
    third = source.source()
    (package / "cell.py").write_text("x = 2\n")
    assert len({first, second, third, source.source()}) == 4


def test_labels() -> None:
    assert source.label({**OLD, "source": "f" * 16}) == f"source {'f' * 16}"
    assert source.label(OLD) == f"commit {'a' * 12}"
    assert source.label({**OLD, "dirty": True}) == f"commit {'a' * 12}+"


def test_this_code_is_known_by_its_source_and_if_unchanged_by_its_commit(monkeypatch) -> None:
    monkeypatch.setattr(source, "code", lambda: {**OLD, "source": "f" * 16})
    assert source.labels_of_this() == {f"source {'f' * 16}", f"commit {'a' * 12}"}
    monkeypatch.setattr(source, "code", lambda: {**OLD, "dirty": True, "source": "f" * 16})
    assert source.labels_of_this() == {f"source {'f' * 16}"}


FEW = """
import resource, sys
from paper_repro.records import source
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
print(source.code()["commit"])
"""


def test_without_descriptors_a_commit_is_an_error_and_not_unknown() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 30
    ends = set()
    for limit in range(4, 14):
        command = [sys.executable, "-c", FEW, str(limit)]
        done = subprocess.run(command, cwd=source.PACKAGE.parent, capture_output=True, text=True)
        ends.add(done.returncode)
        assert done.stdout.strip() == source.code()["commit"] or "Too many open files" in done.stderr
    assert ends == {0, 1}
