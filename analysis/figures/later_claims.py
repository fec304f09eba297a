"""The laws of 2017, 2024, 2025 and others on the same runs: what was measured, beside the lines of who said what.

Each panel names the year of what it is about, and gives the number that a claim of analysis/claims/recent.py is judged
by, with its interval. What was not run has none.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import COLOURS, OTHERS, WIDE, add_legend, colour, make_room, plain_log, with_panels
from analysis.results.markdown import csv_text
from analysis.results.panels import Panel
from analysis.results.words import NAMES, Estimate, format_estimate
from analysis.statistics.estimate import student
from analysis.statistics.later_laws import (
    decayed_row,
    final_norms,
    norm_exponents,
    rise,
    rise_slopes,
    sensitivity,
    timescale_exponent,
    tuned_lines,
)
from analysis.statistics.power_laws import Law

HEIGHT = 1.75  # inches of a panel
LINE = 0.09  # of an axis' height: a line of a legend
GUIDES = {"2017": "--", "2024, 2025": ":"}
LINES = {"fixed λ": ("-o", COLOURS["adamw"]), "fixed λ/α": ("--s", OTHERS[0])}
READING = "Papers of 2017 to 2026 on the same runs. Brackets and bars: 95 % intervals."
PANELS = {  # what each panel is, and how to read it
    "a": (
        "2017, 2024, 2025: batch size",
        "Best decay of AdamW against the batch size at equal epochs; dashed: as its square root (arXiv:1711.05101); "
        "dotted: in proportion (arXiv:2405.13698, arXiv:2505.13738).",
    ),
    "b": (
        "2017, 2024: budget",
        "Best timescale 1/λ of AdamW in epochs against the epochs of the run; dashed: as normalized decay has it "
        "(arXiv:1711.05101); dotted: constant (arXiv:2405.13698).",
    ),
    "c": (
        "2025: end of the run",
        "log2 of gradient over weight norm in the last tenth of the epochs against the middle tenth, at the selected "
        "learning rate (arXiv:2506.02285: above 0, and the more the larger the decay); in the legend the slope for "
        "each doubling.",
    ),
    "d": (
        "2023: weight norm",
        "Final weight norm of AdamW where the run outlasts the decay's timescale; dashed: slope 1/2 "
        "(arXiv:2305.17212).",
    ),
    "e": (
        "2023: learning rate",
        "Test error from AdamW's selected cell along the learning rate, at its λ and at its weight_decay = λ/α "
        "(arXiv:2309.14322); in the legend the mean error above the lowest.",
    ),
    "f": (
        "{years}: differences",
        "Differences in test error between selected cells; each paper says above 0 ({papers}).",
    ),
}
SAID_IN = {  # of each difference
    "Adam − AdamW": ("2017", "arXiv:1711.05101"), "without normalisation": ("2022", "arXiv:2202.00089"),
    "AdamW − corrected": ("2025", "arXiv:2506.02285"), "AdamW − cautious": ("2026", "arXiv:2510.12402"),
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """What is drawn; None and empty for what was not run. per_epoch: updates, in the runs of `budgets`. panels: of
    figure 2 by optimizer. gains: differences in points by what they compare. origin: of the records, for the
    caption."""

    sizes: Law | None = None
    budgets: Law | None = None
    per_epoch: float | None = None
    panels: Mapping[str, Panel] = field(default_factory=dict)
    gains: Mapping[str, Estimate | None] = field(default_factory=dict)
    origin: str = ""


Point = tuple[str, str, float, Estimate]  # axes, series, x, y


def draw(shown: Shown) -> Figure:
    """A panel for each of PANELS of which there is something, with letters from a on."""
    names = _lettered(shown)
    said = [SAID_IN[name] for name, gain in shown.gains.items() if gain is not None]
    years, papers = (", ".join(sorted({each[part] for each in said})) for part in (0, 1))
    titles, texts = ({name: PANELS[name][part].format(years=years, papers=papers) for name in names} for part in (0, 1))
    reading = " ".join([READING, *(f"({letter}) {texts[name]}" for name, letter in names.items())])
    figure, places = with_panels(1, len(names) or 1, HEIGHT, f"{reading}\n{shown.origin}", WIDE)
    of_panels = (_draw_sizes, _draw_budgets, _draw_rises, _draw_norms, _draw_lines, _draw_gains)
    drawers = dict(zip(PANELS, of_panels, strict=True))
    for axes, name in zip(places, names, strict=False):
        axes.set_title(f"{names[name]}  {titles[name]}", loc="left", pad=3)
        drawers[name](axes, shown)
    if not names:
        places[0].text(0.5, 0.5, "not run", ha="center")
    return figure


def numbers(shown: Shown) -> str:
    """All points as CSV."""
    letters = _lettered(shown)
    rows = [(letters[axes], series, x, y.value, y.low, y.high) for axes, series, x, y in _points(shown)]
    return csv_text(["axes", "series", "x", "value", "low", "high"], rows)


def _lettered(shown: Shown) -> dict[str, str]:
    """The letter of each of PANELS that is drawn."""
    return dict(zip(dict.fromkeys(axes for axes, *_ in _points(shown)), PANELS, strict=False))


def _points(shown: Shown) -> Iterator[Point]:
    for name, law in (("a", shown.sizes), ("b", shown.budgets)):
        for x, y in _best(law, None if name == "a" else shown.per_epoch):
            yield name, "AdamW", x, y
    for optimizer, panel in shown.panels.items():
        for x, y in _rises(panel):
            yield "c", NAMES[optimizer], x, y
    if (adamw := shown.panels.get("adamw")) is not None:
        for (alpha, decay), norm in final_norms(adamw).items():
            yield "d", f"alpha {alpha:g}", alpha**2 / decay, Estimate(2**norm, None, None)
        for name, line in tuned_lines(adamw).items():
            for tile in line:
                if tile.test_error is not None:
                    yield "e", name, tile.alpha, student(tile.errors())
    for name, gain in shown.gains.items():
        if gain is not None:
            yield "f", name, 0.0, gain


def _best(law: Law | None, per_epoch: float | None) -> list[tuple[float, Estimate]]:
    """Best decays, or with updates per epoch their timescales in epochs; without those on the grid boundary."""
    if law is None:
        return []
    result = []
    for x, best in law.best:
        if best is not None:
            ends = [None if end is None else 2.0**end for end in (best.value, best.low, best.high)]
            if per_epoch is not None:
                value, high, low = (None if end is None else 1 / end / per_epoch for end in ends)
                ends = [value, low, high]
            result.append((x, Estimate(ends[0] or 0.0, *ends[1:])))
    return result


def _rises(panel: Panel) -> list[tuple[float, Estimate]]:
    """By decay, at the selected learning rate, over seeds."""
    values = {
        tile.decay: [value for r in tile.records if (value := rise(r)) is not None] for tile in decayed_row(panel)
    }
    return sorted((decay, student(each)) for decay, each in values.items() if each)


def _bars(axes: Axes, points: Sequence[tuple[float, Estimate]], style: str, tint: str, label: str) -> None:
    """A line through the values, with their intervals."""
    for x, y in points:
        if y.low is not None and y.high is not None:
            axes.plot([x, x], [y.low, y.high], "-", lw=0.8, color=tint)
    axes.plot([x for x, _ in points], [y.value for _, y in points], style, ms=3, lw=0.7, color=tint, label=label)


def _draw_law(axes: Axes, points: Sequence[tuple[float, Estimate]], label: str, powers: Sequence[float]) -> None:
    """powers: of 2017 and of 2024/25, drawn through the middle of the points."""
    if not points:
        return
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    _bars(axes, points, "-o", COLOURS["adamw"], label)
    x, y = np.log2([(x, y.value) for x, y in points]).T
    for (year, style), power in zip(GUIDES.items(), powers, strict=True):
        axes.plot(2**x, 2 ** (y.mean() + power * (x - x.mean())), style, lw=0.7, color="0.5", zorder=0, label=year)
    axes.set_xticks(2**x, [f"{each:g}" for each in 2**x])
    axes.minorticks_off()
    plain_log(axes.yaxis)
    make_room(axes, 3 * LINE, 0)
    add_legend(axes, "upper left")


def _headed(axes: Axes) -> None:
    """A legend above what is drawn on linear axes."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 2 * LINE / (1 - 2 * LINE) * (high - low))
    add_legend(axes, "upper left")


