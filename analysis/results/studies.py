"""What studies left, as figures show it: rows of plain values with their settings and origin."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import experiments
from analysis.results.markdown import csv_text
from analysis.results.words import DIGITS, short_commit
from experiments.declare import BUILT_IN, Experiment, note_of, options
from paper_repro import studies
from paper_repro.cli import UsageError, python_m
from paper_repro.records import BadRecord

RECORDED = Path(experiments.__file__).resolve().parent / "recorded"


@dataclass(frozen=True)
class StudyResult:
    """What one figure shows."""

    experiment: Experiment
    profile: str
    dataset: str  # what it was measured on, "none" where on no images
    stem: str  # the name of its files
    note: str  # of the profile
    settings: Mapping[str, Any]
    rows: list[dict[str, Any]]
    provenance: dict[str, Any] | None  # None where nothing was measured
    seconds: float = 0.0
    other_data: str = ""  # the data set's name, where the profile declares another

    def caption(self, reading: str) -> str:
        """The whole caption, one paragraph. `reading`: how to read this kind of figure."""
        parts = [f"{self.experiment.title}.", reading, f"{self.note[:1].upper()}{self.note[1:]}."]
        if self.provenance is not None:
            if "cell" in self.settings:
                data = self.provenance["data"]
                parts.append(f"Fingerprint of {data['name']}: {data['fingerprint'][:DIGITS]}.")
            parts.append(f"Commit {short_commit(self.provenance)}; hardware: {self.provenance['hardware']}.")
        return " ".join(parts)

    def table(self) -> str:
        """The rows as CSV, lists in them as JSON; empty without rows."""
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        cells = ([row.get(key) for key in columns] for row in self.rows)
        texts = ([json.dumps(value) if isinstance(value, list) else value for value in row] for row in cells)
        return csv_text(columns, texts) if self.rows else ""


def study_results(
    asked: Sequence[Experiment], sources: Sequence[Path], named: bool, quick: bool = False
) -> list[StudyResult]:
    """What there is of these studies in output folders, or among the committed ones (RECORDED): of two of one name that
    of the first source.

    named: they were asked for one by one. What is drawn without measuring is left out otherwise. quick: those of quick
    runs only. Raises UsageError where a named one has nothing, and for damaged findings.
    """
    findings = [each for each in _read(sources) if not quick or each["profile"].endswith("-quick")]
    results = []
    for experiment in asked:
        measured = [each for each in findings if experiment.study and each["study"] == experiment.study]
        results += [_measured(experiment, each) for each in measured]
        if not experiment.study and (named or RECORDED in sources):
            profiles = list(experiment.profiles.items())[0 if named else -1 :]  # the paper's own, when nobody asks
            for name, profile in profiles:
                stem = f"{experiment.name}-{name}"
                results.append(StudyResult(experiment, name, "none", stem, profile.note, profile.settings, [], None))
        elif named and not measured:
            run = to_type(experiment.name, sources, {"quick": "run"} if quick else {}, here=True)
            raise UsageError(
                f"no findings of {experiment.name} in {' or '.join(map(str, sources))}; make some with: {run}"
            )
    return results


def _read(sources: Sequence[Path]) -> list[studies.Findings]:
    first_of: dict[tuple[str, ...], tuple[studies.Findings, Path]] = {}
    try:
        loaded = [(each, path) for path in dict.fromkeys(sources) if path.is_dir() for each in studies.load(path)]
    except BadRecord as error:
        raise UsageError(f"damaged findings: {error}") from None
    for each, source in loaded:
        name = (each["study"], each["profile"], str((each["settings"].get("cell") or {}).get("dataset")))
        first, where = first_of.setdefault(name, (each, source))
        if first["checksum"] != each["checksum"]:
            both = f"{'-'.join(name[:2])} was measured in {source} and in {where}"
            print(f"{both}: that of {where} is used", file=sys.stderr)
    return [each for each, _ in first_of.values()]


def _measured(experiment: Experiment, findings: studies.Findings) -> StudyResult:
    scale, settings, origin = findings["profile"], findings["settings"], findings["provenance"]
    profile = experiment.profiles.get(scale.removesuffix("-quick"))
    quick = " (a quick try: too short to mean anything)" * scale.endswith("-quick")
    note = (note_of(profile, settings) if profile else scale) + quick
    declared, used = (
        (part.get("cell") or {}).get("dataset") for part in (profile.settings if profile else {}, settings)
    )
    other = str(used) if used and used != declared else ""
    stem = "-".join(filter(None, (experiment.name, scale, other)))
    data, seconds = str(origin["data"]["name"]), float(findings["seconds"])
    return StudyResult(experiment, scale, data, stem, note, settings, findings["rows"], origin, seconds, other)


def to_type(
    name: str, sources: Sequence[Path], changes: Mapping[str, Any] = {}, profile: str = "", data: str = "",
    here: bool = False,
) -> str:  # fmt: skip
    """The command that makes records of an experiment, where those were looked for. profile: else the first. data: the
    data set's name, where it is another than the profile's. here: as it can be pasted into this terminal, not as a page
    shows it."""
    profile = profile or next(iter(experiments.get(name).profiles))
    folders = [source for source in sources if source != RECORDED and source.suffix != ".jsonl"]
    changed = options(changes) if experiments.get(name).study is None else options(changes)[: "quick" in changes]
    images = ["--set", f"dataset={data}"] if data in BUILT_IN else ["--data", f"{data}.npz"]
    more = [*(images if data else []), *(["--out", *folders[:1]] if folders else []), *changed]
    words = ("experiments", "run", name, "--profile", profile, *more)
    return python_m(*words) if here else shlex.join(["python", "-m", *map(str, words)])
