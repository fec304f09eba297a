"""Where the panels and colour bars of a figure of heat maps stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.figures.style import WIDTH
from analysis.results.maps import Map

GAP = 0.4  # between decay 0 and the logarithmic axis, in tiles


@dataclass(frozen=True)
class Layout:
    """Where things stand, in inches from the lower left corner."""

    columns: int
    rows: int
    panel_width: float
    panel_height: float
    caption_height: float
    top: float  # of a panel's title
    between: float = 0.68  # room for the ticks and labels of the panels, and for their own bars

    left, bar_room = 0.6, 0.62  # room for the ticks and labels of the panels and of the colour bar
    under = 0.55  # a panel's ticks and label

    @property
    def height(self) -> float:
        return self.caption_height + self.rows * (self.top + self.panel_height + self.under)

    def panel(self, number: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel, counted by rows from the top left."""
        row, column = divmod(number, self.columns)
        x = self.left + column * (self.panel_width + self.between)
        y = self.height - (row + 1) * (self.top + self.panel_height) - row * self.under
        return x, y, self.panel_width, self.panel_height

    def bar(self) -> tuple[float, float, float, float]:
        """The bar that all panels share."""
        x = self.left + self.columns * (self.panel_width + self.between) - self.between + 0.1
        bottom = self.panel(self.columns * self.rows - 1)[1]
        return x, bottom, 0.11, min(self.height - self.top - bottom, 6.0)

    def own_bar(self, number: int) -> tuple[float, float, float, float]:
        """The bar beside one panel."""
        x, y, width, height = self.panel(number)
        return x + width + 0.07, y, 0.07, height

    def share(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Inches to parts of the figure, as matplotlib wants them."""
        x, y, width, height = box
        return x / WIDTH, y / self.height, width / WIDTH, height / self.height


def layout_of(shown: Sequence[Map], places: int, columns: int, lines: int, own_bars: bool) -> Layout:
    """The layout of these maps in so many places, above so many lines of text."""
    between = 0.95 if own_bars else Layout.between
    free = WIDTH - Layout.left - (columns - 1) * between - Layout.bar_room
    width = min(free / columns, 3.6)
    tile_width = width / max(len(panel.decays) + GAP for panel in shown)
    # Tiles a little wider than high, as their numbers are, but panels neither flat nor longer than a page.
    height = max(len(panel.alphas) for panel in shown) * min(max(0.85 * tile_width, 0.12), 0.3)
    top = 0.46 if any(panel.facets for panel in shown) else 0.36
    return Layout(columns, -(-places // columns), width, min(max(height, 0.8), 3.6), 0.1 + lines * 0.108, top, between)
