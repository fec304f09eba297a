"""Every claim has a rule and a verdict, and verdicts follow the numbers."""

import json

import numpy as np
import pytest

import experiments
from analysis.claims import CLAIMS, ledger
from analysis.claims.ledger import Decided
from analysis.claims.rules import ABSENT, FAILS, GRID, HOLDS, NOT_RUN, OPEN, SLIP, TRUE
from analysis.claims.sources import Evidence, Verdict
from analysis.report import claims_json
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


@pytest.mark.parametrize(
    ("coupled", "free", "outcomes"),
    [
        (-0.6, 0.0, (HOLDS, HOLDS, HOLDS)),
        (0.0, 0.0, (OPEN, FAILS, HOLDS)),
        (-0.6, -0.6, (OPEN, HOLDS, FAILS)),
        (0.0, 0.6, (HOLDS, FAILS, FAILS)),  # steeper, and neither is as the paper has it
    ],
)
def test_separability_is_judged_by_the_slopes(coupled: float, free: float, outcomes: tuple[str, ...]) -> None:
    made = _records(
        {"sgd": coupled, "sgdw": free, "adam": coupled, "adamw": free}, dict.fromkeys(experiments_of(), 50.0)
    )
    for claim in ("4", "5"):
        found = [_decided(name, made).ours for name in (claim, f"{claim}a", f"{claim}b")]
        assert tuple(ours.outcome for ours in found) == outcomes, [ours.words for ours in found]
        assert {(ours.scale, ours.stem) for ours in found} == {("cpu, real, 2 seeds", "fig2-cpu-real")}
        assert set(found[0].records) == {record["id"] for record in made}


def test_a_gpu_s_records_count_where_the_grid_is_whole_and_stand_beside_the_others() -> None:
    made = _records({"sgd": -0.6, "sgdw": 0, "adam": -0.6, "adamw": 0}, dict.fromkeys(experiments_of(), 50.0))
    short = experiments.get("fig2").profiles["gpu_short"].cells
    larger = [made_record(cell.replace(dataset="real"), 20.0 + cell.alpha) for cell in short]
    begun, whole = (_decided("5", made + part).verdicts for part in (larger[:-1], larger))
    assert begun["GPU"] == Verdict(NOT_RUN, f"{len(short) - 1} of {len(short)} cells")
    assert whole["GPU"].scale == "gpu_short, real, 1 seed"
    assert begun.keys() - {"GPU"} == whole.keys() - {"GPU"}
    assert _decided("5", made).verdicts["GPU"] == Verdict(NOT_RUN)


def test_labels_decide_which_column_a_verdict_stands_in() -> None:
    """Figure 3 has clean labels and no noisy form; what has neither stands nowhere else."""
    made = [made_record(cell.replace(dataset="real"), 40.0) for cell in experiments.get("fig3").profiles["cpu"].cells]
    assert _decided("8a", made).verdicts.keys() == {"clean", "GPU"}
    for name in ("S5", "S9"):
        assert {each.outcome for each in _decided(name, []).verdicts.values()} == {NOT_RUN}
        assert {"clean", "GPU"} <= _decided(name, []).verdicts.keys()
    noisy = [
        made_record(cell.replace(dataset="real", label_noise=0.3), 40.0)
        for cell in experiments.get("fig3").profiles["cpu"].cells
    ]
    assert _decided("8a", noisy).verdicts["clean"].outcome == NOT_RUN


def test_the_same_bits_are_asked_for_of_the_same_hardware() -> None:
    cells = [cell for cell in experiments.get("fig2").profiles["cpu"].cells if not cell.decay]
    made = [made_record(cell.replace(dataset="real"), 40.0) for cell in cells if cell.optimizer in ("adam", "adamw")]
    assert _decided("S2", made).ours.outcome == TRUE
    one = next(record for record in made if record["cell"]["optimizer"] == "adamw")
    one["final"]["test_error"] = 41.0
    assert _decided("S2", made).ours.outcome == SLIP
    one["provenance"]["hardware"] = "another"
    found = _decided("S2", made).ours
    assert found.outcome == TRUE
    assert found.words.startswith("6 of 6")


def test_a_ridge_that_cannot_be_measured_leaves_it_open_at_any_price() -> None:
    made = _records(dict.fromkeys(experiments_of(), 0.0), dict.fromkeys(experiments_of(), 50.0))
    few = [record for record in made if record["cell"]["optimizer"] != "sgd" or record["cell"]["alpha"] > 0.3]
    found = _decided("4a", few)
    assert (found.ours.outcome, found.ours.why) == (OPEN, GRID)
    assert found.ours.words == "SGD too few rows have their best decay inside the grid"
    assert found.needed is not None
    assert "beyond the grid boundary" in found.needed.words


