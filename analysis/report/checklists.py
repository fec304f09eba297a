"""The reproducibility checklists that readers and reviewers ask for, answered from the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.claims import power
from analysis.results.document import Block, Heading, Table
from analysis.results.table import Chart, provenance
from analysis.results.words import distinct_texts
from paper_repro.records import Record

CODE = (
    ("Dependencies", "pinned in `requirements.txt`; `make` installs them"),
    ("Training code", "`python -m experiments run NAME`"),
    (
        "Evaluation code",
        "within training: every record holds its validation and test errors; `python -m analysis` reads them",
    ),
    (
        "Pre-trained models",
        "none: a claim here rests on hundreds of runs, and every run's record is kept in their place",
    ),
    ("Results with the command of each", "[Results](#results): one command under each figure"),
)


def section(shown: Sequence[Chart], records: Sequence[Record]) -> Iterator[Block]:
    """ML code completeness, then what ACL and NeurIPS ask for."""
    yield Heading(2, "Reproducibility checklists", "checklists")
    yield Table(("item", "answer"), CODE, "code-completeness", "ML code completeness checklist.")
    yield Table(
        ("item", "answer"), tuple(_asked(records)), "reproducibility", "Items of the ACL and NeurIPS checklists."
    )
    header = ("sweep", "runs", "bounds of α", "bounds of λ", "other settings tried", "time of a run", "parameters")
    rows = tuple(_sweep(chart) for chart in shown if chart.records)
    yield Table(
        header, rows, "search-space", "Every sweep's search space and cost (ACL checklist: bounds, number of runs)."
    )


def _asked(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    origins = [provenance(record) for record in records]
    interrupted = power.attempts(records)
    yield "Computing infrastructure", power.listed(origin.get("hardware") for origin in origins)
    yield (
        "Number of training runs",
        f"{len(records)}, of which {sum(r['status'] == 'diverged' for r in records)} diverged",
    )
    yield "Compute", f"{power.hours(records)}, interrupted attempts of finished runs included ({interrupted} runs)"
    yield "How hyper-parameters were chosen", "grids declared in `experiments/`; the lowest validation error selects"
    yield "Validation performance for each test result", "in the CSV behind each figure, and in every record"
    yield (
        "Error bars",
        (
            "standard deviation over seeds in the maps; 95 % intervals elsewhere, computed as Method says; they "
            "cover initial weights, order of pictures and augmentation, not the choice of validation pictures"
        ),
    )
    yield (
        "Data",
        (
            "CIFAR-10: 50,000 training and 10,000 test pictures, the split kept; collected from the web for "
            "research, no licence given by its authors. cifar10-jpeg: the same, recompressed. Synthetic pictures: "
            "made by this project"
        ),
    )
    seeds = power.listed(record["cell"]["seed"] for record in records)
    yield "Seeds", f"{seeds}; order, augmentation and initial weights are functions of seed, epoch and step"
    yield "Code access", "MIT licence; every record names the commit that made it"


def _sweep(chart: Chart) -> tuple[str, ...]:
    cells = [record["cell"] for record in chart.records]
    alphas, decays = ([cell[name] for cell in cells] for name in ("alpha", "decay"))
    fields = ("optimizer", *chart.experiment.facets) if chart.experiment.facets else ("optimizer",)
    tried = "; ".join(f"{field}: {power.listed(cell[field] for cell in cells)}" for field in fields)
    seconds = sorted(record["seconds"] for record in chart.records)
    return (
        f"[{chart.stem}](records:{chart.stem})", str(len(cells)), _bounds(alphas), _bounds(decays), tried,
        f"{seconds[len(seconds) // 2]:,.1f} s (median; {seconds[0]:,.1f} to {seconds[-1]:,.1f})",
        power.listed(f"{record['parameters']:,}" for record in chart.records),
    )  # fmt: skip


def _bounds(values: Sequence[float]) -> str:
    ends = min(values), max(values)
    return " to ".join(distinct_texts(ends)[end] for end in ends)
