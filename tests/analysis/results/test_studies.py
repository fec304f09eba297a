"""Findings of studies find their figure, are drawn without torch, and say where they come from."""

import json
from pathlib import Path

import pytest

import experiments
from analysis.figures import make
from analysis.results.studies import StudyResult
from paper_repro.cli import UsageError
from paper_repro.records import checksum
from paper_repro.studies import path_of

STUDIES = [name for name in experiments.names() if experiments.get(name).study]
ROWS = {
    "propositions": [
        {"what": "sgd", "ratio": 1.0, "distance": 0.0},
        {"what": "residual", "spread": 1.0, "residual": 0.5},
        {"what": "adam", "ratio": 1.0, "distance": 1.0},
        {"what": "scaled", "form": "appendix", "alpha": 0.1, "distance": 1e-14},
        {"what": "scaled", "form": "statement", "alpha": 0.1, "distance": 1.0},
    ],
    "effective_decay": [
        {"what": "scale", "optimizer": "adam", "scale": 0.1, "weights": 9, "low": -1.0, "median": 0.2, "high": 0.3},
        {"what": "scale", "optimizer": "adam", "scale": 0.2, "weights": 9, "low": -1.0, "median": -0.2, "high": 0.3},
        {"what": "parameter", "optimizer": "adam", "name": "w", "scale": 0.1, "rate": 0.01, "share": 0.2},
    ],
    "first_steps": [{"optimizer": "adam", "alpha": 0.1, "decay": 0.0, "seed": 0, "losses": [2.0, 1.0]}],
    "step_cost": [
        {"model": "m", "parameters": 10, "optimizer": name, "milliseconds": 1.0, "bytes": 8.0}
        for name in ("sgd", "sgdw", "adam", "adamw", "torch AdamW")
    ],
    "fine_tuning": [{"factor": factor, "seed": 0, "test_error": 20.0} for factor in (1.0, "fresh")],
}


def _write(folder: Path, name: str, profile: str = "demo", dataset: str | None = None) -> Path:
    experiment = experiments.get(name)
    settings = dict(experiment.profiles["demo"].settings)
    if dataset:
        settings["cell"] = {**settings["cell"], "dataset": dataset}
    origin = {"commit": "c" * 40, "dirty": True, "hardware": "a chip", "data": {"name": "d", "fingerprint": "f" * 16}}
    found = {
        "study": experiment.study, "profile": profile, "settings": settings, "rows": ROWS[name], "seconds": 1.0,
        "provenance": origin,
    }  # fmt: skip
    path = path_of(folder, str(experiment.study), profile, dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**found, "checksum": checksum(found)}))
    return path


@pytest.mark.parametrize("name", STUDIES)
def test_each_is_drawn_with_its_numbers_beside_it(name: str, tmp_path: Path) -> None:
    _write(tmp_path, name)
    paths = list(make([name], [tmp_path], tmp_path / "out"))
    assert [path.name for path in paths] == [f"{name}-demo.{kind}" for kind in ("png", "pdf", "csv")]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert len(paths[2].read_text().splitlines()) == 1 + len(ROWS[name])


def test_other_data_and_quick_tries_have_files_of_their_own(tmp_path: Path) -> None:
    _write(tmp_path, "first_steps")
    _write(tmp_path, "first_steps", "demo-quick")
    _write(tmp_path, "first_steps", dataset="mine")
    stems = {path.stem for path in make(["first_steps"], [tmp_path], tmp_path / "out")}
    assert stems == {"first_steps-demo", "first_steps-demo-quick", "first_steps-demo-mine"}


def test_all_that_is_there_is_drawn_when_nothing_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "propositions")
    _write(tmp_path, "step_cost")
    assert {path.stem for path in make([], [tmp_path], tmp_path / "out")} == {"propositions-demo", "step_cost-demo"}


def test_schedules_are_drawn_from_nothing(tmp_path: Path) -> None:
    stems = {path.stem for path in make(["supp1"], [tmp_path / "no"], tmp_path / "out")}
    assert stems == {f"supp1-{profile}" for profile in ("demo", "cpu", "gpu", "paper")}


def test_what_is_missing_or_damaged_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run propositions --profile demo"):
        list(make(["propositions"], [tmp_path], tmp_path / "out"))
    _write(tmp_path, "propositions").write_text("{}")
    with pytest.raises(UsageError, match=r"propositions-demo\.json: .*damaged"):
        list(make(["propositions"], [tmp_path], tmp_path / "out"))


def test_the_caption_says_where_it_comes_from() -> None:
    origin = {"commit": "c" * 40, "dirty": True, "hardware": "a chip", "data": {"name": "d", "fingerprint": "f" * 16}}
    words = StudyResult(experiments.get("first_steps"), "cpu", "d", "s", "small", {"cell": {}}, [], origin).caption(
        "How to read it."
    )
    assert "Fingerprint of d: ffffffffffff" in words
    assert "Commit cccccccccccc with uncommitted changes; hardware: a chip." in words
