"""How every figure looks and how it becomes files: the same records give the same bytes, whoever draws them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 7.0  # inches: the text width of a two-column page
DPI = 200
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same picture
    "mathtext.fontset": "dejavusans",
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7.5,
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


def render(figure: Figure) -> dict[str, bytes]:
    """The figure as {"png": ..., "pdf": ...}, without a date or the drawing program's version in it."""
    files = {}
    nothing = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    for kind, metadata in nothing.items():
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
        files[kind] = content.getvalue()
    return files
