"""What needs torch is asked of another process, and the parent of a sweep stays small."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.data import load
from paper_repro.sweep import preflight
from paper_repro.sweep.engine import kind_of
from paper_repro.sweep.floors import CARDS
from paper_repro.sweep.preflight import answer

ROOT = Path(__file__).parents[2]
PARENT = """
import pathlib, sys
from experiments.__main__ import main
code = main(sys.argv[1:])
peak = [line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
megabytes = int(peak[0].split()[1]) / 1024
print(code, megabytes, "torch" in sys.modules)
"""

READS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, size):
        super().__init__()
        self.linear = nn.Linear(3 * size * size, classes)

    def forward(self, images):
        return self.linear(images.flatten(1)) * (1 if images.sum().item() > 5 else 2)

def build(variant, num_classes, image_size, channels):
    return Net(num_classes, image_size)
"""


def _question(cell: Cell, npz: Path, estimate: bool = False) -> tuple[Any, ...]:
    return (cell,), npz, npz.parent / "out", "cpu", estimate, False


def test_it_answers_from_a_process_of_its_own(cell: Cell, npz: Path) -> None:
    found = preflight.ask(*_question(cell, npz, estimate=True))
    assert found.device == "cpu"
    assert found.fingerprint == load("tiny", npz).fingerprint
    assert found.seconds[kind_of(cell)] > 0


def test_where_bfloat16_is_emulated_that_is_said(cell: Cell) -> None:
    bf16 = cell.replace(precision="bf16")
    assert "--set precision=fp32" in preflight.slow_precision((cell, bf16), "AVX2")
    assert not preflight.slow_precision((cell, bf16), "AVX512")
    assert not preflight.slow_precision((cell,), "AVX2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "vgg-3"}, "no model 'vgg'"),
        ({"precision": "tf32"}, "tf32 is a GPU's"),
        ({"train_examples": 9999}, "--set train_examples=100"),
    ],
)
def test_what_cannot_be_trained_is_refused(cell: Cell, npz: Path, change, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        answer(*_question(cell.replace(**change), npz))


def test_data_that_cannot_be_had_is_refused_through_the_process_too(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        preflight.ask(*_question(cell, tmp_path / "no.npz"))


def test_a_process_that_dies_is_said(cell: Cell, npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(OSError, match="that checks data and settings died"):
        preflight.ask(*_question(cell, npz))


def test_the_parent_of_a_sweep_loads_no_torch_and_stays_under_300_mb(npz: Path, tmp_path: Path) -> None:
    arguments = [
        "run", "fig2", "--only", "sgdw", "--alphas", "0.1", "--decays", "0.01", "--workers", "1", "--data", str(npz),
        "--set", "model=mlp-8x1", "--set", "epochs=1", "--set", "train_examples=none", "--set", "validation_examples=9",
        "--out", str(tmp_path / "runs"),
    ]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", PARENT, *arguments], cwd=ROOT, capture_output=True, text=True)
    code, megabytes, torch = done.stdout.split()[-3:]
    assert (code, torch) == ("0", "False"), done.stderr
    assert float(megabytes) < 300


def test_a_published_data_set_that_is_not_here_is_planned_for_and_not_trained(cell: Cell, tmp_path: Path) -> None:
    absent = cell.replace(dataset="imagenet32", model="mlp-8x1")
    found = answer(*_question(absent, tmp_path, estimate=True))
    assert found.fingerprint == ""
    assert "planned for its 1281167 + 50000" in found.note
    assert found.seconds[kind_of(absent)] > 0
    with pytest.raises(UsageError, match="there is no train_data_batch_1"):
        answer(*_question(absent, tmp_path))
    for change, said in (
        ({"model": "vgg-3"}, "no model 'vgg'"),
        ({"optimizer": "adma"}, "no optimizer 'adma'"),
        ({"schedule": "warm_restarts:0:2"}, "schedule 'warm_restarts:0:2'"),
    ):
        with pytest.raises(UsageError, match=said):
            answer(*_question(absent.replace(**change), tmp_path, estimate=True))


@pytest.mark.parametrize(("precision", "changes"), [("bf16", {""}), ("fp32", {"", "precision=bf16"})])
def test_an_estimate_on_a_cpu_says_what_gpus_would_take(cell: Cell, npz: Path, precision: str, changes: set) -> None:
    small = cell.replace(model="resnet-8-w4", precision=precision)
    longer = small.replace(epochs=3 * small.epochs, evaluate_every=3 * small.evaluate_every)
    found = answer((small, longer), npz, None, "cpu", estimate=True).on_gpus
    assert set(found) == {(change, card) for change in changes for card in CARDS}
    seconds = found["", "A100"]
    assert 2 * seconds[kind_of(small)] < seconds[kind_of(longer)] < 3 * seconds[kind_of(small)]
    assert answer(*_question(small, npz)).on_gpus == {}


def test_a_net_that_shapes_alone_do_not_tell_is_estimated_without_gpus(
    cell: Cell, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reads.py").write_text(READS)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    found = answer(*_question(cell.replace(model="reads-1"), npz, estimate=True))
    assert (found.on_gpus, len(found.seconds)) == ({}, 1)
