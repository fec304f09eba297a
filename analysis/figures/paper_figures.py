"""Our records laid out as the paper's figures (paper_layout.py), drawn panel by panel as in our own figures."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import curves, long_runs
from analysis.figures.captions import caption, error_name, reading_maps
from analysis.figures.heat_maps import compose, scale_of, title
from analysis.figures.layouts import Laid, Place, missing
from analysis.figures.style import not_run, with_panels
from analysis.results.maps import Spot
from analysis.results.panels import Panel, panels
from analysis.results.table import Chart
from analysis.results.words import NAMES, SCHEDULES, facet_text
from paper_repro.cell import Cell

MODULES: dict[str, ModuleType] = {"curves": curves, "long_runs": long_runs}
UNITS = {"step": "raw", "normalized": "normalized"}
BUDGETS = ("shortest", "middle", "longest")


def draw(shown: Laid) -> Figure:
    """The figure."""
    ours = {name: panels(chart) for name, chart in shown.charts.items()}
    if shown.figure.places[0].shows == "map":
        return _draw_maps(shown, ours)
    return _draw_plots(shown, ours)


def _draw_maps(shown: Laid, ours: dict[str, list[Panel]]) -> Figure:
    spots = [_spot(place, shown, ours) for place in shown.figure.places]
    captions = [_maps_caption(shown, chart, ours[name]) for name, chart in shown.charts.items()]
    return compose(spots, shown.figure.columns, "\n".join(captions))


def _spot(place: Place, shown: Laid, ours: dict[str, list[Panel]]) -> Spot:
    """The map that stands in a place, under its own colours or those of all maps of its experiment."""
    chart = shown.charts.get(place.experiment)
    found = [panel for panel in ours[place.experiment] if place.holds(panel, chart)] if chart else []
    if chart is None or not found:
        return Spot(_expected(place))
    together = found if shown.figure.own_scales else ours[place.experiment]
    first, rest = title(found[0]).split("\n", 1)
    where = f", {chart.dataset}" if len(shown.figure.experiments) > 1 else ""
    return Spot(f"{first}{where}\n{rest}", found[0], scale_of(together, f"{error_name(chart)} (%)"))


def _expected(place: Place) -> str:
    """What would stand in a place, and the experiment that runs it."""
    words = [NAMES[place.optimizers[0]]]
    words += [SCHEDULES[place.schedule]] if place.schedule else []
    words += [UNITS[place.decay_unit]] if place.decay_unit else []
    words += [f"{BUDGETS[place.budget]} budget"] if place.budget is not None else []
    return f"{', '.join(words)}\n(experiment {place.experiment})"


def _maps_caption(shown: Laid, chart: Chart, ours: Sequence[Panel]) -> str:
    scale = scale_of(ours, "")
    if not shown.figure.own_scales:
        return _caption(shown, chart, reading_maps(chart, ours, scale.high if scale.clipped else None))
    own = "Each map has colours of its own, clipped at the median of its errors."
    return _caption(shown, chart, f"{own} {reading_maps(chart, ours, None)}")


def _draw_plots(shown: Laid, ours: dict[str, list[Panel]]) -> Figure:
    """Parts of figures of curves or long runs, from one row to the next."""
    figure, chart = shown.figure, next(iter(shown.charts.values()))
    kinds = {name: MODULES[each.experiment.figure] for name, each in shown.charts.items()}
    captions = [_caption(shown, each, kinds[name].reading(each, ours[name])) for name, each in shown.charts.items()]
    height = kinds[chart.experiment.name].HEIGHT
    rows = -(-len(figure.places) // figure.columns)
    drawn, places = with_panels(rows, figure.columns, height, "\n".join(captions))
    for axes, place in zip(places, figure.places, strict=True):
        if each := shown.charts.get(place.experiment):
            kinds[place.experiment].draw_part(axes, place.shows, each, ours[place.experiment])
            if len(figure.experiments) > 1:
                axes.set_title(each.dataset, loc="left", pad=4)
            _tell_missing(axes, missing(place, each, ours[place.experiment]), each)
        else:
            not_run(axes)
            axes.set_title(f"experiment {place.experiment}", pad=4)
    _add_legends(shown, places)
    return drawn


def _tell_missing(axes: Axes, cells: Sequence[Cell], chart: Chart) -> None:
    """Above a plot, the curves that it lacks."""
    words = [
        ", ".join(filter(None, (NAMES[c.optimizer], facet_text({f: getattr(c, f) for f in chart.experiment.facets}))))
        for c in cells
    ]
    if words:
        axes.set_title(f"not run: {'; '.join(words)}", fontsize=6, color="0.4", loc="right", pad=3)


def _add_legends(shown: Laid, places: Sequence[Axes]) -> None:
    """Curves are named once for each experiment, in its last plot; long runs name their own."""
    last = {place.experiment: number for number, place in enumerate(shown.figure.places)}
    for name, chart in shown.charts.items():
        axes = places[last[name]]
        if chart.experiment.figure != "curves" or not axes.lines:
            continue
        if shown.figure.places[last[name]].shows == "losses":
            curves.add_legend(axes, "lower left")
        else:
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.35 * (high - low))  # above the spikes of restarts
            curves.add_legend(axes, "upper right")


def _caption(shown: Laid, chart: Chart, reading: str) -> str:
    return f"Laid out as the paper's {shown.figure.number}. {caption(chart, reading)}"
