"""Propositions 1 to 3: distances of iterates that are equal where the paper says so."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import with_panels
from analysis.results.studies import Shown

ROUNDING = 1e-17  # where a distance of exactly 0 is drawn
READING = (
    "Distance of the last iterates, relative to how far decay moved them. Proposition 1: SGD with L2 factor l beside "
    "SGD with decay, equal at l = lambda / alpha. Proposition 2: what the best L2 factor leaves of the decay under a "
    "fixed preconditioner whose log-scales have the given deviation; and Adam with L2 beside AdamW. Proposition 3: a "
    "fixed preconditioner with the scaled penalty, as the appendix has it and as the statement has it."
)


def draw(shown: Shown) -> Figure:
    """Four panels."""
    figure, (sgd, residual, adam, scaled) = with_panels(1, 4, 1.6, shown.caption(READING))
    _line(sgd, shown, "sgd", "ratio", "distance")
    sgd.set(xscale="log", yscale="log", xlabel=r"l / ($\lambda$ / $\alpha$)", ylabel="distance", title="1: SGD")
    _line(residual, shown, "residual", "spread", "residual")
    residual.set(xlabel="deviation of log scales", ylabel="residual of the best l", title="2: any preconditioner")
    _line(adam, shown, "adam", "ratio", "distance")
    adam.set(xscale="log", yscale="log", xlabel=r"l / ($\lambda$ / $\alpha$)", ylabel="distance", title="2: Adam")
    for form, style in (("appendix", "o-"), ("statement", "s--")):
        rows = [row for row in shown.rows if row["what"] == "scaled" and row["form"] == form]
        distances = [max(row["distance"], ROUNDING) for row in rows]
        scaled.plot([row["alpha"] for row in rows], distances, style, ms=3, lw=0.8, label=form)
    scaled.set(xscale="log", yscale="log", xlabel=r"$\alpha$", ylabel="distance", title="3: scaled penalty")
    scaled.legend(frameon=False, fontsize=6, loc="center left")
    return figure


def _line(axes: Axes, shown: Shown, what: str, x: str, y: str) -> None:
    rows = [row for row in shown.rows if row["what"] == what]
    floor = 0.0 if y == "residual" else ROUNDING
    axes.plot([row[x] for row in rows], [max(row[y], floor) for row in rows], "o-", ms=3, lw=0.8)
