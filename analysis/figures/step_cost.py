"""Milliseconds of a step and bytes of state, a bar for each optimizer, a panel for each net."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.style import colour, with_panels
from analysis.results.studies import Shown
from analysis.results.words import NAMES

READING = (
    "Best median milliseconds of a step, all optimizers in turns; torch's are the faster of fused and foreach. At the "
    "bars: bytes of state for each parameter."
)


def draw(shown: Shown) -> Figure:
    """A panel for each net."""
    models = list(dict.fromkeys(row["model"] for row in shown.rows))
    figure, places = with_panels(1, len(models), 1.7, shown.caption(f"{READING} {_ratios(shown, models)}"))
    for axes, model in zip(places, models, strict=True):
        own = [row for row in shown.rows if row["model"] == model]
        names = [NAMES.get(row["optimizer"], row["optimizer"]) for row in own]
        heights = [row["milliseconds"] for row in own]
        tints = ["0.7" if row["optimizer"].startswith("torch") else colour(row["optimizer"], ()) for row in own]
        axes.bar(range(len(own)), heights, color=tints)
        for place, row in enumerate(own):
            axes.annotate(f"{row['bytes']:.0f} B", (place, row["milliseconds"]), ha="center", va="bottom", fontsize=5.5)
        axes.set_xticks(range(len(own)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_title(f"{model}\n{own[0]['parameters'] / 1e6:.3g} million parameters")
        axes.margins(y=0.15)
    places[0].set_ylabel("milliseconds")
    return figure


def _ratios(shown: Shown, models: list[str]) -> str:
    """How much a decoupled step costs beside one with L2."""
    took = {(row["model"], row["optimizer"]): row["milliseconds"] for row in shown.rows}
    told = [
        f"{model}: SGDW / SGD {took[model, 'sgdw'] / took[model, 'sgd']:.2f}, "
        f"AdamW / Adam {took[model, 'adamw'] / took[model, 'adam']:.2f}"
        for model in models
    ]
    return f"Decoupled beside L2: {'; '.join(told)}."
