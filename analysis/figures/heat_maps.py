"""Heat maps of the test error over learning rate and decay, one panel per optimizer (the paper's figures 1 and 2).

The colour scale, shared by all panels, runs from the lowest error drawn to the median of all of them: half of what was
run shares the colours and the basin shows, however large the errors outside it are. What is worse takes the last
colour, and the colour bar ends in an arrow.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.captions import caption, error_name, reading_maps
from analysis.figures.layout import GAP, Layout, layout_of
from analysis.figures.style import new_figure, not_run, wrapped, write_caption
from analysis.results.maps import Map, Scale, Spot, Square
from analysis.results.panels import Panel, panels
from analysis.results.table import Chart
from analysis.results.words import decay_label, decay_symbol, distinct_texts, facet_text, format_error

COLOURS = "viridis"  # perceptually uniform and safe for the colour-blind; low errors dark, as in the paper
SMALLEST_TEXT = 4.0  # points: below it a number is left out
POINTS = 72  # an inch
MOST_LETTERS = 8  # of a tick for which there is room


def draw(chart: Chart) -> Figure:
    """The figure of a chart. Raises UsageError for records that do not make one."""
    shown = panels(chart)
    scale = scale_of(shown, f"{error_name(chart)} (%)")
    text = caption(chart, reading_maps(chart, shown, scale.high if scale.clipped else None))
    facets = chart.experiment.facets
    columns = len({panel.facets[facets[0]] for panel in shown}) if facets else min(2, len(shown))
    return compose([Spot(title(panel), panel, scale) for panel in shown], columns, text)


def compose(spots: Sequence[Spot], columns: int, caption_text: str) -> Figure:
    """Maps row by row above a caption; one colour bar where all have the same scale, if not one beside each."""
    shown, lines = [spot.panel for spot in spots if spot.panel], wrapped(caption_text)
    own_bars = len({spot.scale for spot in spots if spot.scale}) > 1
    layout = layout_of(shown, len(spots), columns, len(lines), own_bars)
    figure = new_figure(layout.height)
    for place, spot in enumerate(spots):
        _draw_spot(figure.add_axes(layout.share(layout.panel(place))), spot, layout)
    scales = {place: spot.scale for place, spot in enumerate(spots) if spot.scale}
    last = {place // columns: place for place in scales}  # of each row: only beside it is room for the bar's label
    bars = [(layout.own_bar(place), scale, place in last.values()) for place, scale in scales.items()]
    for box, scale, labelled in bars if own_bars else [(layout.bar(), scales[min(scales)], True)]:
        _draw_bar(figure.add_axes(layout.share(box)), scale, labelled)
    write_caption(figure, lines, layout.caption_height, layout.height)
    return figure


def scale_of(shown: Sequence[Panel], label: str) -> Scale:
    """The colours of our own panels: see above."""
    errors = [error for panel in shown for tile in panel.tiles.values() if (error := tile.test_error) is not None]
    low, high = limits(errors)
    return Scale(low, high, bool(errors) and max(errors) > high, label)


def limits(errors: Sequence[float]) -> tuple[float, float]:
    """The ends of the colour scale in percent: lowest and median error, at least one point apart."""
    if not errors:
        return 0.0, 100.0
    return min(errors), max(statistics.median(errors), min(errors) + 1.0)


def _draw_spot(axes: Axes, spot: Spot, layout: Layout) -> None:
    axes.set_title(spot.title, pad=4, linespacing=1.25)
    if spot.panel is None or spot.scale is None:
        not_run(axes)
    else:
        draw_panel(axes, spot.panel, colours_of(spot.scale), layout)


def _draw_bar(axes: Axes, scale: Scale, labelled: bool) -> None:
    extend, label = "max" if scale.clipped else "neither", scale.label if labelled else ""
    axes.figure.colorbar(colours_of(scale), cax=axes, extend=extend, extendfrac=0.03, label=label)
    axes.tick_params(length=2, width=0.5)


def colours_of(scale: Scale) -> ScalarMappable:
    return ScalarMappable(Normalize(scale.low, scale.high), colormaps[COLOURS])


def draw_panel(axes: Axes, panel: Map, colours: ScalarMappable, layout: Layout) -> None:
    """One optimizer's tiles, numbers, star and axes."""
    xs = positions(panel.decays)
    ys = {alpha: float(place) for place, alpha in enumerate(panel.alphas)}
    axes.set_xlim(-0.5, max(xs.values()) + 0.5)
    axes.set_ylim(-0.5, len(ys) - 0.5)
    tile_width = layout.panel_width * POINTS / (max(xs.values()) + 1)
    tile_height = layout.panel_height * POINTS / len(ys)
    _draw_tiles(axes, panel, xs, ys, colours)
    _draw_numbers(axes, panel, xs, ys, colours, (tile_width, tile_height))
    _draw_frames(axes, panel, xs)
    if panel.best is not None:
        draw_star(axes, xs[panel.best.decay], ys[panel.best.alpha])
    _label(axes, panel, xs, ys, (tile_width, tile_height))


def positions(decays: Sequence[float]) -> dict[float, float]:
    """Where each decay stands, in tiles: even steps, decay 0 set apart on the left (0 has no place on a log axis)."""
    shift = GAP if decays[0] == 0 and len(decays) > 1 else 0.0
    return {decay: place + (shift if decay else 0.0) for place, decay in enumerate(decays)}


def title(panel: Panel) -> str:
    """The test error of the selected tile, and where it lies."""
    best, name = panel.best, panel.name
    if best is None or best.test_error is None:
        return f"{name}\nevery run diverged"
    spread, seeds = best.spread, len(best.seeds)
    told = "" if spread is None else f" ± {format_error(spread)}"
    told += " %" if spread is None else f" % ({seeds} seeds)"
    return titled(panel, best, f"{format_error(best.test_error)}{told}")


