"""What the paper's own figure shows where a panel of ours stands: its lowest value, and where that lies."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.results.panels import Panel
from analysis.results.published import Reading
from analysis.results.words import format_number

POINTS = {"fig3": ("fig3", "test_error_vs_decay"), "supp4": ("supp4", "test_error_vs_decay")}
CURVES = {"fig4": ("fig4", "cifar_test_error"), "fig4_imagenet32": ("fig4", "in32_test_error")}


def words(experiment: str, panel: Panel, readings: Sequence[Reading]) -> str:
    """Empty where the paper has no such panel."""
    own = [r for r in _readings(experiment, panel, readings) if not r.clipped]
    if not own:
        return ""
    best = min(own, key=lambda reading: reading.value)
    if experiment in CURVES:
        best = max(own, key=lambda reading: reading.epoch)
        return f"{best.value:.2f} % after {best.epoch} epochs"
    unit = "λ_norm" if best.decay_kind == "normalized" else "λ"
    known = {name: value for name, value in (("α", best.alpha), (unit, best.decay)) if value is not None}
    place = ", ".join(f"{name} = {format_number(value)}" for name, value in known.items())
    return f"{best.value:.2f} % at {place}"


def _readings(experiment: str, panel: Panel, readings: Sequence[Reading]) -> list[Reading]:
    name = panel.optimizer
    if experiment in POINTS:
        return [r for r in readings if (r.figure, r.panel) == POINTS[experiment] and r.optimizer == name]
    if experiment in CURVES:
        name += "r" * ("restarts" in str(panel.facets.get("schedule")))
        return [r for r in readings if (r.figure, r.panel) == CURVES[experiment] and r.optimizer == name]
    schedule = str(panel.facets.get("schedule", "fixed" if experiment == "supp2" else "cosine")).partition(":")[0]
    figure = "fig2" if (experiment, schedule) == ("fig1", "cosine") else experiment
    return [r for r in readings if (r.figure, r.panel) == (figure, f"{name}_{schedule}")]
