"""The kinds of input that hostile.py changes. once() tries one, and raises for what should not be."""

from __future__ import annotations

import io
import json
import pickle
import random
import re
import struct
import zipfile
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import numpy as np

from analysis import figures
from analysis.figures import captions
from analysis.report import appendix, render
from analysis.results.markdown import Table
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import is_plain
from paper_repro.data import DataError, arrays, imagenet32
from paper_repro.records import BadRecord
from paper_repro.sweep import engine
from tests.chaos.hostile import Different
from tests.chaos.hostile.mutations import Malice, in_its_place, of_bytes, of_value, remove
from tests.conftest import made_record

PAGE = re.compile(r"<script|<[^>]*javascript:")  # in a tag: as a word it is shown like any other
CELL = Cell(dataset="tiny", model="resnet-8-w2", optimizer="adamw", alpha=0.01, decay=0.01, epochs=3)


def check_said(text: str, most: int) -> None:
    """Lines of a message: few, and plain."""
    lines = text.splitlines()
    if not 1 <= len(lines) <= most or not all(map(is_plain, lines)) or len(text) > 10_000:
        raise Different(f"it said {text[:500]!r}")


def sealed(record: dict[str, Any]) -> bytes:
    with suppress(ValueError, TypeError, RecursionError):
        record = {**record, "checksum": records.checksum(record)}
    return json.dumps(record).encode()


def made(seed: int) -> dict[str, Any]:
    return made_record(CELL.replace(seed=seed), 30.0, status="diverged" if seed % 3 == 2 else "")


class Record:
    """A record in its place; a checksum that fits, in half of all."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.path = records.record_path(self.out, CELL.id)
        self.path.parent.mkdir(parents=True)

    def once(self, draw: random.Random) -> None:
        for left in (self.path, self.path.with_suffix(".damaged")):
            remove(left)
        self._put(draw)
        try:
            found = records.read(self.out, CELL.id)
        except BadRecord as error:
            check_said(str(error), 1)
            found = None
        else:
            assert found is not None
            self._show(found)
        told = io.StringIO()
        with redirect_stderr(told):
            known = records.look(self.out, [CELL.id])
            survey = engine.Survey.of([CELL], self.out)
        if (len(known), len(survey.missing)) != ((1, 0) if found else (0, 1)):
            raise Different("the readers do not agree")
        if not found:
            check_said(told.getvalue(), 2)

    def _put(self, draw: random.Random) -> None:
        whole = made(0)
        if draw.random() < 0.02:
            in_its_place(draw, self.path, records.LARGEST + 1)
        elif draw.random() < 0.5:
            content = of_bytes(draw, sealed(whole))
            self.path.write_bytes(content)
            with suppress(ValueError, RecursionError):
                if json.loads(content) != whole:
                    self._must_not_be_read()
        else:
            self.path.write_bytes(sealed(of_value(draw, whole, 3)))

    def _must_not_be_read(self) -> None:
        with suppress(BadRecord):
            records.read(self.out, CELL.id)
            raise Different("it was changed, and its checksum was taken to fit")

    def _show(self, record: dict[str, Any]) -> None:
        """As figures and the report do."""
        figures.table([record])
        captions._origin([record])
        trained = appendix.environment([record["provenance"]])
        render.latex(Table(("trained",), ((trained,),), "environment", "What trained.")).encode()
        text = f"# A report\n\n{trained}"
        if PAGE.search(render.page(text, self.path.parent)) or not is_plain(text.replace("\n", "")):
            raise Different("the report obeys it")


class Merged:
    """Five records in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "all.jsonl"
        self.records = [made(seed) for seed in range(5)]

    def once(self, draw: random.Random) -> None:
        lines = [sealed(record) for record in self.records]
        if draw.random() < 0.5:
            lines[draw.randrange(5)] = sealed(of_value(draw, draw.choice(self.records), 2))
            self.path.write_bytes(b"\n".join(lines))
        elif draw.random() < 0.01:
            in_its_place(draw, self.path, records.LARGEST * 2)
        else:
            self.path.write_bytes(of_bytes(draw, b"\n".join(lines)))
        try:
            records.load(self.path)
        except BadRecord as error:
            check_said(str(error), 1)
        except OSError:  # which commands say in a line
            pass
        finally:
            remove(self.path)


