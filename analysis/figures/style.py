"""How every figure looks and how it becomes files: the same records give the same bytes, whoever draws them."""

import io
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
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
BETWEEN = 0.55  # inches: what ticks, labels and title of a row of panels take


def style() -> AbstractContextManager[None]:
    """The project's look (paper.mplstyle); what the reader's own matplotlibrc says is left aside."""
    return matplotlib.style.context(Path(__file__).with_name("paper.mplstyle"), after_reset=True)


def new_figure(height: float, caption: str, share: float = 1.0) -> Figure:
    """An empty figure of the project's width above its caption, a paragraph for each line that this has.

    height: of all above the caption, in inches; share: of the width, for what is drawn. matplotlib's constrained layout
    places what is drawn.
    """
    lines = [line for paragraph in caption.splitlines() for line in textwrap.wrap(paragraph, LINE)]
    under = 0.1 + 0.108 * len(lines)
    whole = under + height
    figure = Figure(figsize=(WIDTH, whole), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", rect=(0, under / whole, share, height / whole), w_pad=0.04, h_pad=0.05)
    place = (0.1 / WIDTH, (under - 0.04) / whole)
    figure.text(*place, "\n".join(lines), fontsize=5.8, va="top", linespacing=1.3, parse_math=False)
    return figure


def with_panels(rows: int, columns: int, panel_height: float, caption: str) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns axes, about so many inches high, row by row, above a caption."""
    figure = new_figure(rows * (panel_height + BETWEEN), caption)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def add_legend(axes: Axes, where: str) -> None:
    """A small legend on a pale ground, of curves that may run under it."""
    axes.legend(fontsize=5.5, loc=where, frameon=True, framealpha=0.85, edgecolor="none")


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
