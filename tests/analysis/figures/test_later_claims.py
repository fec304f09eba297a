"""The figure of later papers' claims, from made records and from next to none."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from analysis.claims import recent
from analysis.claims.sources import Evidence
from analysis.figures import later_claims
from analysis.results.words import Estimate
from paper_repro.records import Record
from tests.conftest import made_record
from tests.judging import cells


def made(name: str) -> list[Record]:
    """A bowl with its lowest error at a decay of 0.016 whatever the batch size and the epochs."""
    records = []
    for cell in cells(name, 2):
        decay = cell.decay if cell.decay_unit == "step" else cell.decay / 25
        across = math.log2(decay / 0.016) if decay else 8.0
        wobble = 0.05 * math.sin(len(cell.optimizer) + cell.seed + 100 * cell.alpha + 1000 * decay)
        record = made_record(cell, 50 + min(30.0, across**2) + abs(math.log2(cell.alpha / 0.01)) + wobble)
        for row in record["epochs"]:
            row |= {"gradient_norm": 1.0 + row["epoch"] * decay, "weight_norm": cell.alpha / math.sqrt(decay or 1.0)}
        records.append(record)
    return records


def test_what_is_drawn_stands_in_the_csv(tmp_path: Path) -> None:
    records = [record for name in ("fig2", "supp3", "batch_size") for record in made(name)]
    paths = recent.write(Evidence(records), tmp_path)
    assert {path.suffix for path in paths} == {".png", ".pdf", ".csv"}
    with open(tmp_path / "later-laws.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["axes"] for row in rows} == set("abcdef")
    timescales = {float(row["x"]): float(row["value"]) for row in rows if row["axes"] == "b"}
    assert timescales.keys() == {5, 20, 80}
    assert all(math.isclose(value, 2.0, rel_tol=0.05) for value in timescales.values())  # 62.5 updates
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in rows if row["axes"] == "a")


def test_only_what_was_run_has_a_panel_and_a_sentence_in_the_caption() -> None:
    figure = later_claims.draw(later_claims.Shown(gains={"Adam − AdamW": Estimate(0.8, -0.6, 2.2)}))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a  2017: differences"]
    assert "(a) Differences in test error" in figure.get_label()
    assert "(b)" not in figure.get_label()
    assert "2202.00089" not in figure.get_label()  # of a network without normalisation, which was not run


def test_without_most_of_the_runs_it_is_drawn_too(tmp_path: Path) -> None:
    one_seed = [record for record in made("fig2") if record["cell"]["seed"] == 0]
    for records in ([], one_seed):
        assert recent.write(Evidence(records), tmp_path)[0].exists()