class Archive:
    """An .npz file: its bytes, its directory, and the headers in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tiny.npz"
        x, y = np.zeros((12, 4, 4, 3), np.uint8), np.arange(12) % 3
        content = io.BytesIO()
        np.savez(content, x_train=x, y_train=y, x_test=x, y_test=y)
        self.whole = content.getvalue()
        with zipfile.ZipFile(content) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}

    def once(self, draw: random.Random) -> None:
        change = draw.random()
        if change < 0.01:
            in_its_place(draw, self.path, 2**31)
        elif change < 0.4:
            self.path.write_bytes(of_bytes(draw, self.whole))
        elif change < 0.6:
            self.path.write_bytes(self._patched(draw))
        else:
            self._write(draw)
        try:
            arrays.load_npz(self.path, "tiny")
        except DataError as error:
            check_said(str(error), 2)
        remove(self.path)

    def _patched(self, draw: random.Random) -> bytes:
        """Numbers in the entries of the directory, or at its end."""
        content = bytearray(self.whole)
        signature = draw.choice([b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"])
        places = [found.start() for found in re.finditer(re.escape(signature), self.whole)]
        place = draw.choice(places) + 4 + 2 * draw.randrange(20)
        number = draw.choice([0, 1, 8, 14, 99, 2**16 - 1, 2**31, 2**32 - 1, draw.randrange(2**32)])
        content[place : place + 4] = struct.pack("<I", number)
        return bytes(content)

    def _write(self, draw: random.Random) -> None:
        shape = draw.choice(["(12, 4, 4, 3)", "(-1, 4, 4, 3)", f"({2**62}, 4, 4, 3)", f"({10**30},)", "()", "(1.5,)"])
        kind = draw.choice(
            ["'|u1'", "'|O'", "'<f8'", "[('a', 'O')]", "'S1000000'", "'<U9'", "'<i8'", "('|u1', 9)", "'V'"]
        )
        words = f"{{'descr': {kind}, 'fortran_order': {draw.choice(['False', 'True', '1'])}, 'shape': {shape}, }}\n"
        version = draw.choice([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"])
        length = struct.pack("<H" if version[0] == 1 else "<I", draw.choice([len(words), len(words), 60_000]))
        body = draw.choice([b"", bytes(576), bytes(10**7), pickle.dumps(Malice())])
        header = (
            b"\x93NUMPY" + version + length + of_bytes(draw, words.encode()) if draw.random() < 0.3 else words.encode()
        )
        name = draw.choice([*self.members, "../../escaped.npy", "/tmp/escaped.npy"])
        packed = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(self.path, "w", packed) as archive:
            for member, content in {**self.members, name: header + body}.items():
                archive.writestr(member, content)


class Pickle:
    """A batch of images: its bytes, or any operations in any order."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "val_data"
        stored = {
            "data": np.zeros((3, 3072), np.uint8),
            "labels": [1, 2, 3],
            "filenames": ["a"] * 3,
            "mean": np.ones(3),
        }
        self.whole = [pickle.dumps(stored, protocol) for protocol in range(6)]
        self.parts = [
            b"cos\nmkdir\n", b"(S'../../ran-from-data'\ntR", b"(S'../../ran-from-data'\nios\nmkdir\n", b"(", b"t",
            b"l", b"d", b"}", b"]", b"s", b"u", b"e", b"a", b"b", b"R", b"0", b"2", b"N", b"\x85", b"\x86", b"\x93",
            b"\x81", b"\x92", b"K\x01", b"J\xff\xff\xff\x7f", b"U\x04data", b"U\x06labels", b"\x8c\x02os",
            b"\x8c\x06system", b"q\x01", b"h\x01", b"r\xff\xff\xff\xff", b"\x8e\x00\x00\x00\x00\x00\x01\x00\x00a",
            b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x96\x00\x00\x00\x00\x00\x01\x00\x00a", b"cnumpy\nndarray\n",
            b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"(K\x00t",
            b"U\x01b", b"U\x02u1", b"U\x02O8", b"\x80\x04", b"\x80\x02", b"cnumpy.core.numeric\n_frombuffer\n",
            b"I" + b"9" * 5000 + b"\n", b"\x8b\x00\x00\x00\x7f", b"P1\n", b"Q", b"\x97",
        ]  # fmt: skip

    def once(self, draw: random.Random) -> None:
        change = draw.random()
        if change < 0.02:
            in_its_place(draw, self.path, imagenet32.LARGEST + 1)
        elif change < 0.5:
            self.path.write_bytes(of_bytes(draw, draw.choice(self.whole)))
        elif change < 0.8:
            self.path.write_bytes(b"".join(draw.choice(self.parts) for _ in range(draw.randint(1, 40))) + b".")
        else:
            changed = of_value(draw, {"data": [0] * 9, "labels": [1, 2], "x": {"y": [1]}}, 3)
            if draw.random() < 0.5 and isinstance(changed, dict):
                changed["z"] = Malice()
            self.path.write_bytes(pickle.dumps(changed, draw.randrange(6)))
        try:
            images, labels = imagenet32.read_file(self.path)
        except DataError as error:
            check_said(str(error), 1)
        else:
            assert (images.dtype, images.shape) == (np.uint8, (len(labels), 32, 32, 3))
        remove(self.path)


