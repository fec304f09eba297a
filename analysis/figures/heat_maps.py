"""Heat maps of the test error over learning rate and decay, one panel per optimizer (the paper's figures 1 and 2).

Optimizers are compared by their levels, so their maps share a colour scale; schedules and budgets are compared by where
their basins lie, so each has a scale of its own: on a common one all errors of the worst would have the last colour. A
scale runs from the lowest error to the median of its maps: half of what was run shares the colours and the basin shows,
however large the errors outside it are. What is worse takes the last colour, and the colour bar ends in an arrow.
"""

from __future__ import annotations

import statistics
from collections import Counter
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
from analysis.figures.style import BETWEEN, figure_width, new_figure
from analysis.results.panels import Panel, Tile, panels
from analysis.results.table import Chart
from analysis.results.words import (
    BOUNDARY,
    FACETS,
    NO_CANDIDATE,
    decay_label,
    decay_symbol,
    distinct_texts,
    format_error,
)

COLOURS = "viridis"  # perceptually uniform and safe for the colour-blind; low errors dark, as in the paper
GAP = 0.4  # between decay 0 and the logarithmic axis, in tiles
COMPARED = ("decay_unit", "decay_on")  # facets whose maps are compared by their levels
BESIDE = 0.55  # inches: what the ticks and the name of a panel's learning rates take
WIDEST = 3.6  # inches of a panel
NUMBER: dict[str, Any] = {"family": ["cmss10", "DejaVu Sans"], "size": 7}  # narrow digits; others of the figure's font
APART = 9  # points between the labels of an axis
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
    text = caption(chart, f"{reading_maps(chart, maps)} {reading_colours(maps)}")
    return compose(maps, f"{error_name(chart)} (%)", text)


def _group(panel: Panel) -> tuple[Any, ...]:
    """What the maps of one colour scale have in common: all facets but those of which the levels are compared."""
    return tuple(value for name, value in panel.facets.items() if name not in COMPARED)


def scales(maps: Sequence[Panel]) -> list[Scale]:
    """The colours of each map: one scale for each schedule and budget."""
    groups: dict[Any, list[Tile]] = {}
    for panel in maps:
        groups.setdefault(_group(panel), []).extend(panel.tiles.values())
    known = {}
    for group, tiles in groups.items():
        scale = Scale.of([tile.test_error for tile in tiles if tile.test_error is not None])
        # A reading may only say that the error is at least so large.
        known[group] = scale._replace(clipped=scale.clipped or any(tile.label.startswith("≥") for tile in tiles))
    return [known[_group(panel)] for panel in maps]


def reading_colours(maps: Sequence[Panel]) -> str:
    """A sentence for the caption: which maps share their colours, and where these end."""
    found, what = scales(maps), [FACETS.get(name, name) for name in maps[0].facets if name not in COMPARED]
    text = "Colours run from the lowest error to the median" + ", yellow above it" * any(s.clipped for s in found)
    if len(set(found)) > 1:
        return f"{text}, for each {' and '.join(what)} anew: across these compare the numbers, not the colours."
    return f"{text}{', alike in all panels, so that their levels can be compared' * (len(maps) > 1)}."


