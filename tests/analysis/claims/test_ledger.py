"""Every claim has a rule and a verdict, and verdicts follow the numbers."""

import json

import numpy as np
import pytest

import experiments
from analysis.claims import CLAIMS, ledger
from analysis.claims.ledger import Decided
from analysis.claims.rules import FAILS, HOLDS, NOT_RUN, OPEN
from analysis.claims.sources import Evidence
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record

BY_NAME = {claim.name: claim for claim in CLAIMS}


def _decided(name: str, records: list[Record]) -> Decided:
    (found,) = ledger.decide([BY_NAME[name]], Evidence(records))
    return found


def _records(slopes: dict[str, float], bests: dict[str, float]) -> list[Record]:
    """fig2 at the cpu profile, two seeds: bowls whose best log decay moves with log alpha as told."""
    cells = experiments.get("fig2").profiles["cpu"].with_seeds(2)
    made = []
    for cell in cells:
        own = [other for other in cells if other.optimizer == cell.optimizer]
        alphas = sorted({np.log2(other.alpha) for other in own})
        decays = sorted({np.log2(other.decay) for other in own if other.decay})
        u = np.log2(cell.alpha) - np.median(alphas)
        v = (np.log2(cell.decay) if cell.decay else decays[0] - 3) - np.median(decays)
        height = 0.2 * u**2 + 0.8 * (v - slopes[cell.optimizer] * u) ** 2
        noise = 0.2 * (1 if cell.seed else -1) * (1 if hash_of(cell) % 2 else -1)
        made.append(made_record(cell.replace(dataset="real"), min(95.0, bests[cell.optimizer] + height + noise)))
    return made


def hash_of(cell: Cell) -> int:
    return int(cell.replace(seed=0).id[-4:], 16)


@pytest.mark.parametrize(("coupled", "free", "outcome"), [(-0.6, 0.0, HOLDS), (0.0, 0.0, FAILS), (-0.6, -0.6, FAILS)])
def test_separability_is_judged_by_the_slopes(coupled: float, free: float, outcome: str) -> None:
    made = _records(
        {"sgd": coupled, "sgdw": free, "adam": coupled, "adamw": free}, dict.fromkeys(experiments_of(), 50.0)
    )
    for name in ("4", "5"):
        ours = _decided(name, made).ours
        assert ours.outcome == outcome, ours.words
        assert (ours.scale, ours.stem) == ("cpu, real", "fig2-cpu-real")
        assert set(ours.records) == {record["id"] for record in made}


def test_a_larger_scale_that_was_only_begun_takes_no_verdict_away() -> None:
    made = _records({"sgd": -0.6, "sgdw": 0, "adam": -0.6, "adamw": 0}, dict.fromkeys(experiments_of(), 50.0))
    larger = [
        made_record(cell.replace(dataset="real"), 20.0)
        for cell in experiments.get("fig2").profiles["gpu"].cells
        if cell.optimizer in ("adam", "adamw")
    ]
    assert _decided("5", made + larger[:-1]).ours.scale == "cpu, real"
    assert _decided("5", larger).ours.scale == "gpu, real"
    both = larger + [
        made_record(cell.replace(dataset="real"), 20.0)
        for cell in experiments.get("fig2").profiles["gpu"].cells
        if cell.optimizer in ("sgd", "sgdw")
    ]
    assert _decided("5", made + both).ours.scale == "gpu, real"


def test_the_same_bits_are_asked_for_of_the_same_hardware() -> None:
    cells = [cell for cell in experiments.get("fig2").profiles["cpu"].cells if not cell.decay]
    made = [made_record(cell.replace(dataset="real"), 40.0) for cell in cells if cell.optimizer in ("adam", "adamw")]
    assert _decided("S2", made).ours.outcome == HOLDS
    one = next(record for record in made if record["cell"]["optimizer"] == "adamw")
    one["final"]["test_error"] = 41.0
    assert _decided("S2", made).ours.outcome == FAILS
    one["provenance"]["hardware"] = "another"
    found = _decided("S2", made).ours
    assert found.outcome == HOLDS
    assert found.words.startswith("6 of 6")


def test_a_ridge_that_cannot_be_measured_leaves_it_open_at_any_price() -> None:
    made = _records(dict.fromkeys(experiments_of(), 0.0), dict.fromkeys(experiments_of(), 50.0))
    few = [record for record in made if record["cell"]["optimizer"] != "sgd" or record["cell"]["alpha"] > 0.3]
    found = _decided("4", few)
    assert (found.ours.outcome, found.ours.words) == (OPEN, "too few rows hold their best decay")
    assert found.needed is not None
    assert "could not be measured" in found.needed.words


def experiments_of() -> tuple[str, ...]:
    return ("sgd", "sgdw", "adam", "adamw")


