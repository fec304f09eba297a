"""What a user does with an optimizer: saves it, gives it odd tensors and wrong numbers, calls it in torch's ways."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from paper_repro import SGD, AdamW, optim, schedules
from tests.stepping import ALL, difference, groups, run, tensors


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
        with pytest.raises(ValueError, match=r"^not a state of AdamW: of other (.*betas|decay, weight_decay)"):
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
    with pytest.raises(ValueError, match="no optimizer 'tiger': one of sgd, sgdw, adam, adamw, or a module"):
        optim.build("tiger", params, 0.2, 0.3)
