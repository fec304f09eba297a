"""Data sets have safe names, and an unknown one is told the known ones."""

import zlib
from pathlib import Path

import pytest

from paper_repro import data
from paper_repro.data import DataError


def test_names_of_files_are_checked() -> None:
    assert data.name_of(Path("a/cifar10-jpeg.npz")) == "cifar10-jpeg"
    assert data.name_of(Path("a/b c.npz"), "mine") == "mine"
    for path, name in ((Path("b c.npz"), None), (Path("x.npz"), "../y"), (Path("cifar10.npz"), None)):
        with pytest.raises(DataError, match="cannot be called"):
            data.name_of(path, name)


def test_unknown_data_sets_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cifar10, cifar100, imagenet32, synthetic"):
        data.load("mnist", tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file is a data set."""
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    return tmp_path


MINE = """
import numpy as np
from paper_repro.data.arrays import Arrays, from_arrays

NAMES = ("{name}",)
x, y = np.zeros((9, 4, 4, 3), np.uint8), np.arange(9) % 3

def load(name, folder):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", r"what load\('{name}', folder\) returns must be Arrays, as from_arrays(.*), got NoneType"),
        ("return x, y, x, y", "must be Arrays, as from_arrays(.*), got tuple"),
        ("return {'x_train': x}", "must be Arrays, .* got dict"),
        ("return from_arrays(name, x / 255, y, x / 255, y)", "x_train must be uint8"),
        ("return Arrays(name, x / 255, y, x, y, (0,) * 3, (1,) * 3, 3)", "x_train must be uint8 .* got float64"),
        ("return Arrays(name, x, y + 0.5, x, y, (0,) * 3, (1,) * 3, 3)", "y_train must be integers"),
        ("return Arrays(name, x, y.astype('i4'), x, y, (0,) * 3, (1,) * 3, 3)", "y_train must be int64 .*, got int32"),
        ("return Arrays(name, x, y, x, y + 1, (0,) * 3, (1,) * 3, 3)", r"y_test must be .* below num_classes \(3\)"),
        ("return Arrays(name, x, y, x, y, (0.5,), (1.0,), 3)", "mean and std must have 3 numbers"),
        ("return Arrays(name, x, y, x, y, (0.5,) * 3, (0.0,) * 3, 3)", "mean and std must be finite, std above 0"),
        ("return Arrays(name, x, y, x, y, (np.nan,) * 3, (1.0,) * 3, 3)", "mean and std must be finite"),
        (
            "return from_arrays(name, x.tolist(), y, x, y)",
            "failed at arrays.py, line .*: AttributeError: 'list'",
        ),
        ("return open('/nowhere')", "failed at {name}.py, line 9: FileNotFoundError"),
    ],
)
def test_what_a_file_of_ones_own_does_wrong_is_said_in_a_line(folder: Path, body: str, said: str) -> None:
    name = f"mine{zlib.crc32(body.encode())}"  # Python imports a name once
    (folder / f"{name}.py").write_text(MINE.format(name=name, body=body))
    with pytest.raises(DataError, match=said.replace("{name}", name)) as refused:
        data.load(name, folder)
    assert str(refused.value).startswith(f"paper_repro/data/{name}.py: ")
    assert "\n" not in str(refused.value)


def test_a_name_without_its_comma_is_one_name(folder: Path) -> None:
    text = MINE.replace('("{name}",)', '("{name}")').format(name="uncomma", body="return from_arrays(name, x, y, x, y)")
    (folder / "uncomma.py").write_text(text)
    assert data.load("uncomma", folder).num_classes == 3


def test_a_file_that_cannot_be_imported_is_named(folder: Path) -> None:
    (folder / "broken.py").write_text("import nothing_there")
    with pytest.raises(DataError, match=r"^paper_repro/data/broken.py cannot be imported: ModuleNotFoundError: "):
        data.load("synthetic", folder)


def test_built_in_data_has_images_of_every_class(tmp_path: Path) -> None:
    assert data.label_gaps(data.load("synthetic", tmp_path)) == ""
