"""What the optimizers share: checked parameter groups, the schedule multiplier eta_t, the walk over the parameters."""

from __future__ import annotations

import functools
import math
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing_extensions import Self

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]
ADVICE = '; set group["initial_lr"] to the highest rate, after the scheduler (CyclicLR, a finder) is built'
_NUMBERS = ("lr", "initial_lr", "decay", "momentum", "eps")
# What else a parameter group may hold: the names and scales of paper_repro.optim.groups, and what torch puts there.
BESIDE = (
    "params", "param_names", "name", "names", "decay_scale", "alpha_scale", "first_lr", "initial_lr", "max_lr",
    "min_lr", "max_momentum", "base_momentum", "swa_lr", "differentiable",
)  # fmt: skip


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


def _without_compiler(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that torch guards against torch.compile, without what the guard does first: load the compiler, which
    takes 1.3 s and 125 MB of every process. Where it is loaded already, the guard stays."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        plain = method if "torch._dynamo" in sys.modules else getattr(method, "__wrapped__", method)
        return plain(*args, **kwargs)

    return call


class Optimizer(torch.optim.Optimizer, ABC):
    """What the four share: checked groups, eta_t, and the walk over the parameters that have a gradient."""

    STATE: tuple[str, ...] = ()  # names of the running averages, all zero at the start (m_0 = v_0 = 0)
    KNOWN: tuple[str, ...]  # names of the hyperparameters
    decoupled = False
    _warned = False

    zero_grad = _without_compiler(torch.optim.Optimizer.zero_grad)
    state_dict = _without_compiler(torch.optim.Optimizer.state_dict)
    _add = _without_compiler(torch.optim.Optimizer.add_param_group)
    _load = _without_compiler(torch.optim.Optimizer.load_state_dict)

    def __init__(self, params: Params, defaults: dict[str, Any], unknown: Mapping[str, Any]) -> None:
        for name in unknown:
            raise TypeError(self._unknown(name, {**defaults, **unknown}))
        super().__init__(params, checked(defaults, self.decoupled))

    @classmethod
    def from_torch(cls, params: Params, lr: float, weight_decay: float, **others: Any) -> Self:
        """This optimizer with a decay in torch's convention, also in groups that have a `weight_decay` of their own.

        Decoupled (AdamW; SGDW as timm has it) lambda = lr * weight_decay, by each group's own initial_lr or lr; for SGD
        and Adam both conventions have the same L2 factor. others: arguments of the class, as betas; momentum is 0
        unless given, as in torch. Raises ValueError where lr is 0, of which no lambda can be made.
        """

        def decay_of(group: Mapping[str, Any]) -> float:
            number: float = _number("weight_decay", group.get("weight_decay", weight_decay))
            rate = float(_number("lr", group.get("initial_lr", group.get("lr", lr))))
            if cls.decoupled and number and not rate:
                raise ValueError('from_torch: decay = lr * weight_decay, and lr is 0: give the group an "initial_lr"')
            return number * rate if cls.decoupled else number

        members: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        groups = [dict(member) for member in members if isinstance(member, Mapping)]
        for group in groups:
            if {"weight_decay", "decay"} <= set(group):
                raise ValueError("parameter group: it has a decay and a weight_decay: give one of them")
            group.setdefault("decay", decay_of(group))
            group.pop("weight_decay", None)
        if "momentum" in cls.KNOWN:
            others = {"momentum": 0.0, **others}
        default = decay_of({}) if lr or not groups else 0.0  # also of groups that are added later
        return cls(groups or members, lr=lr, decay=default, **others)  # type: ignore[call-arg]

    def add_param_group(self, param_group: Group) -> None:
        """Add a group, with its own lr and decay if given.

        Raises ValueError for a hyperparameter out of range, and for any that this optimizer does not know.
        """
        for name in param_group:
            if name not in (*self.KNOWN, *BESIDE):
                raise ValueError(f"parameter group: {self._unknown(name, {**self.defaults, **param_group})}")
        values = checked({**self.defaults, **param_group}, self.decoupled)
        self._add({**param_group, **{name: values[name] for name in self.KNOWN}})
        group = self.param_groups[-1]
        group.setdefault("first_lr", float(group["lr"]))

    @classmethod
    def _unknown(cls, name: str, values: Mapping[str, Any]) -> str:
        """The line that refuses a hyperparameter, with the conversion of torch's weight_decay."""
        if name != "weight_decay":
            return f"{cls.__name__} has no {name!r}; it has {', '.join(cls.KNOWN)}"
        meaning, number = "lr * weight_decay" if cls.decoupled else "the same L2 factor, weight_decay", ""
        with suppress(TypeError, ValueError):
            number = f" = {float(values[name]) * (float(values['lr']) if cls.decoupled else 1):.6g}"
        return f"{cls.__name__} has no 'weight_decay': decay = {meaning}{number} here, or use {cls.__name__}.from_torch"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state_dict(). Raises ValueError for one of an optimizer with other hyperparameters."""
        for group in state_dict["param_groups"]:
            if unlike := set(self.KNOWN) ^ (set(group) & {"lr", "decay", "momentum", "betas", "eps", "weight_decay"}):
                raise ValueError(f"not a state of {type(self).__name__}: of other {', '.join(sorted(unlike))}")
        self._load(state_dict)
        for group in self.param_groups:  # states of version 0.1.0 had alpha in initial_lr alone
            group.setdefault("first_lr", group.get("initial_lr", group["lr"]))
        for parameter, state in self.state.items():
            for name in self.STATE:  # in this parameter's memory layout, whichever it was saved in; shared with nobody
                if state[name].shape != parameter.shape:
                    shapes = f"{list(state[name].shape)}, its parameter of shape {list(parameter.shape)}"
                    raise ValueError(f"not a state of these parameters: {name} is of shape {shapes}")
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
        if torch.compiler.is_compiling():
            _uncompiled_update(self)
        else:
            self._update_all()
        return loss

    def _update_all(self) -> None:
        etas = [self._eta(group) for group in self.param_groups]
        batches = [self._batches(group) for group in self.param_groups]
        for group, eta, parts in zip(self.param_groups, etas, batches, strict=True):
            for batch in parts:
                self._update(group, eta, batch)

    def _eta(self, group: Group) -> float | Tensor:
        """eta_t, after a look at what would be read wrongly: of what may be meant, a warning, once for an optimizer."""
        if "weight_decay" in group:  # schedules of weight decay write it there, and would be without effect
            raise ValueError(f"parameter group: {self._unknown('weight_decay', group)}")
        decay, multiplier, problem = _number("decay", group["decay"]), eta(group), ""
        if not isinstance(group["lr"], Tensor):
            _number("lr", group["lr"])
        if self._warned or not self.decoupled or not decay:
            return multiplier
        if decay >= 1:  # as a normalized decay may be in a run of few updates
            problem = f"decay is {decay:.4g}, so that an update takes off each whole weight, or more"
        elif isinstance(multiplier, Tensor) and multiplier.device.type != "cpu":
            pass  # to read it would make the host wait
        elif not alpha(group) and multiplier:
            problem = f"lr was 0 when it was built, so that eta_t cannot be known: it is taken as 1{ADVICE}"
        elif multiplier > 1 + 1e-6:
            problem = (
                f"lr is {multiplier:.4g} times alpha ({alpha(group):.4g}), so that eta_t multiplies the decay{ADVICE}"
            )
        if problem:
            self._warned = True
            warnings.warn(f"{type(self).__name__}: {problem}", stacklevel=2)
        return multiplier

    def _batches(self, group: Group) -> Iterable[Batch]:
        by_kind: dict[tuple[torch.device, torch.dtype, bool], Batch] = {}
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse or parameter.is_complex():
                raise RuntimeError(f"{type(self).__name__} takes neither sparse gradients nor complex parameters")
            kind = (parameter.device, parameter.dtype, is_plain(parameter))
            batch = by_kind.setdefault(kind, Batch([], [], []))
            batch.params.append(parameter)
            batch.gradients.append(parameter.grad)
            batch.states.append(self.state[parameter] or self._new_state(parameter))
        return by_kind.values()

    def _new_state(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        state.update({name: torch.zeros_like(parameter) for name in self.STATE})
        return state

    @abstractmethod
    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        """One update of these parameters."""


@torch._disable_dynamo  # type: ignore[attr-defined]  # torch.compiler.disable would load the compiler at once
def _uncompiled_update(optimizer: Optimizer) -> None:
    """Under torch.compile: the kernels are fused already; compiled, anew for every rate, they would round otherwise."""
    optimizer._update_all()


def alpha(group: Group) -> float:
    """The full learning rate of a parameter group, that at eta_t = 1: see the head of this module."""
    name = next(name for name in ("initial_lr", "first_lr") if name in group)
    if name == "initial_lr" and "max_lr" in group:  # OneCycleLR: initial_lr is where its warm-up begins
        name = "max_lr"
    if isinstance(group[name], Tensor):  # a scheduler's copy of such a rate; each look at it would wait for a GPU
        group[name] = float(group[name])
    full: float = group[name]
    return full


def eta(group: Group) -> float | Tensor:
    """The schedule multiplier eta_t = lr / alpha of a parameter group; a tensor of no dimensions where lr is a tensor.

    For alpha = 0 it is 0 where the rate is 0 (a frozen group, a placeholder), else 1.
    """
    full, lr = alpha(group), group["lr"]
    if isinstance(lr, Tensor):
        lr = lr.reshape(())
        return lr / full if full else (lr != 0).to(lr.dtype)
    return float(lr / full) if full else float(lr != 0)


def _laid_out_as(model: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` in the memory layout of `model`: itself, or a copy."""
    return tensor if tensor.stride() == model.stride() else torch.empty_like(model).copy_(tensor)


def is_plain(parameter: Tensor) -> bool:
    """Not one that is sharded: those are not updated together with others, and torch's fused SGD does not know them."""
    return type(parameter) in (Tensor, nn.Parameter)


def checked(group: Mapping[str, Any], decoupled: bool = False) -> Group:
    """The hyperparameters as plain numbers, but a rate that is a tensor. Raises ValueError by name."""
    group = {name: _number(name, value) if name in _NUMBERS else value for name, value in group.items()}
    if decoupled and group.get("decay", 0.0) >= 1:
        raise ValueError(
            f"decay must be less than 1, got {group['decay']:g}: it is the share of each weight that an update takes "
            "off; torch's weight_decay is 1 / lr times that"
        )
    if "betas" in group:
        if not isinstance(group["betas"], (tuple, list)) or len(group["betas"]) != 2:
            raise ValueError(f"betas must be two numbers, got {group['betas']!r}")
        group["betas"] = tuple(_number(f"betas[{index}]", beta) for index, beta in enumerate(group["betas"]))
    return group


def _number(name: str, value: Any) -> Any:
    """As a float in its range; as it is where it is a rate in a tensor."""
    if not isinstance(value, Tensor) or value.numel() != 1 or name not in ("lr", "initial_lr"):
        try:
            if isinstance(value, (str, bytes)):  # YAML reads 1e-3 as a string
                raise TypeError
            value = float(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise ValueError(f"{name} must be a number, got {value!r}") from None
    if name.startswith(("momentum", "betas")):
        fits, meaning = 0 <= value < 1, "lie in [0, 1)"  # NaN fails every comparison
    elif name == "eps":
        fits, meaning = 0 < value < math.inf, "be positive"
    else:
        fits, meaning = 0 <= value < math.inf, "be zero or positive"
    if not fits:
        raise ValueError(f"{name} must {meaning}, got {value}")
    return value
