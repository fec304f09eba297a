"""A cell's numbers depend on the Cell and the data alone: not on when, where or how often it was interrupted."""

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from paper_repro import models, records, schedules
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.arrays import from_arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.decay import normalized
from paper_repro.training import checkpoints, cuda, evaluate, run, train
from paper_repro.training.run import Run


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


def _numbers(cell: Cell, data: Dataset, out: Path) -> records.Record:
    return records.without_times(train.train(cell, data, out))


def _interrupted_at_every(updates: int, cell: Cell, data: Dataset, out: Path) -> int:
    """Train with a stop after every so many updates; the number of attempts."""
    attempts = 0
    while not records.record_path(out, cell.id).exists():
        attempts += 1
        asked = itertools.count(1)
        with contextlib.suppress(train.Stopped):
            train.train(cell, data, out, should_stop=lambda asked=asked: next(asked) >= updates)
        torch.rand(attempts)  # what else the process draws must not matter
    return attempts


def test_a_record_holds_what_it_promises(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    train.train(cell, data, tmp_path)
    record = records.read(tmp_path, cell.id)
    assert record["status"] == "finished"
    assert [row["epoch"] for row in record["epochs"]] == [1, 2, 3]
    for row in record["epochs"]:
        assert row["train_loss"] > 0
        assert 0 <= row["test_error"] <= 100
        assert 0 <= row["validation_error"] <= 100
        assert row["gradient_norm"] > 0
        assert row["weight_norm"] > 0
        assert row["images_per_second"] == pytest.approx(100 / row["seconds"])
    last = record["epochs"][-1]
    assert last["eta"] == schedules.cosine(21)(20)
    assert record["final"] == {key: last[key] for key in record["final"]}
    assert set(record["final"]) == {f"{a}_{b}" for a in ("train", "validation", "test") for b in ("loss", "error")}
    assert record["provenance"]["data"] == {"name": "tiny", "fingerprint": data.fingerprint}
    assert not checkpoints.folder_of(tmp_path, cell.id).exists()


@pytest.mark.parametrize("optimizer", ["sgd", "sgdw", "adam", "adamw"])
def test_every_optimizer_learns(cell: Cell, data: Dataset, tmp_path: Path, optimizer: str) -> None:
    alpha = 0.1 if optimizer.startswith("sgd") else 0.01
    cell = cell.replace(optimizer=optimizer, alpha=alpha, decay=1e-3, model="resnet-8-w4", epochs=8, augment=False)
    record = train.train(cell, data, tmp_path)
    assert record["final"]["test_error"] < 20  # chance is 67


@pytest.mark.parametrize("updates", [1, 3, 7])
@pytest.mark.parametrize("optimizer", ["sgdw", "adamw"])
def test_an_interrupted_run_ends_bit_for_bit(
    cell: Cell, data: Dataset, tmp_path: Path, optimizer: str, updates: int
) -> None:
    cell = cell.replace(optimizer=optimizer, model="shake_shake-8-2x8d")
    undisturbed = _numbers(cell, data, tmp_path / "a")
    assert _interrupted_at_every(updates, cell, data, tmp_path / "b") >= 3
    assert records.without_times(records.read(tmp_path / "b", cell.id)) == undisturbed


def test_a_damaged_newest_checkpoint_costs_time_only(cell: Cell, data: Dataset, tmp_path: Path, capfd) -> None:
    undisturbed = _numbers(cell, data, tmp_path / "a")
    for _ in range(2):
        asked = itertools.count(1)
        with pytest.raises(train.Stopped):
            train.train(cell, data, tmp_path / "b", should_stop=lambda asked=asked: next(asked) >= 5)
    newest = max(checkpoints.folder_of(tmp_path / "b", cell.id).glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-7])
    assert _numbers(cell, data, tmp_path / "b") == undisturbed
    assert "unusable checkpoint" in capfd.readouterr().err


@pytest.mark.parametrize("part", ["code", "data", "model", "losses"])
def test_a_checkpoint_that_does_not_fit_is_passed_over(part: str, cell: Cell, data: Dataset, tmp_path, capfd) -> None:
    """Of other code or data; or of a network or an epoch of another form, found when a part was taken over already."""
    undisturbed = _numbers(cell, data, tmp_path / "a")
    asked = itertools.count(1)
    with pytest.raises(train.Stopped):
        train.train(cell, data, tmp_path / "b", should_stop=lambda: next(asked) >= 9)
    folder = checkpoints.folder_of(tmp_path / "b", cell.id)
    other = {"code": "0" * 16, "data": "0" * 16, "model": {}, "losses": torch.zeros(3)}[part]
    checkpoints.save(folder, 10, checkpoints._read(folder / "000000009.pt", "cpu") | {part: other})
    assert _numbers(cell, data, tmp_path / "b") == undisturbed
    said = capfd.readouterr().err
    assert said.startswith(f"{folder / '000000010.pt'}: unusable checkpoint (")
    assert said.count("\n") == 1


