"""The paper's heat maps drawn from the values read off them, in the style of our own (heat_maps.py).

Colours run from the lowest reading to the top of the paper's own scale: one for all panels where the paper has one, if
not one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke

from analysis.figures.heat_maps import compose, draw_star, positions, titled
from analysis.results.maps import Scale, Spot
from analysis.results.panels import at_border
from analysis.results.published import Reading
from analysis.results.words import panel_name


@dataclass(frozen=True)
class ReadTile:
    """One reading as a tile. seeds, diverged: the paper has one run of each, and drew no divergence."""

    reading: Reading
    alpha: float
    decay: float
    seeds: tuple[int, ...] = (0,)
    diverged: int = 0

    @property
    def test_error(self) -> float:
        return self.reading.value

    @property
    def label(self) -> str:
        """The value to the decimals that its reading error leaves; "≥7" where it was clipped."""
        if self.reading.clipped:
            return f"≥{self.test_error:g}"
        error = self.reading.reading_error
        return f"{self.test_error:.{2 if error is not None and error < 0.1 else 1}f}"


@dataclass(frozen=True)
class ReadPanel:
    """One panel of the paper. facets: what sets it apart, as in our own."""

    optimizer: str
    facets: dict[str, str | int]
    decay_unit: str
    tiles: dict[tuple[float, float], ReadTile]

    @property
    def name(self) -> str:
        """The optimizer and its facets."""
        return panel_name(self.optimizer, self.facets)

    @property
    def alphas(self) -> tuple[float, ...]:
        return tuple(sorted({alpha for alpha, _ in self.tiles}))

    @property
    def decays(self) -> tuple[float, ...]:
        return tuple(sorted({decay for _, decay in self.tiles}))

    @property
    def lowest(self) -> list[ReadTile]:
        """The tiles with the lowest reading: several where the colours do not tell them apart."""
        best = min(tile.test_error for tile in self.tiles.values())
        return [tile for _, tile in sorted(self.tiles.items()) if tile.test_error == best]

    @property
    def best(self) -> ReadTile:
        return self.lowest[0]

    @property
    def at_edge(self) -> bool:
        return at_border((self.best.alpha, self.best.decay), self.tiles)


def panel_of(readings: Sequence[Reading], facets: Sequence[str] = ()) -> ReadPanel:
    """The panel of these readings; facets: the fields of a reading that set it apart."""
    first = readings[0]
    tiles = {
        (r.alpha, r.decay): ReadTile(r, r.alpha, r.decay)
        for r in readings
        if r.alpha is not None and r.decay is not None
    }
    unit = "normalized" if first.decay_kind == "normalized" else "step"
    return ReadPanel(first.optimizer, {name: getattr(first, name) for name in facets}, unit, tiles)


def title(panel: ReadPanel) -> str:
    """The lowest reading and where it lies; of several equal ones, the first and their number."""
    equal = len(panel.lowest)
    return titled(panel, panel.best, f"{panel.best.test_error:g} %" + f" ({equal} tiles)" * (equal > 1))


def scales(panels: Sequence[ReadPanel]) -> list[Scale]:
    """Each panel's colours; all the same where the paper clips all of them at the same value."""
    own = [_scale(panel) for panel in panels]
    if all(scale.clipped for scale in own) and len({scale.high for scale in own}) == 1:
        low = min(scale.low for scale in own)
        return [Scale(low, scale.high, True, scale.label) for scale in own]
    return own


def draw(panels: Sequence[ReadPanel], columns: int, caption: str) -> Figure:
    """The panels row by row."""
    spots = [Spot(title(panel), panel, scale) for panel, scale in zip(panels, scales(panels), strict=True)]
    figure = compose(spots, columns, caption)
    for axes, panel in zip(figure.axes, panels, strict=False):  # behind them stand the colour bars
        _mark(axes, panel)
    return figure


def _scale(panel: ReadPanel) -> Scale:
    readings = [tile.reading for tile in panel.tiles.values()]
    clipped = any(reading.clipped for reading in readings)
    label = "top-5 test error (%)" if readings[0].metric.startswith("top5") else "test error (%)"
    return Scale(panel.best.test_error, max(reading.value for reading in readings), clipped, label)


def _mark(axes: Axes, panel: ReadPanel) -> None:
    """A ring around the paper's ten best, and a star on every tile that is as low as the first."""
    xs = positions(panel.decays)
    ys = {alpha: float(place) for place, alpha in enumerate(panel.alphas)}
    for tile in panel.tiles.values():
        if tile.reading.among_best_ten:
            ring = Ellipse((xs[tile.decay], ys[tile.alpha]), 0.92, 0.92, fill=False, ec="white", lw=0.7)
            ring.set_path_effects([withStroke(linewidth=1.5, foreground="0.2")])  # seen on light tiles as well
            axes.add_patch(ring)
    for tile in panel.lowest[1:]:
        draw_star(axes, xs[tile.decay], ys[tile.alpha])
