"""What can be drawn as a heat map: the panels of our records and those read off the paper's figures alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Square(Protocol):
    """One alpha and decay, and what stands there."""

    @property
    def alpha(self) -> float: ...
    @property
    def decay(self) -> float: ...
    @property
    def test_error(self) -> float | None: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...
    @property
    def diverged(self) -> int: ...
    @property
    def label(self) -> str: ...


class Map(Protocol):
    """One optimizer's squares, on axes that ascend."""

    @property
    def optimizer(self) -> str: ...
    @property
    def facets(self) -> Mapping[str, Any]: ...
    @property
    def name(self) -> str: ...
    @property
    def decay_unit(self) -> str: ...
    @property
    def alphas(self) -> tuple[float, ...]: ...
    @property
    def decays(self) -> tuple[float, ...]: ...
    @property
    def tiles(self) -> Mapping[tuple[float, float], Square]: ...
    @property
    def best(self) -> Square | None: ...
    @property
    def at_edge(self) -> bool: ...


@dataclass(frozen=True)
class Scale:
    """A colour scale in percent. clipped: something shown lies above it. label: what its bar says."""

    low: float
    high: float
    clipped: bool
    label: str


@dataclass(frozen=True)
class Spot:
    """One place of a figure: a map, its title and its colours; without a map, the title says what was not run."""

    title: str
    panel: Map | None = None
    scale: Scale | None = None
