"""The paper's own figures as data (experiments/published): readings with their error and clipping, as panels."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from analysis.results.panels import Panel, Tile
from paper_repro.cli import UsageError

FILE = Path(__file__).resolve().parents[2] / "experiments" / "published" / "figures.csv"
# Of one run, in points of top-1 error after 100 epochs, from tiles that the paper's figures show twice (the columns
# without decay, where both optimizers of a pair are one, and two panels of supplementary figure 3).
RUN_SIGMA = 0.14
WORDS = {"fixed": "fixed rate", "cifar": "CIFAR-10", "in32": "ImageNet32x32", "raw": "per update", "norm": "normalized"}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a figure. alpha, decay, reading_error: None where it does not say. among_best_ten: circled in the
    paper. line: where it stands in the file."""

    figure: str
    panel: str
    optimizer: str
    dataset: str
    epochs: int
    epoch: int
    metric: str
    alpha: float | None = None
    decay_kind: str = ""
    decay: float | None = None
    value: Annotated[float, msgspec.Meta(ge=0, le=100)]
    censored: Literal["", "ge"] = ""
    reading_error: float | None = None
    schedule: str = ""
    among_best_ten: bool = False
    line: int

    @property
    def clipped(self) -> bool:
        """Whether it is only known to be at least this."""
        return self.censored == "ge"


def load(path: Path = FILE) -> list[Reading]:
    """All readings. Raises UsageError, naming the line, for a file that is not what it should be."""
    readings = []
    with open(path, newline="", encoding="utf-8") as lines:
        for line, row in enumerate(csv.DictReader(lines), 2):
            try:
                fields = {name: text for name, text in row.items() if text} | {"line": line}
                readings.append(msgspec.convert(fields, Reading, strict=False))
            except msgspec.ValidationError as error:
                raise UsageError(f"{path}, line {line}: not a reading ({error})") from None
    return readings


def rows(readings: Iterable[Reading], path: Path = FILE) -> str:
    """The header and the lines of the file that hold these readings, as they stand there."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[place - 1] for place in (1, *sorted(reading.line for reading in readings)))


def words(panel: str) -> str:
    """The name of a panel, less its optimizer, to read: "cifar_raw_25" as "CIFAR-10, per update, 25 epochs"."""
    parts = panel.replace("step_drop", "step drops").split("_")
    return ", ".join(
        f"{part} epoch{'s' * (part != '1')}" if part.isdigit() else WORDS.get(part, part) for part in parts
    )


def panel_of(readings: Sequence[Reading], facets: Sequence[str] = ()) -> Panel:
    """A heat map of the paper as a panel of ours: a run of each tile, the lowest reading selected.

    facets: the fields of a reading that set it apart. A tile says its value to the decimals that its error leaves, and
    "≥7" where clipped.
    """
    tiles = {}
    for r in readings:
        if r.alpha is not None and r.decay is not None:
            digits = 2 if r.reading_error is not None and r.reading_error < 0.1 else 1
            record = {"cell": {"seed": 0}, "status": "finished", "final": {"test_error": r.value}}
            text = f"≥{r.value:g}" if r.clipped else f"{r.value:.{digits}f}"
            tiles[r.alpha, r.decay] = Tile(r.alpha, r.decay, (record,), text=text, is_ringed=r.among_best_ten)
    first, every = readings[0], tuple(tile for _, tile in sorted(tiles.items()))
    alphas, decays = (tuple(sorted(set(values))) for values in zip(*tiles, strict=True))
    best, *ties = [tile for tile in every if tile.test_error == min(reading.value for reading in readings)]
    unit = "normalized" if first.decay_kind == "normalized" else "step"
    names = {name: getattr(first, name) for name in facets}
    return Panel(first.optimizer, names, unit, alphas, decays, tiles, every, best, ties=tuple(ties))
