"""Cautious and corrected decay: each against its own plain loop in float64, and cells that train with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from paper_repro import AdamW, optim, schedules
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from paper_repro.optim.cautious import Cautious
from paper_repro.optim.corrected import Corrected
from paper_repro.training import train

ALPHA, DECAY, STEPS = 0.02, 0.1, 60


def by_hand(name: str, eta: schedules.Multiplier) -> tuple[np.ndarray, int]:
    """Adam's step as in Algorithm 2, and the decay of each source; the weights, and how often one was spared."""
    draw = np.random.RandomState(0)
    theta, m, v, spared = draw.standard_normal(9), np.zeros(9), np.zeros(9), 0
    for t in range(1, STEPS + 1):
        gradient = draw.standard_normal(9)
        gradient[0] = 0.0  # a step of 0: agreement
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        now = eta(t - 1)
        if name == "cautious":
            share = np.array([now * DECAY if s * w >= 0 else 0.0 for s, w in zip(step, theta, strict=True)])
            spared += int((share == 0).sum())
        else:  # torch's decay with alpha_t^2 / alpha_max in place of alpha_t
            share = np.full(9, (now * ALPHA) ** 2 / ALPHA * (DECAY / ALPHA))
        theta = theta - now * ALPHA * step - share * theta
    return theta, spared


@pytest.mark.parametrize("eta", [schedules.fixed(), schedules.cosine(STEPS), schedules.warm_restarts(20)])
@pytest.mark.parametrize("name", ["cautious", "corrected"])
def test_it_is_the_published_decay_in_the_papers_convention(name: str, eta: Any) -> None:
    draw = np.random.RandomState(0)
    weight = torch.tensor(draw.standard_normal(9))
    optimizer = optim.build(name, [weight], ALPHA, DECAY)
    scheduler = lr_scheduler.LambdaLR(optimizer, eta)
    for _ in range(STEPS):
        gradient = draw.standard_normal(9)
        gradient[0] = 0.0
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        scheduler.step()
    expected, spared = by_hand(name, eta)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-12)
    assert (spared > STEPS) == (name == "cautious")


def ends(cls: type[AdamW], decay: float, eta: Any) -> torch.Tensor:
    torch.manual_seed(0)
    weight = torch.randn(50).requires_grad_()
    optimizer = cls([weight], lr=0.02, decay=decay)
    scheduler = lr_scheduler.LambdaLR(optimizer, eta)
    for _ in range(20):
        weight.grad = torch.randn(50)
        optimizer.step()
        scheduler.step()
    return weight.detach()


@pytest.mark.parametrize("cls", [Cautious, Corrected])
def test_without_decay_it_is_adam_bit_for_bit(cls: type[AdamW]) -> None:
    assert torch.equal(ends(cls, 0.0, schedules.cosine(20)), ends(AdamW, 0.0, schedules.cosine(20)))


def test_at_the_full_rate_corrected_decay_is_that_of_adamw() -> None:
    torch.testing.assert_close(ends(Corrected, 0.1, schedules.fixed()), ends(AdamW, 0.1, schedules.fixed()))
    assert (ends(Corrected, 0.1, schedules.cosine(20)) - ends(AdamW, 0.1, schedules.cosine(20))).abs().max() > 0.01


@pytest.mark.parametrize(("gradient", "left"), [(-1e-30, 1e-30), (1e-30, 5e-31)])
def test_a_weight_is_spared_also_where_the_product_underflows(gradient: float, left: float) -> None:
    """m theta is 1e-61, which float32 does not hold; a rate of 1e-38 moves nothing by itself."""
    weight = torch.tensor([1e-30], requires_grad=True)
    optimizer = Cautious([weight], lr=1e-38, decay=0.5)
    weight.grad = torch.tensor([gradient])
    optimizer.step()
    assert weight.item() == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize("name", ["cautious", "corrected"])
def test_a_cell_trains_with_it(name: str, cell: Cell, arrays: Arrays, tmp_path: Path) -> None:
    changed = cell.replace(optimizer=name, alpha=0.003, decay=0.01, epochs=6)
    record = train.train(changed, prepare(arrays, changed), tmp_path)
    assert record["epochs"][-1]["train_loss"] < record["epochs"][0]["train_loss"]
