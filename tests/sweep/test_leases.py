"""A name is held by one process at a time, and a dead or stale owner's is taken over: without locks."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paper_repro.sweep import leases

ROOT = Path(__file__).parents[2]


def _file(folder: Path, name: str, generation: int = 1) -> Path:
    """Where a lease lies; its folder is made."""
    shard = leases._shard(folder, name)
    shard.mkdir(exist_ok=True)
    return shard / f"{name}.{generation}"


def _left(folder: Path) -> list[str]:
    """The names of all files: leases, drafts and others."""
    return sorted(path.name for shard in folder.iterdir() for path in shard.iterdir())


def _elsewhere(path: Path, seconds_ago: float) -> None:
    """Make a lease look like one of a process on another machine whose heart beat so long ago."""
    path.write_text(json.dumps({**leases.myself(), "machine": "another one"}))
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_a_name_is_held_once_and_can_be_taken_again(tmp_path: Path) -> None:
    with leases.hold(tmp_path, "a") as mine:
        assert mine is not None
        assert leases.acquire(tmp_path, "a") is None
        other = leases.acquire(tmp_path, "b")
        assert other is not None
        assert set(leases.owners(tmp_path)) == {"a", "b"}
        assert leases.owners(tmp_path)["a"].identity["pid"] == os.getpid()
        other.release()
    assert _left(tmp_path) == []


def test_a_block_that_raises_releases(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), leases.hold(tmp_path, "a"):
        raise RuntimeError
    assert _left(tmp_path) == []


def test_a_dead_process_s_name_is_taken_at_once(tmp_path: Path) -> None:
    code = f"from paper_repro.sweep import leases; import pathlib; leases.acquire(pathlib.Path({str(tmp_path)!r}), 'a')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert not leases.owners(tmp_path)["a"].is_alive
    lease = leases.acquire(tmp_path, "a")
    assert lease is not None
    assert _left(tmp_path) == ["a.2"]


@pytest.mark.parametrize(
    ("age", "taken"), [(leases.STALE - 60, False), (leases.STALE + 60, True), (-60, False), (-86400, True)]
)
def test_one_on_another_machine_is_judged_by_its_heart(tmp_path: Path, age: float, taken: bool) -> None:
    leases.acquire(tmp_path, "a")
    _elsewhere(_file(tmp_path, "a"), age)
    assert (leases.acquire(tmp_path, "a") is not None) == taken


def test_a_process_that_sleeps_too_long_finds_its_claim_lost(tmp_path: Path) -> None:
    first = leases.acquire(tmp_path, "a")
    assert first is not None
    first.beat()
    assert not first.lost
    os.utime(first.path, (0, 0))  # alive, on this machine, but stopped for long
    assert leases.acquire(tmp_path, "a") is not None
    first.beat()
    assert first.lost
    first.release()  # and takes nothing away from the new owner
    assert _left(tmp_path) == ["a.2"]


def test_the_heart_beats(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.02)
    with leases.hold(tmp_path, "a") as mine:
        assert mine is not None
        os.utime(mine.path, (0, 0))
        end = time.monotonic() + 10
        while mine.path.stat().st_mtime < 1e9:
            assert time.monotonic() < end
            time.sleep(0.01)


DAMAGED = {
    "bytes": b"\x00\xff",
    "a list": b"[1]",
    "no end of brackets": b"[" * 100_000,
    "an endless number": json.dumps({**leases.myself(), "pid": float("inf")}).replace("Infinity", "1e999").encode(),
    "a folder": None,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_claim_is_judged_by_its_heart(tmp_path: Path, content: bytes | None) -> None:
    path = _file(tmp_path, "a")
    path.mkdir() if content is None else path.write_bytes(content)
    path.with_name("a.\u00b2").touch()  # no generation
    assert leases.acquire(tmp_path, "a") is None
    assert leases.owners(tmp_path)["a"].is_alive
    os.utime(path, (0, 0))
    assert leases.acquire(tmp_path, "a") is not None


def _before_the_link(monkeypatch: pytest.MonkeyPatch, happens: Callable[[str], object]) -> None:
    """The next process that takes a name falls asleep before it links its draft, and this happens meanwhile."""
    link = os.link

    def late(draft: str, path: str) -> None:
        monkeypatch.setattr(os, "link", link)
        happens(draft)
        link(draft, path)

    monkeypatch.setattr(os, "link", late)


def test_one_that_slept_while_it_took_a_stale_name_gives_way_to_a_later_owner(tmp_path: Path, monkeypatch) -> None:
    _file(tmp_path, "a").touch()
    os.utime(_file(tmp_path, "a"), (0, 0))
    later = []

    def others_come_and_go(draft: str) -> None:
        second = leases.acquire(tmp_path, "a")
        assert second is not None
        second.release()
        later.append(leases.acquire(tmp_path, "a"))

    _before_the_link(monkeypatch, others_come_and_go)
    assert leases.acquire(tmp_path, "a") is None
    (owner,) = later
    owner.beat()
    assert not owner.lost
    assert _left(tmp_path) == ["a.1"]


def test_a_claim_is_not_stale_from_birth_because_its_draft_is_old(tmp_path: Path, monkeypatch) -> None:
    _before_the_link(monkeypatch, lambda draft: os.utime(draft, (0, 0)))
    assert leases.acquire(tmp_path, "a") is not None
    assert leases.acquire(tmp_path, "a") is None


def test_a_sleeper_takes_nothing_from_one_who_began_to_count_anew(tmp_path: Path) -> None:
    first = leases.acquire(tmp_path, "a")
    assert first is not None
    os.utime(first.path, (0, 0))
    second = leases.acquire(tmp_path, "a")
    assert second is not None
    second.release()
    third = leases.acquire(tmp_path, "a")
    assert third is not None
    assert third.path == first.path
    os.utime(third.path, (1, 1))
    first.beat()
    first.release()
    assert first.lost
    assert third.path.stat().st_mtime == 1  # nobody beats for another


def test_one_whose_draft_was_removed_takes_nothing(tmp_path: Path, monkeypatch) -> None:
    _before_the_link(monkeypatch, os.unlink)
    assert leases.acquire(tmp_path, "a") is None
    assert _left(tmp_path) == []


RACE = """
import pathlib, sys, time
from paper_repro.sweep import leases
folder, log = map(pathlib.Path, sys.argv[1:3])
while not (folder.parent / "go").exists():
    time.sleep(0.001)
