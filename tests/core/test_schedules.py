"""The schedule multipliers: against the printed equation, and as they reach the optimizers through torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from paper_repro import SGD, SGDW, Adam, AdamW, optim, schedules

DECOUPLED = [SGDW, AdamW]


def printed(t_cur: float, t_i: float) -> float:
    """Equation 15."""
    return 0.5 + 0.5 * math.cos(math.pi * t_cur / t_i)


def test_cosine_is_equation_15() -> None:
    eta = schedules.cosine(200)
    assert [eta(t) for t in range(200)] == pytest.approx([printed(t, 200) for t in range(200)], abs=1e-14)
    assert eta(0) == 1.0
    assert eta(100) == pytest.approx(0.5, abs=1e-14)
    assert 0 < eta(199) < 1e-4
    assert eta(200) == eta(10_000) == 0.0  # what a scheduler asks for after the last update


def test_restarts_at_100_300_700_1500() -> None:
    """The paper's example: T_0 = 100, T_mult = 2."""
    eta = schedules.warm_restarts(100, 2)
    assert [t for t in range(1501) if eta(t) == 1.0] == [0, 100, 300, 700, 1500]
    for start, length in ((0, 100), (100, 200), (300, 400), (700, 800)):
        expected = [printed(t, length) for t in range(length)]
        assert [eta(start + t) for t in range(length)] == pytest.approx(expected, abs=1e-14)
        assert 0 < eta(start + length - 1) < 3e-4
        assert eta.cycle(start + length - 1) == eta.cycle(start)
    assert eta.cycle(1499) == schedules.Cycle(3, 700, 800)
    assert eta.cycle(1500) == schedules.Cycle(4, 1500, 1600)


def test_multiplier_one_repeats_the_cycle() -> None:
    eta = schedules.warm_restarts(7, 1)
    assert [eta(t) for t in range(70)] == pytest.approx([printed(t % 7, 7) for t in range(70)], abs=1e-14)
    assert eta.cycle(10**9) == schedules.Cycle(10**9 // 7, 10**9 // 7 * 7, 7)


def test_step_drop_at_30_60_80() -> None:
    eta = schedules.step_drop([30, 60, 80])
    values = [eta(t) for t in range(100)]
    assert values == pytest.approx([1.0] * 30 + [0.1] * 30 + [0.01] * 20 + [0.001] * 20, rel=1e-14)
    assert [schedules.step_drop([2], 0.2)(t) for t in range(4)] == [1.0, 1.0, 0.2, 0.2]


@pytest.mark.parametrize(
    "spec", ["fixed", "cosine", "step_drop:30,60,80:0.1", "warm_restarts:3:2", "warm_restarts:5:1"]
)
def test_starts_at_one_and_stays_between_zero_and_one(spec: str) -> None:
    schedule = schedules.from_spec(spec, epochs=100, steps_per_epoch=7)
    values = [schedule.eta(t) for t in range(1000)]
    assert values[0] == 1.0
    assert all(0 <= value <= 1 for value in values)


def test_from_spec_counts_in_epochs() -> None:
    def etas(spec: str) -> list[float]:
        schedule = schedules.from_spec(spec, epochs=100, steps_per_epoch=3)
        return [schedule.eta(t) for t in range(300)]

    assert set(etas("fixed")) == {1.0}
    assert etas("cosine") == pytest.approx([printed(t, 300) for t in range(300)], abs=1e-14)
    assert etas("step_drop:30,60.5:0.2") == [0.2 ** ((t >= 90) + (t >= 182)) for t in range(300)]
    assert etas("warm_restarts:20:2")[60:180] == pytest.approx([printed(t, 120) for t in range(120)], abs=1e-14)


def test_from_spec_gives_the_cycle_that_normalized_decay_needs() -> None:
    whole = schedules.Cycle(0, 0, 300)
    for spec in ("fixed", "cosine", "step_drop:30:0.1"):
        schedule = schedules.from_spec(spec, epochs=100, steps_per_epoch=3)
        assert schedule.cycle(0) == schedule.cycle(299) == whole
    restarts = schedules.from_spec("warm_restarts:20:2", epochs=100, steps_per_epoch=3)
    assert [restarts.cycle(t) for t in (59, 60)] == [schedules.Cycle(0, 0, 60), schedules.Cycle(1, 60, 120)]


@pytest.mark.parametrize(
    "spec",
    [
        "", "cosin", "Cosine", "fixed:1", "cosine:", "cosine:100", "step_drop", "step_drop:30", "step_drop:30:0.1:0.1",
        "step_drop::0.1", "step_drop:60,30:0.1", "step_drop:30,30:0.1", "step_drop:0,30:0.1", "step_drop:-3:0.1",
        "step_drop:30:1.5", "step_drop:30:-0.1", "step_drop:30:nan", "step_drop:nan:0.1", "step_drop:inf:0.1",
        "warm_restarts", "warm_restarts:10", "warm_restarts:10:2:2", "warm_restarts:0:2", "warm_restarts:-1:2",
        "warm_restarts:10:0", "warm_restarts:10:1.5", "warm_restarts:ten:2",
    ],
)  # fmt: skip
def test_bad_spec_is_refused_in_one_line_that_quotes_it(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^schedule ") as caught:
        schedules.from_spec(spec, epochs=100, steps_per_epoch=3)
    assert repr(spec) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.cosine(0),
        lambda: schedules.warm_restarts(0),
        lambda: schedules.warm_restarts(5, 0),
        lambda: schedules.step_drop([5, 3]),
        lambda: schedules.step_drop([5], 2.0),
    ],
)
def test_bad_arguments_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"must (be|lie)"):
        make()


