"""What papers of 2022 to 2026 look at in runs and panels: the timescale of decay, norms, and how hard the learning rate
is to tune.

In their convention decay is weight_decay = lambda / alpha and an update takes off eta_t alpha weight_decay = eta_t
lambda. So the timescale 1 / (alpha weight_decay) of arXiv:2405.13698 is 1 / lambda updates. The equilibrium norm of
AdamW's weights before a normalisation is sqrt(alpha C / (2 weight_decay)) for C weights (arXiv:2305.17212): an update
of length alpha sqrt(C), at right angles to them, adds alpha^2 C to the squared norm off which decay takes 2 lambda. In
the paper's convention that is alpha sqrt(C / (2 lambda)). The steady ratio of gradient to weight norm under SGD,
sqrt(2 weight_decay / rate) (arXiv:2506.02285), is sqrt(2 lambda / eta_t) / alpha: it grows as the rate anneals.
Records hold norms of the whole network, with its biases, normalisations and last layer.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.results.panels import SAME, Panel, Tile
from analysis.results.series import updates
from analysis.results.words import Estimate
from analysis.statistics.estimate import student
from analysis.statistics.power_laws import Law
from paper_repro.records import Record

MEAN_ETA = 0.5  # of cosine annealing
CHANCE = 90.0  # percent: the error of guessing one of ten classes, and that of what diverged


def timescale_exponent(law: Law) -> Estimate | None:
    """Of 1 / lambda* in the law's quantity, from that of lambda*."""
    if law.exponent is None:
        return None
    low, high = (None if end is None else -end for end in (law.exponent.high, law.exponent.low))
    return Estimate(-law.exponent.value, low, high)


def outlasts(record: Record) -> bool:
    """Whether a run is longer than the timescale of its decay, 1 / lambda updates at the full rate, under cosine
    annealing; False where its number of updates is not known."""
    count = updates(record)
    return count is not None and MEAN_ETA * count * record["cell"]["decay"] > 1


def rise(record: Record) -> float | None:
    """log2 of gradient norm over weight norm, of the whole network, in the last tenth of the epochs against that in the
    middle tenth (geometric means); None where a norm is missing or 0."""
    rows, count = record["epochs"], len(record["epochs"])
    tenth = max(1, count // 10)
    start = (count - tenth) // 2
    if record["status"] != "finished" or count < 3:
        return None
    parts = [[_ratio(row) for row in rows[at : at + tenth]] for at in (start, count - tenth)]
    middle, end = ([each for each in part if each] for part in parts)
    if len(middle) + len(end) < 2 * tenth:
        return None
    return statistics.fmean(map(math.log2, end)) - statistics.fmean(map(math.log2, middle))


def _ratio(row: Mapping[str, float | None]) -> float | None:
    gradient, weights = row.get("gradient_norm"), row.get("weight_norm")
    return gradient / weights if gradient and weights else None


def decayed_row(panel: Panel) -> list[Tile]:
    """The tiles with a decay at the selected learning rate."""
    at = panel.best.alpha if panel.best else None
    return [tile for tile in panel.judged.values() if tile.alpha == at and tile.decay]


def rise_slopes(panel: Panel) -> list[float]:
    """Of the rise in log2 of the decay, along the selected learning rate, of each seed with three decays or more."""
    points: dict[int, list[tuple[float, float]]] = {seed: [] for seed in (panel.best.seeds if panel.best else ())}
    for tile in decayed_row(panel):
        for record in tile.records:
            if record["cell"]["seed"] in points and (value := rise(record)) is not None:
                points[record["cell"]["seed"]].append((math.log2(tile.decay), value))
    return [slope(each) for each in points.values() if len(each) > 2]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through (x, y)."""
    x, y = np.array(points).T
    x = x - x.mean()
    return float(x @ y / (x @ x))


def rises_by_place(panel: Panel) -> dict[tuple[float, float, int], float]:
    """By learning rate, decay and seed, where the run is longer than the decay's timescale."""
    return {
        (tile.alpha, tile.decay, record["cell"]["seed"]): value
        for tile in panel.judged.values()
        for record in tile.records
        if outlasts(record) and (value := rise(record)) is not None
    }


def final_norms(panel: Panel) -> dict[tuple[float, float], float]:
    """log2 of the final weight norm by (alpha, decay), mean over seeds, of runs longer than the decay's timescale."""
    result = {}
    for tile in panel.judged.values():
        if tile.diverged or not all(map(outlasts, tile.records)):
            continue
        norms = [record["epochs"][-1].get("weight_norm") for record in tile.records]
        if all(norms):
            result[tile.place] = statistics.fmean(math.log2(norm) for norm in norms)
    return result


def norm_exponents(norms: Mapping[tuple[float, float], float]) -> dict[str, Estimate]:
    """Exponents of the norm in alpha / weight_decay = alpha^2 / lambda: over the learning rates of each decay, and over
    the decays of each learning rate, each the mean of these slopes with an interval from their scatter."""
    result = {}
    for name, axis, factor in (("at fixed λ", 0, 0.5), ("at fixed α", 1, -1.0)):
        lines: dict[float, list[tuple[float, float]]] = {}
        for place, norm in norms.items():
            lines.setdefault(place[1 - axis], []).append((math.log2(place[axis]), norm))
        slopes = [factor * slope(points) for points in lines.values() if len(points) > 2]
        if len(slopes) > 1:
            result[name] = student(slopes)
    return result


def tuned_lines(panel: Panel) -> dict[str, list[Tile]]:
    """From the selected cell along the learning rate: at its lambda, and at its weight_decay = lambda / alpha; at the
    rates that both have, ascending. Empty where the cell has no decay."""
    best = panel.best
    if best is None or not best.decay:
        return {}
    both: dict[float, tuple[Tile, Tile]] = {}
    for alpha in panel.alphas:
        independent, coupled = (_tile(panel, alpha, decay) for decay in (best.decay, best.decay * alpha / best.alpha))
        if independent and coupled:
            both[alpha] = independent, coupled
    return {name: [pair[place] for pair in both.values()] for place, name in enumerate(("fixed λ", "fixed λ/α"))}


def _tile(panel: Panel, alpha: float, decay: float) -> Tile | None:
    """Of this rate and decay, which may be rounded in two ways."""
    known = panel.judged.values()
    return next((tile for tile in known if np.allclose(tile.place, (alpha, decay), rtol=SAME, atol=0)), None)


def sensitivity(line: Sequence[Tile]) -> dict[int, float]:
    """Mean over the learning rates of min(test error, CHANCE) less the lowest of them, in points, by seed; of the seeds
    that all tiles have."""
    errors: dict[int, list[float]] = {}
    for record in (record for tile in line for record in tile.records):
        final = record["final"]
        errors.setdefault(record["cell"]["seed"], []).append(min(CHANCE, final["test_error"]) if final else CHANCE)
    return {seed: statistics.fmean(each) - min(each) for seed, each in errors.items() if len(each) == len(line)}
