"""Whatever is put in is taken as valid or refused in the documented way. tests/chaos/hostile tries more of it."""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import is_plain, plain
from paper_repro.data import DataError, arrays, imagenet32
from paper_repro.records import BadRecord, store
from paper_repro.sweep import leases
from paper_repro.training import checkpoints
from tests.conftest import made_record

TRIES = settings(max_examples=60, deadline=None, derandomize=True, database=None)
CELL = Cell(dataset="tiny", model="mlp", optimizer="adamw", alpha=0.01, decay=0.01, epochs=2)
WHOLE = made_record(CELL, 30.0)


def sealed(record: dict) -> bytes:
    return json.dumps({**record, "checksum": records.checksum(record)}).encode()


def is_taken_or_refused_in_a_line(content: bytes) -> None:
    told = ""
    try:
        records.parse(content, "here")
    except BadRecord as error:
        told = str(error)
    assert is_plain(told)
    assert len(told) < 1000


@TRIES
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    is_taken_or_refused_in_a_line(content)
    path = tmp_path_factory.getbasetemp() / "any.npz"
    path.write_bytes(content)
    with pytest.raises(DataError):
        imagenet32.read_file(path)
    with pytest.raises(DataError):
        arrays.load_npz(path, "tiny")


@pytest.fixture(params=["pipe", "device", "folder", "loop", "large"])
def odd(request: pytest.FixtureRequest, tmp_path: Path):
    """Put something odd in the place of a file."""

    def put(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.unlink()
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "folder":
            path.mkdir()
        elif request.param == "large":
            path.touch()
            os.truncate(path, 2**35)
        else:
            path.symlink_to("/dev/zero" if request.param == "device" else path)

    return put


def test_what_is_no_record_file_is_no_record(tmp_path: Path, odd, capsys) -> None:
    odd(records.record_path(tmp_path, CELL.id))
    with pytest.raises(BadRecord, match=CELL.id):
        records.read(tmp_path, CELL.id)
    assert records.look(tmp_path, [CELL.id], mend=True) == {}
    assert capsys.readouterr().err.count("\n") == 1
    assert records.read(tmp_path, CELL.id) is None  # put aside


def test_what_is_no_checkpoint_or_claim_is_passed_over(tmp_path: Path, odd, capfd) -> None:
    checkpoints.save(tmp_path / "c", 1, {"cell": "me"})
    odd(tmp_path / "c" / "000000002.pt")
    assert checkpoints.load(tmp_path / "c", {"cell": "me"}, "cpu") == {"cell": "me"}
    assert capfd.readouterr().err.count("\n") == 1
    odd(leases._shard(leases.folder_of(tmp_path), "name") / "name.1")
    assert leases.owners(leases.folder_of(tmp_path))["name"].identity == {}


def test_a_link_to_nowhere_does_not_hide_the_other_records(tmp_path: Path) -> None:
    records.write(tmp_path, WHOLE)
    records.record_path(tmp_path, CELL.replace(seed=1).id).symlink_to("nowhere")
    assert list(records.look(tmp_path, [CELL.id])) == [CELL.id]


def test_a_merged_file_without_lines_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store, "LARGEST", 10_000)
    (tmp_path / "all.jsonl").write_bytes(sealed(WHOLE) + b"\n" + b" " * 20_000)
    with pytest.raises(BadRecord, match="a line of 10,000 bytes or more"):
        records.load(tmp_path / "all.jsonl")


def test_a_packed_checkpoint_is_not_unpacked(tmp_path: Path, capfd) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**8))
    body = content.getvalue()
    (tmp_path / "000000001.pt").write_bytes(hashlib.sha256(body).digest() + body)
    assert checkpoints.load(tmp_path, {"cell": "me"}, "cpu") is None
    assert "larger than its file" in capfd.readouterr().err


def test_names_of_claims_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    for name in ("x.²", "x.١", "x.-1", "x."):
        path = leases._shard(tmp_path, "x") / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert leases.owners(tmp_path) == {}


@TRIES
@given(st.text())
def test_plain_text_is_left_and_any_other_is_written_out(text: str) -> None:
    assert is_plain(plain(text))
    assert plain(text) == text or not is_plain(text)
