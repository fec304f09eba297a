"""What an experiment file declares: grids of Cells, one for each profile, or a study's settings. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paper_repro.cell import Cell
from paper_repro.texts import brief

PROFILES = ("demo", "cpu", "gpu", "paper")
QUICK = {"train_examples": 128, "validation_examples": 100, "evaluate_every": 10**6}
SWEPT = ("optimizer", "alpha", "decay", "seed")  # the fields that a heat map spans
EACH_ITS_OWN = ("alpha", "decay", "seed")  # where optimizers differ in more


@dataclass(frozen=True)
class Profile:
    """An experiment at one scale: its cells (seed 0), the default number of seeds, and what was reduced.

    settings: of a study, which has no cells; those under "quick" replace the others for a quick run.
    """

    cells: tuple[Cell, ...]
    note: str
    seeds: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    def with_seeds(self, seeds: int) -> list[Cell]:
        """Every cell at seeds 0 .. seeds - 1, all of one seed before the next, so that a whole map comes first."""
        return [cell.replace(seed=seed) for seed in range(seeds) for cell in self.cells]


@dataclass(frozen=True)
class Experiment:
    """A figure or claim: its name on the command line, a title, the kind of figure, and its profiles.

    swept: the fields in which a record may differ from every declared cell and still belong to the figure.
    facets: the fields in which panels of one optimizer differ; the first goes from left to right.
    study: the module of paper_repro/studies/ that measures it, where it is no grid of cells; "" for what is drawn
    without measuring anything.
    """

    name: str
    title: str
    figure: str  # the module of analysis/ that draws it
    profiles: Mapping[str, Profile]
    swept: tuple[str, ...] = SWEPT
    also: tuple[str, ...] = ()  # modules that draw further figures of the same records
    facets: tuple[str, ...] = ()
    study: str | None = None
    measure: str = "error"  # of the final numbers: "top5_error" where the records have it
    changes: Mapping[str, Any] = field(default_factory=dict)  # to the declared cells, by the user

    def changed(self, changes: Mapping[str, Any]) -> Experiment:
        """This experiment with fields of all its cells changed. Raises ValueError for what no cell can have."""
        profiles = {
            name: dataclasses.replace(
                profile, cells=tuple(_distinct(cell.replace(**changes) for cell in profile.cells))
            )
            for name, profile in self.profiles.items()
        }
        return dataclasses.replace(self, profiles=profiles, changes={**self.changes, **changes})

    def quick(self) -> Experiment:
        """The same with so few pictures that whole grids are tried in a minute: to see that all works."""
        profiles = {
            name: Profile(
                _distinct(cell.replace(**QUICK) for cell in profile.cells),
                profile.note,
                settings={**profile.settings, **profile.settings.get("quick", {})},
            )
            for name, profile in self.profiles.items()
        }
        return dataclasses.replace(self, profiles=profiles, changes={"quick": "run"} if self.study is None else {})


def _distinct(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Each once: what sets two apart may have been changed to the same."""
    return tuple(dict.fromkeys(cells))


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


def parse_setting(text: str) -> tuple[str, Any]:
    """'epochs=3' as ("epochs", 3), read as the type of the Cell's field. Raises ValueError."""
    name, _, value = text.partition("=")
    kinds = {known.name: str(known.type) for known in dataclasses.fields(Cell)}
    if name not in kinds or not value:
        raise ValueError(f"--set {brief(text)}: FIELD=VALUE with FIELD one of {', '.join(kinds)}")
    if kinds[name] == "str":
        return name, value
    if value in ("true", "false", "none"):
        return name, {"true": True, "false": False, "none": None}[value]
    try:
        return name, float(value) if kinds[name] == "float" else int(value)
    except ValueError:
        raise ValueError(f"--set {brief(text)}: {name} is a number") from None
