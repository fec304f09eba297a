"""A sweep ends in the same records whatever is killed on the way, and never trains a cell twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import load
from paper_repro.data.split import prepare
from paper_repro.sweep import engine, leases
from paper_repro.training import checkpoints
from paper_repro.training.train import train
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]
LONG = 60  # epochs: a second or two


def _children(process: int) -> list[int]:
    """The worker processes of a parent."""
    children = [
        int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
    ]
    return [child for child in children if b"paper_repro.sweep.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _solo(cells: list[Cell], npz: Path, out: Path) -> dict[str, records.Record]:
    """What the cells leave when each is trained alone in this process, undisturbed."""
    data = {cell: prepare(load(cell.dataset, npz), cell) for cell in cells}
    return {cell.id: records.without_times(train(cell, data[cell], out)) for cell in cells}


def _left(out: Path) -> dict[str, records.Record]:
    return {record["id"]: records.without_times(record) for record in records.load(out)}


@pytest.fixture
def cells(cell: Cell) -> list[Cell]:
    return [cell.replace(optimizer=name, epochs=n) for n in (1, 3) for name in ("sgdw", "adam", "adamw")]


def test_workers_do_what_one_process_does_and_do_it_once(cells, npz: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = engine.run(cells, out, npz, workers=2)
    assert sorted(outcome.finished) == sorted(cell.id for cell in cells)
    assert (outcome.failed, outcome.diverged, outcome.stopped) == ({}, [], False)
    assert _left(out) == _solo(cells, npz, tmp_path / "solo")
    assert not list((out / "checkpoints").iterdir())

    before = {path: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    more = [*cells, cells[0].replace(seed=1)]
    assert len(engine.run(more, out, npz, workers=2).finished) == 7
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_jobs_that_share_cells_begin_with_other_ones_and_pass_over_what_is_settled_or_held(
    cells, npz: Path, tmp_path: Path
) -> None:
    first, second = engine._ordered(cells, 0, 2), engine._ordered(cells, 1, 2)
    assert [cell.epochs for cell in first] == [3, 3, 1, 3, 1, 1]
    assert first[:3] == second[3:]
    assert first[3:] == second[:3]
    records.write_failure(tmp_path, first[0], "ValueError: it failed")
    with leases.hold(leases.folder_of(tmp_path), first[1].id):
        outcome = engine.run(cells, tmp_path, npz, workers=2, share=(0, 2))
    assert sorted(outcome.finished) == sorted(cell.id for cell in first[2:])
    assert not outcome.failed
    assert records.failure_path(tmp_path, first[0].id).exists()


def test_of_what_other_jobs_have_settled_a_job_asks_once(cell: Cell, tmp_path: Path, monkeypatch) -> None:
    cells, asked, handed = [cell.replace(seed=seed) for seed in range(100)], [], []
    for settled in cells[:40]:
        records.write(tmp_path, made_record(settled, 30.0))
    for settled in cells[40:60]:
        records.write_failure(tmp_path, settled, "why")
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: asked.append(path) or exists(path))
    task = engine.Task(tmp_path, tmp_path, "cpu", wait_for_others=False)
    sweep = engine._Sweep(cells, task, engine.Outcome(), len(cells))
    sweep._assign(SimpleNamespace(send=handed.append))
    assert handed == [cells[60]]
    assert len(asked) < 10


def test_what_looks_odd_is_told_of_new_and_of_finished_cells(cell: Cell, npz: Path, tmp_path: Path) -> None:
    dead = cell.replace(optimizer="sgdw", decay=0.9)  # its weights vanish
    for _ in range(2):
        outcome = engine.run([dead, cell], tmp_path, npz, workers=1)
        assert {name: list(kinds) for name, kinds in outcome.anomalies.items()} == {dead.id: ["dead training"]}


def test_a_cell_that_raises_is_reported_and_the_others_go_on(cells, npz: Path, tmp_path: Path, capfd) -> None:
    # one picture in the last batch and one pixel a map: batch normalisation refuses
    bad = cells[0].replace(train_examples=17, image_size=1)
    outcome = engine.run([bad, *cells[:2]], tmp_path, npz, workers=2)
    assert (len(outcome.finished), list(outcome.failed)) == (2, [bad.id])
    assert "Expected more than 1 value per channel" in (tmp_path / "failures" / f"{bad.id}.txt").read_text()
    assert f"failed: {bad.id}" in capfd.readouterr().err


def test_a_killed_worker_costs_no_number(cell: Cell, npz: Path, tmp_path: Path, capfd) -> None:
    long, short = cell.replace(epochs=LONG), cell
    out = tmp_path / "out"
    kills = []

    def kill() -> None:
        folder = checkpoints.folder_of(out, long.id)
        _until(lambda: len(list(folder.glob("*.pt"))) == 2)
        for child in _children(os.getpid()):
            os.kill(child, signal.SIGKILL)
            kills.append(child)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = engine.run([short, long], out, npz, workers=1)  # longest first, so the long one is in hand
    killer.join()
    assert len(kills) == 1
    assert len(outcome.finished) == 2
    assert "SIGKILL" in capfd.readouterr().err
    assert _left(out) == _solo([long, short], npz, tmp_path / "solo")


def test_a_cell_that_kills_its_workers_fails_in_the_end(cell: Cell, npz: Path, tmp_path: Path) -> None:
    long = cell.replace(epochs=100_000)
    done = threading.Event()

    def kill() -> None:
        seen: set[int] = set()
        while not done.wait(0.05):
            if not list(checkpoints.folder_of(tmp_path, long.id).glob("*.pt")):
                continue
            for child in set(_children(os.getpid())) - seen:
                _until(lambda child=child: child in _children(os.getpid()))
                os.kill(child, signal.SIGKILL)
                seen.add(child)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = engine.run([long], tmp_path, npz, workers=1)
    done.set()
    killer.join()
    assert "died (SIGKILL), for the 3. time" in outcome.failed[long.id]


def test_a_gpu_trains_at_most_32_cells_in_one_process() -> None:
    """torch's 33rd stream is its first: two cells' kernels would be recorded as one."""
    for device, count in (("cuda", 32), ("cpu", 33)):
        engine.check_at_once(device, count, "--workers")
    with pytest.raises(ValueError, match="--workers 33: a GPU trains at most 32 cells at once"):
        engine.check_at_once("cuda", 33, "--workers")


def test_workers_get_what_makes_training_fast_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setenv("CUDA_DEVICE_MAX_CONNECTIONS", "4")
    process, (pipe,) = engine.start("paper_repro.sweep.worker")
    environment = b""
    while not environment:  # it is there once the program has been loaded
        environment = (
            Path(f"/proc/{process.pid}/environ").read_bytes().replace(b"\0", b":")
        )  # as glibc leaves the colons
    process.kill()
    process.wait()
    pipe.close()
    assert b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:" in environment
    assert b":CUDA_DEVICE_MAX_CONNECTIONS=4:" in environment


def test_a_damaged_record_is_put_aside_and_trained_again(cells, npz: Path, tmp_path: Path, capfd) -> None:
    engine.run(cells[:1], tmp_path, npz, workers=1)
    path = records.record_path(tmp_path, cells[0].id)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert engine.run(cells[:1], tmp_path, npz, workers=1).finished == [cells[0].id]
    assert path.with_suffix(".damaged").read_bytes() == whole[:-20]
    assert "put aside" in capfd.readouterr().err


@pytest.fixture
def started(cell: Cell, npz: Path, tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A run of two long cells in a process group of its own, stopped when the first checkpoint is there."""
    command = (
        "import sys, pathlib; from paper_repro.sweep import engine; from tests.sweep.test_engine import two_long;"
        "o = engine.run(two_long(), pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), workers=2);"
        "print(o.stopped)"
    )
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", command, str(out), str(npz)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    _until(lambda: len({path.parent for path in out.glob("checkpoints/*/*.pt")}) == 2)
    yield process
    with suppress(ProcessLookupError):  # stopped workers, too, which would keep its output open
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def two_long() -> list[Cell]:
    """The cells of `started`, also asked for by its process."""
    cell = Cell("tiny", "resnet-8-w2", "adamw", 0.01, 0.01, epochs=LONG, batch_size=16, validation_examples=20)
    return [cell, cell.replace(optimizer="sgd")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_the_same_call_goes_on(started, npz: Path, tmp_path: Path, number: int) -> None:
    workers = _children(started.pid)
    os.killpg(started.pid, number)  # as Ctrl-C does: everyone in the group gets it
    printed, told = started.communicate(timeout=30)
    assert printed == "True\n"
    assert told.count("stopping: 2 cells are saving what was trained; Ctrl-C again ends at once\n") == 1
    assert started.returncode == 0
    assert len(workers) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    out = tmp_path / "out"
    engine.run(two_long(), out, npz, workers=2)
    assert _left(out) == _solo(two_long(), npz, tmp_path / "solo")
    assert all(record["provenance"]["attempts"] == 2 for record in records.load(out))


def test_a_second_signal_ends_it_at_once(started) -> None:
    for worker in _children(started.pid):
        os.kill(worker, signal.SIGSTOP)  # so that the first is not obeyed
    os.kill(started.pid, signal.SIGINT)
    while "stopping: 2 cells" not in started.stderr.readline():
        assert started.poll() is None
    os.kill(started.pid, signal.SIGINT)
    assert started.wait(timeout=10) == 128 + signal.SIGINT


def _state(pid: int) -> str:
    """The letter of a process, as in ps; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_workers_do_not_outlive_a_killed_parent(started, npz: Path, tmp_path: Path) -> None:
    workers = _children(started.pid)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    out = tmp_path / "out"
    # at once, while the orphans may still be saving: each cell's lock makes the new run wait for them
    assert len(engine.run(two_long(), out, npz, workers=2).finished) == 2
    # saved; torch takes a second to go, and whoever adopts orphans may take his time to bury them
    _until(lambda: {_state(worker) for worker in workers} <= {"", "Z"}, seconds=20)
    assert _left(out) == _solo(two_long(), npz, tmp_path / "solo")


def test_it_runs_from_a_script_without_a_main_guard_and_from_standard_input(cell, npz: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from paper_repro.sweep import engine; from paper_repro.cell import Cell\n"
        f"print(engine.run([Cell.from_dict({cell.to_dict()!r})], pathlib.Path('out'), pathlib.Path({str(npz)!r}), 1))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable], input=code, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f"finished=['{cell.id}']" in done.stdout
    assert records.read(tmp_path / "out", cell.id)


def test_workers_that_cannot_start_end_the_run_in_one_error(cells, npz: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(OSError, match="do not start"):
        engine.run(cells, tmp_path, npz, workers=2)
