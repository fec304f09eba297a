"""Any .npz of the right form is a data set; any other file is refused in a line that names it."""

import io
import os
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data import arrays as data_arrays
from paper_repro.data.arrays import KEYS, Arrays, DataError, channel_statistics, from_arrays, label_gaps, load_npz


def test_an_npz_comes_back_as_it_was_saved(npz: Path, arrays: Arrays) -> None:
    loaded = load_npz(npz, "tiny")
    assert np.array_equal(loaded.x_train, arrays.x_train)
    assert np.array_equal(loaded.y_test, arrays.y_test)
    assert (loaded.num_classes, loaded.fingerprint) == (3, arrays.fingerprint)


def test_the_fingerprint_sees_one_pixel_and_one_label(arrays: Arrays) -> None:
    for key in ("x_train", "y_train", "x_test", "y_test"):
        changed = getattr(arrays, key).copy()
        changed[3] ^= 1
        others = {name: getattr(arrays, name) for name in KEYS}
        assert from_arrays("tiny", **others | {key: changed}).fingerprint != arrays.fingerprint


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
    with pytest.raises(DataError, match=rf"^[xy]_{split} must "):
        from_arrays("tiny", **given)


@pytest.mark.parametrize(
    ("mean", "std"), [((0.5,), (1.0,) * 3), ((0.5,) * 3, (1.0, 1.0, 0.0)), ((0.5, np.nan, 0.5), (1.0,) * 3)]
)
def test_what_training_cannot_use_is_refused(arrays: Arrays, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="must have a finite number for each channel"):
        from_arrays("tiny", *(getattr(arrays, key) for key in KEYS), (mean, std))


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, 1, 2], [2, 1, 0], ""),
        ([1, 2], [1, 2], "no training image of class 0; the network has 3 outputs, .*; no test image of class 0$"),
        ([0, 1], [0, 1, 2], "no training image of class 2; the network has 3 outputs, [^;]*$"),
        ([0, 1, 2, 3], [0, 1], "tiny: no test image of class 2, 3$"),
        (list(range(0, 40, 2)), [0], "class 1, 3, 5, 7, 9, 11, 13, 15 and 11 others; the network has 39 outputs"),
        ([0], [0], "with one class there is nothing to learn"),
    ],
)
def test_classes_without_images_are_named(train: list[int], test: list[int], said: str) -> None:
    x = np.zeros((40, 4, 4, 1), np.uint8)
    own = from_arrays("tiny", x, np.resize(train, 40), x, np.resize(test, 40))
    found = label_gaps(own)
    assert re.search(said, found)
    assert bool(found) == bool(said)


def test_images_of_two_sizes_are_refused(arrays: Arrays) -> None:
    with pytest.raises(DataError, match="test images"):
        from_arrays("tiny", arrays.x_train, arrays.y_train, arrays.x_test[:, :4], arrays.y_test)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not an archive",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-30],
        lambda content: content[:200] + b"\xff" * 200 + content[400:],
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


def _archive(path: Path, members: dict[str, bytes]) -> None:
    """The .npz file with some members replaced or added."""
    with zipfile.ZipFile(path) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**whole, **members}.items():
            archive.writestr(name, content)


def _header(descr: str, shape: str) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


HOSTILE = {
    "terabytes": (_header("'|u1'", "(1000000, 1000, 1000, 3)"), "Unable to allocate|EOF"),
    "a negative number of images": (_header("'|u1'", "(-1, 8, 8, 3)"), "not a readable|must be"),
    "more images than there are numbers": (_header("'|u1'", f"({2**70}, 8, 8, 3)"), "not a readable"),
    "objects": (_header("'|O'", "(120, 8, 8, 3)") + b"cos\nmkdir\n(S'ran'\ntR.", "Object arrays cannot be loaded"),
    "a structure": (_header("[('a', '|u1')]", "(2, 8, 8, 3)") + bytes(384), "x_train must be uint8"),
    "code for a shape": (_header("'|u1'", "__import__('os').mkdir('ran')"), "not a readable"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_headers_are_refused_in_a_line_and_run_nothing(npz: Path, kind: str, monkeypatch) -> None:
    monkeypatch.chdir(npz.parent)
    content, said = HOSTILE[kind]
    _archive(npz, {"x_train.npy": content, "../escaped.npy": b""})
    with pytest.raises(DataError, match=f"^{npz}: .*({said})") as refused:
        load_npz(npz, "tiny")
    assert len(str(refused.value).splitlines()) == 1
    assert os.listdir() == [npz.name]
    assert not Path("../escaped.npy").exists()


def test_arrays_larger_than_free_memory_are_refused_before_any_is_read(npz: Path, monkeypatch) -> None:
    assert 10**7 < data_arrays._free_memory() < 10**14
    monkeypatch.setattr(data_arrays, "_free_memory", lambda: 50_000_000)
    _archive(npz, {"x_train.npy": _header("'|u1'", "(20000000, 1, 1, 3)") + bytes(60_000_000)})
    tracemalloc.start()
    with pytest.raises(DataError, match=r"its arrays have 60,[\d,]+ bytes, and there is room for 50,000,000"):
        load_npz(npz, "tiny")
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_no_more_is_unpacked_than_the_directory_says(npz: Path) -> None:
    _archive(npz, {"x_train.npy": _header("'|u1'", "(20000000, 1, 1, 3)") + bytes(60_000_000)})
    content = npz.read_bytes()
    place = content.index(struct.pack("<I", 60_000_000 + len(_header("'|u1'", "(20000000, 1, 1, 3)"))), -1000)
    npz.write_bytes(content[:place] + struct.pack("<I", 1000) + content[place + 4 :])
    with pytest.raises(DataError, match="not a readable"):
        load_npz(npz, "tiny")


@pytest.mark.parametrize("what", ["pipe", "device", "folder", "loop"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, what: str) -> None:
    path = tmp_path / "data.npz"
    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path),
    }[what]()
    with pytest.raises(DataError, match=f"^{path}: not a readable"):
        load_npz(path, "tiny")


def test_packed_and_fortran_ordered_arrays_are_read(npz: Path, arrays: Arrays) -> None:
    content = io.BytesIO()
    given = {key: getattr(arrays, key) for key in KEYS}
    np.savez_compressed(content, **given | {"x_train": np.asfortranarray(arrays.x_train)})
    npz.write_bytes(content.getvalue())
    assert load_npz(npz, "tiny").fingerprint == arrays.fingerprint
