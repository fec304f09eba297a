"""Speed of this project beside plain PyTorch, in one run on this machine: python -m experiments bench.

Machines differ and are noisy, so only the ratio of two numbers measured together means something.
"""

import argparse
import csv
import importlib.metadata
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_repro.cli import UsageError, no_such

COLUMNS = ("what", "ours", "opponent", "unit", "ratio", "hardware", "versions")


@dataclass(frozen=True)
class Row:
    """One comparison. ratio: ours / opponent; for rates more is better, for times and memory less."""

    what: str
    ours: float
    opponent: float | None
    unit: str

    @property
    def ratio(self) -> float | None:
        return self.ours / self.opponent if self.opponent else None


def add_commands(commands: Any) -> None:
    """The verbs `bench` and `check-gpu` of python -m experiments; commands: the subparsers of its parser."""
    example = "example: python -m experiments"
    words = "speed of this machine: plain PyTorch beside ours"
    bench = commands.add_parser("bench", help=words, epilog=f"{example} bench --quick")
    bench.set_defaults(command=_bench)
    bench.add_argument("--quick", action="store_true", help="a minute on two cores: rougher, nothing compiled")
    bench.add_argument("--csv", type=Path, help="also write the table here")
    bench.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    words = "whether a GPU trains right and how fast (docs/gpu.md)"
    check = commands.add_parser("check-gpu", help=words, epilog=f"{example} check-gpu --only recorded,packed")
    check.set_defaults(command=_check_gpu)
    check.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda; cpu rehearses, with --tiny")
    check.add_argument("--tiny", action="store_true", help="small nets and short measurements")
    check.add_argument("--seconds", type=float, default=300, help="for all of it (default: 300)")
    words = "correctness, speed or some of their steps, as in packed,kernels"
    check.add_argument("--only", metavar="NAMES", help=words)
    check.add_argument("--out", type=Path, default=Path("gpu_check"), help="folder of log, results.json, kernels.txt")


def _check_gpu(args: argparse.Namespace) -> int:
    from benchmarks import gpu_check

    only = args.only.split(",") if args.only else []
    for name in only:
        if name not in gpu_check.NAMES:
            raise UsageError(f"--only: {no_such('step', name, gpu_check.NAMES)}")
    if not 0 < args.seconds <= 86400:
        raise UsageError(f"--seconds must lie between 0 and 86400, got {args.seconds}")
    chosen = device(args.device)
    if chosen == "cpu" and args.device is None:
        raise UsageError("torch sees no GPU here; to rehearse the check without one, add --device cpu --tiny")
    return gpu_check.check(chosen, args.tiny, args.seconds, only, args.out)


def rows(device: str, quick: bool) -> Iterator[Row]:
    """All comparisons, one after the other. quick: within a minute on two cores, nothing compiled."""
    from benchmarks import optimizer_step, overhead, training

    yield from training.rows(device, quick)
    yield from optimizer_step.rows(device, 3 if quick else 40)
    yield from overhead.rows(100 if quick else 10_000)


def _bench(args: argparse.Namespace) -> int:
    """Print the rows as they come. Raises UsageError where the file cannot be written."""
    chosen, csv_file = device(args.device), args.csv
    try:
        if csv_file:
            csv_file.open("a").close()  # rather now than after twenty minutes
    except OSError as error:
        raise UsageError(str(error)) from None
    print(f"{hardware(chosen)}; {versions()}\n{HEADER}", flush=True)
    table = []
    for row in rows(chosen, args.quick):
        table.append(row)
        print(line(row), flush=True)
    if csv_file:
        write_csv(csv_file, table, chosen)
    return 0


def line(row: Row) -> str:
    """The row as a line of the printed table, without a line end."""
    opponent, ratio = ("" if value is None else f"{value:.4g}" for value in (row.opponent, row.ratio))
    return f"{row.what:<66} {row.ours:>9.4g} {opponent:>9} {ratio:>7}  {row.unit}"


HEADER = f"{'what':<66} {'ours':>9} {'opponent':>9} {'ratio':>7}  unit"


def write_csv(path: Path, table: Sequence[Row], device: str) -> None:
    """The rows with the hardware and the versions they were measured on."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in table:
            writer.writerow([row.what, row.ours, row.opponent, row.unit, row.ratio, hardware(device), versions()])


def device(name: str | None) -> str:
    """What to measure: the named device, or a GPU where there is one. Raises UsageError for a GPU without one."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here")
    return name or ("cuda" if torch.cuda.is_available() else "cpu")


def hardware(device: str) -> str:
    """Of the device, in words."""
    from paper_repro.records import provenance
    from paper_repro.sweep import engine

    if device != "cpu":
        return provenance.hardware(device)
    tunables = os.environ.get("GLIBC_TUNABLES", engine.TRAINING["GLIBC_TUNABLES"])
    pages = ", ours in huge pages" * ("hugetlb" in tunables)
    return f"{len(os.sched_getaffinity(0))} x {provenance.hardware(device)}{pages}"


def versions() -> str:
    """The code and the library that were measured."""
    from paper_repro.records import provenance

    torch = importlib.metadata.version("torch")
    code = provenance.code()
    return f"commit {code['commit'][:12]}{' with changes' * code['dirty']}, torch {torch}"


def together(
    work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], settings: Mapping[str, str] = {}
) -> list[Any]:
    """work(*a) for each a, all at once, each in a fresh process: threads and history of this one change speeds.

    settings: environment variables of those processes, unless they are set already.
    """
    context = multiprocessing.get_context("spawn")
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        with ProcessPoolExecutor(len(arguments), mp_context=context) as pool:
            return [task.result() for task in [pool.submit(work, *each) for each in arguments]]
    finally:
        for name in added:
            del os.environ[name]