class Checkpoint:
    """Two generations; what torch.save wrote is changed under a checksum that fits, in half of all."""

    def __init__(self, folder: Path) -> None:
        import torch

        from paper_repro.training import checkpoints

        self.folder, self.torch, self.checkpoints = folder / "checkpoints", torch, checkpoints
        self.state = {"cell": "me", "step": 5, "model": {"w": torch.zeros(4, 4)}, "epochs": [{"epoch": 1}]}

    def once(self, draw: random.Random) -> None:
        self.checkpoints.save(self.folder, 1, self.state)
        path = self.folder / "000000002.pt"
        self._put(draw, path)
        told = io.StringIO()
        with redirect_stderr(told):
            found = self.checkpoints.load(self.folder, {"cell": "me"}, "cpu")
        if found is None or found["cell"] != "me":
            raise Different("the older one was not found")
        if told.getvalue():
            check_said(told.getvalue(), 1)
        remove(path)

    def _put(self, draw: random.Random, path: Path) -> None:
        import hashlib

        buffer = io.BytesIO()
        state: dict[str, Any] = self.state
        if draw.random() < 0.2:
            state = {**state, draw.choice(["x", "id", "model"]): draw.choice([Malice(), print, object, 3])}
        self.torch.save(state, buffer, _use_new_zipfile_serialization=draw.random() < 0.9)
        content = buffer.getvalue() if draw.random() < 0.7 else self._packed(draw)
        if draw.random() < 0.7:
            content = of_bytes(draw, content)
        content = hashlib.sha256(content).digest() + content
        if draw.random() < 0.01:
            in_its_place(draw, path, self.checkpoints.LARGEST + 1)
        else:
            path.write_bytes(content if draw.random() < 0.6 else of_bytes(draw, content))

    def _packed(self, draw: random.Random) -> bytes:
        """An archive that grows when it is read, or pickles of any operations in the place of torch's."""
        content = io.BytesIO()
        packed = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
        with zipfile.ZipFile(content, "w", packed) as archive:
            archive.writestr(
                "archive/data.pkl", draw.choice([bytes(10**7), pickle.dumps(Malice(), 2), pickle.dumps({}, 2)])
            )
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/data/0", bytes(10**6))
        return content.getvalue()
