"""The benchmark compares like with like and writes what it prints. How fast anything is, no test asks."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import benchmarks
from benchmarks import Row, optimizer_step, overhead, plain, together
from experiments.__main__ import main
from paper_repro import optim
from paper_repro.studies import stepping

SAME_ALGORITHM = [pair for pair in optimizer_step.PAIRS if "SGD with L2" not in pair.what]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(optimizer_step, "NETWORK", "resnet-8-w2")
    stepping._values.cache_clear()
    yield
    stepping._values.cache_clear()


@pytest.mark.parametrize("kind", ["fused", "foreach"])
@pytest.mark.parametrize("pair", SAME_ALGORITHM, ids=lambda pair: pair.name)
def test_both_sides_of_a_step_do_the_same(small: None, pair: optimizer_step.Pair, kind: str) -> None:
    ours, theirs = (stepping.random_parameters("cpu", optimizer_step.NETWORK) for _ in range(2))
    step, opponent = (
        optim.build(pair.name, ours, optimizer_step.LR, optimizer_step.DECAY).step,
        pair.theirs(theirs, **{kind: True}),
    )
    before = [parameter.clone() for parameter in ours]
    for _ in range(3):
        step()
        opponent()
    assert not any(torch.equal(old, new) for old, new in zip(before, ours, strict=True))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_every_optimizer_is_timed(small: None) -> None:
    found = list(optimizer_step.rows("cpu", 1))
    assert {pair.name for pair in optimizer_step.PAIRS} == {"sgd", "sgdw", "adam", "adamw"}
    assert len(found) == len(optimizer_step.PAIRS)
    assert all(row.ours > 0 and row.opponent > 0 for row in found)


def test_both_opponents_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "random_images", lambda count=256, whole=plain.random_images: whole(count))
    threads = torch.get_num_threads()
    for tuned, helpers in ((False, 2), (True, 0)):
        assert plain.images_per_second("mlp-8x1", "cpu", 0.0, threads, tuned, helpers) > 0


def test_a_sweep_is_measured_in_processes_of_its_own() -> None:
    (found,) = together(overhead.sweep, [(14,)])
    assert found.files == 14  # a record for each cell
    assert found.parent < 300
    assert found.worker > found.parent
    assert found.again < found.start
    assert found.load > 0


def test_the_command_prints_a_table_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = [Row("speed", 30.0, 10.0, "images/s"), Row("memory", 5.0, None, "MB")]
    monkeypatch.setattr(benchmarks, "rows", lambda device, quick: iter(table))
    assert main(["bench", "--quick", "--device", "cpu", "--csv", str(tmp_path / "t.csv")]) == 0
    assert re.search(r"speed +30 +10 +3 +images/s\nmemory +5 +MB", capsys.readouterr().out)
    with open(tmp_path / "t.csv", newline="") as file:
        speed, memory = csv.DictReader(file)
    assert tuple(speed) == benchmarks.COLUMNS
    assert (speed["ratio"], memory["opponent"], memory["ratio"]) == ("3.0", "", "")
    assert f"torch {torch.__version__.partition('+')[0]}" in speed["versions"]
    assert re.match(r"\d+ x ", speed["hardware"])


@pytest.mark.parametrize("arguments", [["--csv", "/proc/no/where.csv"], ["--device", "tpu"], ["--fast"]])
def test_what_cannot_be_measured_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
