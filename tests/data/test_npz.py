"""What an archive can claim: it is refused before there is room for it, and nothing is extracted."""

import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from paper_repro.data import DataError, npz
from paper_repro.data.arrays import KEYS, load_npz


def _header(descr: str, shape: str) -> bytes:
    words = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words


def _archive(path: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _members(npz: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(npz) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


X = "x_train.npy"
HOSTILE = {
    "a header that claims terabytes": ({X: _header("'|u1'", "(1000000, 1000, 1000, 3)")}, "claims to be"),
    "a negative number of pictures": ({X: _header("'|u1'", "(-1, 8, 8, 3)")}, "no numbers"),
    "more pictures than there are numbers": ({X: _header("'|u1'", f"({2**70}, 8, 8, 3)")}, "claims to be"),
    "objects": ({X: _header("'|O'", "(120, 8, 8, 3)") + b"c__builtin__\nprint\n(tR."}, "no numbers"),
    "a structure": ({X: _header("[('a', '|u1')]", "(120, 8, 8, 3)")}, "no numbers"),
    "code for a shape": ({X: _header("'|u1'", "__import__('os').mkdir('trace')")}, "malformed|Cannot parse header"),
    "a header without end": ({X: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 10**8}, "EOF|header"),
    "a bomb": ({X: _header("'|u1'", f"({10**8 // 3}, 1, 1, 3)") + bytes(10**8 // 3 * 3)}, "room for"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_claimed_is_refused_before_there_is_room_for_it(npz: Path, kind: str, monkeypatch) -> None:
    members, said = HOSTILE[kind]
    _archive(npz, _members(npz) | members)
    monkeypatch.setattr("paper_repro.data.npz.LARGEST", 50_000_000)
    tracemalloc.start()
    with pytest.raises(DataError, match=f"^{npz}: not a readable .npz file .*({said})"):
        load_npz(npz, "tiny")
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()
    assert not Path("trace").exists()


def test_a_form_is_refused_before_there_is_room_for_it(npz: Path) -> None:
    _archive(npz, _members(npz) | {X: _header("'<f8'", "(1000000, 10)") + bytes(8 * 10**7)})
    tracemalloc.start()
    with pytest.raises(DataError, match=r"x_train must be uint8 .*, got float64 \[1000000, 10\]"):
        load_npz(npz, "tiny")
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def _patched(content: bytes, signature: bytes, offset: int, new: bytes) -> bytes:
    """With bytes after the first such signature replaced: of the directory's entry of x_train, which comes first."""
    place = content.index(signature) + offset
    return content[:place] + new + content[place + len(new) :]


ENTRY, END = b"PK\x01\x02", b"PK\x05\x06"


@pytest.mark.parametrize(
    ("signature", "offset", "new", "said"),
    [
        (ENTRY, 24, struct.pack("<I", 2**32 - 2), "claims 4,294,967,294 bytes, packed into"),
        (ENTRY, 8, struct.pack("<H", 1), "encrypted"),
        (ENTRY, 10, struct.pack("<H", 14), "unusual way"),  # LZMA may want gigabytes for itself
        (END, 12, struct.pack("<I", 2**31), "at once|not a zip|Bad|offset"),
    ],
)
def test_an_archive_that_lies_about_itself_is_refused(npz: Path, signature, offset, new, said: str) -> None:
    _archive(npz, _members(npz))
    npz.write_bytes(_patched(npz.read_bytes(), signature, offset, new))
    with pytest.raises(DataError, match=f"not a readable .npz file .*({said})"):
        load_npz(npz, "tiny")


def test_a_large_directory_is_not_read(npz: Path) -> None:
    _archive(npz, _members(npz) | {f"{place:0200d}": b"" for place in range(5000)})
    with pytest.raises(DataError, match="to be read at once"):
        load_npz(npz, "tiny")


def test_an_array_that_is_there_twice_is_refused(npz: Path) -> None:
    members = _members(npz)
    with zipfile.ZipFile(npz, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(X, members[X])
    with pytest.raises(DataError, match="it holds x_train twice"):
        load_npz(npz, "tiny")


def test_names_of_other_members_lead_nowhere(npz: Path, tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    _archive(inner / "tiny.npz", _members(npz) | {"../../escaped.npy": b"", "/tmp/escaped-from-npz": b""})
    before = sorted(tmp_path.rglob("*"))
    assert load_npz(inner / "tiny.npz", "tiny").num_classes == 3
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/escaped-from-npz").exists()


def test_arrays_larger_than_memory_are_refused(npz: Path, monkeypatch) -> None:
    assert 10**7 < npz_memory() < 10**14
    monkeypatch.setattr("paper_repro.data.npz._memory", lambda: 1000)
    with pytest.raises(DataError, match=r"its arrays have [\d,]+ bytes, and there is room for 1,000"):
        load_npz(npz, "tiny")


def npz_memory() -> int:
    return npz._memory()


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


def test_packed_and_fortran_ordered_arrays_are_read(npz: Path, arrays) -> None:
    content = io.BytesIO()
    given = {key: getattr(arrays, key) for key in KEYS}
    np.savez_compressed(content, **given | {"x_train": np.asfortranarray(arrays.x_train)})
    npz.write_bytes(content.getvalue())
    assert load_npz(npz, "tiny").fingerprint == arrays.fingerprint
