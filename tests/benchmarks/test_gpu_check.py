"""The check of a GPU, rehearsed on a CPU: its steps are processes, and what is wrong is said and ends with 1."""

import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks import gpu_check
from benchmarks.gpu_check import correctness
from benchmarks.gpu_check.setting import Setting
from experiments.__main__ import main
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from tests.conftest import made_record

WRONG = """
import runpy
from paper_repro import optim
from benchmarks.gpu_check import correctness

right = optim.AdamW._update
def update(self, group, eta, batch):
    right(self, {**group, "lr": 1.01 * group["lr"]}, eta, batch)
optim.AdamW._update = update
runpy.run_module("benchmarks.gpu_check", run_name="__main__")
"""


def _check(out: Path, only: str, seconds: int = 60) -> int:
    given = ["--only", only, "--seconds", str(seconds), "--out", str(out)]
    return main(["check-gpu", "--device", "cpu", "--tiny", *given])


def _rows(out: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((out / "results.json").read_text())
    return rows


def test_right_optimizers_are_said_to_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(tmp_path, "optimizers") == 0
    rows = _rows(tmp_path)
    assert [row["ok"] for row in rows] == [True] * 8
    assert all(0 < row["apart"] < row["most"] / 10 for row in rows)
    assert "8 rows, 0 wrong" in capsys.readouterr().out.splitlines()[-1]


def test_an_optimizer_that_is_wrong_by_a_hundredth_is_said_to_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    child = tmp_path / "wrong.py"
    child.write_text(WRONG)
    monkeypatch.setattr(gpu_check, "CHILD", (sys.executable, str(child)))
    assert _check(tmp_path / "out", "optimizers") == 1
    wrong = [row["what"] for row in _rows(tmp_path / "out") if not row["ok"]]
    assert wrong == [f"adamw, rate in a {kind}: distance from float64" for kind in ("number", "tensor")]
    assert "8 rows, 2 wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('import time; print(\'|row {"what": "first"}\', flush=True); time.sleep(60)', "not done after 3 s"),
        ("raise SystemExit('no such kernel')", "ended with code 1: no such kernel"),
    ],
)
def test_a_step_that_hangs_or_fails_costs_its_box_and_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setattr(gpu_check, "CHILD", (sys.executable, "-c", code))
    assert _check(tmp_path, "gradients", seconds=3) == 1
    assert _rows(tmp_path)[-1]["what"] == words


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_recording_that_repeats_another_update_is_said_to_be_wrong(
    cell: Cell, arrays: Arrays, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], deterministic: bool
) -> None:
    setting, cell = Setting("cpu", True, Path()), cell.replace(deterministic=deterministic)
    data = prepare(arrays, cell)
    correctness.compare_recorded(setting, "right", cell, data)
    monkeypatch.setattr(Setting, "recorder", lambda self, *given: lambda: None)
    correctness.compare_recorded(setting, "wrong", cell, data)
    rows = [json.loads(line.removeprefix(gpu_check.MARK)) for line in capsys.readouterr().out.splitlines() if line]
    assert [(row["what"], row["ok"], row["recordings"]) for row in rows] == [("right", True, 1), ("wrong", False, 1)]


def test_records_are_the_same_to_the_last_bit_or_so_far_apart(cell: Cell) -> None:
    record = made_record(cell, 50.0)
    assert correctness.distance({**record, "seconds": 2.0}, record) == 0
    rows = [*record["epochs"][:-1], {**record["epochs"][-1], "test_loss": 1.01}]
    assert correctness.distance({**record, "epochs": rows}, record) == pytest.approx(0.01)
    assert correctness.distance({**record, "parameters": 11}, record) == math.inf
    assert correctness.distance({**record, "status": "diverged"}, record) == math.inf


@pytest.mark.parametrize(
    "arguments", [["--device", "cuda"], [], ["--device", "cpu", "--only", "packd"], ["--seconds", "nan"]]
)
def test_what_cannot_be_checked_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["check-gpu", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
