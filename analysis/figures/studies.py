"""The figures of studies, which are no grids of cells: a function for each, named as its experiment declares it."""

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import seeds
from analysis.figures.style import WIDE, colour, legend_above, plain_log, with_panels
from analysis.results.series import Variant
from analysis.results.studies import StudyResult
from analysis.results.words import DECOUPLED, L2, NAMES, SCHEDULES, format_number
from paper_repro import schedules as paper_schedules

PER_EPOCH = 40  # points of a schedule; a restart is a jump between two of them
LABELS = {"factor": "learning rate of the body / that of the head", "optimizer": ""}  # of fields of seed_dots
ROUNDING = 1e-17  # where a distance of exactly 0 is drawn
WIDTHS = (1.2, 2.4, 1.0)  # points: Adam shows under AdamW where they coincide


def schedules(study: StudyResult) -> Figure:
    """The schedule multiplier eta over the epochs, from schedules.py itself (the paper's supplementary figure 1)."""
    reading = "It multiplies the learning rate and the decoupled decay at each update. In the legend: how to name it."
    figure, (axes,) = with_panels(1, 1, 1.8, study.caption(reading))
    epochs = int(study.settings["epochs"])
    for spec in study.settings["schedules"]:
        eta, steps = paper_schedules.from_spec(spec, epochs, PER_EPOCH).eta, range(epochs * PER_EPOCH)
        label = f"{SCHEDULES.get(spec.partition(':')[0], spec)}: {spec}"
        axes.plot([step / PER_EPOCH for step in steps], list(map(eta, steps)), label=label)
    axes.set(xlabel="epoch", ylabel=r"schedule multiplier $\eta$", ylim=(0, 1.05))
    legend_above(figure, [axes], 34)
    return figure


def first_steps(study: StudyResult) -> Figure:
    """The loss of each of the first updates, a line for each optimizer. Thin: each seed. Thick: their mean."""
    count = len({row["seed"] for row in study.rows})
    reading = f"Training loss of each update's own batch. Thin: {count} seed{'s' * (count > 1)}; thick: their mean."
    figure, (axes,) = with_panels(1, 1, 2.2, study.caption(reading))
    for width, (name, rows) in zip(itertools.cycle(WIDTHS), _by(study.rows, "optimizer").items(), strict=False):
        losses, tint = [row["losses"] for row in rows], colour(name, ())
        updates = range(1, len(losses[0]) + 1)
        for line in losses:
            axes.plot(updates, line, color=tint, lw=0.3, alpha=0.5)
        rates = rf"$\alpha$ = {format_number(rows[0]['alpha'])}, $\lambda$ = {format_number(rows[0]['decay'])}"
        label = f"{NAMES.get(name, name)} ({rates})"
        axes.plot(updates, list(map(statistics.fmean, zip(*losses, strict=True))), color=tint, lw=width, label=label)
    axes.set(xlabel="update", ylabel="training loss (nats)")
    axes.legend()
    return figure


def effective_decay(study: StudyResult) -> Figure:
    """What decay takes off each weight against its gradient scale, and each tensor's effective learning rate."""
    reading = (
        "The share of a weight that decay takes off in one update (divided by the schedule multiplier), against the "
        "weight's gradient scale: medians of all weights in an octave, and 10 to 90 % of them; where L2's share turns "
        "negative it is not drawn. And the effective learning rate of each tensor, the median over its weights."
    )
    figure, (shares, rates) = with_panels(1, 2, 2.2, study.caption(reading), WIDE)
    for name, rows in _by(study.rows, "optimizer").items():
        tint, tensors = colour(name, ()), [row for row in rows if row["what"] == "parameter"]
        bins = [row for row in rows if row["what"] == "scale" and row["median"] > 0]
        scales, medians, highs = ([row[key] for row in bins] for key in ("scale", "median", "high"))
        lows = [max(row["low"], min(medians) / 10) for row in bins]
        shares.plot(scales, medians, "o-", color=tint, ms=2.5, label=NAMES.get(name, name))
        shares.fill_between(scales, lows, highs, color=tint, alpha=0.15, lw=0)
        _line(rates, tensors, "scale", "rate", "o", color=tint, alpha=0.7)
    for axes in (shares, rates):
        axes.set(xscale="log", yscale="log", xlabel=r"gradient scale $\sqrt{\hat v}$")
    shares.set_ylabel("share taken off by decay")
    shares.legend()
    rates.set_ylabel(r"effective rate $\alpha / (\sqrt{\hat v} + \epsilon)$")
    return figure


