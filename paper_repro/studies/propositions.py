"""Propositions 1 to 3 on a random quadratic, in float64, with equality where they claim it.

f(theta) = theta' H theta / 2 - b' theta with random H > 0. settings: dimension, steps, decay, alphas, seed.

Rows, by "what":

    sgd       distance of plain SGD with L2 factor `ratio` * decay / alpha from SGD with decay (Proposition 1: 0 at 1)
    residual  || decay theta - alpha l M theta || / || decay theta || for the best l, where M = diag(s)^-1 and log s has
              the deviation `spread`: Proposition 2 says more than 0 unless M is a multiple of the identity
    adam      distance of Adam with L2 factor `ratio` * decay / alpha from AdamW (Proposition 2: never 0)
    scaled    distance of a fixed preconditioner with decay from one with the L2 penalty of Proposition 3, in its two
              printed `form`s: "appendix" lambda' / 2, "statement" lambda' / (2 alpha), at each alpha

Distances are those of the iterates after all steps, relative to how far decay has moved them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paper_repro.optim import SGD, SGDW, Adam, AdamW

RATIOS = {"sgd": tuple(2.0 ** (k / 2) for k in range(-6, 7)), "adam": tuple(2.0**k for k in range(-12, 5))}
SPREADS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)

Rows = list[dict[str, Any]]
Iterate = Callable[[Tensor], Tensor]
Make = Callable[..., torch.optim.Optimizer]


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """The rows; no data set is used."""
    problem = Quadratic(int(settings["dimension"]), int(settings["seed"]))
    steps, decay, alphas = int(settings["steps"]), float(settings["decay"]), settings["alphas"]
    plain_sgd, plain_sgdw = partial(SGD, momentum=0.0), partial(SGDW, momentum=0.0)
    rows = _ratios(problem, steps, decay, "sgd", alphas[0], plain_sgd, plain_sgdw) + _residuals(problem)
    rows += _ratios(problem, steps, decay, "adam", alphas[0], Adam, AdamW)
    for alpha in alphas:
        rows += _scaled(problem, steps, decay, alpha)
    return rows, "a quadratic", "none"


class Quadratic:
    """f, its gradient, and where the iterations start."""

    def __init__(self, dimension: int, seed: int) -> None:
        draw = np.random.RandomState(seed)
        basis, _ = np.linalg.qr(draw.standard_normal((dimension, dimension)))
        self.hessian = torch.tensor(basis @ np.diag(np.geomspace(0.01, 1.0, dimension)) @ basis.T)
        self.offset = torch.tensor(draw.standard_normal(dimension))
        self.start = torch.tensor(draw.standard_normal(dimension))
        self.normal = torch.tensor(draw.standard_normal(dimension))  # for preconditioners

    def gradient(self, theta: Tensor) -> Tensor:
        return self.hessian @ theta - self.offset

    def after(self, steps: int, step: Iterate) -> Tensor:
        """The iterate after so many steps."""
        theta = self.start.clone()
        for _ in range(steps):
            theta = step(theta)
        return theta

    def optimized(self, steps: int, make: Callable[[list[Tensor]], torch.optim.Optimizer]) -> Tensor:
        """The iterate after so many steps of an optimizer of this project."""
        theta = self.start.clone()
        optimizer = make([theta])
        for _ in range(steps):
            theta.grad = self.gradient(theta)
            optimizer.step()
        return theta.detach()


def _relative(theta: Tensor, expected: Tensor, without: Tensor) -> float:
    return float(torch.linalg.vector_norm(theta - expected) / torch.linalg.vector_norm(expected - without))


def _ratios(problem: Quadratic, steps: int, decay: float, what: str, alpha: float, l2: Make, decoupled: Make) -> Rows:
    """Distances of an optimizer with L2, of several factors, from the one with decay."""

    def after(make: Make, factor: float) -> Tensor:
        return problem.optimized(steps, lambda params: make(params, lr=alpha, decay=factor))

    decayed, bare = after(decoupled, decay), after(decoupled, 0.0)
    distances = {ratio: _relative(after(l2, ratio * decay / alpha), decayed, bare) for ratio in RATIOS[what]}
    return [{"what": what, "ratio": ratio, "distance": distance} for ratio, distance in distances.items()]


def _residuals(problem: Quadratic) -> Rows:
    rows = []
    for spread in SPREADS:
        moved = problem.start / torch.exp(spread * problem.normal)  # M theta
        cosine = (problem.start @ moved) / (problem.start.norm() * moved.norm())
        rows.append({"what": "residual", "spread": spread, "residual": float((1 - cosine**2).clamp(min=0).sqrt())})
    return rows


def _scaled(problem: Quadratic, steps: int, decay: float, alpha: float) -> Rows:
    """O with a fixed preconditioner: theta - alpha diag(s)^-1 gradient, with the decay or with the scaled penalty."""
    scale = torch.exp(problem.normal)
    decayed = problem.after(steps, lambda theta: (1 - decay) * theta - alpha * problem.gradient(theta) / scale)
    bare = problem.after(steps, lambda theta: theta - alpha * problem.gradient(theta) / scale)
    rows = []
    for form, factor in (("appendix", decay / alpha), ("statement", decay / alpha**2)):

        def step(theta: Tensor, factor: float = factor) -> Tensor:
            penalty = factor * scale * theta  # the gradient of factor / 2 || theta sqrt(s) ||^2
            return theta - alpha * (problem.gradient(theta) + penalty) / scale

        rows.append(
            {
                "what": "scaled",
                "form": form,
                "alpha": alpha,
                "distance": _relative(problem.after(steps, step), decayed, bare),
            }
        )
    return rows
