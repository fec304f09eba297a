"""Short runs of any torch optimizer on the CPU, in float64, and what is read from the difference of two."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Make = Callable[[Any, float, float], torch.optim.Optimizer]  # of params, lr and decay
SAME = 0.02  # two quantities agree: within 2 %. In float64 true agreement holds to 1e-6 and false fails by 1e-1
NOISE = 1e-13  # of a weight: less is rounding
SHAPE = (6, 4)  # of a parameter: Muon and the like take matrices alone
SCALES = (1e-4, 1.0, 100.0)  # of the gradients of the three parameters
MIDDLE = 1  # the parameter whose share is told
MOVING, AT_ZERO = 24, 4  # updates with weights drawn anew for each, then with weights 0
STEADY = slice(8, MOVING)  # those that count: some optimizers warm up
HELD, LAST = 80, slice(64, 72)  # updates with weights held, and those whose share is told: momentum 0.9 has settled
ETA = [1.0] * 8 + [0.25] * 64 + [0.0] * 8  # their schedule


@dataclass(frozen=True)
class Probe:
    """Runs the optimizers that make(params, lr, decay) returns."""

    make: Make
    lr: float
    decay: float

    def run(
        self, weights: Tensor, gradients: Tensor, lr: float = 1.0, decay: float = 1.0, eta: Sequence[float] = (),
        dtypes: Sequence[torch.dtype] = (torch.float64,), without: int | None = None,
        arrange: Callable[[list[nn.Parameter]], Any] = list, **entries: Any,
    ) -> Tensor:  # fmt: skip
        """The weights after each update: (update, parameter, ...).

        weights, gradients: for each update; once there are no more weights, the optimizer goes on from its own. lr,
        decay: times the probe's. eta: the schedule. dtypes: of the parameters, in turn. without: the parameter whose
        gradient is None. arrange: what of the parameters `make` is given. entries: set in the groups that have them.
        """
        params = [nn.Parameter(x.to(dtypes[i % len(dtypes)], copy=True)) for i, x in enumerate(weights[0])]
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)  # the same numbers for optimizers that draw some
            optimizer = self.make(arrange(params), lr * self.lr, decay * self.decay)
            getattr(optimizer, "train", bool)()  # schedule-free optimizers ask for it
            for group in optimizer.param_groups:
                group.update({name: value for name, value in entries.items() if name in group})
                if "lr" in group:
                    group.setdefault("initial_lr", float(group["lr"]))  # as torch's schedulers do
            after = []
            for update, of_update in enumerate(gradients):
                for i, parameter in enumerate(params):
                    if update < len(weights):
                        parameter.data.copy_(weights[update, i])
                    parameter.grad = None if i == without else of_update[i].to(parameter.dtype, copy=True)
                for group in optimizer.param_groups if eta else ():
                    if "lr" in group:
                        group["lr"] = eta[update] * group["initial_lr"]
                optimizer.step()
                after.append(torch.stack([parameter.detach().double() for parameter in params]))
        return torch.stack(after)

    def taken(self, weights: Tensor, gradients: Tensor, decay: float = 1.0, **settings: Any) -> Tensor:
        """What the decay takes off: the weights after each update of the run without decay, less those with it."""
        bare = self.run(weights, gradients, decay=0.0, **settings)
        return bare - self.run(weights, gradients, decay=decay, **settings)


def inputs(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights drawn anew for each update and then 0, weights that are held, and gradients: mean plus noise."""
    generator = torch.Generator().manual_seed(seed)
    each = (len(SCALES), *SHAPE)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def sized(*shape: int) -> Tensor:  # 0.5 to 2, of either sign: none so small that its share drowns
        return normal(*shape).sign() * 2 ** (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)

    levels = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64).repeat(MOVING)[:MOVING].view(-1, 1, 1, 1)
    weights = torch.cat([levels * sized(MOVING, *each), torch.zeros(AT_ZERO, *each, dtype=torch.float64)])
    scales = torch.tensor(SCALES, dtype=torch.float64).view(-1, 1, 1)
    return weights, sized(*each).expand(HELD, *each), scales * (0.5 * normal(*each) + normal(HELD, *each))


def anything(taken: Tensor, least: float = NOISE) -> bool:
    """Whether anything is taken off."""
    return bool(taken.abs().max() > least)


def multiple(taken: Tensor, shape: Tensor) -> float:
    """The number that, times the shape, comes closest to what is taken off."""
    return float((taken * shape).sum() / (shape * shape).sum().clamp_min(1e-300))


def misfit(taken: Tensor, model: Tensor) -> float:
    """How far a model is from what is taken off, by the larger of the two, in the parameter that fits worst."""
    apart, size, other = (x.transpose(0, 1).flatten(1).norm(dim=1) for x in (taken - model, taken, model))
    return float((apart / torch.maximum(size, other).clamp_min(NOISE)).max())


def exponent(change: float, ratio: float) -> float | None:
    """k where change = ratio^k; None where a share vanishes or turns."""
    return math.log(change) / math.log(ratio) if change > 0 else None


def limit(first: float, second: float, third: float) -> float:
    """Where numbers lead that come nearer to it by the same factor each time; the third where they do not."""
    before, after = second - first, third - second
    return third + after**2 / (before - after) if 0 < after / (before or 1) < 0.95 else third


def near(value: float | None, number: float, tolerance: float) -> bool:
    """Whether a value is there and within a tolerance of a number."""
    return value is not None and abs(value - number) < tolerance