def _draw_sizes(axes: Axes, shown: Shown) -> None:
    exponent = shown.sizes and format_estimate(shown.sizes.exponent)
    _draw_law(axes, _best(shown.sizes, None), f"exponent {exponent}", (0.5, 1.0))
    axes.set(xlabel="batch size", ylabel=r"best $\lambda$")


def _draw_budgets(axes: Axes, shown: Shown) -> None:
    points = _best(shown.budgets, shown.per_epoch) if shown.per_epoch else []
    exponent = shown.budgets and format_estimate(timescale_exponent(shown.budgets))
    _draw_law(axes, points, f"exponent {exponent}", (0.5, 0.0))
    axes.set(xlabel="epochs", ylabel=r"best $1/\lambda$ (epochs)")


def _draw_rises(axes: Axes, shown: Shown) -> None:
    for optimizer, panel in shown.panels.items():
        if not (points := _rises(panel)):
            continue
        slopes = rise_slopes(panel)
        text = format_estimate(student(slopes)) if slopes else "slope not known"
        _bars(axes, points, "-o", colour(optimizer, ()), f"{NAMES[optimizer]}: {text}")
    if axes.lines:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
        axes.axhline(0, lw=0.6, color="0.5", zorder=0)
        _headed(axes)
    axes.set(xlabel=r"$\lambda$", ylabel="log2 of end over middle")