def experiments_of() -> tuple[str, ...]:
    return ("sgd", "sgdw", "adam", "adamw")


@pytest.mark.parametrize(
    ("bests", "outcomes"),
    [
        ({"sgd": 50, "sgdw": 50, "adam": 53, "adamw": 50}, (HOLDS, HOLDS)),
        ({"sgd": 53, "sgdw": 50, "adam": 50, "adamw": 53}, (FAILS, FAILS)),
        ({"sgd": 50, "sgdw": 50, "adam": 50, "adamw": 51.1}, (OPEN, OPEN)),
    ],
)
def test_the_best_adam_against_the_best_sgd(bests: dict[str, float], outcomes: tuple[str, str]) -> None:
    found = [_decided(name, _records(dict.fromkeys(bests, 0.0), bests)).ours for name in ("7a", "7b")]
    assert tuple(ours.outcome for ours in found) == outcomes, [ours.words for ours in found]


@pytest.mark.parametrize(
    ("power", "raw", "norm"), [(-0.5, HOLDS, HOLDS), (0.0, OPEN, FAILS), (-0.3, HOLDS, HOLDS), (0.1, FAILS, FAILS)]
)
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
    assert ours.scale == "cpu, real, 3 seeds"


def test_what_would_decide_it_stands_beside_what_is_undecided_or_not_run() -> None:
    level = dict.fromkeys(experiments_of(), 0.0)
    open_ = _records(level, {"sgd": 50, "sgdw": 50, "adam": 50.15, "adamw": 50})
    decided = ledger.decide([BY_NAME[name] for name in ("7a", "5a", "16", "20")], Evidence(open_))
    assert [each.ours.outcome for each in decided] == [OPEN, FAILS, NOT_RUN, NOT_RUN]
    seven, five, sixteen, twenty = (each.needed for each in decided)
    assert seven is not None
    assert seven.seeds is not None
    assert f"{seven.seeds} seeds in place of 2: {2 * (seven.seeds - 2):,} cells" in seven.words
    assert five is None
    assert sixteen is not None
    assert sixteen.words.startswith("cpu: 25 cells, 1,780 epochs in all, never measured; ")  # with augmentation
    assert twenty is not None
    assert twenty.words == "the data are not public"
    (table,) = ledger.tables(decided)
    column = [row[table.header.index("to decide")].partition(" (`python")[0] for row in table.rows]
    assert column == [seven.words, "", sixteen.words, twenty.words]
    told = json.loads(claims_json.claims(decided))
    assert told[0]["to_decide"]["seeds"] == seven.seeds
    assert OPEN in {verdict["outcome"] for verdict in told[0]["verdicts"].values()}
    assert told[1]["to_decide"] is None


def test_demos_are_no_evidence_and_without_records_nothing_is_run(demo_records: list[Record]) -> None:
    for records in ([], demo_records):
        assert {each.ours.outcome for each in ledger.decide(CLAIMS, Evidence(records))} == {NOT_RUN}


def test_the_paper_s_own_figures_decide_what_they_show() -> None:
    found = {each.claim.name: each.paper for each in ledger.decide(CLAIMS, Evidence([]))}
    outcomes = {name: paper.outcome for name, paper in found.items() if paper is not None}
    assert {outcomes[name] for name in ("1b", "1c", "4", "4a", "4b", "5", "5a", "5b", "7a", "11", "16")} == {HOLDS}
    assert {outcomes[name] for name in ("6", "7b", "12", "10")} == {OPEN}  # single runs show no equality
    assert outcomes["1a"] == ABSENT
    assert found["1a"] is not None
    assert "(best decays: 0, 0); Adam, fixed rate − AdamW, fixed rate -0.07" in found["1a"].words
    assert "after 100 epochs less Adam at a constant rate after 1800: -0.56" in found["16"].words
    assert "(epoch 100) 11.89 [7.00, 15.00] times later" in found["11"].words
    assert all(paper is None or paper.words for paper in found.values())


def test_every_claim_is_whole() -> None:
    assert len(BY_NAME) == len(CLAIMS)
    assert {str(number) for number in range(1, 22)} <= {name.rstrip("abcd") for name in BY_NAME}
    for claim in CLAIMS:
        assert claim.text
        assert claim.source
        assert claim.rule
        assert claim.experiment in experiments.names() or claim.measure is None
