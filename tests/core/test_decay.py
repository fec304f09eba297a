"""The decay conventions, each against what a real optimizer does with the converted number."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from paper_repro import SGD, SGDW, AdamW, schedules
from paper_repro.decay import CONVENTIONS, convert, normalized

DECOUPLED = [SGDW, AdamW]
CIFAR, IMAGENET32 = 50_000, 1_281_167
RUN: dict[str, Any] = {"lr": 0.02, "momentum": 0.9, "batch_size": 128, "num_examples": CIFAR, "epochs": 100.0}
EPOCHS = [25, 100, 200, 400, 800, 1500, 1800]
QUARTER = [2.53e-4, 1.26e-4, 8.9e-5, 6.3e-5, 4.5e-5, 3.3e-5, 2.98e-5]  # lambda_norm = 0.025 on CIFAR-10
IMAGENET_EPOCHS = [1, 10, 16, 64, 150]
IMAGENET_QUARTER = [2.5e-4, 7.9e-5, 6.2e-5, 3.1e-5, 2.0e-5]


@pytest.mark.parametrize(
    ("examples", "epochs", "expected"),
    [
        *[(CIFAR, *pair) for pair in zip(EPOCHS, QUARTER, strict=True)],
        *[(IMAGENET32, *pair) for pair in zip(IMAGENET_EPOCHS, IMAGENET_QUARTER, strict=True)],
    ],
)
def test_normalized_gives_the_papers_values(examples: int, epochs: int, expected: float) -> None:
    """Appendix B.1 worked out, to the digits of the table in hand."""
    half_a_digit = 0.5e-6 if expected < 1e-4 or examples == IMAGENET32 else 0.51e-6
    assert normalized(0.025, 128, examples, epochs) == pytest.approx(expected, abs=half_a_digit)
    assert normalized(0.05, 128, examples, epochs) == 2 * normalized(0.025, 128, examples, epochs)


def test_normalized_is_the_decay_of_a_run_of_one_update() -> None:
    assert normalized(0.3, 500, 500, 1) == 0.3
    assert normalized(0.3, 500, 500, 16) == pytest.approx(0.3 / 4)
    assert normalized(0.0, 128, CIFAR, 100) == 0.0


@pytest.mark.parametrize(("source", "target"), itertools.product(CONVENTIONS, repeat=2))
def test_conversion_goes_there_and_back(source: str, target: str) -> None:
    there = convert(0.037, source, target, **RUN)
    assert convert(there, target, source, **RUN) == pytest.approx(0.037, rel=1e-14)
    assert convert(there, target, "paper", **RUN) == pytest.approx(convert(0.037, source, "paper", **RUN), rel=1e-14)
    if source == target:
        assert there == 0.037


def test_torch_default_is_far_weaker_than_the_papers_optimum() -> None:
    """weight_decay 0.01 at lr 1e-3 takes 1e-5 a step; the paper's 2.5e-4 is weight_decay 0.25."""
    assert convert(0.01, "torch", "paper", lr=1e-3) == pytest.approx(1e-5)
    assert convert(2.5e-4, "paper", "torch", lr=1e-3) == pytest.approx(0.25)


def shrinkage(optimizer: torch.optim.Optimizer, parameter: Tensor, steps: int) -> list[float]:
    """What zero gradients leave of a parameter, step by step under a cosine."""
    scheduler, values = lr_scheduler.LambdaLR(optimizer, schedules.cosine(steps)), []
    for _ in range(steps):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        scheduler.step()
        values.append(parameter.item())
    return values


