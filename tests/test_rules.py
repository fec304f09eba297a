"""The rules of the claims (analysis/claims): made records whose numbers decide them, one way and the other."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import experiments
from analysis import ledger
from analysis.claims import CLAIMS
from analysis.findings import Shown
from analysis.ledger import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Evidence, Verdict
from paper_repro.cell import Cell
from paper_repro.records import Record
from tests.conftest import made_record

BY_NAME = {claim.name: claim for claim in CLAIMS}


def judged(name: str, records: Sequence[Record] = (), studies: Sequence[Shown] = ()) -> Verdict:
    (found,) = ledger.decide([BY_NAME[name]], Evidence(records, studies))
    return found.ours


def cells(name: str, seeds: int) -> list[Cell]:
    profile = experiments.get(name).profiles["cpu"]
    return [cell.replace(dataset="real") for cell in profile.with_seeds(seeds)]


def noise() -> list[Record]:
    """Figure 2 with two seeds that are 0.4 points apart in each cell: single runs deviate by 0.28."""
    return [made_record(cell, 50.0 + 0.4 * cell.seed) for cell in cells("fig2", 2)]


def run(cell: Cell, losses: tuple[float, float, float], error_at: Any, ends: tuple[int, ...] = ()) -> Record:
    """Training loss from the first to the second value halfway and to the third at the end; error as told by it."""
    half, epochs = cell.epochs // 2, cell.epochs
    rows = []
    for epoch in range(1, epochs + 1):
        loss = float(np.exp(np.interp(epoch, [1, half, epochs], np.log(losses))))
        rows.append({"epoch": epoch, "train_loss": loss, "test_error": error_at(loss), "test_loss": 1.0})
        if epoch in ends:
            rows[-1]["ends_cycle"] = True
    return made_record(cell, error_at(losses[-1]), epochs=rows)


def long_runs(adamw_error: float, halfway: float, end: float) -> list[Record]:
    """Figure 3: Adam's loss falls to 0.5 halfway and 0.1; AdamW's errors are lower by as much at each loss."""
    made = []
    for cell in cells("fig3", 1):
        ours = cell.optimizer == "adamw"
        losses = (2.0, halfway, end) if ours else (2.0, 0.5, 0.1)
        shift = adamw_error if ours else 0.0
        made.append(run(cell, losses, lambda loss, shift=shift: 40.0 + 5 * math.log(loss / 0.1) + shift))
    return [*made, *noise()]


@pytest.mark.parametrize(
    ("shift", "halfway", "end", "outcomes"),
    [
        (-3.0, 0.5, 0.05, (SUPPORTED, SUPPORTED, SUPPORTED)),
        (3.0, 0.5, 0.09, (CONTRADICTED, UNDECIDED, CONTRADICTED)),
        (-0.3, 0.2, 0.1, (UNDECIDED, CONTRADICTED, UNDECIDED)),
    ],
)
def test_long_runs(shift: float, halfway: float, end: float, outcomes: tuple[str, ...]) -> None:
    made = long_runs(shift, halfway, end)
    found = [judged(name, made) for name in ("8", "8a", "9")]
    assert tuple(verdict.outcome for verdict in found) == outcomes, [verdict.words for verdict in found]


def test_the_noise_of_single_runs_must_be_known() -> None:
    alone = [record for record in long_runs(-3.0, 0.5, 0.05) if record["cell"]["epochs"] == 100]
    assert judged("8", alone).outcome == judged("9", alone).outcome == NOT_RUN
    assert judged("8a", alone).outcome == SUPPORTED  # the losses need none


ERRORS = {
    ("adam", False): 44.0,
    ("adamw", False): 40.0,
    ("adamw", True): 40.0,
    ("sgdw", False): 40.0,
    ("sgdw", True): 39.5,
}


def restarts(errors: dict[tuple[str, bool], float], adamw_loss: float = 0.1, at_loss: float = 0.0) -> list[Record]:
    """Figure 4 with three seeds. adamw_loss: where AdamWR's loss ends; at_loss: how much higher restarted errors are at
    equal loss."""
    made = []
    for cell in cells("fig4", 3):
        restarted = "restarts" in cell.schedule
        last = adamw_loss if (cell.optimizer, restarted) == ("adamw", True) else 0.1
        middle, final = 0.4 * last / 0.1, errors[cell.optimizer, restarted]
        wobble = 0.05 * (cell.seed - 1) * (1 if restarted else -1)

        def error(
            loss: float, last: float = last, final: float = final, more: float = at_loss * restarted + wobble
        ) -> float:
            return final + more + 5 * math.log(loss / last)

        made.append(run(cell, (20 * last, middle, last), error, (5, 15, 35) if restarted else ()))
    return made


def test_restarts_and_the_gap_between_adam_and_sgdwr() -> None:
    assert judged("13", restarts(ERRORS)).outcome == SUPPORTED
    assert judged("13", restarts({**ERRORS, ("adamw", True): 43.5})).outcome == CONTRADICTED
    none = judged("13", restarts({**ERRORS, ("adam", False): 39.5}))
    assert none.outcome == UNDECIDED
    assert "no gap is seen" in none.words


@pytest.mark.parametrize(("loss", "outcome"), [(0.05, SUPPORTED), (0.2, CONTRADICTED), (0.1, UNDECIDED)])
def test_whose_training_loss_falls_faster(loss: float, outcome: str) -> None:
    found = judged("17", restarts(ERRORS, adamw_loss=loss))
    assert found.outcome == outcome
    assert f"is {loss / 0.1:.2f} [" in found.words


@pytest.mark.parametrize(("more", "outcome"), [(-2.0, SUPPORTED), (2.0, CONTRADICTED), (0.0, UNDECIDED)])
def test_errors_of_restarted_runs_at_equal_loss(more: float, outcome: str) -> None:
    same = dict.fromkeys(ERRORS, 40.0)
    assert judged("18", restarts(same, at_loss=more)).outcome == outcome


@pytest.mark.parametrize(("error", "outcome"), [(47.0, SUPPORTED), (44.0, UNDECIDED), (30.0, CONTRADICTED)])
def test_a_constant_rate_against_a_schedule_in_fewer_epochs(error: float, outcome: str) -> None:
    """AdamWR's errors at the ends of its cycles, after 5, 15 and 35 of 75 epochs, fall towards 40."""
    constant = [made_record(cell, error) for cell in cells("supp2", 1)]
    ends = {5: 53.1, 15: 46.5, 35: 43.0}

    def error_of(cell: Cell) -> Record:
        rows = [
            {"epoch": at, "train_loss": 1.0, "test_error": value, "test_loss": 1.0, "ends_cycle": True}
            for at, value in ends.items()
        ]
        return made_record(cell, 42.0, epochs=rows)

    found = judged("16", [*constant, *(error_of(cell) for cell in cells("fig4", 1))])
    assert found.outcome == outcome, found.words