for name in range(20):
    with leases.hold(folder, str(name)) as lease:
        if lease is not None:
            with open(log, "a") as file:
                file.write(f"{name} {time.monotonic()} ")
            time.sleep(0.002)
            with open(log, "a") as file:
                file.write(f"{time.monotonic()}\\n")
"""


def test_of_many_that_race_for_dead_owners_names_one_at_a_time_holds_each(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    for name in range(20):
        _elsewhere(_file(folder, str(name)), leases.STALE + 60)
    logs = [tmp_path / f"{number}.log" for number in range(8)]
    racers = [subprocess.Popen([sys.executable, "-c", RACE, str(folder), str(log)], cwd=ROOT) for log in logs]
    time.sleep(0.5)
    (tmp_path / "go").touch()
    assert [racer.wait() for racer in racers] == [0] * 8
    spans = [line.split() for log in logs if log.exists() for line in log.read_text().splitlines()]
    assert {name for name, _, _ in spans} == {str(name) for name in range(20)}
    for name in range(20):
        held = sorted((float(start), float(end)) for other, start, end in spans if other == str(name))
        assert all(first[1] < second[0] for first, second in itertools.pairwise(held))
    assert _left(folder) == []


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    owner = {**leases.myself(), "pid": sleeper.pid, "started": leases.started(sleeper.pid)}
    assert leases.process_is_alive(owner)
    assert not leases.process_is_alive({**owner, "started": owner["started"] - 1})
    assert leases.process_is_alive({**owner, "machine": "another"}) is None
    sleeper.send_signal(signal.SIGKILL)
    while leases.started(sleeper.pid) is not None:  # a zombie is dead already
        time.sleep(0.01)
    assert leases.process_is_alive(owner) is False
    sleeper.wait()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_is_no_claim_and_does_not_stop_one(tmp_path: Path, kind: str) -> None:
    path = _file(tmp_path, "a")
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("no")}[kind]()
    os.utime(path, (1000, 1000), follow_symlinks=False)  # its heart does not beat
    lease = leases.acquire(tmp_path, "a")
    assert lease is not None
    assert _left(tmp_path) == ["a.2"]


def test_a_draft_that_cannot_be_written_is_named_and_not_left(tmp_path: Path, monkeypatch) -> None:
    def refuse(path: Path, text: str) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match=f"^{leases._shard(tmp_path, 'a') / 'a'}: No space left on device; make room"):
        leases.acquire(tmp_path, "a")
    assert _left(tmp_path) == []
