"""What decay takes off each weight against its gradient scale, and each tensor's effective learning rate."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.style import colour, with_panels
from analysis.results.studies import Shown
from analysis.results.words import NAMES

READING = (
    "Left: the share of a weight that decay takes off in one update (divided by the schedule multiplier), against the "
    "weight's gradient scale; medians of all weights in an octave, and 10 to 90 % of them. Where L2's share turns "
    "negative it is not drawn. Right: the effective learning rate of each tensor, median over its weights."
)


def draw(shown: Shown) -> Figure:
    """Two panels."""
    figure, (shares, rates) = with_panels(1, 2, 2.2, shown.caption(READING))
    for name in dict.fromkeys(row["optimizer"] for row in shown.rows):
        tint = colour(name, ())
        own = [row for row in shown.rows if row["optimizer"] == name]
        bins = [row for row in own if row["what"] == "scale" and row["median"] > 0]
        scales, low = [row["scale"] for row in bins], min((row["median"] for row in bins), default=1.0) / 10
        shares.plot(
            scales, [row["median"] for row in bins], "o-", color=tint, ms=2.5, lw=0.8, label=NAMES.get(name, name)
        )
        shares.fill_between(
            scales, [max(row["low"], low) for row in bins], [row["high"] for row in bins], color=tint, alpha=0.15, lw=0
        )
        tensors = [row for row in own if row["what"] == "parameter"]
        rates.plot(
            [row["scale"] for row in tensors], [row["rate"] for row in tensors], "o", color=tint, ms=3, alpha=0.7
        )
    shares.set(xscale="log", yscale="log", xlabel=r"gradient scale $\sqrt{\hat v}$", ylabel="share taken off by decay")
    shares.legend(frameon=False, fontsize=6)
    rates.set(
        xscale="log", yscale="log", xlabel=r"gradient scale $\sqrt{\hat v}$",
        ylabel=r"$\alpha / (\sqrt{\hat v} + \epsilon)$",
    )  # fmt: skip
    return figure
