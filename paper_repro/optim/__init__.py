"""SGD and SGDW (Algorithm 1), Adam and AdamW (Algorithm 2) of Loshchilov & Hutter, in the paper's own parametrisation.

    optimizer = AdamW(model.parameters(), lr=1e-3, decay=2.5e-4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedules.cosine(total_steps))

In every parameter group `lr` is eta_t * alpha and `decay` is lambda; torch.optim.AdamW's `weight_decay` is
lambda / alpha (see paper_repro.decay and `from_torch`). The schedule multiplier eta_t is read as lr / alpha, so any
torch scheduler sets it: decoupled decay follows the schedule, but not alpha. alpha is the rate that the scheduler
scales (the group's initial_lr; max_lr under OneCycleLR); without one, the rate the group was added with. An eta_t above
1 is warned of: CyclicLR and learning-rate finders begin at their smallest rate.

A GPU's recorded updates (CUDA graphs) need a rate that changes without the host: group["lr"] may be set to a tensor of
no dimensions on the parameters' device, float32 there, and is then never read back.

Where the authors' Lua code differs from the printed algorithms, these classes follow print:
- SGD's learning rate stands inside the momentum buffer (line 8: m = beta1 m + eta alpha g). Lua, like torch.optim.SGD,
  keeps it outside (theta -= lr * buffer). The two are one while the rate is fixed; after a warm restart Lua multiplies
  the old, large buffer by the new, full rate.
- Adam's epsilon is added after the bias correction (line 12), as in torch. Lua adds it before, so that its effective
  epsilon is eps / sqrt(1 - beta2^t): 32 times larger at the first step, equal after some thousands.
tests/optim/test_optim.py measures both differences.
"""

import torch

from paper_repro import plugins
from paper_repro.optim.adam import Adam, AdamW
from paper_repro.optim.base import Batch, Group, Optimizer, Params, alpha, eta
from paper_repro.optim.sgd import SGD, SGDW

__all__ = ["BUILT_IN", "SGD", "SGDW", "Adam", "AdamW", "Batch", "Group", "Optimizer", "Params", "alpha", "build", "eta"]

BUILT_IN: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "sgdw": SGDW, "adam": Adam, "adamw": AdamW}


def build(name: str, params: Params, alpha: float, decay: float) -> torch.optim.Optimizer:
    """The optimizer that a Cell names: one of the four, or `build` of the module that it names (plugins.py).

    Raises ValueError for a name that is neither.
    """
    if name in BUILT_IN:
        return BUILT_IN[name](params, lr=alpha, decay=decay)
    built: torch.optim.Optimizer = plugins.load(__name__, name, BUILT_IN, "optimizer").build(params, alpha, decay)
    return built
