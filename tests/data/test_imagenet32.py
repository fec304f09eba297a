"""ImageNet32x32 from files in exactly the published form, small ones; nothing in a pickle is run."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data import DataError, load
from paper_repro.data.imagenet32 import PAPER_STATISTICS


def _write(path: Path, count: int, seed: int, protocol: int = 2, mean: bool = True, **changes) -> dict:
    draw = np.random.RandomState(seed)
    stored = {
        "data": draw.randint(0, 256, (count, 3072), dtype=np.uint8),
        "labels": draw.randint(1, 1001, count).tolist(),
    } | changes
    if mean:
        stored["mean"] = np.zeros(3072)
    path.write_bytes(pickle.dumps(stored, protocol=protocol))
    return stored


@pytest.fixture
def files(tmp_path: Path) -> dict[str, dict]:
    written = {f"train_data_batch_{k}": _write(tmp_path / f"train_data_batch_{k}", 5, k) for k in range(1, 11)}
    return written | {"val_data": _write(tmp_path / "val_data", 7, 11, mean=False)}


def test_pictures_and_labels_are_the_files(files: dict[str, dict], tmp_path: Path) -> None:
    arrays = load("imagenet32", tmp_path)
    assert (arrays.x_train.shape, arrays.x_test.shape) == ((50, 32, 32, 3), (7, 32, 32, 3))
    second = files["train_data_batch_2"]
    picture = second["data"][1]
    assert arrays.x_train[6, 0, 1].tolist() == [picture[1], picture[1024 + 1], picture[2048 + 1]]  # red, green, blue
    assert arrays.y_train[5:10].tolist() == [label - 1 for label in second["labels"]]
    assert (arrays.mean, arrays.std) == PAPER_STATISTICS


def test_they_may_lie_one_folder_below_as_the_archives_unpack(files: dict[str, dict], tmp_path: Path) -> None:
    below = tmp_path / "Imagenet32_train"
    below.mkdir()
    for number in range(1, 11):
        (tmp_path / f"train_data_batch_{number}").rename(below / f"train_data_batch_{number}")
    assert len(load("imagenet32", tmp_path).y_train) == 50


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_any_pickle_protocol_is_read(files: dict[str, dict], tmp_path: Path, protocol: int) -> None:
    _write(tmp_path / "val_data", 3, 0, protocol, mean=False)
    assert len(load("imagenet32", tmp_path).y_test) == 3


class Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_no_code_is_run_from_a_file(files: dict[str, dict], tmp_path: Path) -> None:
    _write(tmp_path / "val_data", 3, 0, extra=Malice(tmp_path / "trace"))
    with pytest.raises(DataError, match=r"val_data: .*mkdir"):
        load("imagenet32", tmp_path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [0, 5, 6]}, "labels must be whole numbers from 1"),
        ({"labels": [1, 2, 1001]}, "labels must be whole numbers from 1"),
        ({"labels": [1, 2]}, "data must be uint8"),
        ({"data": np.zeros((3, 3000), np.uint8)}, "data must be uint8"),
        ({"data": np.zeros((3, 3072), np.float32)}, "data must be uint8"),
    ],
)
def test_files_of_another_form_are_refused_by_name(files: dict[str, dict], tmp_path: Path, changes, said: str) -> None:
    _write(tmp_path / "val_data", 3, 0, **changes)
    with pytest.raises(DataError, match=f"val_data: {said}"):
        load("imagenet32", tmp_path)


def test_damaged_and_missing_files_are_named(files: dict[str, dict], tmp_path: Path) -> None:
    whole = (tmp_path / "val_data").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"not a pickle", pickle.dumps([1, 2])):
        (tmp_path / "val_data").write_bytes(content)
        with pytest.raises(DataError, match="val_data: not a readable"):
            load("imagenet32", tmp_path)
    (tmp_path / "train_data_batch_3").unlink()
    with pytest.raises(DataError, match="there is no train_data_batch_3"):
        load("imagenet32", tmp_path)
