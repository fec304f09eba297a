"""Where a record says it comes from; which code made a number, told apart by content, with git or without."""

import json
import resource
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import torch

from paper_repro.cell import Cell
from paper_repro.records import provenance


def _forget() -> None:
    provenance._digest.cache_clear()
    provenance._contents.cache_clear()


OLD = {"commit": "a" * 40, "dirty": False}


def test_it_names_commit_versions_hardware_and_data() -> None:
    said = provenance.describe("cpu", "tiny", "abc", attempts=2)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=provenance.PACKAGE, capture_output=True, text=True)
    assert said["commit"] == (head.stdout.strip() or "unknown")
    assert isinstance(said["dirty"], bool)
    assert said["versions"]["torch"] == torch.__version__
    assert said["data"] == {"name": "tiny", "fingerprint": "abc"}
    assert said["attempts"] == 2
    assert len(said["hardware"]) > 5
    assert datetime.fromisoformat(said["written"]).tzinfo is not None
    json.dumps(said)


def test_the_source_of_a_cell_holds_your_own_package(tmp_path: Path, monkeypatch) -> None:
    """All of it, as a network's file imports others of its package; of cells that name it, and of no others."""
    package = tmp_path / "mypackage"
    package.mkdir()
    (package / "net.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cell = Cell("synthetic", "mlp-4x1", "adamw", 0.1, 0.1, 1)
    own = [cell.replace(model="mypackage.net-4"), cell.replace(optimizer="mypackage.opt")]

    def sources() -> list[str]:
        _forget()
        return [provenance.source(each) for each in (cell, *own)]

    before = sources()
    assert before[0] == provenance.source()
    assert before[1] == before[2] != before[0]
    (package / "blocks.py").write_text("x = 2\n")
    after = sources()
    assert after[0] == before[0]
    assert after[1] == after[2] != before[1]
    assert provenance.has_same_numbers(f"source {after[1]}", own[0])
    assert not provenance.has_same_numbers(f"source {before[1]}", own[0])
    assert provenance.describe("cpu", "tiny", "abc", 1, own[0])["source"] == after[1]
    _forget()


def test_of_your_own_packages_in_two_folders_the_first_s_files_count(tmp_path: Path, monkeypatch) -> None:
    """As Python imports them; so a copy for jobs (slurm/snapshot.py) has the same source."""
    cell = Cell("synthetic", "twofold.net-4", "adamw", 0.1, 0.1, 1)
    for folder, name in (("b", "net"), ("a", "net"), ("b", "more")):
        (tmp_path / folder / "twofold").mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "twofold" / f"{name}.py").write_text(f"x = '{folder}'\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b"), *sys.path])
    two = provenance.source(cell)
    (tmp_path / "b" / "twofold" / "more.py").rename(tmp_path / "a" / "twofold" / "more.py")
    _forget()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), *sys.path[2:]])
    assert provenance.source(cell) == two
    _forget()


def test_without_git_the_commit_is_unknown(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    provenance.code.cache_clear()
    assert provenance.code()["commit"] == "unknown"
    provenance.code.cache_clear()


def test_a_picture_drawn_anew_is_no_change_of_the_code(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "paper_repro")
    (tmp_path / "code.py").touch()
    (tmp_path / "fig2.svg").touch()
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "first")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    told = []
    for name in ("fig2.svg", "code.py"):
        (tmp_path / name).write_text("1")
        told.append(provenance.commit()["dirty"])
    assert told == [False, True]


def test_the_source_changes_with_the_code_and_not_with_anything_else(tmp_path: Path) -> None:
    package = tmp_path / "paper_repro"
    package.mkdir()
    for name in provenance.NUMERICS:
        path = package / name
        (path if path.suffix else path / "a.py").parent.mkdir(exist_ok=True)
        (path if path.suffix else path / "a.py").write_text("x = 1\n")

    def source() -> str:
        _forget()
        return provenance._digest(package)

    first = source()
    (package / "optim" / "notes.txt").write_text("n")
    (package / "sweep.py").touch()  # which cannot change a number
    assert source() == first
    (package / "optim" / "a.py").write_text("x = 2\n")
    second = source()
    (package / "optim" / "a.py").write_text("x = 1\n")
    (package / "optim" / "b.py").touch()
    third = source()
    (package / "cell.py").write_text("x = 2\n")
    assert len({first, second, third, source()}) == 4


def test_labels() -> None:
    assert provenance.label({**OLD, "source": "f" * 16}) == f"source {'f' * 16}"
    assert provenance.label(OLD) == f"commit {'a' * 12}"
    assert provenance.label({**OLD, "dirty": True}) == f"commit {'a' * 12}+"


def test_older_code_whose_numbers_are_the_same_counts_as_this(monkeypatch) -> None:
    monkeypatch.setattr(provenance, "SAME_NUMBERS", {"source e", "commit a"})
    here = f"source {provenance.source()}"
    assert [provenance.has_same_numbers(each) for each in (here, "source e", "commit a")] == [True] * 3
    assert not any(provenance.has_same_numbers(each) for each in ("source f", "commit a+", "commit e"))
    labels = ["source f", "source e", here, "commit a", "source f"]
    assert provenance.several(map(_made_by, labels)) == ["commit a", "source f"]
    assert provenance.several([]) == provenance.several([_made_by("source f")]) == []
    # a cell of one's own package says more than the others of the same code
    assert provenance.several([_made_by(here), _made_by("source 1", optimizer="mypackage.opt")]) == []
    own = [_made_by(f"source {number}", optimizer="mypackage.opt") for number in (1, 2)]
    assert provenance.several([_made_by(here), *own]) == ["source 1", "source 2"]


def _made_by(label: str, **fields: str) -> dict:
    kind, mark = label.split()
    return {"cell": {"model": "mlp-4x1", "optimizer": "adamw", **fields}, "provenance": {"dirty": False, kind: mark}}


FEW = """
import resource, sys
from paper_repro.records import provenance
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
print(provenance.code()["commit"])
"""


def test_without_descriptors_a_commit_is_an_error_and_not_unknown() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 30
    ends = set()
    for limit in range(4, 14):
        command = [sys.executable, "-c", FEW, str(limit)]
        done = subprocess.run(command, cwd=provenance.PACKAGE.parent, capture_output=True, text=True)
        ends.add(done.returncode)
        assert done.stdout.strip() == provenance.code()["commit"] or "Too many open files" in done.stderr
    assert ends == {0, 1}
