"""A network, an optimizer and a data set of one's own, in a folder of one's own, in a sweep that loses its workers."""

import json
import os
import subprocess
import sys
from pathlib import Path

from paper_repro.records.provenance import code

ROOT = Path(__file__).parents[2]
NET = """
import os, signal
from torch import nn

class Net(nn.Sequential):
    calls = 0

    def forward(self, images):
        Net.calls += self.training
        if Net.calls == 30 and not os.path.exists("{killed}"):
            open("{killed}", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images)

def build(variant, num_classes, image_size, channels):
    width = int(variant)
    return Net(nn.Flatten(), nn.Linear(channels * image_size**2, width), nn.ReLU(), nn.Linear(width, num_classes))
"""
OPT = """
import torch

class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, alpha, decay):
        super().__init__(params, {"lr": alpha, "decay": decay, "alpha": alpha})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                eta = group["lr"] / group["alpha"]
                p.mul_(1 - eta * group["decay"]).sub_(group["lr"] * p.grad.sign())

build = SignSGD
"""
DATA = """
import numpy as np
from paper_repro.data.arrays import from_arrays

def load(name, folder):
    draw, y = np.random.RandomState(0), np.arange(400) % 4
    x = (60 * y[:, None, None, None] + draw.randint(0, 60, (400, 8, 8, 3))).astype(np.uint8)
    return from_arrays(name, x[:300], y[:300], x[300:], y[300:])
"""
CHANGES = {
    "model": "mypackage.net-8", "optimizer": "mypackage.opt", "dataset": "mypackage.data", "epochs": "4",
    "train_examples": "200", "validation_examples": "50", "image_size": "none", "batch_size": "16",
}  # fmt: skip


def test_a_sweep_with_modules_of_ones_own_is_trained_by_workers_and_resumed(tmp_path: Path) -> None:
    package, killed, ends = tmp_path / "mypackage", tmp_path / "killed", []
    package.mkdir()
    for name, text in {"net": NET.format(killed=killed), "opt": OPT, "data": DATA}.items():
        (package / f"{name}.py").write_text(text)
    options = [word for name, value in CHANGES.items() for word in ("--set", f"{name}={value}")]
    for out in (tmp_path / "broken", tmp_path / "whole"):  # in the second nothing is killed any more
        command = ["run", "fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.01"]
        done = subprocess.run(
            [sys.executable, "-m", "experiments", *command, *options, "--seeds", "2", "--workers", "2", "--out", out],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path), "PAPER_REPRO_SAVE_SECONDS": "0"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ends.append([json.loads(path.read_text()) for path in sorted((out / "records").glob("*.json"))])
    assert killed.exists()
    assert [record["cell"]["optimizer"] for record in ends[0]] == ["mypackage.opt"] * 2
    assert sorted(record["provenance"]["attempts"] for record in ends[0]) > [1, 1]
    assert {record["provenance"]["dirty"] for record in ends[0]} == {code()["dirty"]}  # own files are none of this code
    assert [record["final"] for record in ends[0]] == [record["final"] for record in ends[1]]