def _draw_norms(axes: Axes, shown: Shown) -> None:
    panel = shown.panels.get("adamw")
    norms = final_norms(panel) if panel else {}
    if not norms:
        return
    alphas = sorted({alpha for alpha, _ in norms})
    for place, alpha in enumerate(alphas):
        line = sorted((alpha**2 / decay, 2**norm) for (rate, decay), norm in norms.items() if rate == alpha)
        tint = colormaps["viridis"](0.9 * place / max(1, len(alphas) - 1))
        label = rf"$\alpha$ = {alpha:g}" if place in (0, len(alphas) - 1) else None
        axes.plot([x for x, _ in line], [y for _, y in line], "-o", ms=2, lw=0.7, color=tint, label=label)
    x, y = np.log2([(alpha**2 / decay, 2**norm) for (alpha, decay), norm in norms.items()]).T
    ends = np.array([x.min(), x.max()])
    axes.plot(2**ends, 2 ** (np.median(y) + (ends - np.median(x)) / 2), "--", lw=0.7, color="0.5", zorder=0)
    axes.set(xscale="log", yscale="log", xlabel=r"$\alpha^2/\lambda$ = $\alpha$ / weight_decay", ylabel="norm")
    texts = [f"{name} {format_estimate(part)}" for name, part in norm_exponents(norms).items()]
    axes.plot([], [], " ", label="exponents\n" + "\n".join(texts))
    add_legend(axes, "lower right")


def _draw_lines(axes: Axes, shown: Shown) -> None:
    panel = shown.panels.get("adamw")
    for name, line in (tuned_lines(panel) if panel else {}).items():
        points = [(tile.alpha, student(tile.errors())) for tile in line if tile.test_error is not None]
        by_seed = list(sensitivity(line).values())
        words = f"{name}: {statistics.fmean(by_seed):.2f} points" if by_seed else name
        _bars(axes, points, *LINES[name], words)
    if axes.lines:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
        _headed(axes)
    axes.set(xlabel=r"$\alpha$", ylabel="test error (%)")


def _draw_gains(axes: Axes, shown: Shown) -> None:
    known = {name: gain for name, gain in shown.gains.items() if gain is not None}
    for place, gain in enumerate(known.values()):
        axes.plot([gain.value], [place], "o", ms=3, color="black")
        if gain.low is not None and gain.high is not None:
            axes.plot([gain.low, gain.high], [place, place], "-", lw=0.8, color="black")
    if known:
        names = [f"{name}\n{format_estimate(gain)}" for name, gain in known.items()]
        axes.set_yticks(range(len(known)), names)
        axes.set(ylim=(len(known) - 0.5, -0.5), xlabel="points")
        axes.axvline(0, lw=0.6, color="0.5", zorder=0)
