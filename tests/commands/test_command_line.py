"""What is typed is used as meant, or refused by name in one line that says what was probably meant."""

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import experiments
from analysis.__main__ import main as analysis
from analysis.__main__ import parser as analysis_parser
from analysis.figures import charts_of
from analysis.results.panels import panels
from analysis.results.studies import to_type
from experiments import choose
from experiments.__main__ import _parser
from experiments.declare import parse_settings
from paper_repro import records
from paper_repro.cell import Cell
from tests.conftest import made_record

ROOT = Path(__file__).parents[2]
ONE = ["fig2", "--quick", "--only", "adamw", "--alphas", "0.01", "--decays", "0.01"]


def understood(*options: str) -> tuple[list[Cell], list[str]]:
    """The cells of figure 2 that these options choose, and what is printed of them."""
    given = _parser().parse_args(["run", "fig2", *options])
    _, profile = choose.find("fig2", given.profile, given.quick)
    cells = choose.chosen_cells(profile, given)
    return cells, choose.axes(cells, given)


@pytest.mark.parametrize(
    ("options", "axes"),
    [
        (
            ["--only", "sgdw, adamw", "--alphas", "0.1, 1e-5", "--decays=0,0.001", "--seeds=3", "--set", "epochs=3"],
            ["optimizers: sgdw, adamw", "learning rates: 0.1, 1e-5", "decays: 0, 0.001", "seeds: 0, 1, 2",
             "changed: epochs=3"],
        ),
        (
            ["--only", "adamw", "--set", "seed=7,5", "--set", "alpha=0.1", "--decays", "0.1", "--quick"],
            ["optimizers: adamw", "learning rates: 0.1", "decays: 0.1", "seeds: 7, 5", "changed: quick, alpha=0.1"],
        ),
        (
            ["--profile", "paper", "--decays", "0"],
            ["optimizers: sgd, sgdw, adam, adamw",
             "learning rates: 1, 0.5, ..., 0.0009765625 (11 values) for sgd, sgdw; "
             "0.1, 0.05, ..., 9.765625e-5 (11 values) for adam, adamw",
             "decays: 0", "seeds: 0"],
        ),
        (
            ["--only", "adamw", "--set", "optimizer=lion", "--alphas", "0.002,0.001", "--decays", "0.02"],
            ["optimizers: lion", "learning rates: 0.002, 0.001", "decays: 0.02", "seeds: 0", "changed: optimizer=lion"],
        ),
    ],
)  # fmt: skip
def test_the_axes_that_were_understood_are_those_of_the_cells(options: list[str], axes: list[str]) -> None:
    cells, told = understood(*options)
    assert told == axes
    seeds = told[3].removeprefix("seeds: ").split(", ")
    assert [str(seed) for seed in dict.fromkeys(cell.seed for cell in cells)] == seeds