@pytest.mark.parametrize(
    ("power", "outcomes"),
    [(0.5, (SUPPORTED, CONTRADICTED, CONTRADICTED)), (1.0, (CONTRADICTED, SUPPORTED, CONTRADICTED)),
     (-0.5, (CONTRADICTED, CONTRADICTED, SUPPORTED))],
)  # fmt: skip
def test_the_three_predictions_of_the_batch_size(power: float, outcomes: tuple[str, ...]) -> None:
    made = []
    for cell in cells("batch_size", 2):
        best = np.log2(0.008) + power * np.log2(cell.batch_size / 90)
        apart = 0.02 * (1 if cell.seed else -1)
        made.append(made_record(cell, 50 + min(30.0, (np.log2(cell.decay) - best) ** 2) + apart))
    found = [judged(name, [*made, *noise()]) for name in ("B1", "B2", "B3")]
    assert tuple(verdict.outcome for verdict in found) == outcomes, [verdict.words for verdict in found]


def test_without_decay_adam_and_adamw_must_end_alike() -> None:
    made = [made_record(cell, 50.0 + cell.alpha) for cell in cells("fig2", 1)]
    assert judged("S2", made).outcome == SUPPORTED
    place = next(i for i, r in enumerate(made) if r["cell"]["optimizer"] == "adamw" and r["cell"]["decay"] == 0)
    made[place] = made_record(Cell.from_dict(made[place]["cell"]), 50.01)
    assert judged("S2", made).outcome == CONTRADICTED
    assert "6 of 7 pairs" in judged("S2", made).words


