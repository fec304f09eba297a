"""Trying cells out tells their speed, leaves nothing behind, and passes errors on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from paper_repro.cell import Cell
from paper_repro.data import Arrays, Form
from paper_repro.data.arrays import from_arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.sweep import engine, throughput
from paper_repro.training import train


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


def test_a_larger_net_is_slower_and_its_cells_take_longer(cell: Cell, arrays: Arrays, data: Dataset) -> None:
    small, large = cell.replace(model="mlp-8x1"), cell.replace(model="shake_shake-14-2x32d")
    rates = [throughput.images_per_second([one], data, "cpu", 0.3) for one in (small, large)]
    assert rates[0] > 2 * rates[1]
    form = Form(1000, 100, 8, 3)
    longer = small.replace(epochs=9)
    took = throughput.estimate_seconds([small, large, longer], arrays, form, "cpu", 1)
    seconds_small, seconds_large, seconds_longer = (took[engine.kind_of(each)] for each in (small, large, longer))
    assert seconds_large > 2 * seconds_small
    assert seconds_longer == pytest.approx(3 * seconds_small)


def test_cells_side_by_side_are_counted_together(cell: Cell, data: Dataset) -> None:
    cells = [cell.replace(seed=seed, model=model) for seed, model in enumerate(("mlp-8x1", "resnet-8-w4"))]
    assert throughput.images_per_second(cells, data, "cpu", 0.2) > 0


def test_the_error_of_one_cell_is_raised_and_none_waits_for_it(cell: Cell, data: Dataset) -> None:
    with pytest.raises(ValueError, match="no model 'nope'"):
        throughput.images_per_second([cell, cell.replace(model="nope-1")], data, "cpu", 0.1)


@pytest.mark.parametrize(
    ("rates", "memory_for", "chosen"),
    [
        ({1: 10, 2: 19, 4: 30, 8: 31}, 99, 4),  # 8 would be no tenth faster
        ({1: 10, 2: 10}, 99, 1),
        ({1: 10, 2: 20, 4: 40, 8: 80}, 2, 2),  # no memory for 4
        ({2**k: 2.0**k for k in range(9)}, 999, engine.MOST_ON_A_GPU),
    ],
)
def test_doubling_goes_on_while_it_pays_and_fits(rates: dict[int, float], memory_for: int, chosen: int) -> None:
    assert throughput.fastest(lambda count: rates[count], lambda count: count <= memory_for) == chosen


def test_doubling_ends_where_memory_does() -> None:
    def rate(count: int) -> float:
        if count > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 2.0**count

    assert throughput.fastest(rate, lambda count: True) == 4


def test_what_was_tried_out_on_a_gpu_is_kept_for_it(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: device)
    monkeypatch.setattr(throughput, "_fastest_here", lambda cell, data, device: tried.append(cell.model) or 4)
    for model in ("mlp-8x1", "mlp-8x1", "resnet-8-w4", "mlp-8x1"):
        assert throughput.cells_at_once(cell.replace(model=model, alpha=0.5), data, "H100", tmp_path) == 4
    assert tried == ["mlp-8x1", "resnet-8-w4"]
    throughput.cells_at_once(cell.replace(model="mlp-8x1"), data, "A100", tmp_path)
    assert len(tried) == 3
    for damaged in ('["no"]', '{"H100": 4', '{"H100, a": "many"}'):
        (tmp_path / "throughput.json").write_text(damaged)
        throughput.cells_at_once(cell.replace(model="mlp-8x1"), data, "H100", tmp_path)
    assert len(tried) == 6


def test_trying_out_leaves_nothing_behind(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    throughput.images_per_second([cell], data, "cpu", 0.1)
    assert not list(tmp_path.iterdir())


def test_the_estimate_is_of_the_right_size(cell: Cell, arrays: Arrays, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(epochs=10, evaluate_every=10)
    guess = throughput.estimate_seconds([cell], arrays, Form(120, 40, 8, 3), "cpu", 1)[engine.kind_of(cell)]
    took = train.train(cell, data, tmp_path)["seconds"]
    assert took / 10 < guess < took * 5


@pytest.mark.parametrize(("model", "batch"), [("mlp-8x1", 32), ("resnet-20", 32), ("shake_shake-26-2x64d", 9)])
def test_a_large_net_is_tried_on_a_cpu_with_few_images(model: str, batch: int, cell: Cell, arrays: Arrays) -> None:
    images, labels = np.zeros((100, 32, 32, 3), np.uint8), np.arange(100) % 10
    large = from_arrays("large", images, labels, images, labels)
    cell = cell.replace(model=model, batch_size=32, image_size=None, validation_examples=0, train_examples=None)
    assert throughput.lighter(cell, prepare(large, cell)).batch_size == batch
