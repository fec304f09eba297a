"""AdamW whose moments are kept in eight bits (Dettmers et al. 2021, arXiv:2110.02861), from bitsandbytes: needs a GPU.

bitsandbytes is not among this project's requirements: pip install bitsandbytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import torch

from paper_repro import optim


def build(params: Iterable[Any], alpha: float, decay: float) -> torch.optim.Optimizer:
    """As a Cell with optimizer="adamw_8bit" asks for it. Raises ValueError where it cannot run."""
    if not torch.cuda.is_available():
        raise ValueError("optimizer adamw_8bit needs an NVIDIA GPU, and torch sees none here")
    try:
        bitsandbytes = importlib.import_module("bitsandbytes")
    except ImportError:
        raise ValueError("optimizer adamw_8bit needs bitsandbytes: pip install bitsandbytes") from None

    class AdamW8bit(bitsandbytes.optim.AdamW8bit):  # type: ignore[misc, name-defined]
        """theta shrinks by lr * weight_decay there: lambda / alpha makes it eta lambda."""

        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                full = optim.alpha(group)
                group["weight_decay"] = group["decay"] / full if full else 0.0
            return super().step(closure)

    optimizer: torch.optim.Optimizer = AdamW8bit(params, lr=alpha)
    for group in optimizer.param_groups:
        group.setdefault("decay", decay)
        group.setdefault("first_lr", group["lr"])
    return optimizer
