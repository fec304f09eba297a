"""Data sets have safe names, and an unknown one is told the known ones."""

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
