"""Analysis of one's own runs: several sources, changed settings, and sweeps that are under way."""

from __future__ import annotations

import csv
import json
import random
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import experiments
from analysis.__main__ import main
from analysis.claims import CLAIMS, ledger
from analysis.claims.sources import Evidence
from analysis.figures import read_records
from analysis.results.studies import RECORDED
from analysis.results.table import charts
from experiments.__main__ import _parser as experiments_parser
from experiments.choose import chosen_cells, find
from experiments.declare import QUICK
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record
from tests.conftest import made_record
from tests.judging import at_levels, cells

ADAM = [cell for cell in experiments.get("fig2").profiles["demo"].cells if cell.optimizer == "adam"]


def _write(folder: Path, made: list[Record]) -> Path:
    for record in made:
        records.write(folder, {key: value for key, value in record.items() if key != "checksum"})
    return folder


def _seed(seed: int, error: float = 40.0, **changes: str) -> list[Record]:
    return [made_record(cell.replace(seed=seed), error + seed, **changes) for cell in ADAM]


def _seeds_drawn(folder: Path, stem: str = "fig2-demo") -> set[str]:
    with open(folder / f"{stem}.csv", newline="") as file:
        return {row["seed"] for row in csv.DictReader(file)}


FORMS = {
    "one option": "figures fig2 --runs {a} {b}",
    "two options": "figures fig2 --runs {a} --runs {b}",
    "the experiment last": "figures --runs {a} {b} fig2",
    "a folder of files": "figures fig2 --runs {files}",
}


@pytest.mark.parametrize("form", FORMS)
def test_several_sources_are_drawn_together(form: str, tmp_path: Path) -> None:
    places = {"a": _write(tmp_path / "runs", _seed(0)), "b": tmp_path / "more.jsonl", "files": tmp_path / "files"}
    places["files"].mkdir()
    for path, seed in ((places["b"], 1), (places["files"] / "0.jsonl", 0), (places["files"] / "1.jsonl", 1)):
        records.merge(_seed(seed), path)
    assert main([*FORMS[form].format(**places).split(), "--out", str(tmp_path / "out")]) == 0
    assert _seeds_drawn(tmp_path / "out") == {"0", "1"}


def test_a_seed_of_one_s_own_stands_beside_the_committed_ones(tmp_path: Path) -> None:
    whole = records.load(RECORDED / "fig2-cpu-seed0.jsonl")
    data = whole[0]["provenance"]["data"]["fingerprint"]
    own = [made_record(Cell.from_dict(record["cell"]).replace(seed=3), 60.0, fingerprint=data) for record in whole]
    found = read_records([RECORDED, _write(tmp_path, own)])
    (chart,) = charts(experiments.get("label_noise"), found)
    assert {record["cell"]["seed"] for record in chart.records} == {0, 1, 2, 3}


def test_a_folder_of_runs_may_be_named_like_an_experiment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fig1", "fig2"):
        _write(tmp_path / name, _seed(0))
    assert main(["figures", "--runs", "fig1", "fig2", "--out", "out"]) == 0
    assert main(["figures", "fig2", "--runs", "fig1", "fig2", "--out", "out"]) == 0


def test_the_same_numbers_from_another_machine_count_once(tmp_path: Path, capsys) -> None:
    first, second = _write(tmp_path / "a", _seed(0)), _write(tmp_path / "b", _seed(0, commit="d" * 40))
    found = read_records([first, second])
    assert [record["provenance"]["commit"] for record in found] == ["c" * 40] * len(ADAM)
    assert capsys.readouterr().err == ""


def test_of_other_numbers_the_first_source_s_are_used_and_that_is_told(tmp_path: Path, capsys) -> None:
    first, second = _write(tmp_path / "a", _seed(0)), _write(tmp_path / "b", _seed(0, 41.0))
    for sources, error in (([first, second], 40.0), ([second, first], 41.0)):
        assert {record["final"]["test_error"] for record in read_records(sources)} == {error}
        said = capsys.readouterr().err
        assert f"49 cells have other numbers in {sources[1]} than in {sources[0]}" in said
        assert f"those of {sources[0]} are used\n" in said


