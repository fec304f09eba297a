"""Names and numbers in words, once for figures, tables, claims and report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = {"sgd": "SGD", "sgdw": "SGDW", "adam": "Adam", "adamw": "AdamW"}
OPTIMIZERS = tuple(NAMES)  # the order of the paper's panels
L2, DECOUPLED = ("sgd", "adam"), ("sgdw", "adamw")
SCHEDULES = {"fixed": "fixed rate", "step_drop": "step drops", "cosine": "cosine", "warm_restarts": "restarts"}
FACETS = {"schedule": "schedule", "epochs": "number of epochs", "batch_size": "batch size"}  # of panels
UNITS = {"step": "per update", "normalized": "normalized"}  # of the decay
BOUNDARY = "grid boundary"  # where nothing was run beyond the best, so that a better one may lie there
DIGITS = 12  # of a commit or fingerprint
INTERVAL = (2.5, 97.5)  # percent


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; none where the noise is not known (one run of each tile, or equal runs)."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, resampled: NDArray[np.float64] | None) -> Estimate:
        """The interval holds the middle 95 % of the finite resampled values; none where there are none."""
        known = None if resampled is None else resampled[np.isfinite(resampled)]
        if known is None or not len(known):
            return cls(float(value), None, None)
        low, high = np.percentile(known, INTERVAL)
        return cls(float(value), float(low), float(high))

    def moved(self, by: float) -> Estimate:
        """The estimate and its interval, more by so much."""
        low, high = (None if end is None else end + by for end in (self.low, self.high))
        return Estimate(self.value + by, low, high)


NO_CANDIDATE = "no cell finished with all seeds"  # so that none was selected


def format_estimate(estimate: Estimate | None, percent: bool = False) -> str:
    """-0.88 [-0.92, -0.83]; with percent 5 % [1, 10]."""
    if estimate is None:
        return "noise not known"
    parts = [None if part is None else f"{100 * part:.0f}" if percent else f"{round(part, 2) + 0.0:.2f}"
             for part in (estimate.value, estimate.low, estimate.high)]  # fmt: skip
    unit = " %" * percent
    return f"{parts[0]}{unit}" if parts[1] is None else f"{parts[0]}{unit} [{parts[1]}, {parts[2]}]"


def format_error(error: float) -> str:
    """An error in percent: one decimal, none from 99.95 on, where it would not fit."""
    return f"{error:.1f}" if error < 99.95 else f"{error:.0f}"


def format_number(value: float, digits: int = 3) -> str:
    """A short tick text: 0, 0.016, 2.5e-4."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    front, power = f"{value:.{digits - 1}e}".split("e")
    return f"{float(front):.{digits}g}e{int(power)}"


def distinct_texts(
    values: Iterable[float], form: Callable[[float, int], str] = format_number, digits: int = 3
) -> dict[float, str]:
    """The text of each value, with more digits where two would read as the same number."""
    ordered = sorted(set(values))
    texts = {}
    for place, value in enumerate(ordered):
        others = (*ordered[max(0, place - 1) : place], *ordered[place + 1 : place + 2])
        tried = ((form(value, many), [float(form(other, many)) for other in others]) for many in range(digits, 17))
        texts[value] = next((text for text, taken in tried if float(text) not in taken), repr(float(value)))
    return texts


def panel_name(optimizer: str, facets: Mapping[str, Any]) -> str:
    """The optimizer and its facets, such as "AdamW, restarts", which the paper calls AdamWR."""
    return ", ".join(filter(None, (NAMES.get(optimizer, optimizer), facet_text(facets))))


def facet_text(facets: Mapping[str, Any]) -> str:
    """What sets a panel apart from the optimizer's others; the unit of the decay stands on the axis."""
    words: dict[str, Callable[[Any], str]] = {
        "schedule": lambda value: SCHEDULES.get(value.partition(":")[0], value),
        "epochs": lambda value: f"{value} epoch{'s' * (value != 1)}",
        "batch_size": "batches of {}".format,
        "decay_on": "decay on {}".format,
    }
    named = ((field, value) for field, value in facets.items() if field != "decay_unit")
    return ", ".join(words.get(field, f"{field} {{}}".format)(value) for field, value in named)


def decay_symbol(decay_unit: str) -> str:
    """As mathtext."""
    return r"$\lambda_{\mathrm{norm}}$" if decay_unit == "normalized" else r"$\lambda$"


def decay_label(optimizer: str, decay_unit: str) -> str:
    """What the x axis is: the two kinds of decay never share a name."""
    forms = dict.fromkeys(L2, "L2 factor {}") | dict.fromkeys(DECOUPLED, "decoupled decay {}")
    return forms.get(optimizer, f"decay {{}} of {optimizer}").format(decay_symbol(decay_unit))


def short_commit(provenance: Mapping[str, Any]) -> str:
    """The commit of a provenance in DIGITS digits, and whether there were changes; "not recorded" without one."""
    commit = str(provenance.get("commit") or "")
    return (commit[:DIGITS] or "not recorded") + " with uncommitted changes" * bool(provenance.get("dirty"))
