"""Measurements that are no grid of cells: each a module here with measure(settings, data), which yields its rows.

What a study leaves is one file, FOLDER/studies/NAME-PROFILE.json (with the data set's name where it is another than the
profile's), written once like a record:

    study       the module's name
    profile     the scale
    settings    what it was asked to do; "cell", where it trains, holds the fields of a Cell
    rows        dicts of plain values; what is in them, the module says
    seconds     that it took
    provenance  as in a record
    checksum    SHA-256 of the rest

No torch here, so that figures are drawn without it.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_repro import files
from paper_repro.cell import SPEC, Cell
from paper_repro.cli import brief
from paper_repro.files import write_atomically
from paper_repro.records import LARGEST, BadRecord, check_parts, checksum, origin

Findings = dict[str, Any]
FIELDS = {"study", "profile", "settings", "rows", "seconds", "provenance", "checksum"}
DATASET = re.compile(f"{SPEC.pattern}|[a-z ]{{1,40}}")  # the latter: what is no data set, as in "a quadratic"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(-quick)?")


class CannotRun(ValueError):
    """This machine lacks what the study needs. The message is one line and says what."""


def path_of(folder: Path, study: str, profile: str, dataset: str | None) -> Path:
    """Where the findings lie; dataset: its name, where it is not the profile's own."""
    return folder / "studies" / ("-".join(filter(None, (study, profile, dataset))) + ".json")


def run(path: Path, study: str, profile: str, settings: Mapping[str, Any], data: Path, device: str) -> Findings:
    """Measure and write the findings. Raises CannotRun, and DataError for data that cannot be had."""
    from paper_repro.records import provenance

    began = time.monotonic()
    module = importlib.import_module(f"{__name__}.{study}")
    rows, name, fingerprint = module.measure(settings, data, device)
    found = {
        "study": study,
        "profile": profile,
        "settings": dict(settings),
        "rows": rows,
        "seconds": time.monotonic() - began,
        "provenance": provenance.describe(device, name, fingerprint, 1),
    }
    found["checksum"] = checksum(found)
    write_atomically(path, (json.dumps(found, allow_nan=False) + "\n").encode())
    return found


def read(path: Path) -> Findings | None:
    """The findings in a file, None where there is none. Raises BadRecord for a damaged one."""
    try:
        found: Findings = files.parse_json(files.read(path, LARGEST))
        _validate(found)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadRecord(f"{path}: {brief(error)}") from None
    return found


def _validate(found: Any) -> None:
    """Raise ValueError unless these are whole findings. Their names become names of files."""
    if not isinstance(found, dict) or set(found) != FIELDS or found["checksum"] != checksum(found):
        raise ValueError("damaged, or no findings of a study")
    if not NAME.fullmatch(found["study"]) or not NAME.fullmatch(found["profile"]):
        raise ValueError("its study and profile are no names")
    if type(found["seconds"]) not in (int, float) or not 0 <= found["seconds"] < math.inf:
        raise ValueError(f"seconds cannot be {found['seconds']!r}")
    rows, settings = found["rows"], found["settings"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not isinstance(settings, dict):
        raise ValueError("its rows are no list of dicts, or its settings no dict")
    if settings.get("cell") is not None:
        Cell.from_dict({"optimizer": "any", "alpha": 0.0, "decay": 0.0, **settings["cell"]})
    check_parts(found)
    origin.check(found["provenance"])
    made = found["provenance"]
    if not {"commit", "hardware", "data"} <= made.keys() or not {"name", "fingerprint"} <= made["data"].keys():
        raise ValueError("its provenance does not tell commit, hardware and data")
    if not DATASET.fullmatch(made["data"]["name"]):  # it stands in a command that readers may paste
        raise ValueError("its data set has an unfit name")


def load(folder: Path) -> list[Findings]:
    """All findings below an output folder, by file name. Raises BadRecord for the first damaged one."""
    found = (read(path) for path in sorted((folder / "studies").glob("*.json")))
    return [findings for findings in found if findings is not None]
