"""`python -m experiments run` for a study: a measurement that is no grid of cells and leaves one file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.declare import Experiment, Profile, describe_images
from paper_repro import studies
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, duration, python_m
from paper_repro.records import BadRecord

FOR_CELLS = ("workers", "seeds", "only", "alphas", "decays", "set")


def run(experiment: Experiment, profile: Profile, dataset: str | None, given: argparse.Namespace) -> int:
    """Measure, unless the same findings are there already; the exit code. Raises UsageError.

    dataset: the name of an .npz file's, None for the profile's own.
    """
    for option in FOR_CELLS:
        if getattr(given, option) not in (None, []):
            raise UsageError(f"--{option} is for cells, and {experiment.name} trains none of a grid")
    if given.data is not None and "cell" not in profile.settings:
        raise UsageError(f"--data: {experiment.name} uses no data")
    draw = ("analysis", "figures", experiment.name)
    if not experiment.study:
        print(f"{experiment.name} is drawn without measuring anything: {python_m(*draw)}")
        return 0
    settings, name = settings_of(profile, dataset)
    scale = given.profile + "-quick" * given.quick  # which must not replace what was measured in full
    path = studies.path_of(given.out, experiment.study, scale, name)
    print(f"{experiment.name}, profile {given.profile}: {note_of(profile, settings)}")
    if given.dry_run:
        print(f"it would be written to {path}; nothing was measured")
        return 0
    found = _there(path)
    if found is None or found["settings"] != settings:
        found = _measured(path, experiment.study, scale, settings, given)
    print(f"{path}: {len(found['rows'])} rows, {duration(found['seconds'])}")
    print(f"draw them: {python_m(*draw, '--runs', given.out)}")
    return 0


def settings_of(profile: Profile, dataset: str | None) -> tuple[dict[str, Any], str | None]:
    """The study's settings with another data set put in, and that name, where one is given and the study uses data."""
    settings = {key: value for key, value in profile.settings.items() if key != "quick"}
    if dataset is None or "cell" not in settings:
        return settings, None
    return {**settings, "cell": {**settings["cell"], "dataset": dataset}}, dataset


def note_of(profile: Profile, settings: Mapping[str, Any]) -> str:
    """The profile's note; of a study on other data than the profile's, what there is to say of these."""
    own, cell = profile.settings.get("cell"), settings.get("cell")
    if not cell or not own or cell["dataset"] == own["dataset"]:
        return profile.note
    given = Cell.from_dict({**own, **cell})
    return f"data set {given.dataset}, model {given.model}, {describe_images([given])}"


def _there(path: Path) -> studies.Findings | None:
    try:
        return studies.read(path)
    except BadRecord as error:
        raise UsageError(f"{error}; remove it to measure anew") from None


def _measured(
    path: Path, study: str, scale: str, settings: dict[str, Any], given: argparse.Namespace
) -> studies.Findings:
    import torch

    from paper_repro.data import DataError

    if given.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here")
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return studies.run(path, study, scale, settings, given.data or Path("data"), device)
    except (studies.CannotRun, DataError) as error:  # any other error is a mistake of ours, and shows its traceback
        raise UsageError(str(error)) from None
