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

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paper_repro.optim import SGD, SGDW, Adam, AdamW
from paper_repro.studies.stepping import Rows

SPREADS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)


def measure(settings: Mapping[str, Any], data: Path, device: str) -> tuple[Rows, str, str]:
    """The rows; no data set is used."""
    dimension, steps = int(settings["dimension"]), int(settings["steps"])
    decay, alphas = float(settings["decay"]), settings["alphas"]
    draw = np.random.RandomState(int(settings["seed"]))
    basis, _ = np.linalg.qr(draw.standard_normal((dimension, dimension)))
    hessian = torch.tensor(basis @ np.diag(np.geomspace(0.01, 1.0, dimension)) @ basis.T)
    offset, start, normal = (torch.tensor(draw.standard_normal(dimension)) for _ in range(3))

    def optimize(make: Callable[..., torch.optim.Optimizer], factor: float) -> Tensor:
        """The iterate after all steps of an optimizer of this project."""
        theta = start.clone()
        optimizer = make([theta], lr=alphas[0], decay=factor)
        for _ in range(steps):
            theta.grad = hessian @ theta - offset
            optimizer.step()
        return theta

    def precondition(alpha: float, shrink: float = 0.0, penalty: float = 0.0) -> Tensor:
        """theta - alpha diag(s)^-1 gradient after all steps, with decay or with penalty / 2 || theta sqrt(s) ||^2."""
        theta, scale = start, torch.exp(normal)
        for _ in range(steps):
            gradient = hessian @ theta - offset + penalty * scale * theta
            theta = (1 - shrink) * theta - alpha * gradient / scale
        return theta

    rows: Rows = []
    for what, l2, decoupled, powers in (
        ("sgd", partial(SGD, momentum=0.0), partial(SGDW, momentum=0.0), np.arange(-6, 7) / 2),
        ("adam", Adam, AdamW, np.arange(-12, 5)),
    ):
        decayed, bare = optimize(decoupled, decay), optimize(decoupled, 0.0)
        for ratio in (2.0**powers).tolist():
            distance = _relative(optimize(l2, ratio * decay / alphas[0]), decayed, bare)
            rows.append({"what": what, "ratio": ratio, "distance": distance})
    for spread in SPREADS:
        moved = start / torch.exp(spread * normal)  # M theta
        cosine = (start @ moved) / (start.norm() * moved.norm())
        rows.append({"what": "residual", "spread": spread, "residual": float((1 - cosine**2).clamp(min=0).sqrt())})
    for alpha in alphas:
        decayed, bare = precondition(alpha, shrink=decay), precondition(alpha)
        for form, factor in (("appendix", decay / alpha), ("statement", decay / alpha**2)):
            distance = _relative(precondition(alpha, penalty=factor), decayed, bare)
            rows.append({"what": "scaled", "form": form, "alpha": alpha, "distance": distance})
    return rows, "a quadratic", "none"


def _relative(theta: Tensor, expected: Tensor, without: Tensor) -> float:
    return float(torch.linalg.vector_norm(theta - expected) / torch.linalg.vector_norm(expected - without))