@pytest.mark.parametrize(
    ("bests", "outcome"),
    [
        ({"sgd": 50, "sgdw": 50, "adam": 53, "adamw": 50}, HOLDS),
        ({"sgd": 53, "sgdw": 50, "adam": 50, "adamw": 50}, FAILS),
        ({"sgd": 50, "sgdw": 50, "adam": 50, "adamw": 50}, OPEN),
    ],
)
def test_the_best_adam_against_the_best_sgd(bests: dict[str, float], outcome: str) -> None:
    ours = _decided("7", _records(dict.fromkeys(bests, 0.0), bests)).ours
    assert ours.outcome == outcome, ours.words


@pytest.mark.parametrize(("power", "raw", "norm"), [(-0.5, HOLDS, HOLDS), (0.0, FAILS, FAILS)])
def test_the_budget_s_law_is_judged_from_supp3(power: float, raw: str, norm: str) -> None:
    """The best decay per update goes as T^power; normalized, as T^(power + 1/2)."""
    made = []
    for cell in experiments.get("supp3").profiles["cpu"].with_seeds(2):
        exponent, middle = (power, 0.016) if cell.decay_unit == "step" else (power + 0.5, 0.4)
        best = np.log2(middle) + exponent * np.log2(cell.epochs / 20)
        noise = 0.05 * (1 if cell.seed else -1) * (1 if hash_of(cell) % 2 else -1)
        made.append(made_record(cell.replace(dataset="real"), 50 + (np.log2(cell.decay) - best) ** 2 + noise))
    verdicts = [_decided(name, made).ours for name in ("14", "15")]
    assert [ours.outcome for ours in verdicts] == [raw, norm], [ours.words for ours in verdicts]


@pytest.mark.parametrize(("adamw", "outcome"), [(42.5, HOLDS), (49.0, FAILS), (60.0, FAILS)])
def test_the_gain_of_long_runs_is_judged_from_fig3(adamw: float, outcome: str) -> None:
    made = [
        made_record(
            cell.replace(dataset="real"), {"adam": 50.0, "adamw": adamw}[cell.optimizer] + 0.2 * cell.seed * sign
        )
        for cell in experiments.get("fig3").profiles["cpu"].with_seeds(3)
        for sign in [1 if cell.optimizer == "adam" else -1]
    ]
    ours = _decided("10", made).ours
    assert ours.outcome == outcome, ours.words
    assert ours.scale == "cpu, real"


def test_what_would_decide_it_stands_beside_what_is_undecided_or_not_run() -> None:
    level = dict.fromkeys(experiments_of(), 0.0)
    open_ = _records(level, {"sgd": 50, "sgdw": 50, "adam": 50.15, "adamw": 50})
    decided = ledger.decide([BY_NAME[name] for name in ("7", "5", "16", "20")], Evidence(open_))
    assert [each.ours.outcome for each in decided] == [OPEN, FAILS, NOT_RUN, NOT_RUN]
    seven, five, sixteen, twenty = (each.needed for each in decided)
    assert seven is not None
    assert seven.seeds is not None
    assert f"{seven.seeds} seeds in place of 2: {4 * (seven.seeds - 2):,} cells" in seven.words
    assert five is None
    assert sixteen is not None
    assert sixteen.words.startswith("cpu: 16 cells, 1,600 epochs in all, never measured; ")  # with augmentation
    assert twenty is not None
    assert twenty.words == "the data are not public"
    table = ledger.table(decided)
    column = table.header.index("to decide")
    assert [row[column] for row in table.rows] == [seven.words, "", sixteen.words, twenty.words]
    told = json.loads(ledger.as_json(decided))
    assert told[0]["to_decide"]["seeds"] == seven.seeds
    assert told[0]["here"]["outcome"] == OPEN
    assert told[1]["to_decide"] is None


def test_demos_are_no_evidence_and_without_records_nothing_is_run(demo_records: list[Record]) -> None:
    for records in ([], demo_records):
        assert {each.ours.outcome for each in ledger.decide(CLAIMS, Evidence(records))} == {NOT_RUN}


def test_the_paper_s_own_figures_decide_what_they_show() -> None:
    found = {each.claim.name: each.paper for each in ledger.decide(CLAIMS, Evidence([]))}
    outcomes = {name: paper.outcome for name, paper in found.items() if paper is not None}
    assert outcomes["4"] == outcomes["5"] == outcomes["16"] == HOLDS
    assert outcomes["1"] == outcomes["1a"] == outcomes["10"] == OPEN  # nothing is gained under a fixed rate
    assert found["1a"] is not None
    assert "decays 0 and 0; Adam, fixed rate − AdamW, fixed rate -0.07" in found["1a"].words
    assert found["16"].words.endswith("AdamWR at its cycle's end after 100")  # 4.03 %, Adam 4.47 % after 1800
    assert all(paper is None or paper.words for paper in found.values())


def test_every_claim_is_whole() -> None:
    assert len(BY_NAME) == len(CLAIMS)
    assert {str(number) for number in range(1, 19)} | {"19a", "19b", "19c", "19d", "20", "21"} <= BY_NAME.keys()
    for claim in CLAIMS:
        assert claim.text
        assert claim.source
        assert claim.rule
        assert claim.experiment in experiments.names() or claim.measure is None
