"""The numbers of the README, and the example of the page on extending, are those of the committed records and code."""

import csv
import re
from pathlib import Path

import experiments
from analysis.claims import CLAIMS, ledger, sources
from analysis.figures import read_records
from analysis.results.panels import panels
from analysis.results.studies import RECORDED
from analysis.results.table import charts
from analysis.results.words import Estimate
from analysis.statistics import ridge
from analysis.statistics.estimate import compare
from analysis.statistics.surface import panel_surface
from tests.conftest import made_record

ROOT = Path(__file__).parent.parent


def _words(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def _interval(part: Estimate, digits: int = 1) -> str:
    return f"{part.value:.{digits}f} [{part.low:.{digits}f}, {part.high:.{digits}f}]".replace("-", "−")


def test_the_findings_of_the_readme_are_what_the_committed_records_say() -> None:
    said, records = _words("README.md"), read_records([RECORDED])
    (chart,) = (each for each in charts(experiments.get("fig2"), records) if each.profile == "cpu")
    assert f"(pictures/{chart.stem}.png)" in said
    grids = {panel.optimizer: panel for panel in panels(chart)}
    assert {tile.seeds for panel in grids.values() for tile in panel.candidates} == {(0, 1, 2)}
    assert f"three seeds, {3 * sum(len(panel.candidates) for panel in grids.values())} runs" in said
    slopes = {name: ridge.ridge(panel_surface(panel, "validation")).slope for name, panel in grids.items()}
    coupled = f"{_interval(slopes['sgd'])} for SGD with L2 and {_interval(slopes['adam'])} for Adam with L2"
    assert (
        f"to the power of {coupled}, but {_interval(slopes['sgdw'])} for SGDW and {_interval(slopes['adamw'])}" in said
    )
    errors = {name: f"{panel.best.with_all_seeds().test_error:.1f}" for name, panel in grids.items() if panel.best}
    pairs = {(pair.first, pair.second): pair.difference for pair in compare(list(grids.values()))}
    assert f"AdamW's selected cell is at {errors['adamw']} %, that of Adam with L2 at {errors['adam']} %" in said
    assert f"a difference of {_interval(pairs['Adam', 'AdamW'])} points" in said
    (noisy,) = (each for each in charts(experiments.get("label_noise"), records) if each.profile == "cpu")
    pairs = {(pair.first, pair.second): pair.difference for pair in compare(panels(noisy))}
    turned = pairs["Adam", "AdamW"]
    assert turned.high is not None
    assert turned.low is not None
    assert f"Adam with L2 ends {-turned.value:.1f} [{-turned.high:.1f}, {-turned.low:.1f}] points below" in said
    verdicts = {each.claim.name: each for each in ledger.decide(CLAIMS, sources.evidence([RECORDED]))}
    (gain,) = re.findall(r"Adam without decay − Adam ([\d.]+ \[[\d., ]+\])", verdicts["6"].verdicts["clean"].words)
    value, low, high = (float(number) for number in re.findall(r"[\d.]+", gain))
    assert f"{value:.1f} [{low:.1f}, {high:.1f}] points below the best one without decay" in said


def test_the_machines_of_the_table_of_speeds_are_told() -> None:
    for name in ("bench-xeon.csv", "bench-epyc.csv"):
        with open(ROOT / "experiments" / "recorded" / name, newline="") as file:
            first = next(csv.DictReader(file))
        assert f"{first['hardware']}, {first['versions']}" in _words("docs/speed.md")


def test_the_example_experiment_is_whole() -> None:
    (code,) = re.findall(r'```python\n("""Widths.*?)```', (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile(code, "widths.py", "exec"), namespace)
    widths = namespace["EXPERIMENT"]
    (chart,) = charts(widths, [made_record(cell, 40.0) for cell in widths.profiles["demo"].cells])
    assert [panel.facets["model"] for panel in panels(chart)] == ["resnet-8-w4", "resnet-8-w8", "resnet-8-w16"]
