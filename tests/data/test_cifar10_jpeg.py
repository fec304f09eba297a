"""The built-in real images: always the same arrays, kept once they are decoded, and had without a network."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paper_repro import data
from paper_repro.cell import Cell
from paper_repro.data import DataError, cifar10_jpeg
from slurm import snapshot


def test_it_is_decoded_to_the_same_images_for_ever_and_kept(tmp_path: Path, capsys, monkeypatch) -> None:
    """All in one test: decoding takes a while."""
    kept = tmp_path / "data" / "cifar10-jpeg.npz"
    kept.parent.mkdir()
    kept.write_bytes(b"PK damaged")
    arrays = data.load("cifar10-jpeg", kept.parent)
    assert arrays.fingerprint == "b039ca6b1d43603b"
    assert arrays.x_train.shape == (50_000, 32, 32, 3)
    assert np.bincount(arrays.y_test).tolist() == [1000] * 10
    assert "decoded anew" in capsys.readouterr().err

    decoded = [arrays.x_train, arrays.y_train, arrays.x_test, arrays.y_test]
    monkeypatch.setattr(cifar10_jpeg, "decode", lambda pack: pytest.fail("decoded although it is kept"))
    assert data.load("cifar10-jpeg", kept.parent).fingerprint == arrays.fingerprint
    typed = data.load(data.name_of(kept), kept)  # --data data/cifar10-jpeg.npz
    assert (typed.name, typed.fingerprint) == (arrays.name, arrays.fingerprint)

    monkeypatch.setattr(cifar10_jpeg, "decode", lambda pack: decoded)
    assert data.load("cifar10-jpeg", kept / "a file is no folder").fingerprint == arrays.fingerprint
    assert "cannot be kept" in capsys.readouterr().err


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without a pack, and nothing else to find one in; the pack's place."""
    monkeypatch.setattr(cifar10_jpeg, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "path", [])
    path = tmp_path / cifar10_jpeg.PACK
    path.parent.mkdir(parents=True)
    return path


def test_where_pip_has_installed_the_package_alone_it_says_where_the_images_are(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pip does not install: run this in a checkout"):
        data.load("cifar10-jpeg", tmp_path)


def test_other_images_are_refused(checkout: Path, tmp_path: Path) -> None:
    """As a JPEG library would decode them that rounds otherwise."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), 128, np.uint8)).save(buffer, "JPEG")
    content, pack = np.frombuffer(buffer.getvalue(), np.uint8), {"header": np.zeros(0, np.uint8)}
    for split in ("train", "test"):
        pack |= {f"{split}_scans": content, f"{split}_lengths": np.array([len(content)], np.uint16)}
        pack[f"{split}_labels"] = np.zeros(1, np.uint8)
    np.savez(checkout, **pack)
    with pytest.raises(DataError, match=r"decodes other images here .* instead of b039ca6b1d43603b"):
        data.load("cifar10-jpeg", tmp_path)
    assert not (tmp_path / "cifar10-jpeg.npz").exists()
    checkout.write_bytes(content.tobytes())
    with pytest.raises(DataError, match=r"damaged .* git checkout"):
        data.load("cifar10-jpeg", tmp_path)


def test_a_file_of_that_name_with_other_images_is_refused(npz: Path) -> None:
    with pytest.raises(DataError, match=r"not the images of cifar10-jpeg .* it is built in: leave --data away"):
        data.load("cifar10-jpeg", npz)


def test_jobs_find_the_pack_though_their_copy_of_the_code_has_none(cell: Cell, tmp_path: Path) -> None:
    code = snapshot.take(tmp_path, [cell])
    say = "from paper_repro.data import cifar10_jpeg as c; print(c.ROOT, c.find_pack())"
    script = "\n".join([*snapshot.setup(code, []), f"{sys.executable} -c '{say}'"])
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(code), str(snapshot.REPOSITORY / cifar10_jpeg.PACK)], done.stderr
