"""`python -m experiments refine`: further seeds for the best cells of each map, before one of them is selected.

Which ones is decided by ranking.py as analysis decides it, so that it selects among them by all of their seeds.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.choose import chosen_cells, find
from experiments.declare import EACH_ITS_OWN, listed, parse_settings, setting
from experiments.ranking import Place, Runs, common_seeds, measure_of, rank, selection_split
from experiments.run import train
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, python_m, typed
from paper_repro.records import Record
from paper_repro.sweep.engine import kind_of

TOP = 10
MORE = 5  # seeds beside the profile's


def refine(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    experiment, profile = find(args.name, args.profile, args.quick)
    others = _read(args.records) if args.records else []
    cells, words = best_cells(args, others)
    recorded = {record["id"] for record in others}
    mine = [cell for cell in cells if cell.id not in recorded]
    if not mine:
        print("\n".join([*words, f"{args.records} has all of these runs"]))
        return 0
    names = {cell.dataset for cell in cells}
    data = {r["provenance"]["data"]["fingerprint"]: name for r in others if (name := r["cell"]["dataset"]) in names}
    return train(experiment, profile, mine, words, args, [args.records] if args.records else [], data)


def best_cells(
    args: argparse.Namespace, others: Sequence[Record] = (), mend: bool = True
) -> tuple[list[Cell], list[str]]:
    """The best cells of each map with all the seeds that they are to have, and lines that say which they are.

    Maps are of the records in args.out and of others. mend: put damaged ones aside. Raises UsageError where there is no
    map.
    """
    experiment, profile = find(args.name, args.profile, args.quick)
    if experiment.study is not None:
        raise UsageError(f"{args.name} trains no cells of a grid")
    if args.top < 2:
        raise UsageError(f"--top must be at least 2, as one cell is compared with none, got {args.top}")
    declared = chosen_cells(profile, args)
    typed_axes = [f"--{field}s" for field in ("alpha", "decay") if getattr(args, f"{field}s") is not None]
    typed_axes += [f"--set {field}" for field in EACH_ITS_OWN if field in parse_settings(args.set)]
    if typed_axes:
        raise UsageError(f"{typed_axes[0]}: the best are those of the whole map, and get the seeds 0 .. SEEDS - 1")
    maps: dict[Cell, dict[Place, dict[int, Record]]] = {kind_of(cell): {} for cell in declared}
    for record in (*_own(args.out, mend), *others):
        cell = Cell.from_dict(record["cell"])
        if (runs := maps.get(kind_of(cell))) is not None:
            runs.setdefault((cell.alpha, cell.decay), {}).setdefault(cell.seed, record)
    every = [record for runs in maps.values() for by_seed in runs.values() for record in by_seed.values()]
    split, measure = selection_split(every), measure_of(experiment.measure, every)
    seeds, words, chosen = range(args.seeds or profile.seeds + MORE), list[str](), list[Cell]()
    for kind, runs in maps.items():
        best = _best(runs, args.top, split, measure)
        if len(best) < 2:  # not run, or one cell alone
            continue
        cells = [kind.replace(alpha=alpha, decay=decay) for alpha, decay in best]
        missing = sum(seed not in runs[place] for place in best for seed in seeds)
        name = ", ".join([kind.optimizer, *(setting(field, getattr(kind, field)) for field in experiment.facets)])
        lacking = len({(cell.alpha, cell.decay) for cell in declared if kind_of(cell) == kind} - runs.keys())
        waiting = f" ({lacking} not run yet)" * bool(lacking)
        common = sorted(common_seeds(runs.values()))
        by = f"seed{'s' * (len(common) > 1)} {listed(map(str, common))}"
        places = ", ".join(f"{typed(cell.alpha)} {typed(cell.decay)}" for cell in cells)
        words += [
            f"{name}: the {len(best)} best of {len(runs)} cells{waiting} by {split} error, {by}; {missing} runs to do",
            f"  learning rate and decay: {places}",
        ]
        chosen += cells
    if not chosen:
        run = python_m("experiments", "run", args.name, "--profile", args.profile)
        where = f"{args.out}{f' or {args.records}' if others else ''}"
        data = listed({cell.dataset: None for cell in declared})
        raise UsageError(f"no map of {args.name} on {data} in {where} ({len(every)} of its records); train it: {run}")
    return [cell.replace(seed=seed) for seed in seeds for cell in chosen], words


def _best(runs: Runs, top: int, split: str, measure: str) -> list[Place]:
    """So many of the best cells; where few have all common seeds, as when many were refined, of the others too."""
    best: list[Place] = []
    while runs and len(best) < top:
        best += rank(runs, common_seeds(runs.values()), split, measure).order
        runs = {
            place: by_seed
            for place, by_seed in runs.items()
            if place not in best and all(record["status"] != "diverged" for record in by_seed.values())
        }
    return best[:top]


def _own(out: Path, mend: bool) -> Iterator[Record]:
    for name in sorted(records.names(out)):
        if record := records.read_or_put_aside(out, name, mend):
            yield record


def _read(source: Path) -> list[Record]:
    """The records of a source. Raises UsageError where there are none."""
    try:
        if source.exists() and (found := records.load(source)):
            return found
    except (OSError, records.BadRecord) as error:
        raise UsageError(str(error)) from None
    raise UsageError(f"--records {source}: no such file, or no records in it")
