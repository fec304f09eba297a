"""Does this code make the numbers of an older commit? python -m tests.same_numbers COMMIT

Trains 21 cells of all networks, optimizers, schedules and precisions with the code of both, and compares what they
leave, times and origin aside. Where all is the same, the commit's label may join provenance.SAME_NUMBERS.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# The id stands for the cell, to which fields may have been added since.
LEFT_OUT = {
    "cell",
    "seconds",
    "images_per_second",
    "evaluation_seconds",
    "checkpoint_seconds",
    "checksum",
    "provenance",
}
BASE = {
    "dataset": "synthetic", "epochs": 3, "batch_size": 32, "train_examples": 200, "validation_examples": 50,
    "alpha": 0.002, "decay": 0.004,
}  # fmt: skip
MODELS = ("mlp-16x1", "resnet-8-w4", "wide_resnet-10-1", "shake_shake-8-2x4d")
OPTIMIZERS = {"sgd": 0.02, "sgdw": 0.02, "adam": 0.002, "adamw": 0.002}
SCHEDULES = ("cosine", "fixed", "step_drop:1,2:0.1", "warm_restarts:1:2")
OTHERS: list[dict[str, Any]] = [
    {"model": "resnet-8-w4", "optimizer": "adamw", "decay_unit": "normalized", "schedule": "warm_restarts:1:2"},
    {"model": "resnet-8-w4", "optimizer": "lion"},
    {"model": "vit-2-64-p3", "optimizer": "adamw", "decay_on": "matrices", "image_size": 6, "label_noise": 0.3},
    {"model": "shake_shake-8-2x4d-even", "optimizer": "adam", "augment": False, "precision": "bf16"},
    {"model": "shake_shake-8-2x4d-batch", "optimizer": "sgdw", "alpha": 1e5},  # diverges
]


def cells() -> list[dict[str, Any]]:
    grid = itertools.product(MODELS, OPTIMIZERS.items())
    return [
        BASE | {"model": model, "optimizer": name, "alpha": alpha, "schedule": SCHEDULES[(i + i // 4) % 4],
                "precision": ("fp32", "bf16")[i % 2], "seed": i}
        for i, (model, (name, alpha)) in enumerate(grid)
    ] + [BASE | other for other in OTHERS]  # fmt: skip


def train_all() -> None:
    """A line of JSON for each cell, by the code in the current folder."""
    import torch

    from paper_repro import records
    from paper_repro.cell import Cell
    from paper_repro.data import load
    from paper_repro.data.split import prepare
    from paper_repro.records import provenance
    from paper_repro.training.train import train

    torch.set_num_threads(1)
    arrays = load("synthetic", Path("data"))
    print(provenance.label(provenance.code()))
    for cell in (Cell(**fields) for fields in cells()):
        with tempfile.TemporaryDirectory() as folder:
            record: records.Record = train(cell, prepare(arrays, cell), Path(folder))
        print(json.dumps(_without(record), sort_keys=True))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(part) for key, part in value.items() if key not in LEFT_OUT}
    return [_without(part) for part in value] if isinstance(value, list) else value


def main(commit: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        subprocess.run(["git", "-C", folder, "checkout", "--quiet", commit], check=True)
        said = []
        for place in (folder, ROOT):
            command = [sys.executable, str(Path(__file__).resolve()), "--train"]
            done = subprocess.run(
                command, cwd=place, env={**os.environ, "PYTHONPATH": str(place)}, stdout=subprocess.PIPE, text=True
            )
            done.check_returncode()
            said.append(done.stdout.splitlines())
    different = [json.loads(old)["id"] for old, new in zip(said[0][1:], said[1][1:], strict=True) if old != new]
    print(f"{said[0][0]} and {said[1][0]}: {len(said[0]) - 1} cells, {len(different)} with other numbers {different}")
    return 1 if different else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--train"]:
        train_all()
    else:
        sys.exit(main(*sys.argv[1:]))
