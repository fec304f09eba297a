"""Two generations, each whole or passed over in one line."""

import errno
import os
import socket
from pathlib import Path

import pytest
import torch

from paper_repro import files
from paper_repro.training import checkpoints

ORIGIN = {"cell": "me", "code": "this"}
STATE = ORIGIN | {"weights": torch.arange(200.0), "epochs": [{"loss": 1.5, "eta": None}]}


def _save(folder: Path, *steps: int) -> list[Path]:
    for step in steps:
        checkpoints.save(folder, step, STATE | {"step": step})
    return sorted(folder.iterdir())


def test_the_newest_state_comes_back(tmp_path: Path) -> None:
    _save(tmp_path, 9, 10, 100)
    state = checkpoints.load(tmp_path, ORIGIN, "cpu")
    assert state["step"] == 100
    assert state["weights"].equal(STATE["weights"])
    assert state["epochs"] == STATE["epochs"]


def test_two_generations_are_kept_and_no_temporary_files(tmp_path: Path) -> None:
    assert [path.name for path in _save(tmp_path, 1, 2, 30)] == ["000000002.pt", "000000030.pt"]


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert checkpoints.load(tmp_path / "none", ORIGIN, "cpu") is None


@pytest.mark.parametrize("sixteenth", range(16))
def test_a_cut_off_newest_one_falls_back_to_the_older(tmp_path: Path, sixteenth: int, capfd) -> None:
    _, newest = _save(tmp_path, 1, 2)
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) * sixteenth // 16])
    assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("position", [0, 40, 700, -1])
def test_a_flipped_byte_is_seen(tmp_path: Path, position: int, capfd) -> None:
    _, newest = _save(tmp_path, 1, 2)
    content = bytearray(newest.read_bytes())
    content[position] ^= 1
    newest.write_bytes(content)
    assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1
    assert str(newest) in capfd.readouterr().err


def test_what_is_of_another_cell_or_code_and_a_folder_in_its_place_are_passed_over(tmp_path: Path, capfd) -> None:
    _save(tmp_path, 1)
    for part in ORIGIN:
        checkpoints.save(tmp_path, 2, STATE | {part: "other"})
        assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1
        said = capfd.readouterr().err
        assert f"unusable checkpoint (it is of another {part}); going on from an older one" in said
    (tmp_path / "000000003.pt").mkdir()
    assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1
    assert capfd.readouterr().err.count("going on from an older one") == 1


def test_a_damaged_one_is_put_aside_and_does_not_count_as_one_of_the_two(tmp_path: Path, capfd) -> None:
    for path in _save(tmp_path, 8, 9):
        path.write_bytes(b"")
    assert checkpoints.load(tmp_path, ORIGIN, "cpu") is None
    assert capfd.readouterr().err.splitlines()[1].endswith("no older one is whole: the cell begins anew")
    checkpoints.save(tmp_path, 1, STATE | {"step": 1})
    assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1


def test_a_folder_for_an_old_one_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "000000001.pt" / "more").mkdir(parents=True)
    assert [path.name for path in _save(tmp_path, 2, 3)] == ["000000002.pt", "000000003.pt"]


@pytest.mark.parametrize("kind", ["pipe", "link to nowhere", "link to itself", "socket"])
def test_what_is_no_file_is_passed_over_without_waiting(tmp_path: Path, kind: str, capfd) -> None:
    _save(tmp_path, 1)
    path = tmp_path / "000000002.pt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    else:
        path.symlink_to("nowhere" if kind == "link to nowhere" else path)
    assert checkpoints.load(tmp_path, ORIGIN, "cpu")["step"] == 1
    assert capfd.readouterr().err.count("\n") == 1
    assert os.path.lexists(path.with_suffix(".damaged"))


def test_what_is_refused_falls_back_too(tmp_path: Path, capfd) -> None:
    def take(state) -> None:
        if state["step"] == 2:
            raise ValueError("it is of another net")

    _save(tmp_path, 1, 2)
    assert checkpoints.load(tmp_path, ORIGIN, "cpu", take)["step"] == 1
    assert "(it is of another net); going on from an older one" in capfd.readouterr().err


def test_no_descriptor_left_is_no_damage(tmp_path: Path, monkeypatch) -> None:
    def refuse(path: Path, largest: int) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    paths = _save(tmp_path, 1, 2)
    monkeypatch.setattr(files, "read", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        checkpoints.load(tmp_path, ORIGIN, "cpu")
    assert sorted(tmp_path.iterdir()) == paths


def test_half_written_files_of_the_killed_go(tmp_path: Path) -> None:
    paths = _save(tmp_path, 1, 2)
    (tmp_path / ".000000003.pt.0badf00d-77.tmp").write_bytes(b"half")
    checkpoints.load(tmp_path, ORIGIN, "cpu")
    assert sorted(tmp_path.iterdir()) == paths


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, capfd) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    checkpoints.save(tmp_path, 1, ORIGIN | {"evil": Evil()})
    assert checkpoints.load(tmp_path, ORIGIN, "cpu") is None
    assert not (tmp_path / "ran").exists()
