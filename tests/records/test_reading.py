"""What analysis reads is what records.load() reads, by one process or by several; and what is damaged is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import BadRecord, Record, reading, store
from paper_repro.sweep import processes
from tests.conftest import made_record


@pytest.fixture(params=["one process", "several"])
def readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny source is large when all cores are asked for, and there are two of them at least."""
    if request.param == "several":
        monkeypatch.setattr(reading, "LARGE", 0)
        monkeypatch.setattr(reading.os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture(params=["folder", "file"])
def source(request: pytest.FixtureRequest, cell: Cell, tmp_path: Path) -> Path:
    """Seven records, one of them diverged."""
    made = [made_record(cell.replace(seed=seed), 30.0, status="diverged" if seed == 2 else "") for seed in range(7)]
    if request.param == "file":
        records.merge(made, tmp_path / "all.jsonl")
        return tmp_path / "all.jsonl"
    for record in made:
        records.write(tmp_path, record)
    return tmp_path


def _plain(record: Record) -> Record:
    return {**record, "epochs": list(record["epochs"])}


@pytest.mark.usefixtures("readers")
def test_it_reads_what_load_reads(source: Path) -> None:
    found = reading.load(source)
    assert [_plain(record) for record in found] == records.load(source)
    assert found[0]["epochs"][-1]["epoch"] == len(found[0]["epochs"]) == 3
    assert [row["epoch"] for row in found[0]["epochs"][:2]] == [1, 2]


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize("place", [0, 3, 6])
def test_any_damaged_record_is_named(source: Path, place: int) -> None:
    if source.is_file():
        lines = source.read_text().splitlines()
        lines[place] = lines[place].replace("30.0", "31.0", 1).replace('"step": 3', '"step": 4')
        source.write_text("\n".join(lines))
        where = f"{source}, line {place + 1}: "
    else:
        path = sorted((source / "records").iterdir())[place]
        path.write_bytes(path.read_bytes()[:-20])
        where = f"{path}: "
    with pytest.raises(BadRecord, match=re.escape(where)):
        reading.load(source)


def test_two_that_disagree_are_named(cell: Cell, tmp_path: Path) -> None:
    both = [made_record(cell, 30.0), made_record(cell, 31.0)]
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in both))
    for load in (reading.load, records.load):
        with pytest.raises(BadRecord, match=f"record {re.escape(cell.id)} is there twice"):
            load(path)
    path.write_text((json.dumps(both[0]) + "\n") * 2)  # twice the same is once
    assert len(reading.load(path)) == 1


def test_a_file_that_changes_meanwhile_is_refused(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "all.jsonl"
    records.merge([made_record(cell, 30.0)], path)
    parse = records.parse

    def changing(*entry: object) -> Record:
        records.merge([made_record(cell.replace(seed=1), 30.0)], path)
        return parse(*entry)

    monkeypatch.setattr(store, "parse", changing)
    with pytest.raises(BadRecord, match="written anew while it was read"):
        reading.load(path)


def test_nothing_there_is_no_record(tmp_path: Path) -> None:
    assert reading.load(tmp_path) == []


def test_a_helper_that_dies_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ChildProcessError, match=r"paper_repro.records.reading ended with 1"):
        list(processes.ask("paper_repro.records.reading", ["no share"]))
    assert "Traceback" in capfd.readouterr().err
