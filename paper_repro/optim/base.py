"""What the optimizers share: checked parameter groups, the schedule multiplier eta_t, the walk over the parameters."""

from __future__ import annotations

import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing_extensions import Self

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]
Betas = tuple[float, float]
# What else a parameter group may hold: the names and scales of paper_repro.optim.groups, and what torch puts there.
BESIDE = (
    "params", "param_names", "name", "names", "decay_scale", "alpha_scale", "first_lr", "initial_lr", "max_lr",
    "min_lr", "max_momentum", "base_momentum", "swa_lr", "differentiable",
)  # fmt: skip


class Batch(NamedTuple):
    """Parameters of one group that share device and type, updated together; each list is as long as `params`.

    plain: they are not sharded. Sharded ones are not updated together with others, and torch's fused SGD knows none.
    """

    plain: bool
    params: list[Tensor]
    gradients: list[Tensor]
    states: list[dict[str, Tensor]]

    def state(self, name: str) -> list[Tensor]:
        return [state[name] for state in self.states]

    @contextmanager
    def laid_out_as(self, name: str) -> Iterator[tuple[list[Tensor], list[Tensor], list[Tensor]]]:
        """Parameters and gradients in the memory layout of a state (which has no gaps, as a parameter may), and the
        state; the parameters are written back. torch's fused kernels walk memory and mix up unlike layouts."""
        models = self.state(name)
        params, gradients = (
            [x if x.stride() == y.stride() else torch.empty_like(y).copy_(x) for x, y in zip(xs, models, strict=True)]
            for xs in (self.params, self.gradients)
        )
        yield params, gradients, models
        for parameter, updated in zip(self.params, params, strict=True):
            if updated is not parameter:
                parameter.copy_(updated)