def one() -> Tensor:
    return torch.ones(1, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("source", ["torch", "normalized", "unhalved", "fixed", "corrected"])
def test_torch_adamw_with_the_converted_number_shrinks_as_the_papers(source: str) -> None:
    ours, theirs = one(), one()
    decay, weight_decay = (convert(0.2, source, target, **RUN) for target in ("paper", "torch"))
    mine = shrinkage(AdamW([ours], lr=0.02, decay=decay), ours, 50)
    assert mine == pytest.approx(
        shrinkage(torch.optim.AdamW([theirs], lr=0.02, weight_decay=weight_decay), theirs, 50), rel=1e-13
    )
    assert mine[0] == pytest.approx(1 - decay, rel=1e-14)
    assert mine[-1] < mine[0] < 1


@pytest.mark.parametrize("source", ["fixed", "corrected"])
def test_a_decay_of_another_schedule_is_what_its_update_takes_off_at_the_full_rate(source: str) -> None:
    """Each update as libraries write it: pytorch_optimizer's fixed_decay, timm's corrected_weight_decay."""
    value, lr, weights = 0.2, 0.02, []
    for rate in (lr, lr / 2):
        factor = {"fixed": value, "corrected": rate**2 / lr * value}[source]
        weights.append(1 - factor)
    assert 1 - weights[0] == pytest.approx(convert(value, source, "paper", **RUN), rel=1e-12)
    assert (1 - weights[1]) / (1 - weights[0]) == pytest.approx({"fixed": 1, "corrected": 0.25}[source], rel=1e-12)


def test_unhalved_is_the_derivative_of_the_bare_square() -> None:
    parameter = one()
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    parameter.grad = torch.autograd.grad((0.03 * parameter.square()).sum(), parameter)[0]
    optimizer.step()
    assert 1 - parameter.item() == pytest.approx(convert(0.03, "unhalved", "paper"), rel=1e-13)


def toy_gradient(parameter: Tensor) -> Tensor:
    """Of a smooth function that is not quadratic."""
    return torch.tanh(3 * parameter.detach() - 1) + 0.3 * torch.cos(5 * parameter.detach())


@pytest.mark.parametrize("eta", [schedules.fixed(), schedules.warm_restarts(20)])
def test_proposition_1_sgd_with_the_converted_l2_is_sgdw(eta: Any) -> None:
    """Without momentum the iterates are the same at every step, for lambda' = lambda / alpha."""
    decoupled, coupled = (torch.linspace(-2, 2, 9).double().requires_grad_() for _ in range(2))
    l2 = convert(0.01, "paper", "l2", lr=0.05)
    pairs = (
        (decoupled, SGDW([decoupled], lr=0.05, decay=0.01, momentum=0.0)),
        (coupled, torch.optim.SGD([coupled], lr=0.05, weight_decay=l2)),
    )
    schedulers = [lr_scheduler.LambdaLR(optimizer, eta) for _, optimizer in pairs]
    for _ in range(200):
        for (parameter, optimizer), scheduler in zip(pairs, schedulers, strict=True):
            parameter.grad = toy_gradient(parameter)
            optimizer.step()
            scheduler.step()
        torch.testing.assert_close(decoupled, coupled, rtol=1e-12, atol=1e-13)
    assert decoupled.abs().max() < 1.5


def test_l2_with_momentum_is_the_steady_state() -> None:
    parameter = one()
    decay = convert(1e-3, "l2", "paper", lr=1 / 16, momentum=0.9)
    assert decay == pytest.approx(6.25e-4)
    optimizer = SGD([parameter], lr=1 / 16, decay=1e-3)
    for _ in range(200):
        before, parameter.grad = parameter.item(), torch.zeros_like(parameter)
        optimizer.step()
    assert 1 - parameter.item() / before == pytest.approx(decay, rel=0.01)


@pytest.mark.parametrize("ours", DECOUPLED)
def test_decay_first_then_the_bare_step_is_the_same(ours: Any) -> None:
    """Decay acts on the old theta. Against torch's bare steps: SGD at a fixed rate, Adam also after restarts."""
    eta = schedules.fixed() if ours is SGDW else schedules.warm_restarts(40)
    mine, other = (torch.linspace(-2, 2, 9).double().requires_grad_() for _ in range(2))
    bare = torch.optim.SGD([other], lr=0.02, momentum=0.9) if ours is SGDW else torch.optim.Adam([other], lr=0.02)
    optimizer = ours([mine], lr=0.02, decay=3e-3)
    schedulers = [lr_scheduler.LambdaLR(o, eta) for o in (optimizer, bare)]
    for step in range(300):
        mine.grad, other.grad = toy_gradient(mine), toy_gradient(other)
        with torch.no_grad():
            other.mul_(1 - eta(step) * 3e-3)
        for o in (optimizer, bare, *schedulers):
            o.step()
    torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cls", DECOUPLED)
def test_decay_stays_out_of_the_state_and_follows_a_rate_set_by_hand(cls: Any) -> None:
    parameter = torch.full((1,), 4.0, dtype=torch.float64, requires_grad=True)
    optimizer = cls([parameter], lr=0.1, decay=0.5)
    for lr, expected in ((0.1, 2.0), (0.05, 1.5), (0.0, 1.5)):
        optimizer.param_groups[0]["lr"] = lr
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        assert parameter.item() == pytest.approx(expected, rel=1e-15)
    assert optimizer.state[parameter]["m"].item() == 0.0


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[({"value": value}, f"decay must be zero or positive, got {value}") for value in (-0.1, NAN, INF)],
        *[({"lr": lr}, r"lr \(for '(torch|l2)'\) must be positive") for lr in (None, 0.0, -1.0, NAN, INF)],
        *[({"momentum": m}, "momentum must lie in") for m in (-0.1, 1.0, NAN)],
        *[({"batch_size": b}, "batch_size") for b in (None, 0, -1)],
        *[({"num_examples": n}, "num_examples") for n in (None, 0, -1)],
        *[({"epochs": t}, "epochs") for t in (None, 0, -1.0, NAN, INF)],
        (
            {"source": "keras"},
            "unknown decay convention 'keras': one of paper, torch, l2, normalized, unhalved, fixed, corrected",
        ),
        ({"target": "L2"}, "unknown decay convention 'L2': one of"),
    ],
)
def test_bad_arguments_are_refused_by_name(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"value": 0.1, "source": "normalized", "target": "l2", **RUN, **change}
    with pytest.raises(ValueError, match=message):
        convert(**arguments)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    line = [sys.executable, "-m", "paper_repro.decay", *arguments]
    return subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)


def test_command_prints_every_convention() -> None:
    done = command("0.05", "normalized", "--lr", "0.001")
    assert (done.returncode, done.stderr) == (0, "")
    *rows, tau, run_of = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert tuple(row[0] for row in rows) == CONVENTIONS
    run = {**RUN, "lr": 0.001}
    expected = {target: convert(0.05, "normalized", target, **run) for target in CONVENTIONS}
    assert {row[0]: float(row[1]) for row in rows} == pytest.approx(expected, rel=1e-5)
    assert expected["torch"] == pytest.approx(0.253, abs=5e-4)
    assert tau == ["timescale", "3952.85", "updates = 10.12 epochs = 0.1012 of the run"]
    assert " ".join(run_of) == "the run 100 epochs of 50,000 images at batch size 128"  # by default
    moved = command("move", "0.0001", "l2", "--lr", "0.1", "--to-batch-size", "512").stdout.splitlines()
    assert moved[0].split()[1:3] == ["SGD's", "L2"]
    assert [line.split()[-4 - held] for line, held in ((moved[1], 0), (moved[3], 5))] == ["0.0001", "0.0004"]
    assert "example: python -m paper_repro.decay 0.05 normalized --lr 0.001" in " ".join(command("-h").stdout.split())
