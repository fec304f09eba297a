"""What runs cost: hours of a core or of a GPU, as their records tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.results.table import provenance
from experiments import declare
from paper_repro.records import Record


def hours(records: Iterable[Record]) -> str:
    """Their training time, all attempts counted: "1.71 core-hours", or GPU-hours, or both."""
    spent = {"core": 0.0, "GPU": 0.0}
    for record in records:
        spent[unit(provenance(record))] += record["seconds"] / 3600
    return said(spent)


def said(spent: dict[str, float]) -> str:
    """Of both units what is not nothing."""
    told = [f"{value:.2g}" if value < 1 else f"{value:.1f}" for value in spent.values()]
    named = [f"{words} {name}-hours" for (name, value), words in zip(spent.items(), told, strict=True) if value]
    return " and ".join(named) or "nothing"


def unit(origin: dict[str, Any]) -> str:
    """A cell takes one core of a processor, or (a share of) one GPU."""
    hardware = str(origin.get("hardware"))
    return "GPU" if any(maker in hardware for maker in ("NVIDIA", "AMD Instinct", "Tesla", "GeForce")) else "core"


def listed(values: Iterable[object]) -> str:
    """Distinct values in order, numbers by their size: "a, b, and 3 more"."""
    return declare.listed(sorted({str(value) for value in values}, key=_place))


def attempts(records: Sequence[Record]) -> int:
    """How many of them were interrupted and went on."""
    return sum(int(str(provenance(record).get("attempts") or 1)) > 1 for record in records)


def _place(word: str) -> tuple[float, str]:
    try:
        return float(word.replace(",", "")), word
    except ValueError:
        return math.inf, word
