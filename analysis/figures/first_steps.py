"""The loss of each of the first updates, a line for each optimizer."""

from __future__ import annotations

import statistics

from matplotlib.figure import Figure

from analysis.figures.style import colour, with_panels
from analysis.results.studies import Shown
from analysis.results.words import NAMES, format_number

WIDTHS = (1.2, 2.4, 1.0)  # points: Adam shows under AdamW where they coincide


def draw(shown: Shown) -> Figure:
    """Thin: each seed. Thick: their mean."""
    seeds = len({row["seed"] for row in shown.rows})
    reading = f"Training loss of each update's own batch. Thin: {seeds} seed{'s' * (seeds > 1)}; thick: their mean."
    figure, (axes,) = with_panels(1, 1, 2.2, shown.caption(reading))
    for place, name in enumerate(dict.fromkeys(row["optimizer"] for row in shown.rows)):
        own = [row for row in shown.rows if row["optimizer"] == name]
        tint = colour(name, ())
        for row in own:
            axes.plot(range(1, len(row["losses"]) + 1), row["losses"], color=tint, lw=0.3, alpha=0.5)
        means = [statistics.fmean(losses) for losses in zip(*(row["losses"] for row in own), strict=True)]
        rates = rf"$\alpha$ = {format_number(own[0]['alpha'])}, $\lambda$ = {format_number(own[0]['decay'])}"
        axes.plot(
            range(1, len(means) + 1),
            means,
            color=tint,
            lw=WIDTHS[place % 3],
            label=f"{NAMES.get(name, name)} ({rates})",
        )
    axes.set(xlabel="update", ylabel="training loss (nats)")
    axes.legend(frameon=False, fontsize=6)
    return figure