def compose(maps: Sequence[Panel], label: str, text: str) -> Figure:
    """Maps above a caption, the values of the first facet from left to right, or from above where they would be too
    narrow for numbers. label: of the colour bars."""
    firsts = [next(iter(panel.facets.values()), None) for panel in maps]
    columns, full = len(set(firsts)) if firsts[0] is not None else min(2, len(maps)), figure_width()
    tiles = max(len(panel.decays) + GAP for panel in maps)
    is_upright = columns > 2 and (full / columns - BESIDE) * 72 / tiles < max(map(_room, maps))
    if is_upright:  # then all of one value stand together, two in a row
        counts = Counter(firsts)
        columns = 1 if any(count % 2 for count in counts.values()) else 2
        maps = [panel for value in counts for panel, first in zip(maps, firsts, strict=True) if first == value]
    rows, width = -(-len(maps) // columns), min(full / columns - BESIDE, WIDEST)
    # Tiles a little wider than high, as their numbers are, but no panel longer than a page.
    height = min(max(len(panel.alphas) for panel in maps) * min(max(0.85 * width / tiles, 0.13), 0.3), 3.6)
    lines = max(title(panel).count("\n") + 1 for panel in maps)
    drawn = list(zip(maps, scales(maps), strict=True))
    bars = len({scale for _, scale in drawn}) if is_upright else 1  # under each other
    figure = new_figure(
        rows * (height + BETWEEN + 0.14 * lines) + 0.45 * bars, text, min(1.0, columns * (width + BESIDE + 0.1) / full)
    )
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places[len(maps) :]:
        axes.remove()
    for place, (axes, (panel, scale)) in enumerate(zip(places, drawn, strict=False)):
        _draw_tiles(axes, panel, scale)
        name = r"$\alpha$" if height < 0.9 else r"learning rate $\alpha$"
        axes.set_ylabel("" if place % columns else name, labelpad=1.5)
    for scale in dict.fromkeys(scale for _, scale in drawn):
        beside = [axes for axes, (_, own) in zip(places, drawn, strict=False) if own == scale]
        bar = figure.colorbar(
            scale.colours(), ax=beside, location="bottom", extend="max" if scale.clipped else "neither",
            extendfrac=0.03, aspect=40, shrink=0.8, pad=0.03, label=label,
        )  # fmt: skip
        bar.ax.tick_params(length=2, width=0.5)
    figure.draw_without_rendering()  # only now is known how large a tile is
    figure.set_layout_engine("none")
    for axes, each in zip(places, drawn, strict=False):
        _draw_numbers(axes, *each)
    return figure


def title(panel: Panel) -> str:
    """Whose it is, the test error of the selected tile, and where that lies: three lines, four on the grid boundary."""
    best = panel.best
    if best is None:
        return f"{panel.name}\n{NO_CANDIDATE}"
    ties = f" ({len(panel.ties) + 1} tiles)" * bool(panel.ties)
    seeds = "" if best.spread is None else f" ± {format_error(best.spread)} % ({len(best.seeds)} seeds)"
    alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
    place = rf"$\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay}"
    return f"{panel.name}\n{best.label}{seeds or ' %'}{ties}\n{place}" + f"\n({BOUNDARY})" * panel.on_boundary


def positions(decays: Sequence[float]) -> dict[float, float]:
    """Where each decay stands, in tiles: even steps, decay 0 set apart on the left (0 has no place on a log axis)."""
    shift = GAP if decays[0] == 0 and len(decays) > 1 else 0.0
    return {decay: place + (shift if decay else 0.0) for place, decay in enumerate(decays)}


def _draw_tiles(axes: Axes, panel: Panel, scale: Scale) -> None:
    """Coloured where every seed finished, hatched where one diverged, nothing where nothing was run; star and axes."""
    xs, ys = positions(panel.decays), {alpha: float(place) for place, alpha in enumerate(panel.alphas)}
    axes.set(xlim=(-0.5, max(xs.values()) + 0.5), ylim=(-0.5, len(ys) - 0.5))
    left = 8 / 72 / axes.get_window_extent().width * axes.figure.dpi  # or a long one would end outside the figure
    axes.set_title(title(panel), x=0.5 - left, pad=4, linespacing=1.25)

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


def _room(panel: Panel) -> float:
    """Points that a tile's longest number takes: digits are half as wide as high, a point half of that."""
    longest = max((len(tile.label) for tile in panel.tiles.values()), default=0)
    return float(NUMBER["size"]) * longest / 2


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
    if width < _room(panel) or height < NUMBER["size"] + 1:
        return
    for tile in panel.tiles.values():
        x, y = xs[tile.decay], ys[tile.alpha]
        if (error := tile.test_error) is not None:
            red, green, blue, _ = scale.colours().to_rgba(np.array(error))
            tint = "w" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5 else "k"
            axes.text(x, y, tile.label, ha="center", va="center_baseline", color=tint, **NUMBER)
        elif tile.diverged < len(tile.seeds):
            white = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            axes.text(
                x, y, f"{tile.diverged}/{len(tile.seeds)}", ha="center", va="center_baseline", bbox=white, **NUMBER
            )