def test_one_cell_of_different_data_is_refused(tmp_path: Path) -> None:
    first, second = _write(tmp_path / "a", _seed(0)), _write(tmp_path / "b", _seed(0, fingerprint="e" * 16))
    with pytest.raises(UsageError, match=f"was trained on other data in {first} than in {second}"):
        read_records([first, second])


@pytest.mark.parametrize(("option", "changes"), [("--set compile=true", {"compile": True}), ("--quick", {})])
def test_claims_and_statistics_are_of_the_changed_cells(option: str, changes: dict, tmp_path: Path, capsys) -> None:
    plain = at_levels("fig2", 2, lambda cell: 50)
    own = [
        made_record(Cell.from_dict(record["cell"]).replace(**(changes or QUICK)), record["final"]["test_error"])
        for record in at_levels("fig2", 2, lambda cell: 55 if cell.optimizer == "adam" else 50)
    ]
    path = tmp_path / "own.jsonl"
    records.merge([*own, *plain], path)
    verdicts = {}
    for typed in ("", option):
        assert main(["claims", "--runs", str(path), *typed.split()]) == 0
        said = capsys.readouterr().out
        assert (f"Of what was run with {typed} alone" in said) == bool(typed)
        (row,) = re.findall(r"\| 7a \|.*", said)
        paper, verdicts[typed] = re.findall(r"\*\*([\w ()]+)\*\*†?: Adam − SGD (-?[\d.]+)", row)
        assert paper == ("holds", "1.03")
    assert verdicts[""] == ("open (noise)", "0.00")
    assert verdicts[option] == ("holds here", "5.00")
    assert main(["statistics", "fig2", "--runs", str(path), *option.split()]) == 0
    said = capsys.readouterr().out
    assert "Adam − AdamW | +5.00" in said
    assert "Adam − AdamW | +0.00" not in said


def test_a_changed_field_that_is_swept_chooses_records(tmp_path: Path) -> None:
    records.merge([*_seed(0), *_seed(1)], tmp_path / "a.jsonl")
    typed = ["--runs", str(tmp_path / "a.jsonl"), "--out", str(tmp_path), "--set", "seed=1"]
    assert main(["figures", "fig2", *typed]) == 0
    assert _seeds_drawn(tmp_path, "fig2-demo-seed_1") == {"1"}


SUGGESTED = re.compile(r"python -m experiments (run .+)")


