"""What studies measure is what their modules say, and what they leave is written once and checked."""

import json
from pathlib import Path

import pytest
import torch

from paper_repro import optim
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from paper_repro.optim import groups
from paper_repro.records import BadRecord
from paper_repro.studies import (
    effective_decay,
    fine_tuning,
    first_steps,
    load,
    path_of,
    propositions,
    read,
    run,
    step_cost,
)  # fmt: skip
from paper_repro.studies.stepping import temporary_run
from paper_repro.training.train import train, update

PROPOSITIONS = {"dimension": 6, "steps": 30, "decay": 0.01, "alphas": [0.1, 1.0], "seed": 0}


@pytest.fixture
def own(npz: Path, cell: Cell) -> dict:
    """Settings that every study with cells has."""
    return {"cell": cell.to_dict(), "seeds": 2}


class TestFindings:
    def test_they_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        path = path_of(tmp_path, "propositions", "demo", None)
        found = run(path, "propositions", "demo", PROPOSITIONS, tmp_path, "cpu")
        assert read(path) == found
        assert load(tmp_path) == [found]
        assert read(tmp_path / "studies" / "other.json") is None

    def test_damage_is_told(self, tmp_path: Path) -> None:
        path = path_of(tmp_path, "propositions", "demo", None)
        found = run(path, "propositions", "demo", PROPOSITIONS, tmp_path, "cpu")
        found["rows"][0]["distance"] = 7.0
        for content in (json.dumps(found), "[]", "{", ""):
            path.write_text(content)
            with pytest.raises(BadRecord, match=r"propositions-demo\.json"):
                read(path)


class TestPropositions:
    @pytest.fixture(scope="class")
    def rows(self) -> list[dict]:
        return propositions.measure(PROPOSITIONS, Path(), "cpu")[0]

    def test_1_sgd_with_the_right_factor_is_sgd_with_decay(self, rows) -> None:
        distances = {row["ratio"]: row["distance"] for row in rows if row["what"] == "sgd"}
        assert distances.pop(1.0) < 1e-12
        assert min(distances.values()) > 0.1

    def test_2_no_factor_is_the_decay_of_a_preconditioner_or_of_adam(self, rows) -> None:
        residuals = {row["spread"]: row["residual"] for row in rows if row["what"] == "residual"}
        assert residuals.pop(0.0) < 1e-7  # a multiple of the identity
        assert min(residuals.values()) > 0.05
        assert min(row["distance"] for row in rows if row["what"] == "adam") > 0.05

    def test_3_holds_as_the_appendix_has_it(self, rows) -> None:
        scaled = {(row["form"], row["alpha"]): row["distance"] for row in rows if row["what"] == "scaled"}
        assert scaled["appendix", 0.1] < 1e-10
        assert scaled["statement", 0.1] > 0.1
        assert scaled["statement", 1.0] < 1e-10  # there the spurious 1 / alpha does not show


def test_updates_one_by_one_are_those_of_training(cell: Cell, arrays: Arrays, tmp_path: Path) -> None:
    data = prepare(arrays, cell)
    record = train(cell, data, tmp_path)
    with temporary_run(cell, data, "cpu") as run:
        made = sum(1 for _ in run.updates(update))
        norm = torch.linalg.vector_norm(torch.cat([p.detach().flatten() for p in run.model.parameters()]))
    assert made == 3 * 7
    assert norm.item() == pytest.approx(record["epochs"][-1]["weight_norm"], rel=1e-6)


def test_first_steps_begin_alike_and_part(own: dict, npz: Path) -> None:
    optimizers = [["sgd", 0.1, 0.0], ["adam", 0.001, 0.0], ["adamw", 0.001, 0.0]]
    rows, name, _ = first_steps.measure({**own, "optimizers": optimizers, "steps": 9}, npz, "cpu")
    assert (name, len(rows)) == ("tiny", 6)
    sgd, _, adam, _, adamw, _ = (row["losses"] for row in rows)
    assert len(sgd) == 9
    assert sgd[0] == adam[0] != adam[1]
    assert sgd[1:] != adam[1:]
    assert adam == adamw  # without decay


