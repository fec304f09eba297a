"""Data sets have safe names, and an unknown one is told the known ones."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.declare import BUILT_IN
from paper_repro import data
from paper_repro.data import DataError


def test_names_of_files_are_checked() -> None:
    assert data.name_of(Path("a/cifar10-jpeg.npz")) == "cifar10-jpeg"
    assert data.name_of(Path("a/b c.npz"), "mine") == "mine"
    for path, name in ((Path("b c.npz"), None), (Path("x.npz"), "../y"), (Path("cifar10.npz"), None)):
        with pytest.raises(DataError, match="cannot be called"):
            data.name_of(path, name)


def test_the_built_in_data_sets_are_those_that_commands_name() -> None:
    assert set(data.FORMS) == set(BUILT_IN)


def test_unknown_data_sets_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cifar10, cifar10-jpeg, cifar100, imagenet32, synthetic"):
        data.load("mnist", tmp_path)


MINE = """
import numpy as np
from paper_repro.data.arrays import Arrays, from_arrays

x, y = np.zeros((9, 4, 4, 3), np.uint8), np.arange(9) % 3

def load(name, folder):
    {body}
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Put a module of one's own where Python finds it; its dotted name, another each time: Python imports it once."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(text: str) -> str:
        package = f"mine{zlib.crc32(text.encode())}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "own.py").write_text(text)
        return f"{package}.own"

    return put


def test_a_module_of_ones_own_is_a_data_set(mine: Callable[[str], str], tmp_path: Path) -> None:
    loaded = data.load(mine(MINE.format(body="return from_arrays(name, x, y, x, y)")), tmp_path)
    assert loaded.num_classes == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINE.format(body="pass"), r"must return Arrays, as from_arrays\(.*, not NoneType"),
        (MINE.format(body="return x, y, x, y"), "must return Arrays, .*, not tuple"),
        (MINE.format(body="return from_arrays(name, x / 255, y, x / 255, y)"), "DataError: x_train must be uint8"),
        (MINE.format(body="return Arrays(name, x, y + 0.5, x, y, (0.5,) * 3, (1.0,) * 3, 3, '')"), "y_train must be"),
        (MINE.format(body="return Arrays(name, x, y, x, y, (0.5,), (1.0,), 3, '')"), "for each channel, got"),
        (MINE.format(body="return from_arrays(name, x.tolist(), y, x, y)"), "arrays.py, line .*: AttributeError: 'li"),
        (MINE.format(body="return open('/nowhere')"), "own.py, line 8: FileNotFoundError"),
        ("import nothing_there", "own.py, line 1: ModuleNotFoundError"),
        ("def lod(): pass", "there is no module .* with a function load, here or on PYTHONPATH, or --data FILE.npz"),
    ],
)
def test_what_it_does_wrong_is_said_in_a_line(mine: Callable[[str], str], tmp_path: Path, text: str, said: str) -> None:
    name = mine(text)
    with pytest.raises(DataError, match=said) as refused:
        data.load(name, tmp_path)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_built_in_data_has_images_of_every_class(tmp_path: Path) -> None:
    assert data.label_gaps(data.load("synthetic", tmp_path)) == ""
