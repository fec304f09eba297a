"""What an experiment file declares: grids of Cells, one for each profile. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paper_repro.cell import Cell

PROFILES = ("demo", "cpu", "gpu", "paper")
SWEPT = ("optimizer", "alpha", "decay", "seed")  # the fields that a heat map spans


@dataclass(frozen=True)
class Profile:
    """An experiment at one scale: its cells (seed 0), the default number of seeds, and what was reduced."""

    cells: tuple[Cell, ...]
    note: str
    seeds: int = 1

    def with_seeds(self, seeds: int) -> list[Cell]:
        """Every cell at seeds 0 .. seeds - 1, all of one seed before the next, so that a whole map comes first."""
        return [cell.replace(seed=seed) for seed in range(seeds) for cell in self.cells]


@dataclass(frozen=True)
class Experiment:
    """A figure or claim: its name on the command line, a title, the kind of figure, and its profiles.

    swept: the fields in which a record may differ from every declared cell and still belong to the figure.
    """

    name: str
    title: str
    figure: str  # the module of analysis/ that draws it
    profiles: Mapping[str, Profile]
    swept: tuple[str, ...] = SWEPT


def grid(base: Cell, optimizers: Sequence[str], alphas: Sequence[float], decays: Sequence[float]) -> list[Cell]:
    """`base` at every alpha and decay for each of the optimizers."""
    return [
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay)
        for optimizer in optimizers
        for alpha in alphas
        for decay in decays
    ]


def halvings(top: float, count: int) -> list[float]:
    """top, top/2, top/4, ...: `count` values, largest first (the paper's axes)."""
    return [top / 2**k for k in range(count)]
