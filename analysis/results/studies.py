"""What studies left, as figures show it: rows of plain values with their settings and origin."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import experiments
from analysis.results.words import DIGITS, short_commit
from experiments.declare import Experiment, note_of, options
from paper_repro import studies
from paper_repro.cli import UsageError, python_m
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
        parts = [f"{self.experiment.title}.", reading, f"{self.note[:1].upper()}{self.note[1:]}."]
        if self.provenance is not None:
            if "cell" in self.settings:
                data = self.provenance["data"]
                parts.append(f"Data set {data['name']} (fingerprint {data['fingerprint'][:DIGITS]}).")
            parts.append(f"Commit {short_commit(self.provenance)}; hardware: {self.provenance['hardware']}.")
        return " ".join(parts)

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


def shown(asked: Sequence[Experiment], sources: Sequence[Path], named: bool, quick: bool = False) -> list[Shown]:
    """What there is of these studies in output folders, or among the committed ones (RECORDED): of two of one name that
    of the first source.

    named: they were asked for one by one. What is drawn without measuring is left out otherwise. quick: those of quick
    runs only. Raises UsageError where a named one has nothing, and for damaged findings.
    """
    there = [findings for findings in _read(sources) if not quick or findings["profile"].endswith("-quick")]
    results = []
    for experiment in asked:
        own = [each for each in there if each["study"] == experiment.study]
        if not experiment.study and (named or RECORDED in sources):
            profiles = list(experiment.profiles.items())[0 if named else -1 :]  # the paper's own, when nobody asks
            for name, profile in profiles:
                stem, settings = f"{experiment.name}-{name}", dict(profile.settings)
                results.append(Shown(experiment, name, "none", stem, profile.note, settings, [], None))
        elif named and not own:
            run = to_type(experiment.name, sources, {"quick": "run"} if quick else {}, here=True)
            raise UsageError(f"no findings of {experiment.name} in {listed(sources)}; make some with: {run}")
        results += [_measured(experiment, each) for each in own]
    return results


def _read(sources: Sequence[Path]) -> list[studies.Findings]:
    found: dict[tuple[str, ...], tuple[studies.Findings, Path]] = {}
    for source in dict.fromkeys(sources):
        try:
            loaded = studies.load(source) if source.is_dir() else []
        except BadRecord as error:
            raise UsageError(f"damaged findings: {error}") from None
        for each in loaded:
            name = (each["study"], each["profile"], str((each["settings"].get("cell") or {}).get("dataset")))
            first, where = found.setdefault(name, (each, source))
            if first["checksum"] != each["checksum"]:
                told = f"{'-'.join(name[:2])} was measured in {source} and in {where}"
                print(f"{told}: that of {where} is used", file=sys.stderr)
    return [each for each, _ in found.values()]


def listed(sources: Sequence[Path]) -> str:
    """For a message: runs or more.jsonl."""
    return " or ".join(map(str, sources))


def to_type(
    name: str,
    sources: Sequence[Path],
    changes: Mapping[str, Any] = {},
    profile: str = "demo",
    data: str = "",
    here: bool = False,
) -> str:
    """The command that makes records of an experiment, where those were looked for. data: the data set's name, where it
    is another than the profile's. here: as it can be pasted into this terminal, not as a page shows it."""
    folders = [source for source in sources if source != RECORDED and source.suffix != ".jsonl"]
    changed = options(changes) if experiments.get(name).study is None else options(changes)[: "quick" in changes]
    given = [*(["--data", f"{data}.npz"] if data else []), *(["--out", *folders[:1]] if folders else []), *changed]
    words = ("experiments", "run", name, "--profile", profile, *given)
    return python_m(*words) if here else shlex.join(["python", "-m", *map(str, words)])


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
