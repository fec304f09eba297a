"""A value that is not finite ends its cell at the update and by the name of the tensor that was bad first."""

import contextlib
import itertools
from pathlib import Path

import pytest

from paper_repro import models, optim, records
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import Dataset, prepare
from paper_repro.training import checkpoints, divergence, train
from paper_repro.training.run import Diverged, Run

HURT = Path(__file__).parents[1] / "chaos" / "hurt"


@pytest.fixture(autouse=True)
def _hurt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the net and the optimizer be found by name, and nothing be saved merely because the machine is slow."""
    monkeypatch.delenv("PAPER_REPRO_SAVE_SECONDS")
    monkeypatch.setattr(optim, "__path__", [*optim.__path__, str(HURT / "optim")])
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(HURT / "models")])


@pytest.fixture
def data(arrays: Arrays, cell: Cell) -> Dataset:
    return prepare(arrays, cell)


def _hurt_cell(cell: Cell, where: str, value: str, step: int = 11, place: int = 2) -> Cell:
    return cell.replace(model=f"hurt-{where},{value},{step},{place}", optimizer="hurt")


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize(
    ("where", "tensor"),
    [("loss", "loss"), ("gradient", "gradient of net.3.weight"), ("weight", "net.3.weight")],
)
def test_the_first_bad_tensor_is_named(
    cell: Cell, data: Dataset, tmp_path: Path, where: str, tensor: str, value: str
) -> None:
    healthy = train.train(_hurt_cell(cell, "none", "0"), data, tmp_path)
    record = train.train(_hurt_cell(cell, where, value), data, tmp_path)
    assert record["status"] == "diverged"
    assert (record["diverged"]["step"], record["diverged"]["tensor"]) == (11, tensor)
    assert value in record["diverged"]["reason"]
    assert records.without_times(record["epochs"]) == records.without_times(healthy["epochs"][:1])


@pytest.mark.parametrize("step", [1, 7, 8, 21])  # the first and last of an epoch and of the run
@pytest.mark.parametrize("where", ["gradient", "weight"])
def test_at_any_update(cell: Cell, data: Dataset, tmp_path: Path, where: str, step: int) -> None:
    record = train.train(_hurt_cell(cell, where, "nan", step), data, tmp_path)
    assert record["diverged"]["step"] == step
    assert len(record["epochs"]) == (step - 1) // 7


@pytest.mark.parametrize("where", ["loss", "gradient", "weight"])
@pytest.mark.parametrize("updates", [1, 3])
def test_an_interrupted_run_says_the_same(cell: Cell, data: Dataset, tmp_path: Path, where: str, updates: int) -> None:
    cell = _hurt_cell(cell, where, "inf")
    undisturbed = records.without_times(train.train(cell, data, tmp_path / "a"))
    while not records.record_path(tmp_path / "b", cell.id).exists():
        asked = itertools.count(1)
        with contextlib.suppress(train.Stopped):
            train.train(cell, data, tmp_path / "b", should_stop=lambda asked=asked: next(asked) >= updates)
    assert records.without_times(records.read(tmp_path / "b", cell.id)) == undisturbed


def test_a_weight_that_nothing_reads_is_found(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    """Its gradient stays finite, and so does the loss: rectified units that are never on."""
    record = train.train(_hurt_cell(cell, "weight", "-inf", place=1), data, tmp_path)  # a bias
    assert record["diverged"] == {"step": 11, "tensor": "net.1.bias", "reason": "-inf in net.1.bias"}


def test_of_several_gradients_the_one_that_the_backward_pass_makes_first(
    cell: Cell, data: Dataset, tmp_path: Path
) -> None:
    record = train.train(_hurt_cell(cell, "hidden", "nan"), data, tmp_path)  # those of two layers are bad
    assert record["diverged"]["tensor"] in ("gradient of net.3.weight", "gradient of net.3.bias")


def test_a_loss_that_is_bad_in_evaluation_alone(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    record = train.train(_hurt_cell(cell, "evaluation", "nan"), data, tmp_path)
    assert record["diverged"] == {"step": 14, "tensor": "validation loss", "reason": "validation loss nan"}
    assert len(record["epochs"]) == 1


def test_a_norm_that_overflows_is_no_divergence(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    record = train.train(_hurt_cell(cell, "gradient", "1e30"), data, tmp_path)
    assert record["status"] == "finished"
    assert [row["gradient_norm"] is None for row in record["epochs"]] == [False, True, False]


def test_a_norm_that_overflows_is_looked_into_once(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the epoch is saved afterwards."""
    monkeypatch.setenv("PAPER_REPRO_SAVE_SECONDS", "0")
    looks: list[int] = []
    look = divergence._in_a_second_run
    counted = lambda run, *more: looks.append(run.progress.step) or look(run, *more)  # noqa: E731
    monkeypatch.setattr(divergence, "_in_a_second_run", counted)
    assert train.train(_hurt_cell(cell, "gradient", "1e30"), data, tmp_path)["status"] == "finished"
    assert looks == [11]


def test_what_a_second_run_does_not_show_is_named_from_the_first(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU whose kernels are not deterministic."""
    monkeypatch.setattr(divergence, "_in_a_second_run", lambda *given: None)
    losses = train.train(_hurt_cell(cell, "loss", "nan"), data, tmp_path)
    assert (losses["diverged"]["step"], losses["diverged"]["tensor"]) == (11, "loss")
    weights = train.train(_hurt_cell(cell, "weight", "-inf", place=1), data, tmp_path)
    assert (weights["diverged"]["step"], weights["diverged"]["tensor"]) == (14, "net.1.bias")


def test_where_no_checkpoint_is_left_the_second_run_begins_at_the_beginning(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "save", lambda folder, step, state: None)
    record = train.train(_hurt_cell(cell, "weight", "nan", step=18), data, tmp_path)
    assert (record["diverged"]["step"], record["diverged"]["tensor"]) == (18, "net.3.weight")


def test_the_second_run_looks_at_the_bad_update_alone(
    cell: Cell, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look makes a GPU wait; the updates before are only made."""
    looks: list[int] = []
    look = divergence._first_bad
    monkeypatch.setattr(divergence, "_first_bad", lambda run: looks.append(run.progress.step) or look(run))
    record = train.train(_hurt_cell(cell, "weight", "nan", step=18), data, tmp_path)
    assert record["diverged"]["step"] == 18
    assert looks == [18]


def test_nothing_is_saved_of_a_run_that_has_diverged(cell: Cell, data: Dataset, tmp_path: Path) -> None:
    run = Run(_hurt_cell(cell, "weight", "nan", step=3), data, tmp_path, "cpu")
    run.begin_epoch()
    for count in itertools.islice(run.remaining_counts(), 3):
        train.update(run, count)
        run.progress.position += 1
    with pytest.raises(Diverged, match=r"nan in net\.3\.weight") as found:
        run.save_if_due(lambda: True, lambda: divergence.check(run, train.update))
    assert (found.value.step, found.value.tensor) == (3, "net.3.weight")
    assert not run.folder.exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_every_value_counts(cell: Cell, data: Dataset, tmp_path: Path, bad: float) -> None:
    run = Run(cell, data, tmp_path, "cpu")
    last = list(run.model.parameters())[-1].detach()
    last[0] = 3e38
    assert divergence._weights_are_finite(run)
    last[1] = bad
    assert not divergence._weights_are_finite(run)
