"""A Cell's id is its record's name for good: what may change it, what must not, and what is no Cell at all."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from paper_repro.cell import ID, Cell

PUBLISHED = Cell(
    dataset="cifar10", model="shake_shake-26-2x64d", optimizer="adamw", alpha=0.1 / 64, decay=2.5e-4, epochs=100,
    validation_examples=0,
)  # fmt: skip
OTHER = Cell(
    dataset="synthetic", model="resnet-8-w8", optimizer="sgd", alpha=1, decay=0, epochs=12, seed=3, batch_size=64,
    schedule="warm_restarts:4:2", decay_unit="normalized", precision="bf16", validation_examples=500,
    train_examples=2000, image_size=16, label_noise=0.3, augment=False, evaluate_every=4,
)  # fmt: skip


def test_published_ids_never_change() -> None:
    """If this fails, no record written so far is found any more: give new fields a default, leave old ones alone."""
    assert PUBLISHED.id == "adamw-a0.001563-d0.00025-s0-d1afc5d319eff38b"
    assert OTHER.id == "sgd-a1-d0-s3-6426000dd52deb0b"
    assert PUBLISHED.replace(crop_padding=4, split_seed=0).id == PUBLISHED.id


def test_fields_at_their_default_are_left_out_of_the_hash() -> None:
    """So that a field added later leaves the ids of all earlier records as they are."""
    assert set(json.loads(PUBLISHED.canonical())) == {
        "dataset", "model", "optimizer", "alpha", "decay", "epochs", "validation_examples",
    }  # fmt: skip
    spelled_out = PUBLISHED.replace(seed=0, batch_size=128, schedule="cosine", train_examples=None, augment=True)
    assert spelled_out == PUBLISHED
    assert spelled_out.id == PUBLISHED.id
    nothing_left = OTHER.replace(compile=True, deterministic=False, decay_on="matrices", crop_padding=2, split_seed=1)
    assert len(json.loads(nothing_left.canonical())) == len(dataclasses.fields(Cell))


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "cifar100"}, {"model": "mlp"}, {"optimizer": "adam"}, {"alpha": 0.2}, {"decay": 0.2}, {"epochs": 2},
        {"seed": 1}, {"batch_size": 64}, {"schedule": "fixed"}, {"decay_unit": "normalized"}, {"precision": "bf16"},
        {"validation_examples": 1}, {"train_examples": 10}, {"image_size": 8}, {"label_noise": 0.1}, {"augment": False},
        {"evaluate_every": 2}, {"compile": True}, {"deterministic": False}, {"crop_padding": 0}, {"split_seed": 1},
        {"alpha": math.nextafter(0.1 / 64, 1.0)},
    ],
)  # fmt: skip
def test_every_field_changes_the_id(change: dict[str, Any]) -> None:
    assert PUBLISHED.replace(**change).id != PUBLISHED.id


@pytest.mark.parametrize(("one", "same"), [(1, 1.0), (0, 0.0), (0.0, -0.0)])
def test_equal_numbers_are_one_cell_with_one_id(one: float, same: float) -> None:
    first, second = PUBLISHED.replace(alpha=one, decay=one), PUBLISHED.replace(alpha=same, decay=same)
    assert first == second
    assert first.id == second.id
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())


@pytest.mark.parametrize("cell", [PUBLISHED, OTHER])
def test_a_record_gives_the_cell_back(cell: Cell) -> None:
    values = json.loads(json.dumps(cell.to_dict()))
    assert set(values) == {field.name for field in dataclasses.fields(Cell)}
    assert Cell.from_dict(values) == cell
    assert Cell.from_dict(values).id == cell.id
    assert hash(Cell.from_dict(values)) == hash(cell)
    assert Cell.from_dict(json.loads(cell.canonical())) == cell  # an older record, without the fields added since


@pytest.mark.parametrize(
    ("name", "said"), [("weight_decay", "unexpected .* 'weight_decay'"), ("alpha", "missing .* 'alpha'")]
)
def test_unknown_and_missing_fields_are_named(name: str, said: str) -> None:
    values = {**PUBLISHED.to_dict(), "weight_decay": 0.1}
    if name == "alpha":
        del values["alpha"], values["weight_decay"]
    with pytest.raises(ValueError, match=f"^cell: .*{said}"):
        Cell.from_dict(values)


def test_a_cell_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PUBLISHED.alpha = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.23456789e-5, 0.1, 123456.7, 1e6])
@pytest.mark.parametrize("optimizer", ["sgd", "a" * 40])
def test_id_is_a_safe_file_name(alpha: float, optimizer: str) -> None:
    cell = PUBLISHED.replace(alpha=alpha, decay=alpha, optimizer=optimizer, seed=2**31 - 1)
    assert ID.fullmatch(cell.id)
    assert cell.id.startswith(f"{optimizer}-a{alpha:.4g}-d{alpha:.4g}-s2147483647-")
    assert len(cell.id) < 120


NAMES = ["../x", "a/b", "/etc/passwd", "..", ".hidden", "", " ", "a b", "a\n", "a\\b", "a\0", "é", "x" * 81, "-rf"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", ["dataset", "model", "schedule", "optimizer"])
def test_path_like_names_are_refused(field: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"^cell: {field} "):
        PUBLISHED.replace(**{field: name})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, value) for field in ("alpha", "decay") for value in (math.nan, math.inf, -math.inf, -0.1, 1e7)],
        *[(field, value) for field in ("alpha", "decay", "label_noise") for value in (True, None, "0.1", [0.1])],
        *[(field, value) for field in ("epochs", "batch_size", "evaluate_every") for value in (0, -1, 1.0, True, None)],
        ("seed", -1), ("seed", 2**31), ("seed", True), ("seed", 0.0), ("seed", None), ("label_noise", 1.1),
        ("crop_padding", -1), ("crop_padding", 65), ("split_seed", -1), ("split_seed", 2**31),
        ("validation_examples", -1), ("validation_examples", None), ("train_examples", 0), ("train_examples", False),
        ("train_examples", 10.0), ("image_size", 0), ("image_size", True), ("augment", 1), ("augment", None),
        ("precision", "fp16"), ("precision", 32), ("decay_unit", "epoch"), ("dataset", None), ("optimizer", "AdamW"),
        ("optimizer", "1sgd"), ("optimizer", "sgd w"), ("schedule", 3),
    ],
)  # fmt: skip
def test_values_out_of_range_or_of_another_type_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^cell: {field} "):
        PUBLISHED.replace(**{field: value})
