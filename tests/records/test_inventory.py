"""Every record is validated once, and again when its file has changed."""

import json
import os
from pathlib import Path

import pytest

from paper_repro import files, records
from paper_repro.cell import Cell
from paper_repro.records import inventory, store
from tests.conftest import made_record


@pytest.fixture
def ids(cell: Cell, tmp_path: Path) -> list[str]:
    """Three records: two finished, one diverged."""
    made = [made_record(cell.replace(seed=seed), 30.0, status="diverged" if seed == 2 else "") for seed in range(3)]
    made[1]["diagnoses"] = [{"kind": "loss spike", "epoch": 2, "value": 3.0, "usual": 1.0}]
    for record in made:
        records.write(tmp_path, record)
    return [record["id"] for record in made]


def test_it_knows_what_a_sweep_needs(ids: list[str], tmp_path: Path) -> None:
    known = inventory.look(tmp_path, [*ids, "adamw-a1-d1-s0-0123456789abcdef"])
    assert [known[name].status for name in ids] == ["finished", "finished", "diverged"]
    assert known[ids[0]].seconds == 1.0
    assert known[ids[0]].fingerprint == "f" * 16
    assert [known[name].odd for name in ids] == [[], ["loss spike"], []]
    assert known[ids[0]].code == f"commit {'c' * 12}"
    assert list(inventory.look(tmp_path, ids[:1])) == ids[:1]


def test_a_record_is_read_once(ids: list[str], tmp_path: Path, monkeypatch) -> None:
    first = inventory.look(tmp_path, ids)
    monkeypatch.setattr(store, "parse", None)
    assert inventory.look(tmp_path, ids) == first


@pytest.mark.parametrize("many", [1, 1000])  # by helpers, or here
def test_one_that_changed_is_read_again_and_put_aside_if_damaged(
    ids: list[str], tmp_path: Path, many: int, monkeypatch, capfd
) -> None:
    monkeypatch.setattr(inventory, "MANY", many)
    inventory.look(tmp_path, ids)
    path = records.record_path(tmp_path, ids[1])
    path.write_bytes(path.read_bytes()[:-30])
    assert set(inventory.look(tmp_path, ids)) == {ids[0], ids[2]}  # only named
    assert str(path) in capfd.readouterr().err
    assert path.exists()
    assert set(inventory.look(tmp_path, ids, mend=True)) == {ids[0], ids[2]}
    assert path.with_suffix(".damaged").exists()


OLDER = b'{"a": [[1, 2], ["finished", 1.0, "f", "commit c", 2.0]]}'  # from before it was looked what is odd


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 3}', b"\x00", OLDER])
def test_a_damaged_cache_is_made_anew(ids: list[str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "records.known").write_bytes(content)
    assert set(inventory.look(tmp_path, ids)) == set(ids)
    assert set(json.loads((tmp_path / "records.known").read_text())) == set(ids)


def test_nothing_there_is_nothing_known(tmp_path: Path) -> None:
    assert inventory.look(tmp_path / "nowhere", ["a"]) == {}


def test_a_folder_that_may_only_be_read_is_looked_over(ids: list[str], tmp_path: Path, monkeypatch) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(files, "write_atomically", refuse)
    assert set(inventory.look(tmp_path, ids)) == set(ids)
    assert not os.path.exists(tmp_path / "records.known")