@pytest.mark.parametrize("verb", ["figures", "statistics"])
@pytest.mark.parametrize(
    ("name", "typed"),
    [("fig3", ""), ("fig1", "--set compile=true --set label_noise=0.1"), ("batch_size", "--quick"), ("supp2", "no")],
)
def test_what_is_suggested_makes_what_was_missing(verb: str, name: str, typed: str, tmp_path: Path, capsys) -> None:
    """Pasted, it asks for cells that the same command would then find."""
    if verb == "statistics" and name == "fig3":
        name = "supp3"
    source, options = tmp_path / "my runs", typed.replace("no", "").split() if typed == "no" else typed.split()
    if typed != "no":
        _write(source, _seed(0)[:1])
    assert main([verb, name, "--runs", str(source), *options]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    (line,) = SUGGESTED.findall(said)
    given = experiments_parser().parse_args(shlex.split(line))
    assert given.out == source
    wanted = chosen_cells(find(given.name, given.profile, given.quick)[1], given)
    few = [*wanted[:3], *wanted[-3:]]
    records.merge([made_record(cell, 40.0) for cell in few], tmp_path / "made.jsonl")
    out = ["--out", str(tmp_path / "out")]
    assert main([verb, name, "--runs", str(tmp_path / "made.jsonl"), *options, *out]) == 0


def test_a_claim_that_was_not_run_names_what_it_lacks(tmp_path: Path) -> None:
    """And not always the experiment that it is about: claim 8 wants the noise of figure 2 as well."""
    found = Evidence([made_record(cell, 40.0) for cell in cells("fig3", 1)], sources=[tmp_path])
    runs = {each.claim.name: each.to_run for each in ledger.decide(CLAIMS, found)}
    assert runs["8"] == (f"python -m experiments run fig2 --profile cpu --out {tmp_path}",)
    assert runs["1a"] == (f"python -m experiments run fig1 --profile cpu --out {tmp_path}",)
    assert runs["19a"] == (f"python -m experiments run propositions --profile demo --out {tmp_path}",)
    assert runs["20"] == ()
    whole = Evidence([made_record(cell, 40.0) for cell in cells("fig1", 1)], sources=[tmp_path])
    (one,) = [each for each in ledger.decide(CLAIMS, whole) if each.claim.name == "1a"]
    assert one.to_run == (f"python -m experiments run fig1 --profile cpu --data real.npz --out {tmp_path} --seeds 2",)
    assert one.needed is not None
    assert "second seed" in one.needed.words


def test_quick_findings_are_evidence_of_nothing(tmp_path: Path, capsys) -> None:
    committed = json.loads((RECORDED / "studies" / "propositions-demo.json").read_text())
    quick = {**committed, "profile": "demo-quick"}
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / "propositions-demo-quick.json"
    path.write_text(json.dumps({**quick, "checksum": records.checksum(quick)}))
    for option, outcome in (([], "not run"), (["--quick"], "true")):
        assert main(["claims", "--runs", str(tmp_path), *option]) == 0
        assert re.search(rf"\| 19a \|[^|]*\| \*\*{outcome}\*\*", capsys.readouterr().out)


# Sweeps under way.

KINDS: dict[str, Callable[[random.Random], float | None]] = {
    "noisy": lambda draw: 40 + 20 * draw.random(),
    "constant": lambda draw: 50.0,
    "all diverged": lambda draw: None,
    "half diverged": lambda draw: draw.choice([None, 45.0 + draw.random()]),
}


def _made(cell: Cell, error: float | None) -> Record:
    return made_record(cell, 50.0, status="diverged") if error is None else made_record(cell, error)


def _goes_through(verbs: Sequence[str], made: list[Record], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a warning: here these are errors."""
    path = folder / "made.jsonl"
    records.merge(made, path)
    for verb in verbs:
        out = ["--out", str(folder)] if verb == "figures" else []
        assert main([verb, "--runs", str(path), *out]) == 0, (verb, capsys.readouterr().err)
        assert capsys.readouterr().err == ""


PLACES: dict[str, Callable[[Cell], bool]] = {
    "one cell": lambda cell: cell == ADAM[9],
    "two cells": lambda cell: cell in ADAM[9:11],
    "three cells": lambda cell: cell in ADAM[9:12],
    "decay 0": lambda cell: cell.decay == 0,
    "a row": lambda cell: cell.alpha == ADAM[9].alpha,
    "a column": lambda cell: cell.decay == ADAM[9].decay,
    "one optimizer, and a cell of another": lambda cell: (
        cell.optimizer == "adam" or (cell.alpha, cell.decay) == (1.6, 0)
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_sweep_under_way_costs_a_table_its_row(place: str, tmp_path: Path, capsys) -> None:
    kind = random.Random(place).choice([*KINDS])
    declared = [cell for cell in experiments.get("fig2").profiles["demo"].cells if PLACES[place](cell)]
    draw = random.Random(0)
    _goes_through(["statistics"], [_made(cell, KINDS[kind](draw)) for cell in declared], tmp_path, capsys)


GRIDS = [name for name in experiments.names() if experiments.get(name).study is None]


@pytest.mark.parametrize("name", GRIDS)
def test_a_few_cells_of_any_experiment_are_no_trouble(name: str, tmp_path: Path, capsys) -> None:
    draw = random.Random(name)
    profile = draw.choice([each for each in experiments.get(name).profiles if each in ("demo", "cpu")])
    kind, declared = draw.choice([*KINDS]), experiments.get(name).profiles[profile].with_seeds(2)
    chosen = draw.sample(declared, draw.choice([1, 4, 12]) if len(declared) > 12 else 2)
    made = [_made(cell, KINDS[kind](draw)) for cell in chosen]
    _goes_through(["statistics", "claims", "figures"], made, tmp_path, capsys)