def titled(panel: Map, best: Square, error: str) -> str:
    """An error and where it lies: two lines, three where facets are named before them."""
    words = facet_text(panel.facets)
    edge = "  (at the edge)" if panel.at_edge else ""
    alpha, decay = distinct_texts(panel.alphas)[best.alpha], distinct_texts(panel.decays)[best.decay]
    place = rf"at $\alpha$ = {alpha}, {decay_symbol(panel.decay_unit)} = {decay}"
    error = panel.name + ("\n" if words else ": ") + error
    # Panels side by side are narrow: there the shorter of the two lines takes it.
    return f"{error}{edge}\n{place}" if words else f"{error}\n{place}{edge}"


def _draw_tiles(
    axes: Axes, panel: Map, xs: dict[float, float], ys: dict[float, float], colours: ScalarMappable
) -> None:
    """Coloured where every seed finished, hatched where one diverged, nothing where nothing was run."""
    finished: list[tuple[Rectangle, float]] = []
    hatched: list[Rectangle] = []
    for tile in panel.tiles.values():
        square = Rectangle((xs[tile.decay] - 0.5, ys[tile.alpha] - 0.5), 1, 1)
        if (error := tile.test_error) is None:
            hatched.append(square)
        else:
            finished.append((square, error))
    if finished:
        faces = colours.to_rgba(np.array([error for _, error in finished]))
        squares = [square for square, _ in finished]
        axes.add_collection(PatchCollection(squares, facecolors=faces, edgecolors="white", linewidths=0.4))
    if hatched:
        grey = PatchCollection(hatched, facecolors="none", edgecolors="0.6", linewidths=0.3, hatch="/////")
        axes.add_collection(grey)


def _draw_numbers(
    axes: Axes,
    panel: Map,
    xs: dict[float, float],
    ys: dict[float, float],
    colours: ScalarMappable,
    size: tuple[float, float],
) -> None:
    """The error inside each tile, how many seeds diverged where only some did; both only where they can be read."""
    # A digit of the font is 0.64 em wide: four of them and a point must leave a margin in the tile.
    points = min(size[0] * 0.8 / 2.25, size[1] * 0.6, 6.5)
    if points < SMALLEST_TEXT:
        return
    for tile in panel.tiles.values():
        x, y = xs[tile.decay], ys[tile.alpha]
        if (error := tile.test_error) is not None:
            red, green, blue, _ = colours.to_rgba(np.array([error]))[0]
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            axes.text(x, y, tile.label, ha="center", va="center_baseline", fontsize=points, color="w" if dark else "k")
        elif tile.diverged < len(tile.seeds):
            _draw_partly(axes, tile, x, y, min(points, size[1] * 0.35))


def _draw_partly(axes: Axes, tile: Square, x: float, y: float, points: float) -> None:
    text = f"{tile.diverged}/{len(tile.seeds)}\ndiv."
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    axes.text(x, y, text, ha="center", va="center", fontsize=points, linespacing=0.95, bbox=white)


def _draw_frames(axes: Axes, panel: Map, xs: dict[float, float]) -> None:
    """A thin line around the logarithmic block and around decay 0, in place of the axes' own frame."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    blocks = [[x for decay, x in xs.items() if decay == 0], [x for decay, x in xs.items() if decay != 0]]
    for block in blocks:
        if block:
            corner = (block[0] - 0.5, -0.5)
            frame = Rectangle(corner, block[-1] - block[0] + 1, len(panel.alphas), fill=False, ec="0.3", lw=0.5)
            axes.add_patch(frame).set_clip_on(False)


def draw_star(axes: Axes, x: float, y: float) -> None:
    """A heavy frame, and a star on its corner so that the number stays free."""
    frame = Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec="crimson", lw=1.1, zorder=4)
    axes.add_patch(frame).set_clip_on(False)
    style = {"marker": "*", "ms": 8, "mfc": "crimson", "mec": "white", "mew": 0.5, "ls": "none"}
    axes.plot([x + 0.5], [y + 0.5], clip_on=False, zorder=5, **style)  # type: ignore[arg-type]


def _label(
    axes: Axes,
    panel: Map,
    xs: dict[float, float],
    ys: dict[float, float],
    size: tuple[float, float],
) -> None:
    """Real values on both axes, thinned where they would touch."""
    columns = _thinned(list(panel.decays), size[0])
    rows = _thinned(list(panel.alphas), size[1])
    texts = distinct_texts(panel.decays)
    axes.set_xticks([xs[decay] for decay in columns], [texts[decay] for decay in columns])
    axes.tick_params(axis="x", pad=1)
    for text in axes.get_xticklabels():
        text.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    texts = distinct_texts(panel.alphas)
    axes.set_yticks([ys[alpha] for alpha in rows], [texts[alpha] for alpha in rows])
    axes.tick_params(axis="y", pad=1.5)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):  # many digits take the room of few
        text.set_fontsize(float(text.get_fontsize()) * min(1, MOST_LETTERS / len(text.get_text())))
    axes.set_xlabel(decay_label(panel.optimizer, panel.decay_unit), labelpad=1.5)
    axes.set_ylabel(r"initial learning rate $\alpha$", labelpad=1.5)


def _thinned(values: list[float], points: float) -> list[float]:
    """Every k-th value, counted from the largest, so that labels stand at least 8 points apart; 0 always."""
    step = max(1, -int(-8 // points))
    kept = values[::-1][::step][::-1]
    return kept if 0.0 in kept or values[0] != 0 else [0.0, *kept]
