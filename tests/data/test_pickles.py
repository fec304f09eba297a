"""Pickles in the form that Python 2 published them, and what else a pickle could do: nothing of it is done."""

import io
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from paper_repro.data import DataError, pickles

NUMPY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"  # an array, not yet whole
TYPE = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def python_2(count: int, shape: bytes | None = None) -> bytes:
    """As cPickle wrote {"data": array, "labels": list} at protocol 2: strings are bytes."""
    content = bytes(range(256)) * 12 * count
    shape = shape or b"(" + struct.pack("<BH", 77, count) + struct.pack("<BH", 77, 3072) + b"t"
    array = NUMPY + b"(K\x01" + shape + TYPE + b"\x89T" + struct.pack("<I", len(content)) + content + b"tb"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](" + b"K\x07" * count + b"eu."


def test_what_python_2_published_is_read() -> None:
    pictures, labels = pickles.read(python_2(3), "here")
    assert (pictures.shape, labels.tolist()) == ((3, 32, 32, 3), [7, 7, 7])
    assert pictures[0, 0, 5].tolist() == [5, 5, 5]


def test_fine_labels_are_read() -> None:
    stored = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [3, 99], "coarse_labels": [0, 1]}
    assert pickles.read(pickle.dumps(stored, 2), "here")[1].tolist() == [3, 99]


HOSTILE = {
    "another function": b"cos\nsystem\n(S'true'\ntR.",
    "another function, as protocol 4 names it": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "an instance": b"(cos\nsystem\nS'true'\no.",
    "a class by name": b"(S'true'\nios\nsystem\n.",
    "another encoding": b"c_codecs\nencode\n(X\x01\x00\x00\x00aU\x03hextR.",
    "a huge array without its bytes": python_2(1, b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"),
    "a negative array": python_2(1, b"(J\xff\xff\xff\xffJ\x00\xf4\xff\xfft"),
    "an array made at once": b"cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
    "an array of objects": NUMPY + b"(K\x01(K\x01t" + TYPE.replace(b"u1", b"O8") + b"\x89](K\x01etb.",
    "a change to a function": b"c_codecs\nencode\n}U\x01aK\x01sb.",
    "a place in memory for four billion values": b"K\x01r\xff\xff\xff\xff.",
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
    "a byte array that is not there": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
    "lists within lists": b"](" + b"(" * 100_000 + b"l" * 100_000 + b".",
    "a number of a million bits": b"\x8b" + struct.pack("<i", 125_000) + b"\x01" * 125_000 + b".",
    "a number in words": b"I" + b"9" * 4000 + b"\n.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickles_are_refused_in_a_line_and_little_memory(kind: str) -> None:
    tracemalloc.start()
    with pytest.raises(DataError, match=r"^here: not a readable file of pictures") as refused:
        pickles.read(HOSTILE[kind], "here")
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 500


def test_labels_that_hold_each_other_do_not_grow() -> None:
    """Forty lists, each of the one before twice, are a million million labels as an array."""
    nested: list = [1]
    for _ in range(40):
        nested = [nested, nested]
    with pytest.raises(DataError, match="no list of whole numbers"):
        pickles.read(pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": nested}, 2), "here")


def test_a_function_that_a_pickle_names_is_not_changed() -> None:
    reader = pickles._Reader(io.BytesIO(b"c_codecs\nencode\n}U\x01aK\x01sb."))
    with pytest.raises(pickle.UnpicklingError, match="change a function"):
        reader.load()
    assert not hasattr(pickles._encode, "a")


def test_no_more_operations_than_published_files_have() -> None:
    with pytest.raises(DataError, match="more operations"):
        pickles.read(b"N" * 100_000 + b".", "here")
