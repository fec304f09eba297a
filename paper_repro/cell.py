"""Cell: one training run, as a value.

Everything that may change a number stands in the Cell and nowhere else; what may not (worker, device, output folder)
stays outside. Two equal Cells end in equal records, so a Cell's hash is its name on disk.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from typing import Any

SPEC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:,-]{0,79}")
ID = re.compile(r"[a-z0-9_.+-]{1,80}-[0-9a-f]{16}")
OPTIMIZER = re.compile(r"[a-z][a-z0-9_.]{0,39}")
SIGNS = {SPEC: "letters, digits and _ . : , -", OPTIMIZER: "lower-case letters, digits, _ and ."}
NAMES = {"dataset": SPEC, "model": SPEC, "schedule": SPEC, "optimizer": OPTIMIZER}
CHOICES = {"precision": ("fp32", "tf32", "bf16"), "decay_unit": ("step", "normalized"), "decay_on": ("all", "matrices")}
RANGES = {
    "alpha": (0.0, 1e6), "decay": (0.0, 1e6), "label_noise": (0.0, 1.0),
    "epochs": (1, 10**6), "batch_size": (1, 10**7), "seed": (0, 2**31 - 1), "validation_examples": (0, 10**8),
    "train_examples": (1, 10**8), "image_size": (1, 1024), "evaluate_every": (1, 10**6),
    "crop_padding": (0, 64), "split_seed": (0, 2**31 - 1),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run. Units: alpha and decay as in the paper's Algorithms 1 and 2; sizes in images, times in epochs.

    A default, once published, is never changed: fields at their default are left out of the hash, so that a field
    added later leaves the ids of all earlier records as they are.
    """

    # What is learned: names are resolved by paper_repro.data and paper_repro.models.
    dataset: str
    model: str
    # How: alpha is the initial learning rate, decay the L2 factor or the decoupled decay lambda.
    optimizer: str
    alpha: float
    decay: float
    epochs: int
    seed: int = 0
    batch_size: int = 128
    schedule: str = "cosine"
    decay_unit: str = "step"  # "normalized": lambda = decay * sqrt(b / (B T)), T the epochs of the current cycle
    precision: str = "fp32"
    # Which images: the validation split is held out of the training set, the same images for every seed.
    validation_examples: int = 5000
    train_examples: int | None = None  # None: all that the validation split leaves
    image_size: int | None = None  # average images down to this height and width
    label_noise: float = 0.0  # share of the training labels drawn anew at random
    augment: bool = True  # pad, crop, flip
    compile: bool = False  # train through torch.compile: faster where maps outgrow the cache, and other last bits
    deterministic: bool = True  # on a GPU: only kernels that give the same bits again
    decay_on: str = "all"  # what is decayed: all as in the paper's code, or "matrices" (no biases, no normalisations)
    evaluate_every: int = 1  # epochs between looks at validation and test error; the last epoch is always looked at
    crop_padding: int = 4  # pixels on each side before the random crop, where images are augmented
    split_seed: int = 0  # which images are held out, and which of the rest are trained on

    def __post_init__(self) -> None:
        for name, kind, types, pattern, choices, limits in _CHECKS:
            value = getattr(self, name)
            if type(value) not in types:  # not isinstance: True is no number
                raise ValueError(f"cell: {name} must be {kind}, got {value!r}")
            if pattern and not pattern.fullmatch(value):
                raise ValueError(f"cell: {name} {value!r} may hold {SIGNS[pattern]} only")
            if choices and value not in choices:
                raise ValueError(f"cell: {name} {value!r} is none of {', '.join(choices)}")
            if limits and value is not None and not limits[0] <= value <= limits[1]:  # NaN fails every comparison
                raise ValueError(f"cell: {name} must lie between {limits[0]} and {limits[1]}, got {value!r}")
            if kind == "float":  # 1 and 1.0, 0.0 and -0.0 are one cell, so they get one id
                object.__setattr__(self, name, value + 0.0)

    def to_dict(self) -> dict[str, Any]:
        """All fields, defaults included: what a record stores."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Cell:
        """The Cell of a record. Raises ValueError for a field that is unknown, missing or out of range."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"cell: {error}") from None

    def canonical(self) -> str:
        """JSON with sorted keys, without blanks and without fields at their default: what is hashed."""
        values = {f.name: getattr(self, f.name) for f in _FIELDS if getattr(self, f.name) != f.default}
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @functools.cached_property
    def id(self) -> str:
        """A prefix to read and 64 bits of the canonical JSON's SHA-256 to be safe by; also a safe file name."""
        digest = hashlib.sha256(self.canonical().encode()).hexdigest()[:16]
        return f"{self.optimizer}-a{self.alpha:.4g}-d{self.decay:.4g}-s{self.seed}-{digest}"

    def replace(self, **changes: Any) -> Cell:
        """This Cell with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)


# Once: a sweep's records make a hundred thousand cells.
_FIELDS = dataclasses.fields(Cell)
_KINDS = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,), "int | None": (int, type(None))}
_CHECKS = [
    (name, kind, _KINDS[kind], NAMES.get(name), CHOICES.get(name), RANGES.get(name))
    for name, kind in ((field.name, str(field.type)) for field in _FIELDS)
]