def step_cost(study: StudyResult) -> Figure:
    """Milliseconds of a step and bytes of state, a bar for each optimizer, a panel for each network."""
    models, ratios = _by(study.rows, "model"), []
    for model, rows in models.items():
        took = {row["optimizer"]: row["milliseconds"] for row in rows}
        pairs = (f"{NAMES[b]} / {NAMES[a]} {took[b] / took[a]:.2f}" for a, b in zip(L2, DECOUPLED, strict=True))
        ratios.append(f"{model}: {', '.join(pairs)}")
    reading = (
        "Best median milliseconds of a step, all optimizers in turns; torch's are the faster of fused and foreach. At "
        f"the bars: bytes of state for each parameter. Decoupled beside L2: {'; '.join(ratios)}."
    )
    figure, places = with_panels(1, len(models), 1.7, study.caption(reading))
    for axes, (model, rows) in zip(places, models.items(), strict=True):
        tints = ["0.7" if row["optimizer"].startswith("torch") else colour(row["optimizer"], ()) for row in rows]
        bars = axes.bar(range(len(rows)), [row["milliseconds"] for row in rows], color=tints)
        axes.bar_label(bars, [f"{row['bytes']:.0f} B" for row in rows])
        names = [NAMES.get(row["optimizer"], row["optimizer"]) for row in rows]
        axes.set_xticks(range(len(rows)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_title(f"{model}\n{rows[0]['parameters'] / 1e6:.3g} million parameters")
        axes.margins(y=0.15)
    places[0].set_ylabel("milliseconds")
    return figure


def propositions(study: StudyResult) -> Figure:
    """Propositions 1 to 3: distances of iterates that are equal where the paper says so."""
    reading = (
        "Distance between the last iterates of two methods, relative to how far decay moved them. 1: SGD with an L2 "
        "factor, and SGD with decay; equal at λ/α, says Proposition 1. 2: what the best L2 factor leaves of that "
        "distance under a fixed preconditioner, over the deviation of its log scales; and Adam with an L2 factor "
        "beside AdamW. 3: a fixed preconditioner with decay, and with the scaled penalty as the appendix and as the "
        "statement write it."
    )
    figure, (sgd, residual, adam, scaled) = with_panels(1, 4, 1.6, study.caption(reading))
    # A logarithmic axis has no place for a distance of exactly 0.
    rows = _by([{**row, "distance": max(row.get("distance", 0), ROUNDING)} for row in study.rows], "what")
    for axes, kind, title in ((sgd, "sgd", "1: SGD"), (adam, "adam", "2: Adam")):
        _line(axes, rows[kind], "ratio", "distance")
        axes.set(
            xscale="log", yscale="log", xlabel=r"L2 factor / ($\lambda$ / $\alpha$)", ylabel="distance", title=title
        )
    _line(residual, rows["residual"], "spread", "residual")
    residual.set(xlabel="deviation of log scales", ylabel="residual of the best L2", title="2: any preconditioner")
    for form, style in (("appendix", "o-"), ("statement", "s--")):
        _line(scaled, [row for row in rows["scaled"] if row["form"] == form], "alpha", "distance", style, label=form)
    scaled.set(xscale="log", yscale="log", xlabel=r"$\alpha$", ylabel="distance", title="3: scaled penalty")
    scaled.legend(loc="center left")
    for axes in (sgd, scaled):
        plain_log(axes.xaxis)
    return figure


def seed_dots(study: StudyResult) -> Figure:
    """Test errors by seed, a column for each value of the rows' first field."""
    variants, field = [], next(iter(study.rows[0]))
    for value, rows in _by(study.rows, field).items():
        errors = {row["seed"]: row["test_error"] for row in rows if row["test_error"] is not None}
        variants.append(Variant(NAMES.get(value, str(value)), errors, len(rows) - len(errors)))
    best = min((v for v in variants if v.errors), key=lambda v: v.mean, default=None)
    lowest = f" Lowest mean: {best.name}, {best.mean:.2f} %." if best else ""
    figure, (axes,) = with_panels(1, 1, 2.0, study.caption(seeds.READING + lowest))
    seeds.draw_panel(axes, variants)
    axes.set(xlabel=LABELS.get(field, field), ylabel="test error (%)")
    return figure


def _by(rows: Sequence[dict[str, Any]], field: str) -> dict[Any, list[dict[str, Any]]]:
    """The rows of each value of a field, in their order."""
    return {value: [row for row in rows if row[field] == value] for value in dict.fromkeys(row[field] for row in rows)}


def _line(axes: Axes, rows: Sequence[dict[str, Any]], x: str, y: str, style: str = "o-", **look: Any) -> None:
    axes.plot([row[x] for row in rows], [row[y] for row in rows], style, **look)