def test_a_given_seed_is_the_seed_that_is_trained() -> None:
    cells, _ = understood("--set", "seed=5")
    assert len(cells) == 196
    assert {cell.seed for cell in cells} == {5}
    assert [cell.replace(seed=0) for cell in cells] == understood()[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a quick run's records of seed 0 and of seeds 3 and 5, and what the second run printed."""
    out = tmp_path_factory.mktemp("of old") / "it's mine"
    run = [sys.executable, "-m", "experiments", "run", *ONE, "--workers", "1", "--out", str(out)]
    for more in ([], ["--set", "seed=3,5"]):
        done = subprocess.run([*run, *more], cwd=ROOT, capture_output=True, text=True, check=True)
    return out, done.stdout


def test_the_printed_command_draws_what_was_trained_and_nothing_else(trained, tmp_path: Path) -> None:
    out, printed = trained
    assert {record["cell"]["seed"] for record in records.load(out)} == {0, 3, 5}
    assert "\nseeds: 3, 5\n" in printed
    (line,) = [each.partition(": ")[2] for each in printed.splitlines() if each.startswith("draw them: ")]
    pasted = subprocess.run(
        f"{line} --out {shlex.quote(str(tmp_path))}", shell=True, cwd=ROOT, capture_output=True, text=True
    )
    assert pasted.returncode == 0, pasted.stderr
    (drawn,) = tmp_path.glob("*.csv")
    assert drawn.stem == "fig2-demo-quick_run-seed_3_5"
    with drawn.open(newline="") as file:
        assert sorted(row["seed"] for row in csv.DictReader(file)) == ["3", "5"]


@pytest.mark.parametrize(
    ("change", "count"), [("alpha=0.01", 3), ("alpha=0.02", 0), ("optimizer=adamw", 3), ("dataset=synthetic", 3),
                          ("optimizer=sgd", 0), ("dataset=cifar10", 0), ("seed=0,5", 2), ("seed=9", 0)],
)  # fmt: skip
def test_figures_show_only_what_has_the_fields_that_were_set(
    change: str, count: int, trained, tmp_path, capsys
) -> None:
    found = ["figures", "fig2", "--quick", "--set", change, "--runs", str(trained[0]), "--out", str(tmp_path)]
    assert analysis(found) == (0 if count else 2)
    rows = [line for path in tmp_path.glob("*.csv") for line in path.read_text().splitlines()[1:]]
    assert len(rows) == count
    if not count:  # and the advice names the same change
        advice = capsys.readouterr().err.partition("make some with: ")[2]
        assert shlex.split(advice)[-5:] == ["--out", str(trained[0]), "--quick", "--set", change]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fig1", ["--only", "adamw"]), ("fig1", ["--set", "schedule=cosine"]), ("fig4", ["--only", "adam"]),
        ("groups", ["--set", "decay_on=all"]), ("precision", ["--set", "precision=bf16", "--set", "compile=false"]),
    ],
)  # fmt: skip
def test_one_variant_of_a_comparison_is_drawn_when_it_is_named(name: str, options: list[str]) -> None:
    """Also where its records are another experiment's too."""
    given = _parser().parse_args(["run", name, *options])
    profile = choose.find(name, given.profile, given.quick)[1]
    records = [made_record(cell, 30.0) for cell in choose.chosen_cells(profile, given)]
    (chart,) = charts_of([name], records, [], parse_settings(given.set))
    assert len(chart.records) == len(records)


@pytest.mark.parametrize("changes", [["epochs=8"], ["epochs=1", "batch_size=16"]])
def test_what_becomes_one_training_is_trained_once_and_drawn(changes: list[str]) -> None:
    """The cells of this experiment differ in how often they are looked at, too."""
    options = [word for text in changes for word in ("--set", text)]
    given = _parser().parse_args(["run", "batch_size", "--only", "adamw", "--decays", "0.01,0.02", *options])
    chosen = choose.chosen_cells(choose.find("batch_size", "demo", False)[1], given)
    assert len({cell.replace(evaluate_every=1) for cell in chosen}) == len(chosen)
    (chart,) = charts_of(["batch_size"], [made_record(c, 30.0) for c in chosen], [], parse_settings(changes))
    assert sum(len(panel.tiles) for panel in panels(chart)) == len(chosen)


@pytest.mark.parametrize("name", experiments.names())
def test_commands_that_are_advised_are_accepted(name: str, tmp_path: Path) -> None:
    changes = parse_settings(["label_noise=1e-5", "augment=true", "train_examples=none", "seed=3,5"])
    program, *words = shlex.split(to_type(name, [tmp_path / "a b"], {**changes, "quick": "run"}, here=True))
    assert Path(program).name.startswith("python")
    given = _parser().parse_args(words[2:])
    assert (given.name, given.out, given.quick) == (name, tmp_path / "a b", True)
    assert parse_settings(given.set) == (changes if experiments.get(name).study is None else {})
    assert given.profile in experiments.get(name).profiles
    analysis_parser().parse_args(
        ["figures", name, "--quick", *(part for text in given.set for part in ("--set", text))]
    )


@pytest.mark.parametrize(
    "words",
    [
        ["experiments", "list"], ["experiments", "run", "--help"], ["slurm", "plan", "--help"],
        ["paper_repro.decay", "0.05", "normalized", "--lr", "0.001"], ["analysis", "figures", "no\u03bb"],
        ["analysis", "statistics", "supp2", "--recorded"],
    ],
)  # fmt: skip
def test_a_terminal_without_letters_gets_no_traceback(words: Sequence[str]) -> None:
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env={**os.environ, **strict})
    assert done.returncode == (2 if "no\u03bb" in words else 0), done.stderr
    assert b"Traceback" not in done.stderr
    done.stdout.decode("ascii")