def study(name: str, rows: list[dict[str, Any]]) -> list[Shown]:
    origin = {"data": {"name": "real", "fingerprint": "f" * 16}, "commit": "c" * 40, "hardware": "a processor"}
    return [Shown(experiments.get(name), "cpu", "real", f"{name}-cpu", "", {}, rows, origin)]


def steps(ratio: float, wide: int) -> list[dict[str, Any]]:
    nets = {"shake_shake-26-2x64d": 11_653_978, "shake_shake-26-2x96d": wide}
    return [
        {"model": net, "parameters": count, "optimizer": name, "milliseconds": 10 * (ratio if name == "adamw" else 1)}
        for net, count in nets.items()
        for name in ("adam", "adamw")
    ]


def test_step_cost_and_the_size_of_the_nets() -> None:
    assert judged("S4", studies=study("step_cost", steps(0.8, 1))).outcome == SUPPORTED
    assert judged("S4", studies=study("step_cost", steps(1.0, 1))).outcome == CONTRADICTED
    assert judged("21", studies=study("step_cost", steps(1.0, 26_192_922))).outcome == CONTRADICTED
    assert judged("21", studies=study("step_cost", steps(1.0, 25_610_000))).outcome == SUPPORTED
    assert judged("21").outcome == NOT_RUN


def test_demos_of_studies_count_only_where_they_need_no_pictures() -> None:
    (found,) = study("step_cost", steps(0.8, 1))
    demo = dataclasses.replace(found, profile="demo")
    assert judged("S4", studies=[demo]).outcome == SUPPORTED
    assert judged("S4", studies=[dataclasses.replace(demo, settings={"cell": {}})]).outcome == NOT_RUN


@pytest.mark.parametrize(("power", "outcome"), [(-1.0, SUPPORTED), (0.0, CONTRADICTED)])
def test_what_decay_takes_off(power: float, outcome: str) -> None:
    rows = [
        {"what": "scale", "optimizer": name, "scale": scale, "median": 0.01 * (scale**power if name == "adam" else 1)}
        for name in ("adam", "adamw")
        for scale in (0.01, 0.1, 1.0)
    ]
    assert judged("S6", studies=study("effective_decay", rows)).outcome == outcome


@pytest.mark.parametrize(
    ("adamw", "sgd", "outcome"),
    [(1.0, 2.0, SUPPORTED), (1.0, 0.5, CONTRADICTED), (1.0, 1.0, UNDECIDED), (0.5, 2.0, UNDECIDED)],
)
def test_first_steps(adamw: float, sgd: float, outcome: str) -> None:
    levels = {"adam": 1.0, "adamw": adamw, "sgd": sgd}
    rows = [
        {
            "optimizer": name,
            "seed": seed,
            "losses": [3.0] * 18 + [level + 0.01 * (seed - 1) * (1 if name == "adam" else -1)] * 2,
        }
        for name, level in levels.items()
        for seed in range(3)
    ]
    assert judged("S7", studies=study("first_steps", rows)).outcome == outcome


def test_propositions() -> None:
    def rows(equal: float, form: float) -> list[dict[str, Any]]:
        return [
            {"what": "sgd", "ratio": 1.0, "distance": equal}, {"what": "sgd", "ratio": 2.0, "distance": 0.9},
            {"what": "residual", "spread": 0.0, "residual": 0.0}, {"what": "residual", "spread": 1.0, "residual": 0.5},
            {"what": "adam", "ratio": 0.2, "distance": 0.8},
            {"what": "scaled", "form": "appendix", "alpha": 0.1, "distance": 1e-14},
            {"what": "scaled", "form": "statement", "alpha": 0.1, "distance": form},
        ]  # fmt: skip

    good, bad = study("propositions", rows(1e-14, 6.0)), study("propositions", rows(0.5, 1e-14))
    assert [judged(name, studies=good).outcome for name in ("19a", "19b", "19c", "19d", "S3")] == [
        SUPPORTED, SUPPORTED, SUPPORTED, CONTRADICTED, CONTRADICTED,
    ]  # fmt: skip
    assert [judged(name, studies=bad).outcome for name in ("19a", "19d")] == [CONTRADICTED, SUPPORTED]