class Optimizer(torch.optim.Optimizer, ABC):
    """What the four share: checked groups, eta_t, and the walk over the parameters that have a gradient."""

    STATE: tuple[str, ...]  # running averages, zero at the start (m_0 = v_0 = 0), and "step", the number of updates
    KNOWN: tuple[str, ...]  # names of the hyperparameters
    decoupled = False
    _warned = False

    # torch guards these against torch.compile; the guards load the compiler first: 1.3 s and 125 MB of every process.
    zero_grad: Any = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict: Any = inspect.unwrap(torch.optim.Optimizer.state_dict)
    _add: Any = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    _load: Any = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    def __init__(self, params: Params, defaults: dict[str, Any], unknown: Mapping[str, Any]) -> None:
        for name in unknown:
            raise TypeError(self._refusal(name))
        super().__init__(params, defaults)

    @classmethod
    def from_torch(cls, params: Params, lr: float, weight_decay: float, **others: Any) -> Self:
        """This optimizer with a decay in torch's convention, also in groups that have a `weight_decay` of their own.

        Decoupled (AdamW; SGDW as timm has it) lambda = lr * weight_decay, by each group's own initial_lr or lr; for SGD
        and Adam both conventions have the same L2 factor. others: arguments of the class, as betas; momentum is 0
        unless given, as in torch. Raises ValueError where lr is 0, of which no lambda can be made.
        """
        members: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        groups = [dict(member) for member in members if isinstance(member, Mapping)]
        default: Group = {}  # also of groups that are added later
        for group in (*groups, default):
            if "decay" in group:
                continue  # beside it a weight_decay is refused
            decay = _number("weight_decay", group.pop("weight_decay", weight_decay))
            if cls.decoupled:
                rate = float(_number("lr", group.get("initial_lr", group.get("lr", lr))))
                if decay and not rate and (group or not groups):
                    raise ValueError('from_torch: decay = lr * weight_decay, and lr is 0: give the group "initial_lr"')
                decay *= rate
            group["decay"] = decay
        if "momentum" in cls.KNOWN:
            others = {"momentum": 0.0, **others}
        return cls(groups or members, lr=lr, **default, **others)  # type: ignore[call-arg]

    def add_param_group(self, param_group: Group) -> None:
        """Add a group, with its own lr and decay if given.

        Raises ValueError for a hyperparameter out of range, and for any that this optimizer does not know.
        """
        group = {**self.defaults, **param_group}
        for name, value in group.items():
            if name not in (*self.KNOWN, *BESIDE):
                raise ValueError(f"parameter group: {self._refusal(name)}")
            if name == "betas":
                if not isinstance(value, Sequence) or len(value) != 2:
                    raise ValueError(f"betas must be two numbers, got {value!r}")
                group[name] = tuple(_number(f"betas[{index}]", beta) for index, beta in enumerate(value))
            elif name in (*self.KNOWN, "initial_lr"):
                group[name] = _number(name, value)
        if self.decoupled and group["decay"] >= 1:
            raise ValueError(f"decay must be less than 1, got {group['decay']:g} (torch's weight_decay is decay / lr)")
        self._add({"first_lr": _number("lr", float(group["lr"])), **group})

    @classmethod
    def _refusal(cls, name: str) -> str:
        """The line that refuses a hyperparameter."""
        line = f"{cls.__name__} has no {name!r}; it has {', '.join(cls.KNOWN)}"
        if name == "weight_decay":
            line += f"; decay = {'lr * ' * cls.decoupled}weight_decay here, or use {cls.__name__}.from_torch"
        return line

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state_dict(). Raises ValueError for one of an optimizer with other hyperparameters."""
        for group in state_dict["param_groups"]:
            if unlike := set(self.KNOWN) ^ (set(group) & {"lr", "decay", "momentum", "betas", "eps", "weight_decay"}):
                raise ValueError(f"not a state of {type(self).__name__}: of other {', '.join(sorted(unlike))}")
        self._load(state_dict)
        for parameter, state in self.state.items():
            # In this parameter's memory layout, whichever it was saved in; on its device; shared with nobody.
            for name, zero in self._zeros(parameter).items():
                if state[name].shape != zero.shape:
                    raise ValueError(f"not a state of these parameters: {name} is of shape {list(state[name].shape)}")
                state[name] = zero.copy_(state[name])

    def _zeros(self, parameter: Tensor) -> dict[str, Tensor]:
        # "step" as torch's fused kernels count, which load_state_dict knows too
        step = {"step": torch.zeros((), dtype=torch.float32, device=parameter.device)} if "step" in self.STATE else {}
        return {name: torch.zeros_like(parameter) for name in self.STATE if name != "step"} | step

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; returns what the closure (if any) returned.

        Raises RuntimeError for a sparse or complex gradient, before anything is changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        (_uncompiled_update if torch.compiler.is_compiling() else Optimizer._update_all)(self)
        return loss

    def _update_all(self) -> None:
        work = [(group, self._eta(group), self._batches(group)) for group in self.param_groups]
        for group, eta, batches in work:  # only when nothing is refused any more
            for batch in batches:
                self._update(group, eta, batch)

    def _eta(self, group: Group) -> float | Tensor:
        """eta_t, after a look at what would be read wrongly: of what may be meant, a warning, once for an optimizer."""
        if "weight_decay" in group:  # schedules of weight decay write it there, and would be without effect
            raise ValueError(f"parameter group: {self._refusal('weight_decay')}")
        _number("lr", group["lr"])
        decay, full, multiplier = _number("decay", group["decay"]), alpha(group), eta(group)
        if self._warned or not self.decoupled or not decay:
            return multiplier
        advice = '; set group["initial_lr"] to the highest rate, after the scheduler (CyclicLR, a finder) is built'
        if decay >= 1:  # as a normalized decay may be in a run of few updates
            problem = f"decay is {decay:.4g}, so that an update takes off each whole weight, or more"
        elif isinstance(multiplier, Tensor) and multiplier.device.type != "cpu":
            return multiplier  # to read it would make the host wait
        elif full and multiplier > 1 + 1e-6:
            problem = f"lr is {multiplier:.4g} times alpha ({full:.4g}), so that eta_t multiplies the decay{advice}"
        elif not full and multiplier:
            problem = f"lr was 0 when it was built, so that eta_t cannot be known: it is taken as 1{advice}"
        else:
            return multiplier
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
            plain = type(parameter) in (Tensor, nn.Parameter)
            batch = by_kind.setdefault((parameter.device, parameter.dtype, plain), Batch(plain, [], [], []))
            batch.params.append(parameter)
            batch.gradients.append(parameter.grad)
            state = self.state[parameter]
            if not state:
                state.update(self._zeros(parameter))
            batch.states.append(state)
        return by_kind.values()

    @abstractmethod
    def _update(self, group: Group, eta: float | Tensor, batch: Batch) -> None:
        """One update of these parameters."""


# Under torch.compile: the kernels are fused already; compiled, anew for every rate, they would round otherwise.
_uncompiled_update = torch._disable_dynamo(Optimizer._update_all)  # type: ignore[attr-defined]


def alpha(group: Group) -> float:
    """The full learning rate of a parameter group, that at eta_t = 1 (see paper_repro.optim)."""
    # OneCycleLR's initial_lr is where its warm-up begins
    name = "first_lr" if "initial_lr" not in group else "max_lr" if "max_lr" in group else "initial_lr"
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


def _number(name: str, value: Any) -> Any:
    """As a float in its range; a rate that is a tensor as it is: to look at it would make the host wait."""
    if isinstance(value, Tensor) and value.numel() == 1 and name in ("lr", "initial_lr"):
        return value
    number, high = math.nan, 1.0 if name.startswith(("momentum", "betas")) else math.inf
    if not isinstance(value, (str, bytes)):  # YAML reads 1e-3 as a string
        with suppress(TypeError, ValueError, RuntimeError, OverflowError):
            number = float(value)
    if not 0 <= number < high or (name == "eps" and not number):  # NaN fails every comparison
        raise ValueError(f"{name} must be a number in {'(' if name == 'eps' else '['}0, {high:g}), got {value!r}")
    return number
