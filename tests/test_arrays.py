"""Any .npz of the right form is a data set; any other file is refused in a line that names it."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data.arrays import Arrays, DataError, channel_statistics, from_arrays, load_npz


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
