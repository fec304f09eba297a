"""What is no file is an error and no hang; what cannot be written is said in one line with what to do."""

import errno
import os
import re
from pathlib import Path

import pytest

from paper_repro import files
from paper_repro.files import write_atomically


def test_a_file_is_read_and_nothing_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    assert files.read(tmp_path / "a", 100) == files.read(tmp_path / "b", 100) == b"content"
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "none", 100)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder"):
        with pytest.raises(ValueError, match="it is"):
            files.read(tmp_path / name, 100)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1000])
def test_of_many_each_is_done_in_order(count: int) -> None:
    assert files.each(str, range(count)) == [str(number) for number in range(count)]


def test_what_one_of_many_raises_is_raised_and_so_is_that_no_thread_can_be_started(monkeypatch) -> None:
    with pytest.raises(ZeroDivisionError):
        files.each(lambda number: 1 / (number - 77), range(100))

    def refuse(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    with pytest.raises(
        files.StorageError, match=r"^can't start new thread; no more processes or threads may be started"
    ):
        files.each(str, range(100))


def test_nothing_that_was_set_aside_is_written_over(tmp_path: Path) -> None:
    for content in (b"1", b"2", b"3"):
        (tmp_path / "a.json").write_bytes(content)
        files.set_aside(tmp_path / "a.json")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.damaged": b"1", "a.damaged2": b"2", "a.damaged3": b"3"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "folder", "link", "nothing"])
def test_anything_is_removed(tmp_path: Path, kind: str) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    path = tmp_path / "path"
    {
        "file": path.touch,
        "folder": lambda: (path / "more").mkdir(parents=True),
        "link": lambda: path.symlink_to(kept),
        "nothing": lambda: None,
    }[kind]()
    files.remove(path)
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EMFILE])
def test_a_failing_write_names_the_file_and_keeps_what_was_there(tmp_path: Path, monkeypatch, number: int) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    said = f"^{re.escape(str(path))}: {re.escape(os.strerror(number))}; .*type the same command again"
    with pytest.raises(files.StorageError, match=said) as caught:
        write_atomically(path, b"new")
    assert files.concerns_all(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(files.StorageError, match=f"^{re.escape(str(tmp_path / 'a.json'))}: Is a directory; move away"):
        write_atomically(tmp_path / "a.json", b"new")


def test_only_what_the_dead_left_is_cleared(tmp_path: Path) -> None:
    ours = files.temporary(tmp_path / "a.json")
    dead = ours.with_name(ours.name.replace(f"-{os.getpid()}.", "-4194305."))  # beyond the largest process id
    foreign, old = tmp_path / ".b.0badf00d-1.tmp", tmp_path / ".c.0badf00d-1.tmp"
    for path in (ours, dead, foreign, old, tmp_path / ".d", tmp_path / "e.tmp"):
        path.touch()
    os.utime(old, (1000, 1000))
    files.clear_temporaries(tmp_path, before=2000)
    assert {path.name for path in tmp_path.iterdir()} == {ours.name, foreign.name, ".d", "e.tmp"}
    files.clear_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".d", "e.tmp"}
