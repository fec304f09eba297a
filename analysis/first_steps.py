"""The loss of each of the first updates, a line for each optimizer."""

from __future__ import annotations

import statistics

from matplotlib.figure import Figure

from analysis.curves import colour
from analysis.findings import Shown
from analysis.heat_maps import NAMES, real
from analysis.pictures import with_panels


def draw(shown: Shown) -> Figure:
    """Thin: each seed. Thick: their mean."""
    seeds = len({row["seed"] for row in shown.rows})
    reading = f"Training loss of each update's own batch. Thin: {seeds} seed{'s' * (seeds > 1)}; thick: their mean."
    figure, (axes,) = with_panels(1, 1, 2.2, shown.caption(reading))
    for name in dict.fromkeys(row["optimizer"] for row in shown.rows):
        own = [row for row in shown.rows if row["optimizer"] == name]
        tint = colour(name, ())
        for row in own:
            axes.plot(range(1, len(row["losses"]) + 1), row["losses"], color=tint, lw=0.3, alpha=0.5)
        means = [statistics.fmean(losses) for losses in zip(*(row["losses"] for row in own), strict=True)]
        place = rf"$\alpha$ = {real(own[0]['alpha'])}, $\lambda$ = {real(own[0]['decay'])}"
        axes.plot(range(1, len(means) + 1), means, color=tint, lw=1.2, label=f"{NAMES.get(name, name)} ({place})")
    axes.set(xlabel="update", ylabel="training loss (nats)")
    axes.legend(frameon=False, fontsize=6)
    return figure