class TestEffectiveDecay:
    @pytest.fixture(scope="class")
    def rows(self) -> list[dict]:
        base = Cell(
            "synthetic",
            "mlp-32x1",
            "adam",
            0.01,
            0.0,
            epochs=4,
            train_examples=640,
            validation_examples=0,
            augment=False,
        )
        settings = {"cell": base.to_dict(), "optimizers": [["adam", 0.003, 0.003], ["adamw", 0.003, 0.02]]}
        return effective_decay.measure(settings, Path(), "cpu")[0]

    def test_decoupled_takes_the_same_share_of_every_weight(self, rows) -> None:
        bins = [row for row in rows if row["what"] == "scale" and row["optimizer"] == "adamw"]
        assert len(bins) > 3
        for row in bins:
            assert row["median"] == pytest.approx(0.02, rel=1e-3)

    def test_with_l2_weights_with_large_gradients_lose_less(self, rows) -> None:
        bins = [row for row in rows if row["what"] == "scale" and row["optimizer"] == "adam" and row["weights"] > 200]
        assert bins[0]["scale"] < bins[-1]["scale"] / 3
        assert bins[0]["median"] > 2 * bins[-1]["median"]

    def test_both_parts_of_adams_step_make_the_whole(self, cell: Cell, arrays: Arrays) -> None:
        """The share of L2 is that of a step from which Adam without L2's sum of gradients was taken off."""
        l2 = cell.replace(optimizer="adam", decay=0.05)
        with temporary_run(l2, prepare(arrays, l2), "cpu") as run:
            largest = max(zip(*effective_decay._watch(run), strict=True), key=lambda tensors: tensors[0].numel())
            scale, rate, share = effective_decay._shares(run, *largest)
            weight, before, after, l2_part = largest
            kept = before.abs() > effective_decay.SMALLEST
            state, (group,) = run.optimizer.state[weight], run.optimizer.param_groups
            eta = optim.eta(group)
            bare = (state["m"] - l2_part)[kept] / (1 - 0.9 ** state["step"].item())
        whole = ((before - after) / before)[kept] / eta
        torch.testing.assert_close(share + rate * bare / before[kept], whole, rtol=1e-3, atol=1e-4)
        assert (scale > 0).all()


def test_step_cost_has_time_and_state_of_every_optimizer() -> None:
    rows, *_ = step_cost.measure({"models": ["resnet-8-w4"], "rounds": 2}, Path(), "cpu")
    state = {row["optimizer"]: round(row["bytes"]) for row in rows}
    assert {name: state[name] for name in optim.BUILT_IN} == {"sgd": 4, "sgdw": 4, "adam": 8, "adamw": 8}
    assert {name for name in state if name.startswith("torch")} == {"torch SGD, L2", "torch Adam, L2", "torch AdamW"}
    assert all(row["milliseconds"] > 0 for row in rows)


class TestFineTuning:
    def test_a_row_for_each_factor_and_seed(self, cell: Cell) -> None:
        small = cell.replace(dataset="synthetic", train_examples=60, validation_examples=0)
        settings = {"cell": small.to_dict(), "epochs": 2, "pictures": 40, "factors": [1.0, 0.1, "fresh"], "seeds": 1}
        rows, *_ = fine_tuning.measure(settings, Path(), "cpu")
        assert [row["factor"] for row in rows] == [1.0, 0.1, "fresh"]
        assert len({row["test_error"] for row in rows}) > 1

    def test_the_other_half_of_the_classes_is_counted_from_0(self, arrays: Arrays) -> None:
        rest = fine_tuning.select_classes(arrays, 1, 3)
        assert set(rest.y_train) == set(rest.y_test) == {0, 1}
        assert len(rest.y_train) == (arrays.y_train > 0).sum()

    def test_the_body_follows_at_its_share_of_the_learning_rate(self, cell: Cell, arrays: Arrays) -> None:
        with temporary_run(cell, prepare(arrays, cell), "cpu") as run:
            run.optimizer = fine_tuning.optimizer(run, 0.1)
            for _ in run.updates(update, 5):
                *body, head = run.optimizer.param_groups
                assert all(group["lr"] == pytest.approx(0.1 * head["lr"]) for group in body)


def test_a_cell_may_exempt_biases_and_normalisations(cell: Cell, arrays: Arrays) -> None:
    exempt = cell.replace(decay_on="matrices")
    with temporary_run(exempt, prepare(arrays, exempt), "cpu") as run:
        run.begin_epoch()
        assert [group["decay"] for group in run.optimizer.param_groups] == [cell.decay, 0.0]
        assert [group["decay"] for group in groups.decay_matrices(run.model)[1:]] == [0.0]
