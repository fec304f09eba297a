"""Curves over epochs, errors by seed and best decays by batch size: the numbers that figures draw and claims ask."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.results.panels import Panel, panels
from analysis.results.table import Chart, cell_of
from paper_repro.cell import Cell
from paper_repro.cli import UsageError
from paper_repro.records import Record

EPOCHS, UPDATES = "epochs fixed", "updates fixed"  # the plans of a sweep over batch sizes


@dataclass(frozen=True)
class Curve:
    """One line: epochs, and the mean over the seeds of a number at the end of each of them. deviations: between seeds
    (n - 1); none of a single seed."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]
    deviations: tuple[float, ...] = ()

    def first_at_most(self, level: float) -> int | None:
        """The first epoch whose value is not above level."""
        return next((epoch for epoch, value in zip(self.epochs, self.values, strict=True) if value <= level), None)


def curve(records: Sequence[Record], name: str, only: str | None = None) -> Curve:
    """The mean of `name` over these records, at the epochs where all have it (and where `only` is true)."""
    by_epoch: dict[int, list[float]] = {}
    for record in records:
        for row in record["epochs"]:
            if row.get(name) is not None and (only is None or row.get(only)):
                by_epoch.setdefault(row["epoch"], []).append(row[name])
    whole = {epoch: values for epoch, values in sorted(by_epoch.items()) if len(values) == len(records)}
    deviations = map(statistics.stdev, whole.values()) if len(records) > 1 else ()
    return Curve(tuple(whole), tuple(map(statistics.fmean, whole.values())), tuple(deviations))


@dataclass(frozen=True)
class Variant:
    """Test errors in percent by seed, and how many of the variant's runs diverged."""

    name: str
    errors: dict[int, float]
    diverged: int

    @property
    def mean(self) -> float:
        return statistics.fmean(self.errors.values())

    @property
    def deviation(self) -> float:
        """Between seeds (n - 1); NaN for fewer than two."""
        return statistics.stdev(self.errors.values()) if len(self.errors) > 1 else math.nan


def variants(chart: Chart, optimizer: str) -> list[Variant]:
    """What the cells of this optimizer are, in the order they were declared, those with records only. Each is named by
    its values in the fields in which cells of one optimizer differ: "bf16, compile"."""
    first: dict[str, Cell] = {}
    pairs = [(first.setdefault(cell.optimizer, cell).to_dict(), cell.to_dict()) for cell in chart.declared]
    differing = [name for name in pairs[0][0] if any(one[name] != other[name] for one, other in pairs)]
    result = []
    for cell in chart.declared:
        records = [record for record in chart.records if cell_of(record) == cell]
        if cell.optimizer == optimizer and records:
            values = {name: getattr(cell, name) for name in differing}
            named = {key: f"{key} {value}" if type(value) is int else str(value) for key, value in values.items()}
            words = [key if value is True else named[key] for key, value in values.items() if value is not False]
            errors = {r["cell"]["seed"]: float(r["final"]["test_error"]) for r in records if r["status"] == "finished"}
            result.append(Variant(", ".join(words), errors, len(records) - len(errors)))
    return result


@dataclass(frozen=True)
class Best:
    """The selected decay of one batch size under one plan."""

    batch_size: int
    epochs: int
    plan: str
    decay: float
    normalized: float
    on_boundary: bool


def bests(chart: Chart, optimizer: str) -> list[Best]:
    """The selected decay of each batch size, by plan, then size. A size that both plans share is in both."""
    selected = [panel for panel in panels(chart) if panel.optimizer == optimizer]
    result = []
    for plan in (EPOCHS, UPDATES):
        for panel in of_plan([panel for panel in selected if panel.best], plan):
            if panel.best:
                size, epochs, decay = panel.facets["batch_size"], panel.facets["epochs"], panel.best.decay
                root = math.sqrt(known_updates(panel.best.records[0]))
                both = (decay / root, decay) if panel.decay_unit == "normalized" else (decay, decay * root)
                result.append(Best(size, epochs, plan, *both, panel.on_boundary))
    return result


def of_plan(panels: Sequence[Panel], plan: str) -> list[Panel]:
    """The panels of one plan, by batch size: as many epochs as most have, or as many updates."""
    # Updates are in proportion to epochs / batch size.
    lengths = [p.facets["epochs"] / (1 if plan == EPOCHS else p.facets["batch_size"]) for p in panels]
    common = max(lengths, key=lengths.count, default=0.0)
    chosen = [panel for panel, length in zip(panels, lengths, strict=True) if length == common]
    return sorted(chosen, key=lambda panel: int(panel.facets["batch_size"]))


def updates(record: Record) -> float | None:
    """Of a run: BT / b; None where it trained on all images of a data set, whose number no record holds."""
    cell = record["cell"]
    examples = cell["train_examples"]
    return None if examples is None else float(examples * cell["epochs"] / cell["batch_size"])


def known_updates(record: Record) -> float:
    """The same. Raises UsageError where it is not known."""
    if (count := updates(record)) is None:
        raise UsageError(f"{record['id']}: without train_examples its number of updates is not known")
    return count
