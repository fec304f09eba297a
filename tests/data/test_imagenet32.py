"""ImageNet32x32 from files in exactly the published form, small ones; nothing in a pickle is run."""

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data import DataError, load
from paper_repro.data.imagenet32 import PAPER_STATISTICS, read_file


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


def test_images_and_labels_are_the_files(files: dict[str, dict], tmp_path: Path) -> None:
    arrays = load("imagenet32", tmp_path)
    assert (arrays.x_train.shape, arrays.x_test.shape) == ((50, 32, 32, 3), (7, 32, 32, 3))
    second = files["train_data_batch_2"]
    image = second["data"][1]
    assert arrays.x_train[6, 0, 1].tolist() == [image[1], image[1024 + 1], image[2048 + 1]]  # red, green, blue
    assert arrays.y_train[5:10].tolist() == [label - 1 for label in second["labels"]]
    assert (arrays.mean, arrays.std) == PAPER_STATISTICS


def test_they_may_lie_one_folder_below_as_the_archives_unpack(files: dict[str, dict], tmp_path: Path) -> None:
    below = tmp_path / "Imagenet32_train"
    below.mkdir()
    for number in range(1, 11):
        (tmp_path / f"train_data_batch_{number}").rename(below / f"train_data_batch_{number}")
    assert len(load("imagenet32", tmp_path).y_train) == 50


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_any_pickle_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    stored = _write(tmp_path / "val_data", 3, 0, protocol, mean=False)
    by_columns = _write(tmp_path / "other", 3, 0, protocol, data=np.asfortranarray(stored["data"]))
    for name in ("val_data", "other"):
        images, labels = read_file(tmp_path / name)
        assert images[:, 1, 2, 1].tolist() == by_columns["data"][:, 1024 + 34].tolist()
        assert labels.tolist() == [label - 1 for label in stored["labels"]]


NUMPY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"  # an array, not yet whole
TYPE = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def python_2(count: int, shape: bytes = b"", kind: bytes = TYPE) -> bytes:
    """As cPickle wrote {"data": array, "labels": list} at protocol 2: strings are bytes."""
    content = bytes(range(256)) * 12 * count
    shape = shape or b"(" + struct.pack("<BH", 77, count) + struct.pack("<BH", 77, 3072) + b"t"
    array = NUMPY + b"(K\x01" + shape + kind + b"\x89T" + struct.pack("<I", len(content)) + content + b"tb"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](" + b"K\x07" * count + b"eu."


def test_what_python_2_published_is_read(tmp_path: Path) -> None:
    (tmp_path / "val_data").write_bytes(python_2(3))
    images, labels = read_file(tmp_path / "val_data")
    assert (images.shape, labels.tolist(), images[0, 0, 5].tolist()) == ((3, 32, 32, 3), [6, 6, 6], [5, 5, 5])


HOSTILE = {
    "another function": b"cos\nmkdir\n(S'ran'\ntR.",
    "another function, as protocol 4 names it": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x03ran\x85R.",
    "a class by name": b"(S'ran'\nios\nmkdir\n.",
    "a class of numpy made anew": b"cnumpy\nndarray\n(K\x01t\x81.",
    "an array of pointers": python_2(1, kind=TYPE.replace(b"u1", b"O8")),
    "a dtype in the place of an array": b"\x80\x02}(U\x04data" + TYPE + b"U\x06labels](K\x01eu.",
    "a huge array without its bytes": python_2(1, b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"),
    "a negative array": python_2(1, b"(J\xff\xff\xff\xffJ\x00\xf4\xff\xfft"),
    "a number that no label is": python_2(1).replace(b"](K\x07", b"](\x8a\x09" + b"\x01" * 9),
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"a.",
    "nothing": b"",
    "no pickle": b"not a pickle",
    "half of one": python_2(3)[:5000],
    "a list": pickle.dumps([1, 2]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_pickles_are_refused_in_a_line_and_run_nothing(
    tmp_path: Path, kind: str, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val_data").write_bytes(HOSTILE[kind])
    with pytest.raises(DataError, match=r"^\S*val_data: not a readable file of images") as refused:
        read_file(tmp_path / "val_data")
    assert len(str(refused.value).splitlines()) == 1
    assert os.listdir(tmp_path) == ["val_data"]


def test_what_a_pickle_names_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "val_data").write_bytes(b"cnumpy\nndarray\nN}U\x04nameK\x01s\x86b.")
    with pytest.raises(DataError):
        read_file(tmp_path / "val_data")
    (tmp_path / "val_data").write_bytes(python_2(1))
    assert len(read_file(tmp_path / "val_data")[1]) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [0, 5, 6]}, "labels must be a list of whole numbers from 1"),
        ({"labels": [1, 2, 1001]}, "labels must be a list of whole numbers from 1"),
        ({"labels": [1, 2, [3]]}, "labels must be a list of whole numbers from 1"),
        ({"labels": [1, 2]}, r"data must be \[2, 3072\]"),
        ({"data": np.zeros((3, 3000), np.uint8)}, r"data must be \[3, 3072\]"),
        ({"data": np.zeros((3, 3072), np.float32)}, "data must be uint8, got f4"),
    ],
)
def test_files_of_another_form_are_refused_by_name(tmp_path: Path, changes, said: str) -> None:
    _write(tmp_path / "val_data", 3, 0, **changes)
    with pytest.raises(DataError, match=rf"val_data: not a readable file of images \({said}"):
        read_file(tmp_path / "val_data")


def test_missing_files_are_named(files: dict[str, dict], tmp_path: Path) -> None:
    (tmp_path / "train_data_batch_3").unlink()
    with pytest.raises(DataError, match="there is no train_data_batch_3"):
        load("imagenet32", tmp_path)
