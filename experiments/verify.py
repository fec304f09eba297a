"""`python -m experiments verify`: train some recorded cells again, here, and compare them with their records."""

import argparse
import os
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from experiments import get
from experiments.choose import bare, check_out
from paper_repro import records
from paper_repro.cell import Cell
from paper_repro.cli import UsageError, plain, price
from paper_repro.records import BadRecord, Record, provenance
from paper_repro.records.comparison import Comparison, compare, noise
from paper_repro.sweep import engine

RECORDED = Path(__file__).parent / "recorded"
COLUMNS = {
    "test_error": ("test error, %", ".2f"), "validation_error": ("validation error, %", ".2f"),
    "train_loss": ("training loss", ".4f"), "train_error": ("training error, %", ".2f"),
}  # fmt: skip
DESCRIPTION = """Train a sample of recorded cells again, here, and compare: equal to the last bit, as is to be expected
on the same kind of processor with the same torch, or by how much each final number differs, beside the standard
deviation between seeds. Exit codes: 0 none by more than 4 deviations, 1 one is, ends otherwise (finished, diverged) or
cannot be trained, 2 bad argument, 130 stopped by Ctrl-C."""
Source = tuple[str, str, str]  # name and fingerprint of the data, and "cpu" or "cuda"


def add_command(commands: Any) -> None:
    """The verb `verify` of python -m experiments; commands: the subparsers of its parser."""
    epilog = "example: python -m experiments verify --records experiments/recorded/fig2-demo.jsonl --cells 2"
    words = "train some recorded cells again, here, and compare"
    parser = commands.add_parser("verify", help=words, description=DESCRIPTION, epilog=epilog)
    parser.set_defaults(command=verify)
    add = parser.add_argument
    words = "a .jsonl file, an output folder or a folder of such files (default: the committed ones of figure 2, cpu)"
    add("--records", type=Path, nargs="+", metavar="FILE", help=words)
    add("--cells", type=int, default=10, help="so many, drawn at random (default 10)")
    add("--seed", type=int, default=0, help="of the draw: the same cells for the same records (default 0)")
    add("--data", type=Path, help="an .npz file, or the folder that keeps what is downloaded or decoded (default data)")
    add("--out", type=Path, help="folder to keep what is trained in (default: none)")


def verify(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    if args.cells < 1:
        raise UsageError(f"--cells must be at least 1, got {args.cells}")
    known = _read(args.records)
    places = _places(known, args.data)
    here = [record for record in known if _source(record) in places]
    if not here:
        raise UsageError("none of these records can be trained again here")
    chosen = random.Random(args.seed).sample(here, min(args.cells, len(here)))
    took = price(sum(record["seconds"] for record in chosen))
    print(f"{len(chosen)} of {len(here)} recorded cells, drawn with --seed {args.seed}; they took {took}", flush=True)
    with ExitStack() as stack:
        if args.out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verify-")))
        else:
            check_out(out := args.out)
        for source in dict.fromkeys(map(_source, chosen)):
            cells = [Cell.from_dict(record["cell"]) for record in chosen if _source(record) == source]
            workers = len(os.sched_getaffinity(0)) if source[2] == "cpu" else 1
            if engine.run(cells, out, places[source], workers, source[2]).stopped:
                kept = "saved: type the same command to go on" if args.out else "not kept: pass --out FOLDER to keep it"
                print(f"stopped; what was trained is {kept}")
                return 130
        again = {record["id"]: records.read(out, record["id"]) for record in chosen}
    finals = {Cell.from_dict(record["cell"]): record["final"] for record in known}
    chosen.sort(key=lambda record: str(record["id"]))
    compared = [
        compare(record, again[record["id"]], noise(Cell.from_dict(record["cell"]), finals)) for record in chosen
    ]
    print("\n".join(report(compared)))
    return int(any(each.is_refuted for each in compared))


def _source(record: Record) -> Source:
    origin = record["provenance"]
    device = "cuda" if provenance.is_of_gpu(origin) else "cpu"
    return record["cell"]["dataset"], origin["data"]["fingerprint"], device


def _read(sources: Sequence[Path] | None) -> list[Record]:
    """All records of these files and folders, sorted by id; without any, the committed ones of figure 2's profile cpu.

    Raises UsageError for what cannot be read, and where two disagree about a cell.
    """
    once: dict[str, Record] = {}
    try:
        for source in sources or [RECORDED]:
            if not source.exists():
                raise UsageError(f"no such file or folder: {source}")
            for record in records.load(source):
                if once.setdefault(record["id"], record)["checksum"] != record["checksum"]:
                    raise BadRecord(f"{source}: record {record['id']} differs from another source's; pass one of them")
    except BadRecord as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or source}: {error.strerror}") from None
    if sources is None:
        declared = set(map(bare, get("fig2").profiles["cpu"].cells))
        once = {name: record for name, record in once.items() if bare(Cell.from_dict(record["cell"])) in declared}
    return [once[name] for name in sorted(once)]


