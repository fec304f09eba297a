"""python -m experiments verify: records are found again here, and one that was falsified is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.__main__ import main
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.data import Arrays, load
from paper_repro.data.split import prepare
from paper_repro.records import Record
from paper_repro.training.train import train
from tests.conftest import made_record

SMALL = Cell(
    dataset="synthetic", model="mlp-8x1", optimizer="adamw", alpha=0.01, decay=0.01, epochs=2, batch_size=32,
    validation_examples=100, train_examples=200, augment=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of two cells with two seeds each, in an output folder."""
    out, arrays = tmp_path_factory.mktemp("trained"), load("synthetic", Path("data"))
    for cell in (SMALL.replace(optimizer=name, seed=seed) for name in ("sgdw", "adamw") for seed in (0, 1)):
        train(cell, prepare(arrays, cell), out)
    return out


def test_what_was_trained_is_found_again_to_the_last_bit(trained: Path, capsys) -> None:
    assert main(["verify", "--records", str(trained)]) == 0
    printed = capsys.readouterr().out
    assert "\nverified: 4 of 4 cells are equal to the last bit\n" in printed
    for record in records.load(trained):
        origin = record["provenance"]
        row = next(line for line in printed.splitlines() if f"| {record['id']} " in line)
        assert "| equal | | " in " ".join(row.split())
        assert f"| {record['final']['test_error']:.2f} +0.00 ± " in row
        assert f"here on {origin['hardware']}, torch {origin['versions']['torch']}, " in printed


def falsify(record: Record) -> None:
    for row in (record["epochs"][-1], record["final"]):
        row["test_error"] = 0.5


def nudge(record: Record) -> None:
    record["epochs"][0]["weight_norm"] *= 1 + 1e-15


def made_elsewhere(record: Record) -> None:
    record["provenance"] |= {"source": "0" * 16, "hardware": "an abacus"}


@pytest.mark.parametrize(
    ("change", "code", "row", "line"),
    [
        (falsify, 1, "deviations | |", "not verified: 3 of 4 cells are equal to the last bit, 1 not reproduced: {id}"),
        (nudge, 0, "0 deviations | |", "1 should be equal: processor, torch and code are the same"),
        (made_elsewhere, 0, "equal | processor, code |", "verified: 4 of 4 cells are equal to the last bit"),
    ],
)
def test_a_record_that_was_changed_is_found(
    change: Callable[[Record], None], code: int, row: str, line: str, trained: Path, tmp_path: Path, capsys
) -> None:
    known = records.load(trained)
    change(known[0])
    known[0]["checksum"] = records.checksum(known[0])
    records.merge(known, tmp_path / "changed.jsonl")
    # in the folder where they were trained, so that nothing is left to train
    assert main(["verify", "--records", str(tmp_path / "changed.jsonl"), "--out", str(trained)]) == code
    printed = capsys.readouterr().out.splitlines()
    assert line.format(id=known[0]["id"]) in printed
    assert row in " ".join(next(each for each in printed if f"| {known[0]['id']} " in each).split())


def test_one_seed_tells_no_noise(trained: Path, tmp_path: Path, capsys) -> None:
    (first, *_) = records.load(trained)
    falsify(first)
    records.merge([first | {"checksum": records.checksum(first)}], tmp_path / "one.jsonl")
    assert main(["verify", "--records", str(tmp_path / "one.jsonl"), "--out", str(trained)]) == 0
    assert "1 not (and noise is not known, as no other cell has two seeds)" in capsys.readouterr().out


def test_the_same_records_give_the_same_draw(trained: Path, capsys) -> None:
    drawn = []
    for seed in (0, 0, 1, 2, 3):
        assert main(["verify", "--records", str(trained), "--out", str(trained), "--cells", "2", f"--seed={seed}"]) == 0
        drawn.append([line.split()[1] for line in capsys.readouterr().out.splitlines() if "| equal " in line])
    assert drawn[0] == drawn[1]
    assert len(set(map(tuple, drawn))) > 1
    assert all(len(each) == 2 for each in drawn)


def test_cells_learn_from_the_file_that_their_record_was_made_from(
    trained: Path, cell: Cell, arrays: Arrays, npz: Path, tmp_path: Path, capsys
) -> None:
    """Others from what is built in; and where the file is not given, its cells are left out."""
    train(cell, prepare(arrays, cell), tmp_path)
    records.merge([*records.load(tmp_path), records.load(trained)[0]], tmp_path / "both.jsonl")
    command = ["verify", "--records", str(tmp_path / "both.jsonl")]
    assert main([*command, "--data", str(npz)]) == 0
    assert "\nverified: 2 of 2 cells are equal to the last bit\n" in capsys.readouterr().out
    assert main([*command, "--out", str(trained)]) == 0
    printed = capsys.readouterr().out
    assert "left out: 1 cell on tiny: " in printed
    assert "\nverified: 1 of 1 cells are equal to the last bit\n" in printed


def test_what_cannot_be_verified_is_refused(trained: Path, npz: Path, tmp_path: Path, cell: Cell, capsys) -> None:
    records.merge([made_record(cell, 30.0)], tmp_path / "elsewhere.jsonl")
    for options, words in (
        (["--records", str(trained), "--cells", "0"], "--cells must be at least 1, got 0"),
        (["--records", str(tmp_path / "none.jsonl")], "no such file or folder"),
        (["--records", str(trained), "--data", str(npz)], "none of these records was made from it"),
        (["--records", str(tmp_path / "elsewhere.jsonl")], "none of these records can be trained again here"),
    ):
        assert main(["verify", *options]) == 2
        assert words in capsys.readouterr().err
