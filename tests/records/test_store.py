"""A record is whole, of its own cell, or refused by the name of its file; writing one never leaves half of it."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paper_repro import files as files_module
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.records import BadRecord, store


def cell(seed: int = 0) -> Cell:
    return Cell(dataset="synthetic", model="mlp", optimizer="adamw", alpha=1e-3, decay=0.1 / 3, epochs=2, seed=seed)


def record(seed: int = 0, **changes: Any) -> records.Record:
    epoch = {"epoch": 1, "eta": 0.5, "train_loss": 2.302585092994046, "test_error": 1e-05, "seconds": 1.5}
    final = {"train_loss": 0.1, "test_error": 10.0 + seed}
    origin = {"commit": "abc", "hardware": "Ångström 3", "data": {"name": "synthetic", "fingerprint": "f"}}
    values: dict[str, Any] = {
        "cell": cell(seed).to_dict(), "id": cell(seed).id, "status": "finished", "diverged": None,
        "epochs": [epoch, {**epoch, "epoch": 2, **final}], "final": final, "parameters": 1234,
        "seconds": 3.0, "provenance": origin,
    }  # fmt: skip
    return {**values, **changes}


DIVERGED = {"status": "diverged", "diverged": {"step": 7, "reason": "loss is nan"}, "final": None}


def sealed(values: records.Record) -> records.Record:
    """With a checksum that fits, whatever else is wrong."""
    return {**values, "checksum": records.checksum(values)}


def of(place: Path | str) -> str:
    """The start of a message that names the file."""
    return f"^{re.escape(str(place))}: "


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("changes", [{}, DIVERGED, {**DIVERGED, "epochs": []}])
def test_what_is_written_is_read_back(tmp_path: Path, changes: dict[str, Any]) -> None:
    given = record(**changes)
    path = records.write(tmp_path / "new" / "runs", given)
    assert path == records.record_path(tmp_path / "new" / "runs", cell().id)
    found = records.read(tmp_path / "new" / "runs", cell().id)
    assert found is not None
    assert found == sealed(given)
    assert Cell.from_dict(found["cell"]) == cell()
    assert files(tmp_path) == {f"new/runs/records/{cell().id}.json"}  # and no temporary one
    records.write(tmp_path / "new" / "runs", found)  # again, checksum and all
    assert records.read(tmp_path / "new" / "runs", cell().id) == found


def test_absent_is_none(tmp_path: Path) -> None:
    assert records.read(tmp_path, cell().id) is None
    records.write(tmp_path, record())
    assert records.read(tmp_path, cell(1).id) is None


def test_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    path = records.write(tmp_path, record())
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without the last byte, the line feed, nothing is lost
        path.write_bytes(whole[:length])
        with pytest.raises(BadRecord, match=of(path)):
            records.read(tmp_path, cell().id)


def test_flipped_bytes_are_refused(tmp_path: Path) -> None:
    """Save where JSON means the same by both (1e-05 and 1E-05): then the record is the one that was written."""
    whole = records.write(tmp_path, record()).read_bytes()
    accepted = []
    for place, mask in itertools.product(range(len(whole)), (0x01, 0x20, 0x80)):
        damaged = bytearray(whole)
        damaged[place] ^= mask
        with contextlib.suppress(BadRecord):
            accepted.append(records.parse(bytes(damaged), "here", cell().id))
    assert all(values == sealed(record()) for values in accepted)
    assert len(accepted) <= 10


def _without_final(values: records.Record) -> records.Record:
    return sealed({key: value for key, value in values.items() if key not in ("final", "checksum")})


def _of_a_broken_cell(values: records.Record) -> records.Record:
    return sealed({**values, "cell": {**values["cell"], "epochs": 0}})


DAMAGES: dict[str, Callable[[records.Record], Any]] = {
    "extra field": lambda values: sealed({**values, "note": "mine"}),
    "missing field": _without_final,
    "no checksum": lambda values: record(),
    "number edited": lambda values: {**values, "final": {"test_error": 1.0}},
    "cell edited": lambda values: sealed({**values, "cell": cell(1).to_dict()}),
    "broken cell": _of_a_broken_cell,
    "cell is no dict": lambda values: sealed({**values, "cell": 3}),
    "unknown status": lambda values: sealed({**values, "status": "running"}),
    "finished without numbers": lambda values: sealed({**values, "final": None}),
    "diverged with numbers": lambda values: sealed({**values, "status": "diverged"}),
    "list": lambda values: [values],
    "null": lambda values: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_that_does_not_hold_together_is_refused(tmp_path: Path, damage: str) -> None:
    path = records.write(tmp_path, record())
    path.write_text(json.dumps(DAMAGES[damage](sealed(record()))))
    with pytest.raises(BadRecord, match=of(path)):
        records.read(tmp_path, cell().id)
    with pytest.raises(BadRecord, match=of(path)):
        records.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\0" * 500, b"\xff\xfe", b"[" * 100_000, b"{}", b"not json"],
    ids=range(7),
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = records.write(tmp_path, record())
    path.write_bytes(content)
    with pytest.raises(BadRecord, match=of(path)):
        records.read(tmp_path, cell().id)


def test_another_cells_file_under_this_name_is_refused(tmp_path: Path) -> None:
    path = records.record_path(tmp_path, cell(1).id)
    shutil.copy(records.write(tmp_path, record(0)), path)
    with pytest.raises(BadRecord, match=of(path) + "the record is of another cell"):
        records.read(tmp_path, cell(1).id)
    with pytest.raises(BadRecord, match=of(path)):
        records.load(tmp_path)


def test_a_damaged_record_is_put_aside_for_another_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = records.write(tmp_path, record())
    path.write_text("{")
    assert records.read_or_put_aside(tmp_path, cell().id) is None
    assert str(path) in capsys.readouterr().err
    assert files(tmp_path) == {f"records/{path.stem}.damaged"}
    assert records.load(tmp_path) == []
    records.write(tmp_path, record())
    assert records.read_or_put_aside(tmp_path, cell().id) == sealed(record())


@pytest.mark.parametrize(
    "changes", [{"id": cell(1).id}, {"status": "running"}, {"seconds": float("nan")}, {"final": None}, {"extra": 1}]
)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"another cell|status|Out of range|unknown"):
        records.write(tmp_path, record(**changes))
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    "name", ["", "x", "../../etc/passwd", "a/b-0123456789abcdef", "sgd-0123456789abcde", "sgd-" + "g" * 16]
)
def test_bad_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"^not a cell id: "):
        records.read(tmp_path, name)


@pytest.mark.parametrize("crash", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_before_the_rename_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, crash: BaseException
) -> None:
    def fail(*arguments: Any) -> None:
        raise crash

    records.write(tmp_path, record(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        for changed in (record(0, seconds=99.0), record(1)):
            with pytest.raises(type(crash)):
                records.write(tmp_path, changed)
    assert records.load(tmp_path) == [sealed(record(0))]
    assert files(tmp_path) == {f"records/{cell(0).id}.json"}


def test_content_is_on_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        assert source.parent == target.parent
        assert json.loads(source.read_bytes())["id"] == cell().id
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    records.write(tmp_path, record())
    assert events == ["file", "rename", "folder"]


def test_two_writers_at_once_share_no_file_though_their_process_ids_be_equal(tmp_path: Path, monkeypatch) -> None:
    path, sync = tmp_path / "record", os.fsync

    def while_the_other_writes(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        files_module.write_atomically(path, b"the other's, whole")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", while_the_other_writes)
    files_module.write_atomically(path, b"mine, whole")
    assert path.read_bytes() == b"mine, whole"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_leaves_is_not_taken_for_a_record(tmp_path: Path) -> None:
    path = records.write(tmp_path, record())
    path.with_name(f".{path.name}.4711.tmp").write_text('{"cell"')
    assert [found["id"] for found in records.load(tmp_path)] == [cell().id]


def test_merged_records_are_the_same_records(tmp_path: Path) -> None:
    for seed in (2, 0, 1):
        records.write(tmp_path, record(seed))
    found = records.load(tmp_path)
    assert [values["id"] for values in found] == sorted(cell(seed).id for seed in range(3))
    merged = tmp_path / "recorded" / "fig2.jsonl"
    assert records.merge([*reversed(found), found[1]], merged) == 3  # each once
    assert records.load(merged) == found
    assert len(merged.read_text().splitlines()) == 3
    assert files(merged.parent) == {"fig2.jsonl"}


def test_damage_in_merged_records_is_named_by_line(tmp_path: Path) -> None:
    merged = tmp_path / "fig2.jsonl"
    records.merge([sealed(record(seed)) for seed in range(3)], merged)
    lines = merged.read_text().splitlines()
    for place in range(3):
        damaged = [*lines]
        damaged[place] = damaged[place].replace('"seconds": 3.0', '"seconds": 2.0')
        merged.write_text("\n".join(damaged) + "\n")
        with pytest.raises(BadRecord, match=of(f"{merged}, line {place + 1}") + "checksum"):
            records.load(merged)
    merged.write_text("\n".join(lines)[:-20])
    with pytest.raises(BadRecord, match=of(f"{merged}, line 3")):
        records.load(merged)


def test_a_look_says_what_a_sweep_needs_of_the_cells_asked_for(tmp_path: Path, capsys) -> None:
    for seed in range(3):
        records.write(tmp_path, record(seed, **(DIVERGED if seed == 1 else {})))
    found = records.look(tmp_path, [cell(1).id, cell(0).id, cell(9).id])
    assert list(found) == [cell(1).id, cell(0).id]
    assert found[cell(0).id][:4] == ("finished", 3.0, "f", "commit abc")
    assert found[cell(1).id].status == "diverged"
    assert found[cell(0).id].written == records.record_path(tmp_path, cell(0).id).stat().st_mtime
    assert records.look(tmp_path / "nowhere", [cell().id]) == {}
    assert capsys.readouterr().err == ""


def test_a_look_names_a_damaged_record_and_puts_it_aside_if_asked_to(tmp_path: Path, capsys) -> None:
    paths = [records.write(tmp_path, record(seed)) for seed in range(2)]
    paths[0].write_text("{")
    for mend in (False, True):
        assert list(records.look(tmp_path, [cell(0).id, cell(1).id], mend)) == [cell(1).id]
        said = capsys.readouterr().err
        assert said.startswith(f"{paths[0]}: ")
        assert said.count("\n") == 1
        assert paths[0].exists() != mend
    assert paths[0].with_suffix(".damaged").exists()


@pytest.fixture
def summaries(tmp_path: Path, monkeypatch) -> Path:
    """Where they are kept, after a look at three records."""
    monkeypatch.setattr(store, "WORTH_WRITING", 1)
    for seed in range(3):
        records.write(tmp_path, record(seed))
    records.look(tmp_path, IDS)
    return tmp_path / "summaries.json"


IDS = [cell(seed).id for seed in range(4)]


def test_a_record_is_read_once(summaries: Path, tmp_path: Path, capsys) -> None:
    path = records.record_path(tmp_path, IDS[0])
    path.write_text("{")
    before = summaries.stat().st_ino
    assert list(records.look(tmp_path, IDS, mend=True)) == IDS[:3]
    assert summaries.stat().st_ino == before
    assert capsys.readouterr().err == ""
    assert list(records.look(tmp_path, IDS[:2], mend=True, anew=True)) == IDS[1:2]
    assert path.with_suffix(".damaged").exists()
    assert list(records.look(tmp_path, IDS)) == IDS[1:3]


def test_a_record_that_was_removed_is_forgotten(summaries: Path, tmp_path: Path) -> None:
    records.record_path(tmp_path, IDS[0]).unlink()
    assert list(records.look(tmp_path, IDS[1:2])) == IDS[1:2]
    records.write(tmp_path, record(0, seconds=9.0))
    assert records.look(tmp_path, IDS)[IDS[0]].seconds == 9.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"finished"', b'"FINISHED"'),
        (b'["finished",', b'["finished",1,'),
        (b'"commit abc"', b'"\\u001b[2J"'),
        (b"}", b""),
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_summaries_that_do_not_fit_are_read_again(
    summaries: Path, tmp_path: Path, before: bytes, after: bytes, sealed: bool
) -> None:
    known, content = records.look(tmp_path, IDS), summaries.read_bytes()
    assert before in content
    content = content.replace(before, after)
    if sealed:  # by another version, or by who means ill
        inner = content.partition(b'"content":')[2][:-1]
        content = b'{"checksum":"%s","content":%s}' % (hashlib.sha256(inner).hexdigest().encode(), inner)
    summaries.write_bytes(content)
    assert records.look(tmp_path, IDS) == known
    assert summaries.read_bytes() != content


def test_where_no_summaries_can_be_kept_all_is_read(summaries: Path, tmp_path: Path) -> None:
    known = records.look(tmp_path, IDS)
    summaries.unlink()
    summaries.mkdir()
    assert records.look(tmp_path, IDS) == known
    assert list(tmp_path.glob(".*")) == []


def test_of_two_that_look_at_once_nothing_is_lost(summaries: Path, tmp_path: Path, monkeypatch) -> None:
    each = files_module.each

    def beside(*given):
        monkeypatch.setattr(files_module, "each", each)
        records.write(tmp_path, record(3))
        assert list(records.look(tmp_path, IDS)) == IDS
        return each(*given)

    summaries.unlink()
    monkeypatch.setattr(files_module, "each", beside)
    assert list(records.look(tmp_path, IDS)) == IDS[:3]
    assert list(records.look(tmp_path, IDS)) == IDS


def test_two_records_that_disagree_about_a_cell_are_refused(tmp_path: Path) -> None:
    lines = [json.dumps(sealed(record(seconds=seconds))) for seconds in (1.0, 1.0, 2.0)]
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join(lines[:2]))
    assert len(records.load(path)) == 1
    path.write_text("\n".join(lines))
    with pytest.raises(BadRecord, match="is there twice, and the two differ"):
        records.load(path)


def test_a_failure_is_kept_beside_the_records_until_cleared(tmp_path: Path) -> None:
    path = records.write_failure(tmp_path, cell(), "Traceback: out of memory")
    assert path == records.failure_path(tmp_path, cell().id)
    first, rest = path.read_text().split("\n", 1)
    assert Cell.from_dict(json.loads(first)) == cell()
    assert rest == "Traceback: out of memory\n"
    assert records.load(tmp_path) == []
    for _ in range(2):
        records.clear_failure(tmp_path, cell().id)
        assert not path.exists()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_under_a_records_name_is_put_aside(tmp_path: Path, kind: str, capsys) -> None:
    path = records.record_path(tmp_path, cell().id)
    for number in ("", "2"):
        path.parent.mkdir(exist_ok=True)
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("no")}[kind]()
        with pytest.raises(BadRecord, match=of(path)):
            records.load(tmp_path)
        assert records.read_or_put_aside(tmp_path, cell().id) is None
        said = capsys.readouterr().err
        assert said.startswith(f"{path}: ")
        assert said.count("\n") == 1
        assert os.path.lexists(path.with_suffix(f".damaged{number}"))
    records.write(tmp_path, record())
    assert records.read(tmp_path, cell().id) is not None


def test_a_damaged_record_that_cannot_be_put_aside_is_still_named(tmp_path: Path, monkeypatch, capsys) -> None:
    path = records.write(tmp_path, record())
    path.write_bytes(b"{")
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    assert records.read_or_put_aside(tmp_path, cell().id) is None
    assert "it cannot be put aside (Read-only file system)" in capsys.readouterr().err


def test_a_folder_in_the_way_of_a_failure_does_not_stop_the_sweep(tmp_path: Path) -> None:
    path = records.failure_path(tmp_path, cell().id)
    path.mkdir(parents=True)
    records.write_failure(tmp_path, cell(), "why")
    assert path.read_text().endswith("why\n")
    path.unlink()
    path.mkdir()
    records.clear_failure(tmp_path, cell().id)
    assert not path.exists()
