"""The caption of a sweep's figure: what was trained, on what, how the best was chosen, and where it all comes from."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.results.panels import Panel, selection_split
from analysis.results.table import Chart, codes, fingerprint, of_cells, provenance
from analysis.results.words import BOUNDARY, DIGITS, short_commit
from experiments.declare import describe, listed, setting
from paper_repro.records import Record
from paper_repro.records.provenance import distinct


def caption(chart: Chart, reading: str) -> str:
    """The whole caption, one paragraph. `reading`: how to read this kind of figure."""
    parts = [
        f"{chart.experiment.title}.",
        reading,
        _settings(chart.records),
        _extent(chart),
        _profile(chart),
        _origin(chart.records),
    ]
    return " ".join(part for part in parts if part)


def reading_maps(chart: Chart, shown: Sequence[Panel], high: float | None) -> str:
    """How to read heat maps, and how the best was chosen. `high`: where the colours are clipped (percent), if so."""
    over = " averaged over seeds" if len(_seeds(chart.records)) > 1 else ""
    text = f"Numbers are {error_name(chart)}s in %{over}."
    if high is not None:
        text += f" Colours are clipped at {high:.3g} %."
    if any(tile.diverged for panel in shown for tile in panel.tiles.values()):
        text += " Hatched: diverged (k/n div.: k of n seeds did)."
    if any(len(panel.tiles) < len(panel.alphas) * len(panel.decays) for panel in shown):
        text += " Blank: not run."
    return f"{text} {_selection(chart, shown)}"


def error_name(chart: Chart) -> str:
    """What the errors of a chart are: "test error", or "top-5 test error"."""
    return {"error": "test error", "top5_error": "top-5 test error"}[chart.measure]


def _selection(chart: Chart, shown: Sequence[Panel]) -> str:
    if selection_split(chart.records) == "validation":
        text = "Star and title: lowest validation error; its test error is what the title gives."
    else:
        text = "Star and title: lowest test error, selected on the test set as in the paper (nothing is held out)."
    narrowed = [panel for panel in shown if len(panel.candidates) < sum(not t.diverged for t in panel.tiles.values())]
    if narrowed:
        told = ", ".join(f"{panel.optimizer} {len(panel.candidates)} of {len(panel.tiles)}" for panel in narrowed)
        text += f" Chosen among the cells that have all seeds only ({told})."
    if any(panel.at_edge for panel in shown):
        text += f" On the {BOUNDARY}, the border of what was run, a better value may lie beyond."
    return text


def _settings(records: Sequence[Record]) -> str:
    """What all records have in common, and where they differ all values; of the data also the fingerprint."""
    name, mark = records[0]["cell"]["dataset"], fingerprint(records[0])
    told = describe(
        list(dict.fromkeys(of_cells(records, lambda cell: cell))),
        f"{name} (fingerprint {str(mark)[:DIGITS]})" if mark else name,
        _images(records[0]),
    )
    return f"{told[:1].upper()}{told[1:]}."


def _images(record: Record) -> int | None:
    """How many images the data set has to train on, where the record's provenance says it."""
    data = provenance(record).get("data")
    whole = data.get("train") if isinstance(data, dict) else None
    return whole if isinstance(whole, int) else None


def _profile(chart: Chart) -> str:
    """Its name, with what the user changed; its note, where nothing that it was written of was changed."""
    profile = chart.experiment.profiles[chart.profile]
    other = all(chart.dataset != cell.dataset for cell in profile.cells)
    changes = listed(
        "quick" if field == "quick" else setting(field, value) for field, value in chart.experiment.changes.items()
    )
    text = f"Profile {chart.profile}" + f" on {chart.dataset}" * other + f", changed: {changes}" * bool(changes)
    note = (
        f": {profile.note.rstrip('.')}"
        if profile.note and profile.is_declared(of_cells(chart.records, lambda cell: cell))
        else ""
    )
    return f"{text}{note}."


def _extent(chart: Chart) -> str:
    seeds = _seeds(chart.records)
    text = f"Seed{'s' * (len(seeds) > 1)} {listed(map(str, seeds))}; "
    text += f"{len(chart.records)} record{'s' * (len(chart.records) > 1)}"
    run = set(of_cells(chart.records, lambda cell: cell.replace(seed=0)))
    missing = sum(cell not in run for cell in chart.declared)
    if missing:
        text += f", {missing} of {len(chart.declared)} declared cells not run"
    return text + "."


def _origin(records: Sequence[Record]) -> str:
    commits = sorted({short_commit(provenance(record)) for record in records})
    hardware = sorted({str(provenance(record).get("hardware") or "not recorded") for record in records})
    plural = "s" if len(commits) > 1 else ""
    sources = distinct(f"source {mark}" for record in records if (mark := provenance(record).get("source")))
    marks = listed(each.removeprefix("source ") for each in sources)
    differing = f" (sources {marks})" if len(sources) > 1 else ""
    return f"Commit{plural} {listed(commits)}{differing}; hardware: {listed(hardware, '; ')}."


def of_several_codes(records: Sequence[Record]) -> str:
    """A line that says by which versions of the code the records were made; nothing if by one."""
    found = codes(records)
    return f"Made by {len(found)} versions of the code: {listed(found)}.\n" if len(found) > 1 else ""


def _seeds(records: Sequence[Record]) -> list[int]:
    return sorted({record["cell"]["seed"] for record in records})
