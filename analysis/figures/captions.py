"""The caption of a sweep's figure: what was trained, on what, how the best was chosen, and where it all comes from."""

from collections.abc import Sequence

from analysis.results.panels import Panel, records_shown
from analysis.results.table import Chart, cell_of
from analysis.results.words import BOUNDARY, DIGITS, short_commit
from experiments.declare import describe, listed, setting
from experiments.ranking import selection_split
from paper_repro.cell import Cell
from paper_repro.records import Record
from paper_repro.records.provenance import several


def caption(chart: Chart, reading: str) -> str:
    """The whole caption, one paragraph. `reading`: how to read this kind of figure."""
    data = chart.records[0]["provenance"]["data"]["fingerprint"]
    cells = list(dict.fromkeys(map(cell_of, chart.records)))
    trained = describe(cells, f"{chart.dataset} (fingerprint {data[:DIGITS]})")
    seeds = sorted({record["cell"]["seed"] for record in chart.records})
    missing = len(set(chart.declared) - set(cells))
    sentences = (
        f"{chart.experiment.title}.",
        reading,
        f"{trained[:1].upper()}{trained[1:]}.",
        f"Seed{'s' * (len(seeds) > 1)} {_seeds(seeds)}; "
        f"{len(chart.records)} record{'s' * (len(chart.records) > 1)}"
        f"{f', {missing} of {len(chart.declared)} declared cells not run' * bool(missing)}.",
        _profile(chart, cells),
        _origin(records_shown(chart)),
    )
    return " ".join(filter(None, sentences))


def _seeds(seeds: Sequence[int]) -> str:
    are_many = len(seeds) > 3 and seeds[-1] - seeds[0] == len(seeds) - 1
    return f"{seeds[0]} to {seeds[-1]}" if are_many else listed(map(str, seeds))


def reading_maps(chart: Chart, panels: Sequence[Panel]) -> str:
    """How to read heat maps, and how the best was chosen."""
    several_seeds = len({record["cell"]["seed"] for record in chart.records}) > 1
    text = f"Numbers are {error_name(chart)}s in %{' averaged over seeds' * several_seeds}."
    if any(tile.diverged for panel in panels for tile in panel.tiles.values()):
        text += " Hatched: diverged (k/n: k of n seeds did)."
    if any(len(panel.tiles) < len(panel.alphas) * len(panel.decays) for panel in panels):
        text += " Blank: not run."
    if selection_split(chart.records) == "validation":
        text += " Star: lowest validation error; the title gives its test error"
    else:
        text += " Star and title: lowest test error, selected on the test set as in the paper (nothing is held out)"
    text += f"{', ± the standard deviation between seeds' * several_seeds}."
    narrowed = [panel for panel in panels if len(panel.candidates) < sum(not t.diverged for t in panel.tiles.values())]
    if narrowed:
        counts = ", ".join(f"{panel.name} {len(panel.candidates)} of {len(panel.tiles)}" for panel in narrowed)
        text += f" Chosen among the cells that every seed has: {counts}."
    if among := selected_among(panels):
        text += f"{among} There the title is of these seeds, the tile of those that the map has in common."
    if any(panel.on_boundary for panel in panels):
        text += f" On the {BOUNDARY}, the edge of what was run, a better value may lie beyond."
    return text


def selected_among(panels: Sequence[Panel]) -> str:
    """A sentence, behind a blank: which panels' best cells were selected by further seeds, among how many. Empty where
    none was."""
    names: dict[str, list[str]] = {}
    for panel in panels:
        counts = sorted({len(tile.seeds) for tile in panel.finalists})
        stages = [f"{sum(len(t.seeds) >= n for t in panel.finalists)} best of the map by {n} seeds" for n in counts]
        names.setdefault(", then the ".join(stages), []).append(panel.name)
    texts = [f"the {how}{f' ({listed(of)})' * (len(names) > 1)}" for how, of in names.items() if how]
    return f" Selected among {'; '.join(texts)}." * bool(texts)


def error_name(chart: Chart) -> str:
    """What the errors of a chart are: "test error", or "top-5 test error"."""
    return {"error": "test error", "top5_error": "top-5 test error"}[chart.measure]


def _profile(chart: Chart, cells: Sequence[Cell]) -> str:
    """Its name, with what the user changed; its note, where nothing that it was written of was changed."""
    profile, changes = chart.experiment.profiles[chart.profile], chart.experiment.changes.items()
    changed = listed("quick" if field == "quick" else setting(field, value) for field, value in changes)
    text = f"Profile {chart.profile}" + f" on {chart.other_data}" * bool(chart.other_data)
    text += f", changed: {changed}" * bool(changed)
    is_declared = profile.note and profile.is_declared(cells)
    return f"{text}: {profile.note.rstrip('.')}." if is_declared else f"{text}."


def _origin(records: Sequence[Record]) -> str:
    origins = [record["provenance"] for record in records]
    commits, hardware = sorted(set(map(short_commit, origins))), sorted({origin["hardware"] for origin in origins})
    sources = several([record for record in records if record["provenance"].get("source")])
    marks = listed(source.removeprefix("source ") for source in sources)
    differing = f" (sources {marks})" if sources else ""
    versions = sorted({str(origin.get("versions", {}).get("torch", "unknown")) for origin in origins})
    by = f"; torch {listed(versions)}" * (len(versions) > 1)
    return f"Commit{'s' * (len(commits) > 1)} {listed(commits)}{differing}{by}; hardware: {listed(hardware, '; ')}."


def of_several_codes(records: Sequence[Record]) -> str:
    """A line that says by which versions of the code the records were made; nothing if by one,
    or if all make the same numbers."""
    versions = several(records)
    return f"Made by {len(versions)} versions of the code: {listed(versions)}.\n" if versions else ""
