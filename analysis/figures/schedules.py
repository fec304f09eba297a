"""The schedule multiplier eta over the epochs, from schedules.py itself (the paper's supplementary figure 1)."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.style import with_panels
from analysis.results.studies import Shown
from analysis.results.words import SCHEDULES
from paper_repro import schedules

PER_EPOCH = 40  # points; a restart is a jump between two of them
READING = "The multiplier of learning rate and decoupled decay at each update, as a Cell names its schedule."


def draw(shown: Shown) -> Figure:
    """One panel, a line for each schedule."""
    epochs = int(shown.settings["epochs"])
    figure, (axes,) = with_panels(1, 1, 1.8, shown.caption(READING))
    for spec in shown.settings["schedules"]:
        eta = schedules.from_spec(spec, epochs, PER_EPOCH).eta
        steps = range(epochs * PER_EPOCH)
        name = SCHEDULES.get(spec.partition(":")[0], spec)
        axes.plot([step / PER_EPOCH for step in steps], [eta(step) for step in steps], lw=0.8, label=f"{name}: {spec}")
    axes.set(xlabel="epoch", ylabel=r"schedule multiplier $\eta$", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=6, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    return figure
