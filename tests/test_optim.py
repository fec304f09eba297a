"""The optimizers against an independent transcription of the printed algorithms, and what a user does with them.

The oracle below is written from the paper's Algorithms 1 and 2 (numpy, float64, one parameter at a time), not from
paper_repro.optim. Gradients come from one numpy function, evaluated at each side's own parameters, so that a deviation
feeds back into all later steps. How decay follows schedules and alpha: tests/test_schedules.py and tests/test_decay.py.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from paper_repro import SGD, SGDW, Adam, AdamW, optim, schedules

Array = np.ndarray[Any, np.dtype[np.float64]]
ALL = [SGD, SGDW, Adam, AdamW]
STEPS = 1000
EXAMPLES = np.random.default_rng(2).normal(size=(16, 8))  # five inputs and three targets
RATES = ((0.02, 2e-3), (0.005, 6e-3))  # lr and decay of the group of w and b, and of the group of v


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two would only wait for each other over tensors this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def start() -> list[Array]:
    random = np.random.default_rng(1)
    return [random.normal(size=shape) for shape in ((5, 4), (4,), (4, 3))]


def gradient(parameters: Sequence[Array]) -> list[Array]:
    """Of the mean of log cosh(tanh(X w + b) v - Y) over 16 examples."""
    w, b, v = parameters
    x, y = EXAMPLES[:, :5], EXAMPLES[:, 5:]
    hidden = np.tanh(x @ w + b)
    error = np.tanh(hidden @ v - y) / len(x)
    back = (error @ v.T) * (1 - hidden**2)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error]


def has_gradient(step: int, index: int) -> bool:
    """b has none in every seventh update."""
    return not (index == 1 and step % 7 == 3)


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


def tensors(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.tensor(array, dtype=dtype, requires_grad=True) for array in start()]


def groups(params: list[Tensor]) -> list[dict[str, Any]]:
    members = (params[:2], params[2:])
    return [{"params": m, "lr": lr, "decay": decay} for m, (lr, decay) in zip(members, RATES, strict=True)]


def run(
    optimizer: torch.optim.Optimizer, params: list[Tensor], steps: range | int, scheduler: Any = None
) -> list[Array]:
    """Updates with `gradient`; returns the parameters."""
    for step in range(steps) if isinstance(steps, int) else steps:
        for index, (p, g) in enumerate(
            zip(params, gradient([p.detach().double().numpy() for p in params]), strict=True)
        ):
            p.grad = torch.tensor(g).to(p.dtype) if has_gradient(step, index) else None
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [p.detach().double().numpy().copy() for p in params]


def difference(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    return float(max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(ours, theirs, strict=True)))


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


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("cls", ALL)
def test_follows_the_printed_algorithm(cls: Any, schedule: str) -> None:
    ours, printed = SCHEDULES[schedule]
    params = tensors()
    optimizer = cls(groups(params), lr=1.0)
    found = run(optimizer, params, STEPS, lr_scheduler.LambdaLR(optimizer, ours))
    apart = difference(found, oracle(cls.__name__, printed, STEPS))
    assert apart <= 1e-12, f"{cls.__name__} under {schedule}: relative difference {apart:.1e} after {STEPS} updates"
    assert difference(found, start()) > 0.1  # it did move


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
            rate.fill_(restarts(step) * group["initial_lr"])
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


@pytest.mark.parametrize("cls", ALL)
def test_state_dict_continues_bit_for_bit(cls: Any) -> None:
    """Through torch.save, also into an optimizer made with other rates, and by deepcopy."""
    params = tensors(torch.float32)
    optimizer = cls(groups(params), lr=1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(40))
    run(optimizer, params, 20, scheduler)
    middle = copy.deepcopy((params, optimizer, scheduler))
    file = io.BytesIO()
    torch.save((params, optimizer.state_dict(), scheduler.state_dict()), file)
    end = run(optimizer, params, range(20, 40), scheduler)

    assert difference(end, run(middle[1], middle[0], range(20, 40), middle[2])) == 0
    file.seek(0)
    saved_params, saved_optimizer, saved_scheduler = torch.load(file, weights_only=True)
    params = [p.detach().requires_grad_() for p in saved_params]
    other = cls([{"params": params[:2]}, {"params": params[2:]}], lr=0.7, decay=0.3)
    scheduler = lr_scheduler.LambdaLR(other, schedules.cosine(40))
    scheduler.load_state_dict(saved_scheduler)
    other.load_state_dict(saved_optimizer)
    assert difference(end, run(other, params, range(20, 40), scheduler)) == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_loaded_step_counter_stays_float32_and_follows_the_parameters(dtype: torch.dtype) -> None:
    """A bfloat16 counter would stand still at 256; one left on another device stops the fused kernel."""
    params = tensors(dtype)
    optimizer = AdamW(params)
    run(optimizer, params, 2)
    elsewhere = AdamW([torch.empty_like(p, device="meta").requires_grad_() for p in params])
    elsewhere.load_state_dict(optimizer.state_dict())
    assert len(elsewhere.state) == 3
    for parameter, state in elsewhere.state.items():
        assert {value.device.type for value in state.values()} == {"meta"}
        assert (state["step"].dtype, state["v"].dtype) == (torch.float32, parameter.dtype)


def test_state_of_another_optimizer_is_refused() -> None:
    parameter = torch.ones(1, requires_grad=True)
    for other in (torch.optim.AdamW([parameter]), SGD([parameter], lr=1.0)):
        with pytest.raises(ValueError, match=r"^not a state of AdamW: its groups lack (betas|decay)"):
            AdamW([parameter]).load_state_dict(other.state_dict())


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "slice": lambda x: torch.cat([x, x], -1)[..., :3],
}


@pytest.mark.parametrize("of_gradient", LAYOUTS)
@pytest.mark.parametrize("of_parameter", LAYOUTS)
@pytest.mark.parametrize("cls", ALL)
def test_memory_layout_does_not_matter(cls: Any, of_parameter: str, of_gradient: str) -> None:
    """torch's fused kernels walk memory: unlike layouts would pair a weight with its neighbour's gradient."""
    torch.manual_seed(0)
    values, gradients = torch.randn(4, 2, 3, 3).double(), torch.randn(4, 4, 2, 3, 3).double()
    plain = values.clone().requires_grad_()
    moved = LAYOUTS[of_parameter](values).detach().requires_grad_()
    optimizers = cls([plain], lr=0.1, decay=0.1), cls([moved], lr=0.1, decay=0.1)
    for step, values in enumerate(gradients):
        plain.grad, moved.grad = values.clone(), LAYOUTS[of_gradient](values)
        for optimizer in optimizers:
            optimizer.step()
        if step == 1:  # a state saved in one layout, or in two, continues in another
            saved = copy.deepcopy(optimizers[0].state_dict())
            saved["state"][0] = {k: LAYOUTS[of_gradient](x) if k == "v" else x for k, x in saved["state"][0].items()}
            optimizers[1].load_state_dict(saved)
    torch.testing.assert_close(moved, plain, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("cls", ALL)
def test_mixed_dtypes_empty_tensors_and_missing_gradients_in_one_group(cls: Any) -> None:
    kinds = [torch.float64, torch.float32, torch.bfloat16]
    params = [torch.full((8,), 2.0, dtype=kind, requires_grad=True) for kind in kinds]
    alone, empty = torch.ones(2, requires_grad=True), torch.empty(0, 3, requires_grad=True)
    optimizer = cls([*params, alone, empty], lr=0.05, decay=0.1)
    for _ in range(5):
        for p in [*params, empty]:
            p.grad = torch.full_like(p, 0.5)
        optimizer.step()
    assert alone.tolist() == [1.0, 1.0]
    assert alone not in optimizer.state
    assert params[0][0].item() < 1.8
    assert params[1].tolist() == pytest.approx(params[0].tolist(), rel=1e-6)
    assert params[2].tolist() == pytest.approx(params[0].tolist(), rel=0.03)


@pytest.mark.parametrize("cls", ALL)
def test_sparse_or_complex_is_refused_and_nothing_changed(cls: Any) -> None:
    for bad in (torch.ones(2, 2), torch.ones(2, 2, dtype=torch.complex64)):
        good, bad = torch.ones(2, requires_grad=True), bad.requires_grad_()
        optimizer = cls([{"params": [good]}, {"params": [bad]}], lr=0.1, decay=0.1)
        good.grad = torch.ones(2)
        bad.grad = torch.ones_like(bad) if bad.is_complex() else torch.eye(2).to_sparse()
        with pytest.raises(RuntimeError, match=f"^{cls.__name__} takes neither"):
            optimizer.step()
        assert good.tolist() == [1, 1]
        assert (bad == 1).all()


BAD: list[tuple[str, Any]] = [(name, x) for name in ("lr", "decay") for x in (-1.0, math.nan, math.inf)]
BAD += [("momentum", x) for x in (-0.1, 1.0, math.nan)] + [("eps", x) for x in (0.0, -1e-8, math.nan, math.inf)]
BAD += [("betas", x) for x in ((1.0, 0.9), (0.9, -0.1), (0.9, math.nan), (math.inf, 0.9), (0.9,), (0.9, 0.9, 0.9))]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_hyperparameters_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    cls = SGD if name == "momentum" else AdamW
    good, other = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match=name):
        cls([good], **{"lr": 0.1, name: value})
    with pytest.raises(ValueError, match=name):
        cls([{"params": [good], name: value}], lr=0.1)
    optimizer = cls([good], lr=0.1)
    with pytest.raises(ValueError, match=name):
        optimizer.add_param_group({"params": [other], name: value})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("cls", ALL)
def test_closure_and_named_parameters(cls: Any) -> None:
    model = torch.nn.Linear(3, 1)
    optimizer = cls(model.named_parameters(), lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(torch.ones(1, 3)).square().sum()
        loss.backward()
        return loss

    before = [p.clone() for p in model.parameters()]
    with torch.no_grad():
        assert optimizer.step(closure).item() >= 0
    assert all(not torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))
    assert optimizer.step() is None
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]


def test_build() -> None:
    params = [torch.ones(1, requires_grad=True)]
    for cls in ALL:
        built = optim.build(cls.__name__.lower(), params, 0.2, 0.3)
        assert (type(built), built.defaults["lr"], built.defaults["decay"]) == (cls, 0.2, 0.3)
    with pytest.raises(ValueError, match="no optimizer 'tiger': one of sgd, sgdw, adam, adamw, or a file"):
        optim.build("tiger", params, 0.2, 0.3)
