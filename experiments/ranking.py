"""Which cells of a map are best: where `analysis` puts its star, and what `refine` runs further seeds of.

Cells are ranked by their mean error over the seeds that nearly all of them have (common_seeds). Where the foremost
have more seeds than that in common, they are ranked anew by all of these, so that a cell which one lucky seed brought
to the front falls back.

What remains: the runs that select a cell are among those that are reported. Where validation images select, the noise
of the test images plays no part, but how good a network the seed happened to give lowers both errors, so the selected
cell's test error is a little too low, by less the more seeds there are. Comparisons use all its seeds.
"""

import math
import operator
import statistics
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from paper_repro.cli import UsageError

Place = tuple[float, float]  # alpha, decay
Runs = Mapping[Place, Mapping[int, Mapping[str, Any]]]  # the records of each cell of a map by seed


class Ranking(NamedTuple):
    """order: the cells that may be compared, best first. refined: those of them, best first, that were ranked by more
    seeds than the map has in common, and by which. best: None where all diverged."""

    order: list[Place]
    refined: dict[Place, set[int]]
    best: Place | None


def rank(runs: Runs, needed: set[int], split: str, measure: str) -> Ranking:
    """Rank the cells that have all the needed seeds, none of them diverged: a mean over one lucky seed must not win
    against a mean over three. Equal errors are ranked by the loss of the same split, then alpha, decay.

    One that diverged with a further seed is ranked behind those that it was compared with, and never the best. Raises
    UsageError as error_of().
    """

    def diverged(place: Place, seeds: set[int]) -> bool:
        return any(runs[place][seed]["status"] == "diverged" for seed in seeds)

    def rank_by(seeds: set[int], places: Iterable[Place]) -> list[Place]:
        def key(place: Place) -> tuple[float, ...]:
            if diverged(place, seeds):
                return math.inf, math.inf, *place
            records = [runs[place][seed] for seed in sorted(seeds)]
            losses = [record["final"].get(f"{split}_loss") for record in records]
            # Rounded, so that equal error counts summed in another order stay equal.
            error = round(statistics.fmean(error_of(record, split, measure) for record in records), 9)
            return error, math.inf if None in losses else statistics.fmean(losses), *place

        return sorted(places, key=key)

    order = rank_by(needed, (place for place in runs if needed <= runs[place].keys() and not diverged(place, needed)))
    seeds, by = needed, dict.fromkeys(order, needed)
    while True:  # the ten best by five seeds, and of these perhaps the two best by twenty
        shared = list(accumulate((set(runs[place]) for place in order), operator.and_))
        count = sum(len(each) > len(seeds) for each in shared)
        if count < 2:
            break
        seeds = shared[count - 1]
        order[:count] = rank_by(seeds, order[:count])
        by |= dict.fromkeys(order[:count], seeds)
    refined = {place: by[place] for place in order if by[place] != needed}
    return Ranking(order, refined, next((place for place in order if not diverged(place, by[place])), None))


def common_seeds(seeds_of_cells: Iterable[Iterable[int]]) -> set[int]:
    """The seeds by which a map is judged, of the sets that its cells have.

    Further seeds count, but not at the price of many cells, among which the best may be: the number of seeds times the
    cube of the number of cells that have them is largest. So a fourth seed that is under way waits for 91 % of the
    cells, a second one for 80 %; and where 70 % have three seeds, a column that was added with one stands aside.
    """
    cells = [frozenset(seeds) for seeds in seeds_of_cells]

    def weight(seeds: frozenset[int]) -> tuple[int, int, list[int]]:
        count = sum(seeds <= each for each in cells)
        return len(seeds) * count**3, count, sorted(seeds)

    return set(max(set(cells), key=weight, default=()))


def selection_split(records: Iterable[Mapping[str, Any]]) -> str:
    """The split that selects: validation where images were held out, if not test, as the paper did."""
    return "validation" if any(record["cell"]["validation_examples"] for record in records) else "test"


def measure_of(wanted: str, records: Iterable[Mapping[str, Any]]) -> str:
    """What is taken of the final numbers: an experiment's measure, plain error where the records lack that."""
    finals = [record["final"] for record in records if record["final"]]
    return wanted if finals and all(f"test_{wanted}" in final for final in finals) else "error"


def error_of(record: Mapping[str, Any], split: str, measure: str) -> float:
    """The final number of a finished record. Raises UsageError where it does not hold it."""
    if (value := record["final"].get(name := f"{split}_{measure}")) is None:
        raise UsageError(f"record {record['id']} is finished but holds no {name}")
    return float(value)
