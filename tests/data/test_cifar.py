"""CIFAR-10 in the format that is published, and a clear line where it cannot be had."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from paper_repro.data import DataError, load
from paper_repro.data.cifar import PAPER_STATISTICS


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as torchvision leaves it, with 20 images a file instead of 10,000 and their true md5 sums."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    draw = np.random.RandomState(0)

    def put(name: str, content: dict) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def images() -> dict:
        return {"data": draw.randint(0, 256, (20, 3072), dtype=np.uint8), "labels": [k % 10 for k in range(20)]}

    train = [put(f"data_batch_{number}", images()) for number in range(1, 6)]
    test = [put("test_batch", images())]
    meta = put("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", test)
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://localhost:1/cifar.tar.gz")  # nothing is fetched in a test
    return tmp_path


def test_images_come_with_the_papers_statistics(published: Path) -> None:
    arrays = load("cifar10", published)
    assert arrays.x_train.shape == (100, 32, 32, 3)
    assert arrays.x_test.shape == (20, 32, 32, 3)
    assert (arrays.mean, arrays.std, arrays.num_classes) == (*PAPER_STATISTICS, 10)
    first = pickle.loads((published / "cifar-10-batches-py" / "data_batch_1").read_bytes())["data"][0]
    assert np.array_equal(arrays.x_train[0], first.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("what", ["damaged", "pipe", "device", "folder", "loop"])
def test_a_damaged_file_and_no_network_say_what_to_do(published: Path, what: str) -> None:
    batch = published / "cifar-10-batches-py" / "data_batch_3"
    content = batch.read_bytes()
    batch.unlink()
    {
        "damaged": lambda: batch.write_bytes(content[:-1]),
        "pipe": lambda: os.mkfifo(batch),
        "device": lambda: batch.symlink_to("/dev/zero"),
        "folder": batch.mkdir,
        "loop": lambda: batch.symlink_to(batch),
    }[what]()
    with pytest.raises(DataError, match=r"^cifar10 is not whole in .*localhost:1.* --data FILE.npz") as error:
        load("cifar10", published)
    assert datasets.CIFAR10.tgz_md5 in str(error.value)
    assert "\n" not in str(error.value)


def test_no_pickle_is_opened_whose_md5_is_another(published: Path) -> None:
    class Malice:
        def __reduce__(self):
            return os.mkdir, (str(published / "ran"),)

    (published / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(Malice()))
    with pytest.raises(DataError, match="not whole"):
        load("cifar10", published)
    assert not (published / "ran").exists()