def test_lua_code_is_one_update_off_in_the_first_cycle_only() -> None:
    """It adds 1/N to T_cur before each use and sets it to 0 at a restart: k/N for k = 1 .. N, later (k - 1)/N."""
    first, length, t_cur, lua = 40, 40, 0.0, []
    for update in range(first + 2 * first):
        if update == first:
            length, t_cur = 2 * first, -1.0 / length / 2  # set to 0 at the first batch, where nothing is added
        t_cur += 1 / length
        lua.append(printed(t_cur, 1))
    ours = [schedules.warm_restarts(first, 2)(t) for t in range(3 * first)]
    assert lua[: first - 1] == pytest.approx(ours[1:first], abs=1e-12)
    assert lua[first - 1] == pytest.approx(0.0, abs=1e-12)
    assert lua[first:] == pytest.approx(ours[first:], abs=1e-12)
    apart = max(abs(a - b) for a, b in zip(lua, ours, strict=True))
    assert apart == pytest.approx(math.pi / 2 / first, rel=0.01)  # the steepest slope of the cosine, times one update


def moved(optimizer: torch.optim.Optimizer, scheduler: Any, updates: int) -> list[float]:
    """The learning rate of each of the first updates."""
    rates = []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_lambda_lr_applies_eta_from_the_first_update_on() -> None:
    optimizer = SGD([torch.ones(1, requires_grad=True)], lr=0.5)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedules.warm_restarts(10, 2))
    expected = [0.5 * printed(t, 10) for t in range(10)] + [0.5 * printed(t, 20) for t in range(20)]
    assert moved(optimizer, scheduler, 30) == pytest.approx(expected, rel=1e-14)


TORCH_SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, schedules.cosine(50)),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 50),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 10, 0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [10, 30]),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10, 2),
    "warm-up": lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=20),
}


@pytest.mark.parametrize("name", TORCH_SCHEDULERS)
@pytest.mark.parametrize("cls", DECOUPLED)
def test_decoupled_decay_follows_any_scheduler_but_not_alpha(cls: Any, name: str) -> None:
    for alpha in (1e-4, 0.3):
        parameter = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
        optimizer = cls([parameter], lr=alpha, decay=0.01)
        scheduler, expected = TORCH_SCHEDULERS[name](optimizer), 1.0
        for _ in range(45):
            expected *= 1 - 0.01 * optimizer.param_groups[0]["lr"] / alpha
            parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
            scheduler.step()
        assert parameter.tolist() == pytest.approx([expected, -2 * expected], rel=1e-12)
        assert 0.6 < expected < 0.96


def test_l2_is_constant_in_time() -> None:
    """With zero gradient m = beta1 m + eta alpha lambda theta: lambda itself never sees eta, alpha scales it."""
    parameter = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = SGD([parameter], lr=0.5, decay=0.1, momentum=0.0)
    for lr in (0.5, 0.25, 0.0):
        before, optimizer.param_groups[0]["lr"] = parameter.item(), lr
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        assert parameter.item() == pytest.approx(before * (1 - lr * 0.1), rel=1e-14)
    adam = Adam([parameter], lr=0.0, decay=0.1)
    adam.param_groups[0]["initial_lr"] = 1.0
    adam.step()
    assert adam.state[parameter]["m"].item() == pytest.approx(0.1 * 0.1 * parameter.item(), rel=1e-14)


def test_group_added_later_has_its_own_alpha() -> None:
    first, late = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = SGDW([first], lr=0.4, decay=0.1)
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    optimizer.add_param_group({"params": [late], "lr": 0.3, "decay": 0.2})
    first.grad, late.grad = torch.zeros(1).double(), torch.zeros(1).double()
    optimizer.step()
    assert (first.item(), late.item()) == pytest.approx((1 - 0.5 * 0.1, 1 - 0.2), rel=1e-14)
    scheduler.step()
    assert [optim.eta(group) for group in optimizer.param_groups] == pytest.approx([0.25, 0.5])
