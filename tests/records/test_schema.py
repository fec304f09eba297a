"""What is read from disk fits its type or is refused in one line that names the place, whatever the checksum says."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_repro import records, studies
from paper_repro.cell import Cell
from paper_repro.cli import is_plain
from paper_repro.records import BadRecord, schema
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]
CELL = Cell(dataset="tiny", model="mlp", optimizer="adamw", alpha=0.01, decay=0.01, epochs=3)
RECORD = made_record(CELL, 30.0) | {"diagnoses": [{"kind": "loss spike", "epoch": 2, "value": None, "usual": 1.0}]}
DIVERGED = made_record(CELL, 30.0, status="diverged", epochs=RECORD["epochs"][:2])
FINDINGS = {
    "study": "first_steps", "profile": "demo", "settings": {"cell": {"dataset": "tiny", "model": "mlp", "epochs": 1}},
    "rows": [{"a": 1, "losses": [1.0, 0.5]}], "seconds": 1.0,
    "provenance": {"commit": "abc", "hardware": "x", "data": {"name": "tiny", "fingerprint": "f"}},
}  # fmt: skip
KINDS = {"record": (schema.Record, RECORD), "diverged": (schema.Record, DIVERGED),
         "findings": (schema.Findings, FINDINGS)}  # fmt: skip


class _Gone:
    def __repr__(self) -> str:  # in the names of tests, which two processes must find alike
        return "gone"


GONE = _Gone()


def changed(value: dict[str, Any], path: Sequence[Any], to: Any) -> dict[str, Any]:
    """A copy with another value at the path, and the checksum that fits."""
    value = copy.deepcopy(value)
    part = value
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    if to is GONE:
        del part[path[-1]]
    return value | {"checksum": records.checksum(value)}


def refusal(kind: str, path: Sequence[Any], to: Any) -> str:
    """What is said of this value there; nothing, if it is taken."""
    of, whole = KINDS[kind]
    content = json.dumps(changed(whole, path, to)).encode()
    try:
        records.unseal(content, "here", of)
    except BadRecord as error:
        return str(error)
    return ""


CONTROL = ["\x1b[2J", "a\n", "\x00", "\x7f", "\ud800", "\u202e", "\x9b"]
ERRORS = [250.0, -0.5, 100.0001, float("nan"), float("inf"), "30", True, None, [30.0], 10**400]
REFUSED: list[tuple[str, Sequence[Any], Sequence[Any], str]] = [
    ("record", ("note",), ["mine"], "unknown field `note`"),
    ("record", ("status",), ["running", None, "diverged"], "status"),
    ("record", ("final",), [None, {}, {"test_error": 30.0}, {**RECORD["final"], "test_error": 29.0}], "final|status"),
    ("record", ("final",), [GONE], "missing required field `final`"),
    ("record", ("parameters",), [-1, 2**53, 1.5, True], r"\$\.parameters"),
    ("record", ("seconds",), [-1.0, "1", float("inf"), None], r"\$\.seconds|malformed|out of range"),
    ("record", ("id",), ["x", CELL.replace(seed=1).id, "../../x", 3], r"another cell|\$\.id"),
    ("record", ("cell",), [3, {}, CELL.replace(seed=1).to_dict()], r"\$\.cell|cell: |another cell"),
    ("record", ("cell", "epochs"), [0, 2, 4, "3"], "cell"),
    ("record", ("cell", "alpha"), [10**400, float("nan"), float("inf"), "../../x"], "cell: alpha|malformed"),
    ("record", ("cell", "model"), ["../../x", "\ud800", "$(id)", "", "a" * 100, "x\n", "<b>"], "cell: model|surrogate"),
    ("record", ("epochs",), [3, [3], RECORD["epochs"][1:], RECORD["epochs"][::-1], RECORD["epochs"][:2]], "epochs"),
    ("record", ("epochs", 2, "accuracy"), [1.0], "unknown field `accuracy`"),
    ("record", ("epochs", 2, "test_error"), ERRORS, r"\.test_error|malformed"),
    ("record", ("epochs", 1, "train_error"), ERRORS, r"\.train_error|malformed"),
    ("record", ("epochs", 1, "test_top5_error"), ERRORS, r"\.test_top5_error|malformed"),
    ("record", ("epochs", 1, "train_loss"), [-1.0, float("inf"), "1", True], r"\.train_loss|malformed"),
    ("record", ("epochs", 1, "test_loss"), [-1.0, None], r"\.test_loss"),
    ("record", ("epochs", 1, "ends_cycle"), ["yes", 1], r"\.ends_cycle"),
    ("record", ("diagnoses",), [7, [7], None], r"\$\.diagnoses"),
    ("record", ("diagnoses", 0, "epoch"), [GONE, "1", 1.5], "epoch"),
    ("record", ("diagnoses", 0, "kind"), [3, *CONTROL], r"\.kind|surrogate"),
    ("diverged", ("diverged",), [None, {}, 3], "status|diverged"),
    ("diverged", ("diverged", "step"), ["3", 1.5, GONE], "step"),
    ("diverged", ("diverged", "reason"), [3, GONE, *CONTROL], "reason|surrogate"),
    ("diverged", ("diverged", "tensor"), [3, *CONTROL], r"\.tensor|surrogate"),
    ("diverged", ("epochs",), [[*RECORD["epochs"], {"epoch": 4}]], "holds 4 epochs, its cell has 3"),
    ("record", ("provenance",), [None, [], {}], r"\$\.provenance"),
    ("record", ("provenance", "more"), [1], "unknown field `more`"),
    ("record", ("provenance", "commit"), ["=cmd|' /C calc'!A0", 3, GONE], "commit"),
    ("record", ("provenance", "source"), ["a b", None], r"\.source"),
    ("record", ("provenance", "hardware"), [3, "a" * 301, GONE, *CONTROL], "hardware|surrogate"),
    ("record", ("provenance", "versions"), [{"torch": 2}, dict.fromkeys(map(str, range(21)), ""), {"\x1b": ""}],
     "versions"),
    ("record", ("provenance", "data"), [None, {"name": "tiny"}, {"name": "tiny", "fingerprint": None}], "data"),
    ("record", ("provenance", "attempts"), ["1", -1], r"\.attempts"),
    ("record", ("provenance", "dirty"), ["no"], r"\.dirty"),
    ("findings", ("study",), ["../../x", "First", "", "a" * 41, 3], r"\$\.study"),
    ("findings", ("profile",), ["../../x", "demo-slow"], r"\$\.profile"),
    ("findings", ("settings", "cell"), [3, {}], "cell"),
    ("findings", ("settings", "cell", "dataset"), ["../../x", "\x1b"], "dataset|control"),
    ("findings", ("rows",), [[1], {}], r"\$\.rows"),
    ("findings", ("rows", 0, "a"), [*CONTROL, {"b": ["\x1b"]}, float("inf")], "control characters|malformed|surrogate"),
    ("findings", ("seconds",), ["1", -1.0], r"\$\.seconds"),
    ("findings", ("provenance",), [{}], "commit"),
    ("findings", ("provenance", "data", "name"), ["x; rm -rf ~", ""], "unfit name"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "values", "said"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_no_run_can_have_left_is_refused(kind: str, path: Sequence[Any], values: Sequence[Any], said: str) -> None:
    for value in values:
        text = refusal(kind, path, value)
        assert re.search(said, text), f"{value!r}: {text!r}"
        assert is_plain(text)


TAKEN: list[tuple[str, Sequence[Any], Sequence[Any]]] = [
    ("record", ("epochs", 1, "train_loss"), [None, 0, 1e308]),  # null: it overflowed
    ("record", ("epochs", 1, "gradient_norm"), [None, 10**30]),
    ("record", ("epochs", 1, "eta"), [-0.1, 1]),
    ("record", ("epochs", 1, "test_error"), [0, 100.0]),
    ("record", ("epochs", 1, "ends_cycle"), [True]),
    ("record", ("diagnoses",), [GONE, []]),
    ("record", ("provenance", "hardware"), ["Ångström 3", ""]),
    ("record", ("seconds",), [1e-05, 1e16, 123456789012345678]),  # Python and msgspec write them unlike
    ("diverged", ("epochs",), [[]]),
    ("diverged", ("diverged", "tensor"), ["gradient of conv.weight"]),
    ("findings", ("settings",), [{}, {"optimizers": [["adam", 0.1]]}]),
    ("findings", ("provenance", "data", "name"), ["a quadratic"]),
]


@pytest.mark.parametrize(("kind", "path", "values"), TAKEN, ids=lambda part: str(part)[:40])
def test_what_a_run_can_leave_is_taken(kind: str, path: Sequence[Any], values: Sequence[Any]) -> None:
    assert [refusal(kind, path, value) for value in values] == [""] * len(values)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for name, part in parts for path in [(*above, name), *_paths(part, (*above, name))]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_json_in_any_place_is_taken_or_refused_in_a_line(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(_paths(KINDS[kind][1])))
    said = refusal(kind, path, data.draw(JSON))
    assert is_plain(said)
    assert len(said) < 1000


def test_all_that_is_committed_is_read_with_its_curves_as_they_stand() -> None:
    count = 0
    for path in (ROOT / "experiments" / "recorded").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert records.load(path) == sorted(lines, key=lambda record: record["id"])
        count += len(lines)
    assert count > 2000
    assert len(studies.load(ROOT / "experiments" / "recorded")) >= 5


def test_the_types_use_msgspec_without_touching_memory_that_is_not_theirs() -> None:
    """msgspec 0.22 frees the wrong block for a union of a text with a pattern and a list: the process ends by a
    signal, often only when it exits."""
    code = """
import msgspec, sys
from paper_repro.records import schema
for kind in vars(schema).values():
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct:
        try:
            msgspec.convert({}, kind)
        except msgspec.ValidationError as error:
            print(error)
"""
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"missing required field") >= 7
