"""Measurements that are no grid of cells: each a module here with measure(settings, data, device).

It returns its rows (dicts of plain values; what is in them, the module says) and the name and fingerprint of the data
set. A study leaves one file, FOLDER/studies/NAME-PROFILE.json (with the data set's name where it is another than the
profile's), written once like a record: study, profile, settings ("cell", where it trains, holds the fields of a Cell),
rows, seconds, provenance as in a record, and checksum. No torch here, so that figures are drawn without it.
"""

import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_repro.files import write_atomically
from paper_repro.records import checksum, content_of, schema, unseal

Findings = dict[str, Any]


def path_of(folder: Path, study: str, profile: str, dataset: str | None) -> Path:
    """Where the findings lie; dataset: its name, where it is not the profile's own."""
    return folder / "studies" / ("-".join(filter(None, (study, profile, dataset))) + ".json")


def run(path: Path, study: str, profile: str, settings: Mapping[str, Any], data: Path, device: str) -> Findings:
    """Measure and write the findings. Raises DataError for data that cannot be had."""
    from paper_repro.records import provenance

    began = time.monotonic()
    module = importlib.import_module(f"{__name__}.{study}")
    rows, name, fingerprint = module.measure(settings, data, device)
    findings = {
        "study": study,
        "profile": profile,
        "settings": dict(settings),
        "rows": rows,
        "seconds": time.monotonic() - began,
        "provenance": provenance.describe(device, name, fingerprint, 1),
    }
    findings["checksum"] = checksum(findings)
    write_atomically(path, (json.dumps(findings, allow_nan=False) + "\n").encode())
    return findings


def read(path: Path) -> Findings | None:
    """The findings in a file, None where there is none. Raises BadRecord for a damaged one."""
    try:
        return unseal(content_of(path), str(path), schema.Findings)
    except FileNotFoundError:
        return None


def load(folder: Path) -> list[Findings]:
    """All findings below an output folder, by file name. Raises BadRecord for the first damaged one."""
    paths = sorted((folder / "studies").glob("*.json"))
    return [findings for path in paths if (findings := read(path)) is not None]
