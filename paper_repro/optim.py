"""SGD and SGDW (Algorithm 1), Adam and AdamW (Algorithm 2) of Loshchilov & Hutter, in the paper's own parametrisation.

In every parameter group `lr` is eta_t * alpha and `decay` is lambda. The schedule multiplier eta_t is read as
group["lr"] / group["initial_lr"], so any torch scheduler sets it: decoupled decay follows the schedule, but not alpha.

    optimizer = AdamW(model.parameters(), lr=1e-3, decay=2.5e-4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedules.cosine(total_steps))

A GPU's recorded updates (CUDA graphs) need a rate that changes without the host: group["lr"] may be set to a tensor of
no dimensions on the parameters' device, float32 there, and is then never read back.

OneCycleLR alone redefines initial_lr, as max_lr / div_factor: under it eta_t, and so the decay, peaks at div_factor.

`decay` here is not torch.optim.AdamW's `weight_decay`, which is lambda / alpha: see paper_repro.decay.

Where the authors' Lua code differs from the printed algorithms, these classes follow print:
- SGD's learning rate stands inside the momentum buffer (line 8: m = beta1 m + eta alpha g). Lua, like torch.optim.SGD,
  keeps it outside (theta -= lr * buffer). The two are one while the rate is fixed; after a warm restart Lua multiplies
  the old, large buffer by the new, full rate.
- Adam's epsilon is added after the bias correction (line 12), as in torch. Lua adds it before, so that its effective
  epsilon is eps / sqrt(1 - beta2^t): 32 times larger at the first step, equal after some thousands.
tests/test_optim.py measures both differences.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]


class Batch(NamedTuple):
    """Parameters of one group that share device and type, updated together; each list is as long as `params`."""

    params: list[Tensor]
    gradients: list[Tensor]
    states: list[dict[str, Tensor]]

    def state(self, name: str) -> list[Tensor]:
        return [state[name] for state in self.states]

    @contextmanager
    def laid_out_as(self, name: str) -> Iterator[tuple[list[Tensor], list[Tensor], list[Tensor]]]:
        """Parameters and gradients in the memory layout of a state (which has no gaps, even where the parameter is a
        slice that has), and the state; the parameters are written back. torch's fused kernels walk memory and mix up
        unlike layouts."""
        models = self.state(name)
        params = [_laid_out_as(model, parameter) for model, parameter in zip(models, self.params, strict=True)]
        yield params, [_laid_out_as(*pair) for pair in zip(models, self.gradients, strict=True)], models
        for parameter, updated in zip(self.params, params, strict=True):
            if updated is not parameter:
                parameter.copy_(updated)


class _Optimizer(torch.optim.Optimizer, ABC):
    """What the four share: checked groups, eta_t, and the walk over the parameters that have a gradient."""

    STATE: tuple[str, ...] = ()  # names of the running averages, all zero at the start (m_0 = v_0 = 0)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group, with its own lr and decay if given. Raises ValueError for a hyperparameter out of range."""
        _check_group({**self.defaults, **param_group})
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        group.setdefault("initial_lr", float(group["lr"]))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state_dict(). Raises ValueError for one of an optimizer with other hyperparameters."""
        for group in state_dict["param_groups"]:
            missing = {*self.defaults, "initial_lr"} - set(group)
            if missing:
                raise ValueError(f"not a state of {type(self).__name__}: its groups lack {', '.join(sorted(missing))}")
        super().load_state_dict(state_dict)
        for parameter, state in self.state.items():
            for name in self.STATE:  # in this parameter's memory layout, whichever it was saved in; shared with nobody
                state[name] = torch.empty_like(parameter).copy_(state[name])
            if "step" in state:  # torch leaves it on the device it was saved from
                state["step"] = state["step"].to(parameter.device, copy=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; returns what the closure (if any) returned.

        Raises RuntimeError for a sparse or complex gradient, before anything is changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        batches = [(group, batch) for group in self.param_groups for batch in self._batches(group)]
        for group, batch in batches:
            self._update(group, eta(group), batch)
        return loss

    def _batches(self, group: Group) -> Iterator[Batch]:
        by_kind: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse or parameter.is_complex():
                raise RuntimeError(f"{type(self).__name__} takes neither sparse gradients nor complex parameters")
            by_kind.setdefault((parameter.device, parameter.dtype), []).append(parameter)
        for params in by_kind.values():
            gradients = [parameter.grad for parameter in params if parameter.grad is not None]
            yield Batch(params, gradients, [self._state_of(parameter) for parameter in params])

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state.update({name: torch.zeros_like(parameter) for name in self.STATE})
        return state

    @abstractmethod
    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        """One update of these parameters."""


def eta(group: Group) -> float | Tensor:
    """The schedule multiplier eta_t = lr / initial_lr of a parameter group. For alpha = 0 it cannot be read: 1.

    A tensor where lr is one.
    """
    initial: float = group["initial_lr"]
    multiplier: float | Tensor = group["lr"] / initial if initial else 1.0
    return multiplier


class SGD(_Optimizer):
    """SGD with momentum and L2 regularisation (Algorithm 1, L2 term).

    g = grad + lambda theta;  m = beta1 m + eta alpha g;  theta = theta - m

    Args: params, tensors or group dicts; lr, alpha >= 0; decay, the L2 factor >= 0, constant in time; momentum, beta1.
    The paper does not print beta1; 0.9 is what its code uses.
    """

    STATE = ("m",)
    decoupled = False

    def __init__(self, params: Params, lr: float, decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum})

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        if group["decay"] and self.decoupled:
            torch._foreach_mul_(batch.params, 1 - eta * group["decay"])  # before the step: it acts on the old theta
        l2 = 0.0 if self.decoupled else group["decay"]
        # The fused kernel takes no lr in a tensor and no momentum 0; without L2 it is slower than one operation a time.
        if isinstance(group["lr"], Tensor) or not group["momentum"] or not l2:
            self._step_by_foreach(group["lr"], l2, group["momentum"], batch)
            return
        with batch.laid_out_as("m") as (params, gradients, m):
            torch._fused_sgd_(
                params, gradients, m,
                # m = momentum m + (1 - dampening) (grad + weight_decay theta);  theta = theta - lr m
                momentum=group["momentum"], dampening=1 - group["lr"], weight_decay=l2, lr=1.0,
                nesterov=False, maximize=False, is_first_step=False,
            )  # fmt: skip

    def _step_by_foreach(self, lr: float | Tensor, l2: float, momentum: float, batch: Batch) -> None:
        m = batch.state("m")
        torch._foreach_mul_(m, momentum)
        if isinstance(lr, Tensor):
            torch._foreach_add_(m, torch._foreach_mul(batch.gradients, lr))
        else:
            torch._foreach_add_(m, batch.gradients, alpha=lr)
        if l2:
            torch._foreach_add_(m, torch._foreach_mul(batch.params, lr * l2))
        torch._foreach_sub_(batch.params, m)


class SGDW(SGD):
    """SGD with momentum and decoupled weight decay (Algorithm 1, decay term).

    m = beta1 m + eta alpha grad;  theta = theta - m - eta lambda theta

    Args as SGD; decay is lambda, multiplied by the schedule eta but not by alpha, and never part of m.
    """

    decoupled = True


class Adam(_Optimizer):
    """Adam with L2 regularisation (Algorithm 2, L2 term).

    g = grad + lambda theta;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
    theta = theta - eta alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Args: params, tensors or group dicts; lr, alpha >= 0; decay, the L2 factor >= 0; betas in [0, 1); eps > 0.
    t counts the updates of each parameter and is never reset, not by a warm restart either.
    """

    STATE = ("m", "v")
    decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "betas": betas, "eps": eps})

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = super()._state_of(parameter)
        if "step" not in state:  # float32 on the parameter's device: the form that torch's fused kernels count in
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        return state

    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        decay = group["decay"]
        if self.decoupled and group["initial_lr"]:
            # torch's kernel shrinks theta by lr * weight_decay before its step; that must be eta * lambda
            decay /= group["initial_lr"]
        elif self.decoupled and decay:
            torch._foreach_mul_(batch.params, 1 - eta * decay)
            decay = 0.0
        torch._foreach_add_(batch.state("step"), 1)
        kernel = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        with batch.laid_out_as("m") as (params, gradients, m):
            kernel(
                params, gradients, m, batch.state("v"), [], batch.state("step"),
                lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1], weight_decay=decay, eps=group["eps"],
                amsgrad=False, maximize=False,
            )  # fmt: skip


class AdamW(Adam):
    """Adam with decoupled weight decay (Algorithm 2, decay term).

    m, v and the step of Adam from the bare gradient;  theta = theta - eta (alpha step + lambda theta)

    Args as Adam; decay is lambda, multiplied by the schedule eta but not by alpha. With decay 0 it is Adam bit for bit.
    """

    decoupled = True


BUILT_IN: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "sgdw": SGDW, "adam": Adam, "adamw": AdamW}


def build(name: str, params: Params, alpha: float, decay: float) -> torch.optim.Optimizer:
    """The optimizer that a Cell names: one of the four, or `build` of the file paper_repro/optim_NAME.py.

    Raises ValueError for a name that is neither.
    """
    if name in BUILT_IN:
        return BUILT_IN[name](params, lr=alpha, decay=decay)
    try:
        module = importlib.import_module(f"paper_repro.optim_{name}")
    except ModuleNotFoundError as error:
        if error.name != f"paper_repro.optim_{name}":
            raise  # the file is there, what it imports is not
        known = ", ".join(BUILT_IN)
        raise ValueError(f"no optimizer {name!r}: one of {known}, or a file paper_repro/optim_{name}.py") from None
    built: torch.optim.Optimizer = module.build(params, alpha, decay)
    return built


def _laid_out_as(model: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` in the memory layout of `model`: itself, or a copy."""
    return tensor if tensor.stride() == model.stride() else torch.empty_like(model).copy_(tensor)


def _check_group(group: Group) -> None:
    for name in ("lr", "decay"):
        if not 0 <= group[name] < math.inf:  # NaN fails every comparison
            raise ValueError(f"{name} must be zero or positive, got {group[name]}")
    if "eps" in group and not 0 < group["eps"] < math.inf:
        raise ValueError(f"eps must be positive, got {group['eps']}")
    if len(group.get("betas", (0, 0))) != 2:
        raise ValueError(f"betas must be two numbers, got {group['betas']}")
    momenta = {"momentum": group.get("momentum", 0.0)}
    momenta |= {f"betas[{index}]": beta for index, beta in enumerate(group.get("betas", ()))}
    for name, value in momenta.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must lie in [0, 1), got {value}")
