"""Any .npz of the right form is a data set; any other file is refused in a line that names it."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data.arrays import Arrays, DataError, channel_statistics, from_arrays, label_gaps, load_npz


def test_an_npz_comes_back_as_it_was_saved(npz: Path, arrays: Arrays) -> None:
    loaded = load_npz(npz, "tiny")
    assert np.array_equal(loaded.x_train, arrays.x_train)
    assert np.array_equal(loaded.y_test, arrays.y_test)
    assert (loaded.num_classes, loaded.fingerprint) == (3, arrays.fingerprint)


def test_the_fingerprint_sees_one_pixel_and_one_label(arrays: Arrays) -> None:
    for key in ("x_train", "y_train", "x_test", "y_test"):
        changed = getattr(arrays, key).copy()
        changed[3] ^= 1
        assert dataclasses.replace(arrays, **{key: changed}, fingerprint="").fingerprint != arrays.fingerprint


def test_statistics_are_those_of_the_channels(arrays: Arrays) -> None:
    mean, std = channel_statistics(arrays.x_train)
    assert mean == pytest.approx(arrays.x_train.mean(axis=(0, 1, 2)))
    assert std == pytest.approx(arrays.x_train.std(axis=(0, 1, 2)))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("x", lambda x: x.astype(np.float32)),
        ("x", lambda x: x[..., :2]),
        ("x", lambda x: x.reshape(len(x), -1)),
        ("x", lambda x: x[:0]),
        ("y", lambda y: y[:-1]),
        ("y", lambda y: y.astype(np.float64)),
        ("y", lambda y: y - 1),
        ("y", lambda y: y[:, None]),
        ("y", lambda y: y + 100_000),
    ],
)
def test_wrong_forms_are_named(arrays: Arrays, split: str, key: str, bad) -> None:
    given = {name: getattr(arrays, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    given[f"{key}_{split}"] = bad(given[f"{key}_{split}"])
    with pytest.raises(DataError, match=rf"^here: [xy]_{split} must "):
        from_arrays("tiny", **given, where="here")


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, 1, 2], [2, 1, 0], None),
        (
            [1, 2, 3],
            [1, 2, 3],
            "class 0 has no training image and no test image; labels start at 0; the net has 4 outputs",
        ),
        ([0, 99], [0, 99], "classes 1 to 98 have no training image and no test image; the net has 100 outputs"),
        ([0, 1], [0, 1, 2], "class 2 has test images but no training image; the net has 3 outputs"),
        (
            [1, 2],
            [0, 2],
            "class 0 has test images but no training image; class 1 has training images but no test",
        ),
        ([0, 1, 2, 3], [0, 1], "classes 2 to 3 have training images but no test image"),
        ([0, 2, 4, 7], [0, 2, 4, 7], "classes 1, 3, 5 to 6 have no training image"),
        (list(range(0, 40, 2)), [0], "classes 1, 3, 5, 7, 9, 11, 13, 15 and 11 others have no training image"),
        ([0], [0], "with one class there is nothing to learn"),
        ([65535], [65535], "classes 0 to 65534 have no training image"),
    ],
)
def test_classes_without_images_are_named(train: list[int], test: list[int], said: str | None) -> None:
    x = np.zeros((40, 4, 4, 1), np.uint8)
    own = from_arrays("own", x, np.resize(train, 40), x, np.resize(test, 40))
    found = label_gaps(own)
    assert found == "" if said is None else said in found
    assert len(found) < 400


def test_pictures_of_two_sizes_are_refused(arrays: Arrays) -> None:
    with pytest.raises(DataError, match="test pictures"):
        from_arrays("tiny", arrays.x_train, arrays.y_train, arrays.x_test[:, :4], arrays.y_test)


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{key: np.array([print], dtype=object) for key in ("x_train", "y_train", "x_test", "y_test")})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not an archive",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-30],
        lambda content: content[:200] + b"\xff" * 200 + content[400:],
        lambda content: _pickled(),
    ],
)
def test_damaged_files_are_refused_by_name(npz: Path, damage) -> None:
    npz.write_bytes(damage(npz.read_bytes()))
    with pytest.raises(DataError, match=str(npz)):
        load_npz(npz, "tiny")


def test_missing_files_and_arrays_are_named(npz: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_npz(tmp_path / "none.npz", "tiny")
    np.savez(npz, x_train=np.zeros(3))
    with pytest.raises(DataError, match="no array y_train, x_test, y_test"):
        load_npz(npz, "tiny")
