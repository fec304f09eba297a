"""How every figure looks and how it becomes files: the same records give the same bytes, whoever draws them."""

import io
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox
from PIL import Image

from analysis.figures import KINDS, WIDTHS
from analysis.results.words import format_number

DPI = 250
# Okabe and Ito's colours, distinguishable by the colour-blind; an optimizer keeps its own.
COLOURS = {"adam": "#D55E00", "adamw": "#0072B2", "sgd": "#E69F00", "sgdw": "#009E73"}
OTHERS = ("#CC79A7", "#56B4E9", "#000000")
logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of the dates in one of matplotlib's own fonts
NARROW, WIDE = 1.6, 2.4  # inches that panels take at least: without a legend in them, and with one
BEYOND = "×"  # in the place of a best decay on the grid boundary
BETWEEN = 0.55  # inches: what ticks, labels and title of a row of panels take


def style(width: str = "text") -> AbstractContextManager[None]:
    """The project's look (paper.mplstyle) at one of WIDTHS; what the reader's own matplotlibrc says is left aside."""
    size = {"figure.figsize": (WIDTHS[width], 1)}
    return matplotlib.style.context([Path(__file__).with_name("paper.mplstyle"), size], after_reset=True)


def figure_width() -> float:
    """Inches, of the figures that are drawn inside `style`."""
    return float(matplotlib.rcParams["figure.figsize"][0])


def new_figure(height: float, caption: str, share: float = 1.0) -> Figure:
    """An empty figure above its caption, a paragraph for each line that this has; it is also the figure's label.

    height: of all above the caption, in inches; share: of the width, for what is drawn. matplotlib's constrained layout
    places what is drawn.
    """
    width = figure_width()
    lines = [line for paragraph in caption.splitlines() for line in _wrapped(paragraph, width - 0.2)]
    under = 0.16 + 0.119 * len(lines)
    whole = under + height
    figure = Figure(figsize=(width, whole), dpi=DPI, label=caption)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", rect=(0, under / whole, share, height / whole), w_pad=0.04, h_pad=0.05)
    place = (0.1 / width, (under - 0.06) / whole)
    figure.text(*place, "\n".join(lines), va="top", linespacing=1.3, parse_math=False)
    return figure


def _wrapped(paragraph: str, width: float) -> list[str]:
    """Its lines, none longer than so many inches: digits are wider than letters, so counting these would not do."""
    font, lines = FontProperties(size=matplotlib.rcParams["font.size"]), [""]
    for word in paragraph.split():
        longer = f"{lines[-1]} {word}".lstrip()
        fits = text_to_path.get_text_width_height_descent(longer, font, ismath=False)[0] <= 72 * width
        lines[-1:] = [longer] if fits or not lines[-1] else [lines[-1], word]
    return lines


def with_panels(
    rows: int, columns: int, panel_height: float, caption: str, narrowest: float = NARROW
) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns axes, about so many inches high, row by row, above a caption. Where they would be
    narrower than `narrowest` inches, a row of them becomes two or more."""
    fitting = next(n for n in range(columns, 0, -1) if columns % n == 0 and (n == 1 or figure_width() / n >= narrowest))
    rows = rows * columns // fitting
    figure = new_figure(rows * (panel_height + BETWEEN), caption)
    return figure, list(figure.subplots(rows, fitting, squeeze=False).flat)


def add_legend(axes: Axes, where: str) -> None:
    """A legend on a pale ground, of curves that may run under it."""
    axes.legend(loc=where, frameon=True, framealpha=0.85, edgecolor="none")


def legend_above(figure: FigureBase, places: Sequence[Axes], letters: int) -> None:
    """One legend of all that these axes show, above all. letters: of its longest label, which says how many fit."""
    handles: dict[str, Artist] = {}
    for axes in places:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    columns = max(1, int(figure_width() * 18 / (letters + 8)))
    figure.legend([*handles.values()], [*handles], ncols=min(columns, len(handles)), loc="outside upper center")


def label_ends(axes: Axes, labels: Sequence[tuple[float, str, str]], height: float) -> None:
    """Texts beside the right end of the axes, each (y, text, colour) where its line ends, or lower than that, not to
    touch the one above. To call once all is drawn. height: of the axes in inches, about."""
    axes.autoscale_view()
    above = 1.0 + (apart := 8.5 / 72 / height)
    for y, text, tint in sorted(labels, reverse=True):
        above = min(float((axes.transScale + axes.transLimits).transform((1, y))[1]), above - apart)
        axes.annotate(text, (1, above), xycoords="axes fraction", xytext=(3, 0), textcoords="offset points",
                      va="center", color=tint)  # fmt: skip


class _PlainTicks(LogLocator):
    """1, 2 and 5 of each decade; more of them where an axis spans less than one."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        is_short = 0 < vmin < vmax < 5 * vmin
        self.set_params(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0) if is_short else (1.0, 2.0, 5.0))
        return super().tick_values(vmin, vmax)


def plain_log(axis: Axis) -> None:
    """Ticks of a logarithmic axis as 2e-4, 0.5, 3, whatever it spans: powers of ten would leave short ones without."""
    axis.set_major_locator(_PlainTicks())
    axis.set_major_formatter(FuncFormatter(lambda value, place: format_number(value)))
    axis.set_minor_formatter(NullFormatter())


def make_room(axes: Axes, above: float, below: float) -> None:
    """Leave shares of a logarithmic y axis' height without data, for a legend and for words."""
    low, high = np.log(axes.get_ylim())
    height = (high - low) / (1 - above - below)
    axes.set_ylim(np.exp(low - below * height), np.exp(high + above * height))


def render(figure: Figure, kinds: Sequence[str] = KINDS, has_caption: bool = True) -> dict[str, bytes]:
    """The figure in each kind, as {"png": ...}, without a date or the drawing program's version in it; without its
    caption cut where that begins."""
    files, page = {}, None
    if not has_caption:
        width, height = figure.get_size_inches()
        page = Bbox.from_extents(0, height * figure.texts[0].get_position()[1], width, height)
        figure.texts[0].set_visible(False)
    nothing = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    for kind in kinds:
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=DPI, metadata=nothing[kind], bbox_inches=page)
        files[kind] = _with_palette(content) if kind == "png" else content.getvalue()
    return files


def _with_palette(png: io.BytesIO) -> bytes:
    """The image in 256 colours, all close to its own: a third of the size, in a page and in each commit of it."""
    small, image = io.BytesIO(), Image.open(png).convert("RGB")
    palette = image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    palette.save(small, "png", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def colour(optimizer: str, among: Sequence[str]) -> str:
    """The optimizer's own colour; those that have none get what is left, by place."""
    unknown = [name for name in dict.fromkeys([*among, optimizer]) if name not in COLOURS]
    return COLOURS.get(optimizer) or OTHERS[unknown.index(optimizer) % len(OTHERS)]
