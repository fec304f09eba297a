"""What a record says of where it comes from: words that commands and pages repeat to their readers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 200  # characters of a commit, a version, a processor's name
FEW = 20  # libraries whose versions are told
CODE = re.compile("[A-Za-z0-9_.+-]{0,64}")
KINDS = {
    "commit": str, "dirty": bool, "source": str, "versions": dict, "hardware": str, "data": dict, "written": str,
    "attempts": int,
}  # fmt: skip


def check(provenance: Any) -> None:
    """Raise ValueError, naming what is wrong, unless this can be the provenance of a record or of findings.

    What is missing is allowed: readers say so.
    """
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is no dict")
    for name, kind in KINDS.items():
        if name in provenance and type(provenance[name]) is not kind:
            raise ValueError(f"its provenance has no {name} as it should be")
    for name in ("commit", "source"):
        if not CODE.fullmatch(provenance.get(name, "")):
            raise ValueError(f"its provenance has no {name} as it should be")
    versions, data = provenance.get("versions", {}), provenance.get("data", {})
    named = {name: data[name] for name in ("name", "fingerprint") if name in data}
    if len(versions) > FEW or not all(isinstance(text, str) for text in (*versions.values(), *named.values())):
        raise ValueError("its provenance does not tell versions and data as it should")
    words = [*provenance.values(), *versions, *versions.values(), *named.values()]
    if any(isinstance(text, str) and len(text) > LONGEST for text in words):
        raise ValueError(f"its provenance has a text of more than {LONGEST} characters")


def fingerprint(record: Mapping[str, Any]) -> str:
    """Of the data that a record was trained on; empty where it does not say."""
    return str(record["provenance"].get("data", {}).get("fingerprint", ""))
