"""Lion, the example of an added optimizer: its algorithm in numpy, and a cell that trains with it."""

from pathlib import Path

import numpy as np
import torch

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from paper_repro.training import train


def test_it_is_the_published_algorithm_with_decoupled_decay() -> None:
    draw = np.random.RandomState(0)
    theta, m = draw.standard_normal(7), np.zeros(7)
    weight = torch.tensor(theta)
    optimizer = optim.build("lion", [weight], 0.01, 0.1)
    for step in range(20):
        eta = 1 - step / 20
        gradient = draw.standard_normal(7)
        weight.grad = torch.tensor(gradient)
        optimizer.param_groups[0]["lr"] = eta * 0.01
        optimizer.step()
        direction = np.sign(0.9 * m + 0.1 * gradient)
        theta = theta - eta * (0.01 * direction + 0.1 * theta)
        m = 0.99 * m + 0.01 * gradient
    np.testing.assert_allclose(weight.numpy(), theta, rtol=1e-12)


def test_a_cell_trains_with_it(cell: Cell, arrays: Arrays, tmp_path: Path) -> None:
    lion = cell.replace(optimizer="lion", alpha=0.003, epochs=6)
    record = train.train(lion, prepare(arrays, lion), tmp_path)
    first, last = record["epochs"][0]["train_loss"], record["epochs"][-1]["train_loss"]
    assert last < first
