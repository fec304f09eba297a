"""Heat maps of the test error over learning rate and decay, one panel per optimizer (the paper's figures 1 and 2).

The colour scale, shared by all panels of one budget, runs from the lowest error drawn to the median of all of them:
half of what was run shares the colours and the basin shows, however large the errors outside it are. What is worse
takes the last colour, and the colour bar ends in an arrow.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.patheffects import withStroke

from analysis.figures.captions import caption, error_name, reading_maps
from analysis.figures.style import BETWEEN, WIDTH, new_figure
from analysis.results.panels import Panel, Tile, panels
from analysis.results.table import Chart
from analysis.results.words import (
    BOUNDARY,
    NO_CANDIDATE,
    decay_label,
    decay_symbol,
    distinct_texts,
    facet_text,
    format_error,
)

COLOURS = "viridis"  # perceptually uniform and safe for the colour-blind; low errors dark, as in the paper
GAP = 0.4  # between decay 0 and the logarithmic axis, in tiles
WIDEST = 3.6  # inches of a panel
SMALLEST_TEXT = 4.0  # points: below it a number is left out
APART = 8  # points between the labels of an axis
MOST_LETTERS = 8  # of a tick for which there is room


class Scale(NamedTuple):
    """A colour scale in percent. clipped: something drawn lies above it."""

    low: float
    high: float
    clipped: bool

    @classmethod
    def of(cls, errors: Sequence[float]) -> Scale:
        """From the lowest error to the median, at least half a point apart."""
        if not errors:
            return cls(0.0, 100.0, False)
        high = max(statistics.median(errors), min(errors) + 0.5)
        return cls(min(errors), high, max(errors) > high)

    def colours(self) -> ScalarMappable:
        return ScalarMappable(Normalize(self.low, self.high), COLOURS)


def draw(chart: Chart) -> Figure:
    """The figure of a chart. Raises UsageError for records that do not make one."""
    maps = panels(chart)
    tops = dict.fromkeys(scale.high for scale in scales(maps) if scale.clipped)
    return compose(maps, f"{error_name(chart)} (%)", caption(chart, reading_maps(chart, maps, list(tops))))


def scales(maps: Sequence[Panel]) -> list[Scale]:
    """The colours of each map: shared by those of one budget."""
    errors: dict[Any, list[float]] = {panel.facets.get("epochs"): [] for panel in maps}
    above = set()  # budgets in which a reading only says that the error is at least so large
    for panel in maps:
        budget = panel.facets.get("epochs")
        for tile in panel.tiles.values():
            errors[budget] += [] if tile.test_error is None else [tile.test_error]
            above |= {budget} if tile.label.startswith("≥") else set()
    known = {budget: Scale.of(each) for budget, each in errors.items()}
    return [
        scale._replace(clipped=scale.clipped or panel.facets.get("epochs") in above)
        for panel in maps for scale in [known[panel.facets.get("epochs")]]
    ]  # fmt: skip


def compose(maps: Sequence[Panel], label: str, text: str) -> Figure:
    """Maps above a caption, the values of the first facet from left to right. label: of the colour bars."""
    firsts = [next(iter(panel.facets.values()), None) for panel in maps]
    has_facets = firsts[0] is not None
    columns = len(set(firsts)) if has_facets else min(2, len(maps))
    rows, width = -(-len(maps) // columns), min((WIDTH - 0.6) / columns - 0.6, WIDEST)
    tile_width = width / max(len(panel.decays) + GAP for panel in maps)
    # Tiles a little wider than high, as their numbers are, but panels neither flat nor longer than a page.
    height = max(len(panel.alphas) for panel in maps) * min(max(0.85 * tile_width, 0.12), 0.3)
    height = min(max(height, 0.8), 3.6) + BETWEEN + (0.42 if has_facets else 0.32)
    figure = new_figure(rows * height, text, min(1.0, columns * (width + 0.65) / WIDTH + 0.12))
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places[len(maps) :]:
        axes.remove()
    drawn = list(zip(places, maps, scales(maps), strict=False))
    for each in drawn:
        _draw_tiles(*each)
    several = len({scale for _, _, scale in drawn}) > 1  # then a bar stands beside each map
    for place, (axes, _, scale) in enumerate(drawn if several else drawn[:1], 1):
        bar = figure.colorbar(
            scale.colours(), ax=axes if several else places[: len(maps)], extend="max" if scale.clipped else "neither",
            extendfrac=0.03, aspect=25, pad=0.02, label="" if several and place % columns else label,
        )  # fmt: skip
        bar.ax.tick_params(length=2, width=0.5)
    figure.draw_without_rendering()  # only now is known how large a tile is
    figure.set_layout_engine("none")
    for each in drawn:
        _draw_numbers(*each)
    return figure


def title(panel: Panel) -> str:
    """The test error of the selected tile and where it lies: two lines, three where facets are named before them."""
    best = panel.best
    if best is None:
        return f"{panel.name}\n{NO_CANDIDATE}"
    ties = f" ({len(panel.ties) + 1} tiles)" * bool(panel.ties)
    seeds = "" if best.spread is None else f" ± {format_error(best.spread)} % ({len(best.seeds)} seeds)"
    error = f"{best.label}{seeds or ' %'}{ties}"
    alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
    place = rf"at $\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay}"
    edge = f"  ({BOUNDARY})" * panel.on_boundary
    # Panels side by side are narrow: there the shorter of the two lines takes it.
    return (
        f"{panel.name}\n{error}{edge}\n{place}" if facet_text(panel.facets) else f"{panel.name}: {error}\n{place}{edge}"
    )


def positions(decays: Sequence[float]) -> dict[float, float]:
    """Where each decay stands, in tiles: even steps, decay 0 set apart on the left (0 has no place on a log axis)."""
    shift = GAP if decays[0] == 0 and len(decays) > 1 else 0.0
    return {decay: place + (shift if decay else 0.0) for place, decay in enumerate(decays)}


def _draw_tiles(axes: Axes, panel: Panel, scale: Scale) -> None:
    """Coloured where every seed finished, hatched where one diverged, nothing where nothing was run; star and axes."""
    xs, ys = positions(panel.decays), {alpha: float(place) for place, alpha in enumerate(panel.alphas)}
    axes.set(xlim=(-0.5, max(xs.values()) + 0.5), ylim=(-0.5, len(ys) - 0.5))
    axes.set_title(title(panel), pad=4, linespacing=1.25)

    def square(tile: Tile, **look: Any) -> Rectangle:
        return Rectangle((xs[tile.decay] - 0.5, ys[tile.alpha] - 0.5), 1, 1, **look)

    known = [tile for tile in panel.tiles.values() if tile.test_error is not None]
    faces = scale.colours().to_rgba(np.array([tile.test_error for tile in known]))
    coloured = PatchCollection(list(map(square, known)), facecolors=faces, edgecolors="white", linewidths=0.4)
    diverged = [square(tile) for tile in panel.tiles.values() if tile.test_error is None]
    hatched = PatchCollection(diverged, facecolors="none", edgecolors="0.6", linewidths=0.3, hatch="/////")
    for tiles in (coloured, hatched):
        if tiles.get_paths():
            axes.add_collection(tiles)
    axes.spines[:].set_visible(False)
    for block in ([x for decay, x in xs.items() if decay == 0], [x for decay, x in xs.items() if decay != 0]):
        if block:  # a thin line around decay 0 and around the logarithmic block, in place of the axes' own frame
            corner, width = (block[0] - 0.5, -0.5), block[-1] - block[0] + 1
            axes.add_patch(Rectangle(corner, width, len(ys), fill=False, ec="0.3", lw=0.5, clip_on=False))
    for tile in panel.tiles.values():
        if tile.is_ringed:
            ring = Ellipse((xs[tile.decay], ys[tile.alpha]), 0.92, 0.92, fill=False, ec="white", lw=0.7)
            ring.set_path_effects([withStroke(linewidth=1.5, foreground="0.2")])  # seen on light tiles as well
            axes.add_patch(ring)
    for tile in filter(None, (panel.best, *panel.ties)):  # a heavy frame, and a star on its corner: the number is free
        axes.add_patch(square(tile, fill=False, ec="crimson", lw=1.1, zorder=4, clip_on=False))
        x, y = xs[tile.decay] + 0.5, ys[tile.alpha] + 0.5
        axes.plot([x], [y], "*", clip_on=False, zorder=5, ms=8, mfc="crimson", mec="white", mew=0.5)
    for axis, values, places in ((axes.xaxis, panel.decays, xs), (axes.yaxis, panel.alphas, ys)):
        texts = distinct_texts(values)
        axis.set_ticks([places[value] for value in values], [texts[value] for value in values])
        for label in axis.get_ticklabels():  # many digits take the room of few
            label.set_fontsize(float(label.get_fontsize()) * min(1, MOST_LETTERS / len(label.get_text())))
    axes.tick_params(axis="x", pad=1)
    axes.tick_params(axis="y", pad=1.5)
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    axes.set_xlabel(decay_label(panel.optimizer, panel.decay_unit), labelpad=1.5)
    axes.set_ylabel(r"initial learning rate $\alpha$", labelpad=1.5)


def _draw_numbers(axes: Axes, panel: Panel, scale: Scale) -> None:
    """The error inside each tile, how many seeds diverged where only some did; both only where they can be read. Ticks
    that would touch go."""
    xs, ys = positions(panel.decays), {alpha: float(place) for place, alpha in enumerate(panel.alphas)}
    box, points = axes.get_window_extent(), 72 / axes.figure.dpi
    width, height = box.width * points / (max(xs.values()) + 1), box.height * points / len(ys)  # of a tile
    for axis, values, size in ((axes.xaxis, panel.decays, width), (axes.yaxis, panel.alphas, height)):
        step = max(1, -int(-APART // size))
        for place, (value, tick) in enumerate(zip(values, axis.get_major_ticks(), strict=True)):
            tick.set_visible((len(values) - 1 - place) % step == 0 or value == 0)
    # A digit of the font is 0.64 em wide: four of them and a point must leave a margin in the tile.
    font = min(width * 0.8 / 2.25, height * 0.6, 6.5)
    for tile in panel.tiles.values() if font >= SMALLEST_TEXT else ():
        x, y = xs[tile.decay], ys[tile.alpha]
        if (error := tile.test_error) is not None:
            red, green, blue, _ = scale.colours().to_rgba(np.array(error))
            tint = "w" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5 else "k"
            axes.text(x, y, tile.label, ha="center", va="center_baseline", fontsize=font, color=tint)
        elif tile.diverged < len(tile.seeds):
            small, white = min(font, height * 0.35), {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            text = f"{tile.diverged}/{len(tile.seeds)}\ndiv."
            axes.text(x, y, text, ha="center", va="center", fontsize=small, linespacing=0.95, bbox=white)
