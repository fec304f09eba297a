"""What is said of cells is true of them, whatever a user changed."""

from typing import Any

import pytest

import experiments
from analysis.figures.captions import caption
from analysis.report import results
from analysis.results.table import charts
from experiments.declare import Experiment, describe, note_of, setting, settings_of
from paper_repro.records import Record
from tests.conftest import made_record

FIG2 = experiments.get("fig2")
NOTE = "embedded synthetic images, 30 % of the training labels drawn at random"


def _records(experiment: Experiment, profile: str = "demo", **changes: Any) -> list[Record]:
    cells = [cell for cell in experiment.profiles[profile].cells if cell.optimizer == "adamw"]
    return [made_record(cell.replace(**changes), 50.0) for cell in cells]


def _words(experiment: Experiment, records: list[Record]) -> tuple[str, str]:
    """Caption, and what the report says of the scale."""
    (chart,) = charts(experiment, records)
    _, scale, *_ = results.section(chart, results.Drawn(()))
    return caption(chart, ""), str(scale)


def test_the_note_is_said_of_unchanged_cells() -> None:
    for text in _words(FIG2, _records(FIG2)):
        assert NOTE in text
    (caption_of_noop, _) = _words(FIG2.changed({"epochs": 12}), _records(FIG2))
    assert NOTE in caption_of_noop


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label_noise": 0.0}, "label noise 0 %"),
        ({"label_noise": 0.1}, "label noise 10 %"),
        ({"train_examples": 700}, "700 training and 500 validation images"),
        ({"train_examples": None, "validation_examples": 0}, "all remaining training and no validation images"),
        ({"epochs": 3}, "3 epochs"),
        ({"image_size": 6}, "images of 6 x 6 by averaging"),
        ({"augment": True}, "pad, crop and flip"),
        ({"model": "vit-2-64-p3"}, "model vit-2-64-p3"),
    ],
)
def test_of_changed_cells_is_said_what_they_are(changes: dict[str, Any], said: str) -> None:
    changed = FIG2.changed(changes)
    words = _words(changed, _records(changed))
    for text in words:
        assert said in text
        assert "embedded synthetic" not in text
        assert "30 % of the training labels" not in text
    ((field, value),) = list(changes.items())[:1]
    assert f"Profile demo, changed: {setting(field, value)}" in words[0]


@pytest.mark.parametrize("profile", ["demo", "cpu"])
def test_of_other_data_is_said_which(profile: str) -> None:
    own = FIG2.profiles[profile].cells[0]
    for text in _words(FIG2, _records(FIG2, profile, dataset="mine")):
        assert "ata set mine" in text
        assert f"model {own.model}, {own.epochs} epochs" in text
        assert f"{own.train_examples} training and {own.validation_examples} validation images" in text
        assert "embedded" not in text
    assert f"Profile {profile} on mine." in _words(FIG2, _records(FIG2, profile, dataset="mine"))[0]


def test_a_quick_run_is_no_demo() -> None:
    quick = FIG2.changed({"quick": "run"})
    for text in _words(quick, _records(quick)):
        assert "128 training and 100 validation images" in text
        assert NOTE not in text


def test_all_values_of_a_field_are_said() -> None:
    first = FIG2.profiles["demo"].cells[0]
    cells = [first.replace(label_noise=share, train_examples=count) for share in (0.3, 0.0) for count in (100, None)]
    assert "label noise 0, 30 %" in describe(cells)
    assert "100 training and 500 validation images, all remaining training and 500 validation images" in describe(cells)


@pytest.mark.parametrize("name", [name for name in experiments.names() if experiments.get(name).study is None])
def test_notes_count_the_images_of_their_cells(name: str) -> None:
    for profile in experiments.get(name).profiles.values():
        counts = {f"{cell.train_examples:,} images" for cell in profile.cells if cell.train_examples}
        if "images averaged" in profile.note:
            assert profile.note.startswith(tuple(counts))
        assert ("label" in profile.note) == any(cell.label_noise for cell in profile.cells)


def test_a_study_on_other_data_says_which() -> None:
    profile = experiments.get("first_steps").profiles["demo"]
    assert note_of(profile, settings_of(profile, None)) == profile.note
    other = note_of(profile, settings_of(profile, "mine"))
    assert other.startswith(
        "data set mine, model resnet-8-w8, 1500 training and 500 validation images, label noise 30 %"
    )
    propositions = experiments.get("propositions").profiles["demo"]
    assert note_of(propositions, settings_of(propositions, None)) == propositions.note


def test_a_study_on_other_labels_than_its_profile_s_says_so() -> None:
    """As committed ones do that were measured when the profile had noisy labels."""
    profile = experiments.get("first_steps").profiles["cpu"]
    assert note_of(profile, dict(profile.settings)) == profile.note
    noisy = {**profile.settings, "cell": {**profile.settings["cell"], "label_noise": 0.3}}
    assert "label noise 30 %" in note_of(profile, noisy)


def test_the_note_is_not_said_of_a_part_of_what_it_speaks_of() -> None:
    """Whoever sets what panels differ in to one of its declared values."""
    supp3 = experiments.get("supp3")
    cells = [cell for cell in supp3.profiles["demo"].cells if cell.epochs == 8]
    assert "2, 8 and 32" in supp3.profiles["demo"].describe(supp3.profiles["demo"].cells)
    assert "2, 8 and 32" not in supp3.profiles["demo"].describe(cells)
    (chart,) = charts(supp3, [made_record(cell, 50.0) for cell in cells], alone=True)
    assert "2, 8 and 32" not in caption(chart, "")


def test_versions_of_torch_are_said_where_they_differ() -> None:
    records = _records(FIG2)
    for record in records:
        record["provenance"]["versions"] = {"torch": "2.11.0"}
    assert "torch" not in _words(FIG2, records)[0]
    records[0]["provenance"]["versions"] = {"torch": "2.10.0"}
    assert "; torch 2.10.0, 2.11.0; hardware: " in _words(FIG2, records)[0]
