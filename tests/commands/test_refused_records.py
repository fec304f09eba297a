"""No command averages a wrong number in: it refuses, in one line that names the record, with exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import experiments
from analysis.__main__ import main
from analysis.figures.captions import caption
from analysis.results import studies
from analysis.results.table import charts
from paper_repro import records
from paper_repro.records import Record
from tests.conftest import made_record

COMMANDS = {
    "figures": ["figures", "fig2", "--out", "{out}"],
    "statistics": ["statistics", "fig2"],
    "claims": ["claims"],
}
CELLS = [
    cell
    for cell in experiments.get("fig2").profiles["cpu"].cells
    if cell.optimizer in ("adam", "adamw") and 0.005 < cell.alpha < 0.02
]


@pytest.fixture
def made() -> list[Record]:
    return [made_record(cell, 40.0 + place) for place, cell in enumerate(CELLS)]


@pytest.fixture
def runs(made: list[Record], tmp_path: Path) -> Path:
    for record in made:
        records.write(tmp_path / "runs", record)
    return tmp_path / "runs"


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., int]:
    """Run one of the three on a source; its exit code."""

    def run(*source: str) -> int:
        return main([part.format(out=tmp_path / "out") for part in COMMANDS[request.param]] + list(source))

    return run


def _sealed(record: Record) -> bytes:
    return json.dumps({**record, "checksum": records.checksum(record)}).encode()


def _last(record: Record, **changes: Any) -> bytes:
    """With other numbers at the end, in the curve as well as in the final ones, and a checksum that fits."""
    epochs = [*record["epochs"][:-1], {**record["epochs"][-1], **changes}]
    return _sealed({**record, "epochs": epochs, "final": {**record["final"], **changes}})


def _renumbered(record: Record) -> bytes:
    return _sealed({**record, "epochs": [{**row, "epoch": row["epoch"] + 1} for row in record["epochs"]]})


def _flipped(record: Record) -> bytes:
    content = bytearray(_sealed(record))
    content[content.index(b'"test_error": ') + 14] ^= 1
    return bytes(content)


DAMAGES: dict[str, Callable[[Record], bytes]] = {
    "a flipped bit": _flipped,
    "truncated": lambda record: _sealed(record)[:300],
    "empty": lambda record: b"",
    "an error of 250": lambda record: _last(record, test_error=250.0),
    "a negative error": lambda record: _last(record, test_error=-1.0),
    "an error that is no number": lambda record: _last(record, test_error=float("nan")),
    "a string for an error": lambda record: _last(record, test_error="40"),
    "a wrong validation error": lambda record: _last(record, validation_error=101.0),
    "epochs that do not count from 1": _renumbered,
    "an epoch too few": lambda record: _sealed({**record, "epochs": record["epochs"][1:]}),
    "epochs out of order": lambda record: _sealed({**record, "epochs": record["epochs"][::-1]}),
    "final numbers of no epoch": lambda record: _sealed({**record, "final": {**record["final"], "test_error": 39.0}}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_impossible_record_is_named(command, runs: Path, made: list[Record], damage: str, capsys) -> None:
    path = records.record_path(runs, made[3]["id"])
    path.write_bytes(DAMAGES[damage](made[3]))
    _is_refused(command("--runs", str(runs)), str(path), capsys)
    assert not (runs.parent / "out").exists()


def test_another_cell_under_the_name_is_named(command, runs: Path, made: list[Record], capsys) -> None:
    path = records.record_path(runs, made[3]["id"])
    shutil.copy(records.record_path(runs, made[4]["id"]), path)
    _is_refused(command("--runs", str(runs)), str(path), capsys)


def test_damage_in_a_file_of_many_is_named_by_line(command, made: list[Record], tmp_path: Path, capsys) -> None:
    lines = [_sealed(record) for record in made]
    lines[3] = _last(made[3], test_error=250.0)
    source = tmp_path / "all.jsonl"
    source.write_bytes(b"\n".join(lines))
    _is_refused(
        command("--runs", str(source)),
        f"{source}, line 4: Expected `float` <= 100.0 - at `$.epochs[19].test_error`",
        capsys,
    )


def test_two_lines_that_disagree_are_named(command, made: list[Record], tmp_path: Path, capsys) -> None:
    source = tmp_path / "all.jsonl"
    source.write_bytes(b"\n".join([*map(_sealed, made), _sealed(made_record(CELLS[3], 1.0))]))
    _is_refused(command("--runs", str(source)), f"record {made[3]['id']} is there twice", capsys)


def test_two_files_that_disagree_are_named(command, made: list[Record], tmp_path: Path, monkeypatch, capsys) -> None:
    records.merge(made, tmp_path / "a.jsonl")
    records.merge([made_record(CELLS[3], 1.0)], tmp_path / "b.jsonl")
    monkeypatch.setattr(studies, "RECORDED", tmp_path)
    _is_refused(command("--recorded"), f"record {made[3]['id']} differs between {tmp_path / 'a.jsonl'}", capsys)


def test_two_data_sets_under_one_name_are_named(command, runs: Path, made: list[Record], capsys) -> None:
    other = made_record(CELLS[-1], 40.0, fingerprint="e" * 16)
    records.write(runs, other)
    _is_refused(command("--runs", str(runs)), other["id"], capsys)


def test_several_versions_of_the_code_are_told(runs: Path, tmp_path: Path, capsys) -> None:
    """Not refused: our own maps span commits that change no number."""
    assert main(["statistics", "fig2", "--runs", str(runs)]) == 0
    assert "versions of the code" not in capsys.readouterr().out
    records.write(runs, made_record(CELLS[3], 40.0, commit="d" * 40))
    told = f"Made by 2 versions of the code: commit {'c' * 12}, commit {'d' * 12}."
    for arguments in (["statistics", "fig2"], ["claims"]):
        assert main([*arguments, "--runs", str(runs)]) == 0
        assert told in capsys.readouterr().out


def test_one_commit_with_two_sources_is_told_in_the_caption(made: list[Record]) -> None:
    for place, record in enumerate(made):
        record["provenance"]["source"] = "ab"[place % 2] * 16
    (chart,) = charts(experiments.get("fig2"), made)
    assert f"Commit {'c' * 12} (sources {'a' * 16}, {'b' * 16});" in caption(chart, "")


def _is_refused(code: int, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = capsys.readouterr()
    assert code == 2
    assert named in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