def test_a_network_that_cannot_be_built_costs_no_checkpoint(cell: Cell, data: Dataset, tmp_path, monkeypatch) -> None:
    """As one of your own, whose folder is not on PYTHONPATH this time."""
    with pytest.raises(train.Stopped):
        train.train(cell, data, tmp_path, should_stop=lambda: True)
    before = sorted(checkpoints.folder_of(tmp_path, cell.id).iterdir())
    monkeypatch.setattr(run, "build_model", lambda *args: models.build("mine.net-8", 10, 8))
    with pytest.raises(ValueError, match=r"no model 'mine\.net'"):
        train.train(cell, data, tmp_path)
    assert sorted(checkpoints.folder_of(tmp_path, cell.id).iterdir()) == before != []


def test_numbers_do_not_depend_on_what_ran_before(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    first = _numbers(cell, data, tmp_path / "a")
    _numbers(cell.replace(seed=9, optimizer="sgd", alpha=0.1), data, tmp_path / "b")
    torch.manual_seed(123)
    torch.set_num_threads(2)
    assert _numbers(cell, data, tmp_path / "c") == first


def test_seeds_differ_in_weights_and_order(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    one, two = (_numbers(cell.replace(seed=seed), data, tmp_path) for seed in (0, 1))
    assert one["epochs"][0]["train_loss"] != two["epochs"][0]["train_loss"]


def test_images_are_cropped_with_the_padding_of_the_cell(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    paper, narrow = (_numbers(cell.replace(crop_padding=padding), data, tmp_path) for padding in (4, 1))
    assert paper["id"] == cell.id
    assert paper["epochs"][0]["train_loss"] != narrow["epochs"][0]["train_loss"]
    assert _interrupted_at_every(3, cell.replace(crop_padding=1), data, tmp_path / "stopped") > 3
    assert records.without_times(records.read(tmp_path / "stopped", narrow["id"])) == narrow


def test_zero_decay_makes_the_pairs_equal(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    for coupled, decoupled in (("sgd", "sgdw"), ("adam", "adamw")):
        runs = [_numbers(cell.replace(optimizer=name, decay=0.0), data, tmp_path) for name in (coupled, decoupled)]
        assert runs[0]["epochs"] == runs[1]["epochs"]


def test_divergence_is_a_result(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    record = train.train(cell.replace(model="mlp-16x2", optimizer="sgd", alpha=1e5), data, tmp_path)
    assert (record["status"], record["final"]) == ("diverged", None)
    assert 1 < record["diverged"]["step"] <= 21
    assert record["diverged"]["tensor"]
    assert records.read(tmp_path, record["id"])["diverged"] == record["diverged"]


def test_divergence_is_found_at_the_same_step_after_an_interruption(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(model="mlp-16x2", optimizer="sgd", alpha=1e5)
    undisturbed = _numbers(cell, data, tmp_path / "a")
    _interrupted_at_every(1, cell, data, tmp_path / "b")
    assert records.without_times(records.read(tmp_path / "b", cell.id)) == undisturbed


def test_rarer_evaluation_leaves_the_training_as_it_is(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    every, rare = (_numbers(cell.replace(evaluate_every=n), data, tmp_path) for n in (1, 2))
    assert ["test_error" in row for row in rare["epochs"]] == [False, True, True]
    assert rare["final"] == every["final"]


def test_no_validation_split_no_validation_numbers(arrays: Arrays, cell: Cell, tmp_path: Path) -> None:
    cell = cell.replace(validation_examples=0, epochs=1)
    record = train.train(cell, prepare(arrays, cell), tmp_path)
    assert "validation_error" not in record["final"]


def test_normalized_decay_follows_the_cycles(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(schedule="warm_restarts:1:2", decay_unit="normalized", decay=0.05)
    run = Run(cell, data, tmp_path, "cpu")
    for epoch, length in ((0, 1), (1, 2), (2, 2)):
        run.progress.epoch = epoch
        run.begin_epoch()
        assert run.optimizer.param_groups[0]["decay"] == normalized(0.05, 16, 100, length)


def test_bf16_trains_and_resumes_too(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(precision="bf16")
    undisturbed = _numbers(cell, data, tmp_path / "a")
    _interrupted_at_every(4, cell, data, tmp_path / "b")
    assert records.without_times(records.read(tmp_path / "b", cell.id)) == undisturbed


# torch's own compiler trips over one of torch's deprecations.
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_compiled_cells_train_alike_and_resume_too(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    cell = cell.replace(compile=True, precision="bf16")
    undisturbed = _numbers(cell, data, tmp_path / "a")
    _interrupted_at_every(5, cell, data, tmp_path / "b")
    assert records.without_times(records.read(tmp_path / "b", cell.id)) == undisturbed
    plain = _numbers(cell.replace(compile=False), data, tmp_path / "c")
    assert undisturbed["final"]["train_loss"] == pytest.approx(plain["final"]["train_loss"], rel=0.05)
    assert undisturbed["final"] != plain["final"]  # why compile stands in the cell


def test_checkpoints_come_with_seconds_of_work_not_with_epochs(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAPER_REPRO_SAVE_SECONDS")
    saved = []
    monkeypatch.setattr(checkpoints, "save", lambda folder, step, state: saved.append(step))
    train.train(cell, data, tmp_path / "a")
    assert saved == []
    monkeypatch.setenv("PAPER_REPRO_SAVE_SECONDS", "0")
    record = train.train(cell, data, tmp_path / "b")
    assert saved == list(range(1, 21))  # after each update but the last, when all is in the record
    assert all(row["checkpoint_seconds"] > 0 and row["evaluation_seconds"] > 0 for row in record["epochs"])


def test_checkpoints_are_rarer_where_they_take_long_unless_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPER_REPRO_SAVE_SECONDS")
    assert [run.save_seconds(device, 0.1) for device in ("cpu", "cuda", "cuda:1")] == [60, 10, 10]
    assert [run.save_seconds(device, 2.0) for device in ("cpu", "cuda")] == [100, 100]
    monkeypatch.setenv("PAPER_REPRO_SAVE_SECONDS", "5")
    assert run.save_seconds("cuda", 2.0) == 5


def test_training_lets_a_gpu_catch_up_and_evaluates_in_batches_that_fit(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    asked: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(cuda, "wait_if_far_ahead", lambda device, position: waited.append(position))
    monkeypatch.setattr(
        "paper_repro.training.evaluate.batch_size", lambda device, shape: asked.append((device, *shape)) or 7
    )
    batches: list[int] = []
    normalise = evaluate.normalise
    monkeypatch.setattr(
        evaluate, "normalise", lambda images, data: batches.append(len(images)) or normalise(images, data)
    )
    train.train(cell.replace(epochs=1), data, tmp_path)
    assert waited == [1, 2, 3, 4, 5, 6, 7]
    assert asked == [("cpu", 8, 8)] * 2
    assert batches == [7, 7, 6, 7, 7, 7, 7, 7, 5]  # of 20 and 40 images


def test_a_restarted_run_is_looked_at_where_its_cycles_end(cell: Cell, arrays: Arrays, tmp_path: Path) -> None:
    restarted = cell.replace(schedule="warm_restarts:1:2", epochs=7, evaluate_every=7)
    record = train.train(restarted, prepare(arrays, restarted), tmp_path)
    ends = [row["epoch"] for row in record["epochs"] if row.get("ends_cycle")]
    assert ends == [row["epoch"] for row in record["epochs"] if "test_error" in row] == [1, 3, 7]
    plain = train.train(cell, prepare(arrays, cell), tmp_path)
    assert not any("ends_cycle" in row for row in plain["epochs"])


def test_with_many_classes_the_top_5_error_is_measured_too(cell: Cell, tmp_path: Path) -> None:
    draw = np.random.RandomState(0)
    x, y = draw.randint(0, 256, (200, 8, 8, 3), dtype=np.uint8), np.arange(200) % 100
    many = cell.replace(dataset="many", validation_examples=50, label_noise=0.0)
    final = train.train(many, prepare(from_arrays("many", x, y, x[:100], y[:100]), many), tmp_path)["final"]
    assert 0 < final["test_top5_error"] < final["test_error"] <= 100
    assert "validation_top5_error" in final
