"""What the numbers of a record must be like, whatever its checksum says: a checksum only tells that nothing changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SPLITS = ("train", "validation", "test")
HIGHEST = {f"{split}_{measure}": 100.0 for split in SPLITS for measure in ("error", "top5_error")}  # percent
LARGEST = 1.7976931348623157e308  # what is above is infinite; NaN fails every comparison
NUMBER = (float, int)  # by type(): True is no number here
MAY_OVERFLOW = ("train_loss", "gradient_norm", "weight_norm")  # recorded as null then


def check(record: Mapping[str, Any]) -> None:
    """Raise ValueError, naming what is wrong, unless the record's numbers can be those of its cell."""
    epochs, asked = record["epochs"], record["cell"]["epochs"]
    if not isinstance(epochs, list) or not all(isinstance(row, dict) for row in epochs):
        raise ValueError("its epochs are no list of dicts")
    if type(record["parameters"]) is not int or not 0 <= record["parameters"] < 2**53:
        raise ValueError(f"parameters cannot be {record['parameters']!r}")
    if [row["epoch"] for row in epochs] != list(range(1, len(epochs) + 1)):
        raise ValueError("its epochs do not count 1, 2, 3, ...")
    if len(epochs) > asked or (len(epochs) < asked and record["final"] is not None):
        raise ValueError(f"it holds {len(epochs)} epochs, its cell has {asked}")
    for row in (*epochs, {"seconds": record["seconds"]}):
        _check_row(row)
    if record["final"] is not None and record["final"] != final(epochs[-1]):
        raise ValueError("its final numbers are not those of its last epoch")
    _check_words(record["diverged"], record.get("diagnoses", []))


def final(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of an epoch's numbers those that are a run's result, if it is the last."""
    return {name: value for name, value in row.items() if name.endswith(("_loss", "_error"))}


def _check_row(row: Mapping[str, Any]) -> None:
    # One comprehension, because a hundred thousand records hold twenty million numbers.
    odd = [
        name
        for name, value in row.items()
        if not (type(value) in NUMBER and 0 <= value <= HIGHEST.get(name, LARGEST)) and not _is_allowed(name, value)
    ]
    if odd:
        raise ValueError(f"{odd[0]} cannot be {row[odd[0]]!r}")


def _check_words(diverged: Any, diagnoses: Any) -> None:
    """What is told to a reader: where a run diverged (older records have no tensor), and what is odd in its curves."""
    if diverged is not None and not (
        type(diverged["step"]) is int and _is_said(diverged["reason"]) and _is_said(diverged.get("tensor", "loss"))
    ):
        raise ValueError(f"it cannot have diverged at {diverged!r}")
    for each in diagnoses:
        if not (_is_said(each["kind"]) and type(each["epoch"]) is int):
            raise ValueError(f"{each!r} is no diagnosis")


def _is_said(text: Any) -> bool:
    return isinstance(text, str) and text.isprintable()


def _is_allowed(name: str, value: Any) -> bool:
    """A flag, an overflow, or a schedule that goes below 0."""
    if name == "ends_cycle":
        return isinstance(value, bool)
    return (name in MAY_OVERFLOW and value is None) or (
        name == "eta" and type(value) in NUMBER and math.isfinite(value)
    )
