"""The optimizers against reference.py, that against an independent transcription of the paper; and against torch's.

The oracle below is written from the paper's Algorithms 1 and 2 (numpy, float64, one parameter at a time), not from
paper_repro.optim. How decay follows schedules and alpha: tests/core/test_schedules.py and test_decay.py; what a user
does with an optimizer: tests/optim/test_optim_interface.py.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from paper_repro import SGD, SGDW, Adam, AdamW, optim, schedules
from paper_repro.optim import reference
from tests.stepping import ALL, RATES, Array, difference, gradient, groups, has_gradient, run, start, tensors

STEPS = 1000


def oracle(name: str, eta_of: Callable[[int], float], steps: int) -> list[Array]:
    """Algorithm 1 (SGD, SGDW) or 2 (Adam, AdamW) as printed; a parameter without gradient is left out of the update."""
    theta = start()
    m, v, t = [0.0 * p for p in theta], [0.0 * p for p in theta], [0, 0, 0]
    for step in range(steps):
        gradients = gradient(theta)
        for i in [i for i in range(3) if has_gradient(step, i)]:
            alpha, decay = RATES[i // 2]
            t[i] += 1
            g = gradients[i] if name in ("SGDW", "AdamW") else gradients[i] + decay * theta[i]
            eta = eta_of(step)
            if name in ("SGD", "SGDW"):
                m[i] = 0.9 * m[i] + eta * alpha * g
                move = m[i]
            else:
                m[i] = 0.9 * m[i] + (1 - 0.9) * g
                v[i] = 0.999 * v[i] + (1 - 0.999) * g**2
                m_hat, v_hat = m[i] / (1 - 0.9 ** t[i]), v[i] / (1 - 0.999 ** t[i])
                move = eta * alpha * m_hat / (np.sqrt(v_hat) + 1e-8)
            theta[i] = theta[i] - move - (eta * decay * theta[i] if name in ("SGDW", "AdamW") else 0.0)
    return theta


def restarts(step: int) -> float:
    """Equation 15 with T_0 = 60, T_mult = 2, counted cycle by cycle."""
    cycle = 60
    while step >= cycle:
        step, cycle = step - cycle, 2 * cycle
    return 0.5 + 0.5 * math.cos(math.pi * step / cycle)


SCHEDULES = {
    "cosine": (schedules.cosine(STEPS), lambda t: 0.5 + 0.5 * math.cos(math.pi * t / STEPS)),
    "step_drop": (schedules.step_drop([300, 600, 800]), lambda t: 10.0 ** -((t >= 300) + (t >= 600) + (t >= 800))),
    "warm_restarts": (schedules.warm_restarts(60, 2), restarts),
}


def by_reference(name: str, eta_of: Callable[[int], float], steps: int, momenta: tuple[float, float]) -> list[Array]:
    """As oracle(), by paper_repro.optim.reference; momenta: beta1 and beta2."""
    theta = [torch.tensor(p) for p in start()]
    m, v, t = [torch.zeros_like(p) for p in theta], [torch.zeros_like(p) for p in theta], [0, 0, 0]
    for step in range(steps):
        gradients = gradient([p.numpy() for p in theta])
        for i in [i for i in range(3) if has_gradient(step, i)]:
            t[i] += 1
            (alpha, decay), g = RATES[i // 2], torch.tensor(gradients[i])
            given = {"eta": eta_of(step), "alpha": alpha, "decay": decay, "decoupled": name.endswith("W")}
            if name in ("SGD", "SGDW"):
                theta[i], m[i] = reference.sgd(theta[i], g, m[i], beta1=momenta[0], **given)
            else:
                beta1, beta2 = momenta
                theta[i], m[i], v[i] = reference.adam(theta[i], g, m[i], v[i], t[i], beta1=beta1, beta2=beta2, **given)
    return [p.numpy() for p in theta]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("cls", ALL)
def test_the_reference_is_the_printed_algorithm(cls: Any, schedule: str) -> None:
    found = by_reference(cls.__name__, SCHEDULES[schedule][0], STEPS, (0.9, 0.999))
    apart = difference(found, oracle(cls.__name__, SCHEDULES[schedule][1], STEPS))
    assert apart <= 1e-12, f"{cls.__name__} under {schedule}: relative difference {apart:.1e} after {STEPS} updates"
    assert difference(found, start()) > 0.1  # it did move


@pytest.mark.parametrize("momenta", [(0.9, 0.999), (0.0, 0.999), (0.5, 0.9999)])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("cls", ALL)
def test_the_kernels_are_the_reference(cls: Any, schedule: str, momenta: tuple[float, float]) -> None:
    params, eta = tensors(), SCHEDULES[schedule][0]
    options: dict[str, Any] = {"momentum": momenta[0]} if cls in (SGD, SGDW) else {"betas": momenta}
    optimizer = cls(groups(params), lr=1.0, **options)
    found = run(optimizer, params, 200, lr_scheduler.LambdaLR(optimizer, eta))
    apart = difference(found, by_reference(cls.__name__, eta, 200, momenta))
    assert apart <= 1e-12, f"{cls.__name__} under {schedule}: relative difference {apart:.1e}"


@pytest.mark.parametrize("cls", [SGDW, AdamW])
def test_decay_at_alpha_0_is_the_reference(cls: Any) -> None:
    """A rate of 0 when it was built, and then another: eta_t counts as 1, and alpha as that rate."""
    params = [torch.tensor([2.0, -3.0], dtype=torch.float64, requires_grad=True)]
    optimizer = cls(params, lr=0.0, decay=0.1)
    params[0].grad = torch.zeros(2, dtype=torch.float64)
    optimizer.step()
    assert params[0].tolist() == [2, -3]  # at a rate of 0 eta_t is 0
    params = [params[0].detach().clone().requires_grad_()]
    optimizer = cls(params, lr=0.0, decay=0.1)
    optimizer.param_groups[0]["lr"] = 0.02
    params[0].grad = g = torch.tensor([1.0, 2.0], dtype=torch.float64)
    given = {"eta": 1.0, "alpha": 0.02, "decay": 0.1, "decoupled": True}
    theta, m = params[0].detach().clone(), torch.zeros(2, dtype=torch.float64)
    sgdw, adamw = reference.sgd(theta, g, m, **given)[0], reference.adam(theta, g, m, m, 1, **given)[0]
    with pytest.warns(UserWarning, match="lr was 0"):
        optimizer.step()
    torch.testing.assert_close(params[0].detach(), sgdw if cls is SGDW else adamw, rtol=1e-12, atol=0)


@pytest.mark.parametrize("cls", ALL)
def test_a_rate_that_is_a_tensor_gives_the_same_updates(cls: Any) -> None:
    """As a recorded update uses it: one tensor for each group, written to between the steps."""
    params = tensors()
    optimizer = cls(groups(params), lr=1.0)
    rates = [torch.zeros((), dtype=torch.float64) for _ in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    for step in range(STEPS):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            rate.fill_(restarts(step) * optim.alpha(group))
        run(optimizer, params, range(step, step + 1))
    ends = [p.detach().numpy() for p in params]
    assert difference(ends, oracle(cls.__name__, restarts, STEPS)) <= 1e-12
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    other = cls(groups(params), lr=1.0)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert other.param_groups[0]["lr"] == rates[0]


@pytest.mark.parametrize("lr", [1e-3, 1e-7, 1e-10])
@pytest.mark.parametrize("cls", [SGD, SGDW])
def test_small_rates_keep_their_digits_in_float32(cls: Any, lr: float) -> None:
    """The fused kernel is handed 1 - lr, of which float32 would keep little."""
    param = torch.zeros(1000, requires_grad=True)
    param.grad = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    cls([param], lr=lr).step()
    wanted = -lr * param.grad.double()
    assert torch.dist(param.detach().double(), wanted) < 1e-6 * wanted.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("coupled", "decoupled"), [(SGD, SGDW), (Adam, AdamW)])
def test_without_decay_the_two_are_one_bit_for_bit(coupled: Any, decoupled: Any, dtype: torch.dtype) -> None:
    ends = []
    for cls in (coupled, decoupled):
        params = tensors(dtype)
        optimizer = cls(params, lr=0.01)
        ends.append(run(optimizer, params, 300, lr_scheduler.LambdaLR(optimizer, schedules.warm_restarts(40))))
    assert difference(*ends) == 0


def _against_torch(ours: Any, theirs: Any, eta: Callable[[int], float] | None, **torch_decay: float) -> float:
    ends = []
    for cls, decay in ((ours, {"decay": 3e-3}), (theirs, torch_decay)):
        params = tensors()
        optimizer = cls(params, lr=0.02, **decay)
        ends.append(run(optimizer, params, 300, lr_scheduler.LambdaLR(optimizer, eta) if eta else None))
    return difference(*ends)


def test_is_torch_where_the_conventions_coincide() -> None:
    cosine = schedules.cosine(300)
    assert _against_torch(Adam, torch.optim.Adam, cosine, weight_decay=3e-3) < 1e-12
    assert _against_torch(AdamW, torch.optim.AdamW, cosine, weight_decay=3e-3 / 0.02) < 1e-12
    assert _against_torch(SGD, torch.optim.SGD, None, weight_decay=3e-3, momentum=0.9) < 1e-12


def test_sgd_after_a_restart_is_not_torchs_nor_the_lua_form() -> None:
    """Print multiplies each gradient by the rate of its time, torch and Lua the whole buffer by the rate of now."""
    eta = schedules.warm_restarts(100)
    params = tensors()
    optimizer = SGD(params, lr=0.02, decay=3e-3)
    ours = run(optimizer, params, 300, lr_scheduler.LambdaLR(optimizer, eta))
    lua, buffer = start(), [0.0 * p for p in start()]
    for step in range(300):
        gradients = gradient(lua)
        for i in [i for i in range(3) if has_gradient(step, i)]:
            buffer[i] = 0.9 * buffer[i] + gradients[i] + 3e-3 * lua[i]
            lua[i] = lua[i] - 0.02 * eta(step) * buffer[i]
    other = tensors()
    reference = torch.optim.SGD(other, lr=0.02, momentum=0.9, weight_decay=3e-3)
    theirs = run(reference, other, 300, lr_scheduler.LambdaLR(reference, eta))
    assert difference(theirs, lua) < 1e-12  # torch is the Lua form
    assert 1e-3 < difference(ours, theirs) < 0.1, difference(ours, theirs)


@pytest.mark.parametrize(("size", "first", "late"), [(1.0, 4e-7, 1e-9), (1e-8, 0.5, 0.01)])
def test_epsilon_of_the_lua_code_matters_first_and_for_small_gradients(size: float, first: float, late: float) -> None:
    """Lua: sqrt(v) + eps, then the bias correction. Differences are in units of alpha; the gradient is constant."""
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = Adam([parameter], lr=1.0)
    m = v = 0.0
    apart = []
    for t in range(1, 3001):
        before, parameter.grad = parameter.item(), torch.full_like(parameter, size)
        optimizer.step()
        m, v = 0.9 * m + 0.1 * size, 0.999 * v + 0.001 * size**2
        lua = math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + 1e-8)
        apart.append(abs(before - parameter.item() - lua))
    assert 0.7 * first < apart[0] == max(apart) < first
    assert 0.2 * late < apart[-1] < late
