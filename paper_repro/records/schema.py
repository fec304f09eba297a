"""What is read from disk, as types: what does not fit is refused in one line that names the place, as
``Expected `float` <= 100.0 - at `$.epochs[19].test_error` ``.

Code keeps records and findings as the plain dicts that stand in the files; these types only say which may be read.
Losses are in nats, errors in percent, times in seconds. UNSET: may be missing, in older records for one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from paper_repro.cell import SPEC, Cell
from paper_repro.cli import UNPRINTABLE, is_plain

Positive = Annotated[float, Meta(ge=0)]  # and finite, as JSON has no other numbers
Percent = Annotated[float, Meta(ge=0, le=100)] | UnsetType
Measured = Positive | UnsetType
MayOverflow = Positive | None | UnsetType  # null: it was not finite
# Text is shown on terminals and pages, so it holds nothing that they would obey. Never in a union with a list or dict:
# msgspec 0.22 frees what is not its own then (a str with a pattern beside them), and the process ends by a signal.
Text = Annotated[str, Meta(max_length=300, pattern=rf"\A{UNPRINTABLE.pattern.replace('[', '[^', 1)}*\Z")]
Code = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.+-]{0,64}\Z")]  # a commit or a fingerprint
Name = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}(-quick)?\Z")]  # becomes part of a file's name
DATASET = re.compile(rf"{SPEC.pattern}|[a-z ]{{1,40}}")  # the latter: what is no data set, as in "a quadratic"


class Epoch(Struct, forbid_unknown_fields=True):
    """A row of a record's curves. Whoever measures something new adds it here."""

    epoch: int
    train_loss: MayOverflow = UNSET
    train_error: Percent = UNSET
    gradient_norm: MayOverflow = UNSET  # mean over the updates
    weight_norm: MayOverflow = UNSET
    eta: float | UnsetType = UNSET  # the schedule's multiplier at the last update
    seconds: Measured = UNSET  # of training alone
    images_per_second: Measured = UNSET
    # Where it was evaluated; the top-5 errors with 100 classes or more.
    validation_loss: Measured = UNSET
    validation_error: Percent = UNSET
    validation_top5_error: Percent = UNSET
    test_loss: Measured = UNSET
    test_error: Percent = UNSET
    test_top5_error: Percent = UNSET
    evaluation_seconds: Measured = UNSET
    checkpoint_seconds: Measured = UNSET  # spent on checkpoints since the row before, if any
    ends_cycle: bool | UnsetType = UNSET  # true where a warm restart follows


class Data(Struct, forbid_unknown_fields=True):
    name: Text
    fingerprint: Text


class Provenance(Struct, forbid_unknown_fields=True):
    commit: Code
    hardware: Text
    data: Data
    dirty: bool = False  # whether code that is tracked differed from the commit
    source: Code = ""  # the fingerprint of the code that can change a number
    versions: Annotated[dict[Text, Text], Meta(max_length=20)] = {}
    written: Text = ""  # the time, ISO 8601
    attempts: Annotated[int, Meta(ge=0)] = 1  # times the cell was begun or gone on with


class Divergence(Struct, forbid_unknown_fields=True):
    step: int  # the first update, counted from 1, at which a value was not finite (training/divergence.py)
    reason: Text
    tensor: Text = "loss"  # "loss", "validation loss", "conv.weight", "gradient of conv.weight"


class Diagnosis(Struct, forbid_unknown_fields=True):
    kind: Text  # of an anomaly in the curves (diagnosis.py)
    epoch: int  # where it was first seen
    value: float | None = None  # null: it was not finite
    usual: float | None = None


class Record(Struct, forbid_unknown_fields=True):
    """What a finished cell leaves."""

    cell: dict[str, Any]  # all fields of the Cell
    id: str  # the Cell's, and the file's name
    status: Literal["finished", "diverged"]
    diverged: Divergence | None
    epochs: list[Epoch]
    final: dict[str, float | None] | None  # the last epoch's losses and errors; null where it diverged
    parameters: Annotated[int, Meta(ge=0, lt=2**53)]  # number of trained values in the model
    seconds: Positive  # over all attempts, evaluations and checkpoints included
    provenance: Provenance
    checksum: str  # SHA-256 of the rest as canonical JSON (store.checksum)
    diagnoses: list[Diagnosis] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError where the parts do not agree."""
        cell, count = Cell.from_dict(self.cell), len(self.epochs)
        if self.id != cell.id:
            raise ValueError(f"the record is of another cell ({self.id!r})")
        if [row.epoch for row in self.epochs] != list(range(1, count + 1)):
            raise ValueError("its epochs do not count 1, 2, 3, ...")
        is_finished = self.status == "finished"
        if (self.final is not None, self.diverged is None) != (is_finished, is_finished):
            raise ValueError(f"status {self.status!r} does not fit the numbers")
        if count > cell.epochs or (is_finished and count < cell.epochs):
            raise ValueError(f"it holds {count} epochs, its cell has {cell.epochs}")
        if is_finished and self.final != final(structs.asdict(self.epochs[-1])):
            raise ValueError("its final numbers are not those of its last epoch")


class Findings(Struct, forbid_unknown_fields=True):
    """What a study leaves (paper_repro.studies)."""

    study: Name  # the module's
    profile: Name
    settings: dict[str, Any]  # "cell": where it trains, fields of a Cell
    rows: list[dict[str, Any]]  # plain values; which, the study's module says
    seconds: Positive
    provenance: Provenance
    checksum: str

    def __post_init__(self) -> None:
        """Raise ValueError for text that is not plain, and for what cannot stand in a command to paste."""
        if not all(map(is_plain, _texts([self.settings, self.rows]))):
            raise ValueError("it holds control characters")
        cell = self.settings.get("cell")
        if isinstance(cell, dict):
            Cell.from_dict({"optimizer": "any", "alpha": 0.0, "decay": 0.0, **cell})
        elif cell is not None:
            raise ValueError("its cell is no dict")
        if not DATASET.fullmatch(self.provenance.data.name):
            raise ValueError("its data set has an unfit name")


def _texts(value: Any) -> Iterator[str]:
    """All that are in a value, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(part)


def final(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of an epoch's numbers those that are a run's result, if it is the last."""
    return {name: value for name, value in row.items() if name.endswith(("_loss", "_error")) and value is not UNSET}
