"""What studies left, as figures show it: rows of plain values with their settings and origin."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import experiments
from analysis.captions import DIGITS
from analysis.select import Refused, how_to_make
from experiments.declare import Experiment
from experiments.studying import note_of
from paper_repro import studies
from paper_repro.records import BadRecord

RECORDED = Path(experiments.__file__).resolve().parent / "recorded"


@dataclass(frozen=True)
class Shown:
    """What one figure shows."""

    experiment: Experiment
    profile: str
    dataset: str  # what it was measured on, "none" where on no pictures
    stem: str  # the name of its files
    note: str  # of the profile
    settings: dict[str, Any]
    rows: list[dict[str, Any]]
    provenance: dict[str, Any] | None  # None where nothing was measured
    seconds: float = 0.0

    def caption(self, reading: str) -> str:
        """The whole caption, one paragraph. `reading`: how to read this kind of figure."""
        return " ".join(
            filter(
                None, (f"{self.experiment.title}.", reading, f"{self.note[:1].upper()}{self.note[1:]}.", self._origin())
            )
        )

    def _origin(self) -> str:
        if self.provenance is None:
            return ""
        data, commit = self.provenance["data"], str(self.provenance["commit"])[:DIGITS]
        on = (
            f"Data set {data['name']} (fingerprint {data['fingerprint'][:DIGITS]}). " if "cell" in self.settings else ""
        )
        changed = " with uncommitted changes" if self.provenance.get("dirty") else ""
        return f"{on}Commit {commit}{changed}; hardware: {self.provenance['hardware']}."

    def table(self) -> str:
        """The rows as CSV, lists in them as JSON; empty without rows."""
        if not self.rows:
            return ""
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow(
                {key: json.dumps(value) if isinstance(value, list) else value for key, value in row.items()}
            )
        return text.getvalue()


def shown(asked: Sequence[Experiment], source: Path | None, named: bool) -> list[Shown]:
    """What there is of these studies in an output folder, or among the committed ones (source None).

    named: they were asked for one by one. What is drawn without measuring is left out otherwise. Raises Refused where
    a named one has nothing, and for damaged findings.
    """
    there = _read(source)
    found = []
    for experiment in asked:
        own = [each for each in there if each["study"] == experiment.study]
        if not experiment.study and (named or source is None):
            found += list(_declared(experiment))[0 if named else -1 :]  # the paper's own, when nobody asks
        elif named and not own:
            run = how_to_make(experiment.name, source)
            raise Refused(f"no findings of {experiment.name} in {source or RECORDED}; make some with: {run}")
        found += [_measured(experiment, each) for each in own]
    return found


def _read(source: Path | None) -> list[studies.Findings]:
    folder = RECORDED if source is None else source
    try:
        return studies.load(folder) if folder.is_dir() else []
    except BadRecord as error:
        raise Refused(f"damaged findings: {error}") from None


def _declared(experiment: Experiment) -> Iterable[Shown]:
    for name, profile in experiment.profiles.items():
        stem = f"{experiment.name}-{name}"
        yield Shown(experiment, name, "none", stem, profile.note, dict(profile.settings), [], None)


def _measured(experiment: Experiment, found: studies.Findings) -> Shown:
    profile = experiment.profiles.get(found["profile"].removesuffix("-quick"))
    quick = " (a quick try: too short to mean anything)" * found["profile"].endswith("-quick")
    own = ((profile.settings.get("cell") or {}) if profile else {}).get("dataset")
    name = (found["settings"].get("cell") or {}).get("dataset")
    stem = "-".join([experiment.name, found["profile"], *([str(name)] if name != own else [])])
    note = (note_of(profile, found["settings"]) if profile else found["profile"]) + quick
    data = str(found["provenance"]["data"]["name"])
    origin, seconds = found["provenance"], float(found["seconds"])
    return Shown(experiment, found["profile"], data, stem, note, found["settings"], found["rows"], origin, seconds)