def _places(known: Sequence[Record], data: Path | None) -> dict[Source, Path]:
    """Where the data of these records are: an .npz file, or the folder of built-in ones. What is not here is printed.

    Raises UsageError for a typed file that none of them was made from.
    """
    from paper_repro.data import load, load_npz

    places, counts, typed = dict[Source, Path](), Counter(map(_source, known)), ""
    folder = data if data and data.is_dir() else Path("data")
    if data and folder != data:
        try:
            typed = load_npz(data, "").fingerprint
        except ValueError as error:
            raise UsageError(str(error)) from None
        if typed not in {fingerprint for _, fingerprint, _ in counts}:
            raise UsageError(f"--data {data}: its fingerprint is {typed}, and none of these records was made from it")
    for (name, fingerprint, device), count in sorted(counts.items()):
        try:
            if device == "cuda" and not _has_gpu():
                raise ValueError("trained on a GPU, and torch sees none here")
            if typed != fingerprint and (found := load(name, folder).fingerprint) != fingerprint:
                raise ValueError(f"made from data of fingerprint {fingerprint}; here it is {found}")
            places[name, fingerprint, device] = data if data and typed == fingerprint else folder
        except ValueError as error:  # DataError is one
            print(f"left out: {count} cell{'s' * (count > 1)} on {name}: {error}", flush=True)
    return places


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def report(compared: Sequence[Comparison]) -> list[str]:
    """The lines to print: a table in Markdown with a row a cell, the machines, and what came out in one sentence."""
    rows = [["cell", "result", "unlike", *(title for title, _ in COLUMNS.values())]]
    for each in compared:
        numbers = [_number(each, name, form) for name, (_, form) in COLUMNS.items()]
        rows.append([each.record["id"], _result(each), ", ".join(_unlike(each)), *numbers])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    lines.insert(1, f"| {' | '.join('-' * width for width in widths)} |")
    machines = [f"recorded on {_machines([each.record for each in compared])}"]
    again = [each.again for each in compared if each.again]
    machines += [f"trained here on {_machines(again)}"] * bool(again)
    note = "numbers: as recorded, the difference here, ± the standard deviation between seeds"
    strange = sum(not (each.is_equal or each.is_refuted or _unlike(each)) for each in compared)
    doubt = [f"{strange} should be equal: processor, torch and code are the same"] * bool(strange)
    return ["", *lines, "", note, *machines, *doubt, summary(compared)]


def summary(compared: Sequence[Comparison]) -> str:
    """What came out, in one sentence."""
    refuted = [each.record["id"] for each in compared if each.is_refuted]
    parts = [f"{sum(each.is_equal for each in compared)} of {len(compared)} cells are equal to the last bit"]
    others = [each for each in compared if not each.is_equal and not each.is_refuted]
    if near := [each.deviations for each in others if each.deviations is not None]:
        parts.append(f"{len(near)} within {max(near):.2g} deviations between seeds")
    if len(near) < len(others):
        parts.append(f"{len(others) - len(near)} not (and noise is not known, as no other cell has two seeds)")
    if moved := [each.changes["test_error"].difference for each in others if each.changes]:
        most, average = max(map(abs, moved)), statistics.mean(moved)
        parts.append(f"their test errors {most:.2f} points apart at most and {average:+.2f} on average")
    if refuted:
        parts.append(f"{len(refuted)} not reproduced: {' '.join(refuted)}")
    return f"{'not ' * bool(refuted)}verified: {', '.join(parts)}"


def _result(compared: Comparison) -> str:
    record, again = compared.record, compared.again
    if again is None or again["status"] != record["status"]:
        return f"{record['status']}, here {again['status'] if again else 'failed'}"
    if compared.is_equal or compared.deviations is None:
        return "equal" if compared.is_equal else "not equal"
    return f"{compared.deviations:.2g} deviations"


def _number(compared: Comparison, name: str, form: str) -> str:
    if name not in compared.changes:
        return ""
    recorded, difference, deviation = compared.changes[name]
    return f"{recorded:{form}} {difference:+{form}}" + (f" ± {deviation:{form}}" if deviation is not None else "")


def _unlike(compared: Comparison) -> list[str]:
    """What the two runs were made with that differs and may change a number."""
    if compared.again is None:
        return []
    before, now = compared.record["provenance"], compared.again["provenance"]
    labels, cell = {provenance.label(origin) for origin in (before, now)}, Cell.from_dict(compared.record["cell"])
    differs = {
        "data": before["data"]["fingerprint"] != now["data"]["fingerprint"],
        "processor": before["hardware"] != now["hardware"],
        "torch": _torch(before) != _torch(now),
        "code": len(labels) > 1 and not all(provenance.has_same_numbers(label, cell) for label in labels),
    }
    return [name for name, does in differs.items() if does]


def _torch(origin: Mapping[str, Any]) -> str:
    return f"torch {origin.get('versions', {}).get('torch', 'unknown')}"


def _machines(known: Sequence[Record]) -> str:
    origins = [record["provenance"] for record in known]
    counts = Counter(f"{each['hardware']}, {_torch(each)}, {provenance.label(each)}" for each in origins)
    return "; ".join(plain(f"{words} ({count} cell{'s' * (count > 1)})") for words, count in counts.most_common())
