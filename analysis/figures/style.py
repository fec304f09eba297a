"""How every figure looks and how it becomes files: the same records give the same bytes, whoever draws them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

WIDTH = 7.0  # inches: the text width of a two-column page
DPI = 200
LINE = 148  # characters of a caption
# Okabe and Ito's colours, distinguishable by the colour-blind; an optimizer keeps its own.
COLOURS = {"adam": "#D55E00", "adamw": "#0072B2", "sgd": "#E69F00", "sgdw": "#009E73"}
OTHERS = ("#CC79A7", "#56B4E9", "#000000")
BETWEEN = 0.55  # inches between rows of panels
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same picture
    "mathtext.fontset": "dejavusans",
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7.5,
    "axes.titley": 1.0,  # where it would be put anyway, but after all ticks have been laid out for it
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,  # whole TrueType outlines: text stays text in the PDF
    "axes.unicode_minus": False,
}


@contextmanager
def style() -> Iterator[None]:
    """The project's look; what the reader's own matplotlibrc says is left aside."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(height: float) -> Figure:
    """An empty figure of the project's width; height in inches."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def with_panels(rows: int, columns: int, panel_height: float, caption: str) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns axes of this height in inches, row by row, above a caption."""
    lines = wrapped(caption)
    under = 0.1 + 0.108 * len(lines)
    height = under + 0.42 + rows * (panel_height + BETWEEN) - 0.25
    figure = new_figure(height)
    share = (WIDTH - 0.1) / columns
    axes = []
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        left, bottom = 0.52 + column * share, under + 0.42 + (rows - 1 - row) * (panel_height + BETWEEN)
        box = (left / WIDTH, bottom / height, (share - 0.6) / WIDTH, panel_height / height)
        axes.append(figure.add_axes(box))
    write_caption(figure, lines, under, height)
    return figure, axes


def plain_log(axis: Axis) -> None:
    """Ticks of a logarithmic axis as 0.02, 0.5, 3, whatever it spans: powers of ten would leave short ones without."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def make_room(axes: Axes, above: float, below: float) -> None:
    """Leave shares of a logarithmic y axis' height without data, for a legend and for words."""
    low, high = np.log(axes.get_ylim())
    height = (high - low) / (1 - above - below)
    axes.set_ylim(np.exp(low - below * height), np.exp(high + above * height))


def not_run(axes: Axes) -> None:
    """An empty frame where a panel would stand."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(linestyle="--", edgecolor="0.6")
    axes.text(0.5, 0.5, "not run", ha="center", va="center", color="0.4", transform=axes.transAxes)


def wrapped(caption: str) -> list[str]:
    """The lines of a caption, a paragraph for each line that it has."""
    return [line for paragraph in caption.splitlines() for line in textwrap.wrap(paragraph, LINE)]


def write_caption(figure: Figure, lines: Sequence[str], top: float, height: float) -> None:
    """Lines of text at the bottom of a figure, from `top` inches downwards."""
    text = "\n".join(lines)
    place = (0.1 / WIDTH, (top - 0.04) / height)
    figure.text(*place, text, fontsize=5.8, va="top", linespacing=1.3, parse_math=False)


def render(figure: Figure, kinds: Sequence[str] = ("png", "pdf")) -> dict[str, bytes]:
    """The figure in each kind, as {"png": ...}, without a date or the drawing program's version in it."""
    files = {}
    nothing = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    for kind in kinds:
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=DPI, metadata=nothing[kind])
        files[kind] = content.getvalue()
    return files


def colour(optimizer: str, among: Sequence[str]) -> str:
    """The optimizer's own colour; those that have none get what is left, by place."""
    unknown = [name for name in dict.fromkeys([*among, optimizer]) if name not in COLOURS]
    return COLOURS.get(optimizer) or OTHERS[unknown.index(optimizer) % len(OTHERS)]
