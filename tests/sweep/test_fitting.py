"""A net that cannot take the data is refused before anything is trained, in a line that says what to change."""

from pathlib import Path

import numpy as np
import pytest

from paper_repro import models
from paper_repro.cell import Cell
from paper_repro.data.arrays import Arrays, from_arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.sweep import preflight
from paper_repro.training import evaluate, train

MINE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, size, channels):
        super().__init__()
        self.linear = nn.Linear(channels * size * size, classes)
        {built}

    def forward(self, images):
        {called}

def build(variant, num_classes, image_size, channels):
    return Net(num_classes, image_size, channels)
"""


def _images(height: int, width: int, train_count: int = 129, test_count: int = 20) -> Arrays:
    draw = np.random.RandomState(0)

    def some(count: int) -> tuple[np.ndarray, np.ndarray]:
        return draw.randint(0, 256, (count, height, width, 3), dtype=np.uint8), np.arange(count) % 3

    return from_arrays("own", *some(train_count), *some(test_count))


def _cell(**changes: object) -> Cell:
    base = Cell("own", "resnet-8-w2", "adamw", 0.01, 0.01, epochs=1, validation_examples=0, augment=False)
    return base.replace(**changes)


def _check(arrays: Arrays, cell: Cell) -> None:
    preflight.check(cell, prepare(arrays, cell))


@pytest.mark.parametrize("model", ["resnet-8-w2", "wide_resnet-10-1", "shake_shake-8-2x8d"])
@pytest.mark.parametrize(
    ("batch_size", "count", "works"),
    [(128, 129, ["batch_size=127"]), (1, 7, ["batch_size=4"]), (64, 1, ["train_examples=2"])],
)
def test_a_batch_of_one_that_cannot_be_normalised_is_refused_with_what_works(
    model: str, batch_size: int, count: int, works: list[str], tmp_path: Path
) -> None:
    cell, arrays = _cell(model=model, batch_size=batch_size, train_examples=count), _images(4, 4)
    with pytest.raises(ValueError, match=f"'{model}' cannot train on a batch of one image of 4 x 4") as refused:
        _check(arrays, cell)
    assert [text.removeprefix("--set ") for text in str(refused.value).split(": ")[1].split(" or ")] == works
    for text in works:
        field, _, value = text.partition("=")
        better = cell.replace(**{field: int(value)})
        train.train(better, prepare(arrays, better), tmp_path)


def test_a_batch_of_one_is_trained_where_it_can_be(tmp_path: Path) -> None:
    """Maps of more than one pixel, a net without normalisation, and an evaluation of one image."""
    for size, changes in ((8, {}), (4, {"model": "mlp-8x1"}), (4, {"train_examples": 128, "validation_examples": 1})):
        cell, arrays = _cell(**changes), _images(size, size)
        _check(arrays, cell)
        train.train(cell, prepare(arrays, cell), tmp_path)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (12, 8), (8, 9)])  # vit would not see the ninth column
@pytest.mark.parametrize("model", ["mlp-8x1", "vit-1-32"])
def test_nets_for_squares_are_refused_for_other_images(model: str, height: int, width: int) -> None:
    wanted = f"^model '{model}' takes square images only, and these are {height} x {width}: "
    with pytest.raises(ValueError, match=wanted):
        _check(_images(height, width), _cell(model=model))
    _check(_images(8, 8), _cell(model=model))
    if width != 9:
        _check(_images(height, width), _cell(model=model, image_size=4))


@pytest.mark.parametrize("model", ["resnet-8-w2", "wide_resnet-10-1", "shake_shake-8-2x8d"])
def test_nets_that_pool_train_on_images_of_any_shape(model: str, tmp_path: Path) -> None:
    cell, arrays = _cell(model=model, augment=True), _images(8, 12)
    _check(arrays, cell)
    assert train.train(cell, prepare(arrays, cell), tmp_path)["status"] == "finished"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file is a family of models."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "called", "built", "said"),
    [
        (
            "crashes",
            "return self.linear(images)",
            "",
            r"fails in training mode, on 1 image of 8 x 8 x 3: crashes.py, line 12: RuntimeError",
        ),
        ("views", "return self.linear(images.view(len(images), -1))", "", "RuntimeError: view size is not compatible"),
        ("pairs", "return self.linear(images.flatten(1)), 1", "", r"must return .* \[1, 3\], and returned tuple"),
        ("narrow", "return self.linear(images.flatten(1))[:, :1]", "", r"\[1, 3\], and returned \[1, 1\]"),
        ("looks", "return self.linear(images.flatten(1)) if self.training else None", "", "fails in evaluation mode"),
        ("detached", "return self.linear(images.flatten(1)).detach()", "", "what it returns has no gradient"),
        ("drops", "return self.linear(nn.Dropout(0.1)(images.flatten(1)))", "", "draws random numbers"),
        ("unbuilt", "return 1", "self.nothing", "AttributeError: 'Net' object has no attribute 'nothing'"),
    ],
)
def test_what_a_net_of_ones_own_does_wrong_is_said_before_training(
    name: str, called: str, built: str, said: str, folder: Path
) -> None:
    (folder / f"{name}.py").write_text(MINE.format(called=called, built=built))
    with pytest.raises(ValueError, match=said) as refused:
        _check(_images(8, 8), _cell(model=f"{name}-1"))
    assert f"model '{name}-1'" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_net_may_draw_where_nothing_is_trained(folder: Path) -> None:
    drawn = "torch.rand(1, device=images.device)"
    called = f"return self.linear(images.flatten(1)) * (1 if self.training else {drawn})"
    (folder / "tests_itself.py").write_text(MINE.format(called=called, built=""))
    _check(_images(8, 8), _cell(model="tests_itself-1"))


def test_attention_without_dropout_draws_nothing(folder: Path) -> None:
    attend = "nn.functional.scaled_dot_product_attention(*[images.reshape(len(images), 1, 8, 24)] * 3)"
    called = f"return self.linear({attend}.reshape(len(images), -1))"
    (folder / "attends.py").write_text(MINE.format(called=called, built=""))
    _check(_images(8, 8), _cell(model="attends-1"))


def test_many_images_are_evaluated_at_once_on_a_gpu_but_no_more_than_fit() -> None:
    assert evaluate.batch_size("cpu", (224, 224)) == 500
    assert [evaluate.batch_size("cuda", (size, size)) for size in (16, 32, 64, 224, 2048)] == [2500, 2500, 625, 51, 1]


def test_a_net_that_reads_numbers_is_not_refused_for_it(folder: Path) -> None:
    called = "return self.linear(images.flatten(1)) * (1 if images.sum().item() > 5 else 2)"
    (folder / "reads.py").write_text(MINE.format(called=called, built="self.scale = self.linear.weight.norm().item()"))
    _check(_images(8, 8), _cell(model="reads-1"))


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


def test_what_cannot_be_done_here_is_said(cell: Cell, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="tf32 is a GPU's"):
        preflight.check(cell.replace(precision="tf32"), data)
    preflight.check(cell.replace(compile=True), data)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="no g"):
        preflight.check(cell.replace(compile=True), data)


@pytest.mark.parametrize("typed", ["5s", "-1", "nan"])
def test_a_time_between_checkpoints_that_is_none_is_refused(cell: Cell, data: Dataset, typed: str, monkeypatch) -> None:
    monkeypatch.setenv("PAPER_REPRO_SAVE_SECONDS", typed)
    with pytest.raises(ValueError, match=f"PAPER_REPRO_SAVE_SECONDS={typed}: it must be a number of seconds"):
        preflight.check(cell, data)


@pytest.mark.parametrize(
    "change", [{"model": "resnet-9"}, {"optimizer": "nope"}, {"schedule": "cosine:3"}, {"model": "nope-1"}]
)
def test_what_does_not_exist_is_refused_before_training(cell: Cell, data: Dataset, change: dict) -> None:
    preflight.check(cell, data)
    with pytest.raises(ValueError, match=str(next(iter(change.values())))[:4]):
        preflight.check(cell.replace(**change), data)
