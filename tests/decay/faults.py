"""Optimizers with one fault or one oddity each: a correct AdamW or SGDW in torch's convention, with a line changed."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import torch

DECAY, STEP = "p.sub_(lr * decay * p)", "p.sub_(step)"
CORRECT = """
class Correct(torch.optim.Optimizer):
    def __init__(self, params, lr, decay):
        super().__init__(params, {"lr": lr, "decay": decay, "full": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, full, decay = group["lr"], group["full"], group["decay"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p), start=p.clone(), mean=p.clone())
                state["t"] += 1
                t, m, v, mean = (state[name] for name in ("t", "m", "v", "mean"))
                mean.lerp_(p, 0.1)
                into_m = g
                MOMENTS
                p.sub_(lr * decay * p)
                p.sub_(step)
"""
MOMENTS = {
    "adam": """m.lerp_(into_m, 0.1); v.lerp_(g * g, 0.001)
                step = lr * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)""",
    "sgd": """m.mul_(0.9).add_(into_m)
                step = lr * m""",
}


class Fault(NamedTuple):
    """Lines changed, and what of Measured is expected; `sgd`: where that differs for SGD."""

    changes: dict[str, str]
    expected: dict[str, Any]
    sgd: dict[str, Any] = {}  # noqa: RUF012


def decays(line: str, **expected: Any) -> Fault:
    """The line of the decay changed."""
    return Fault({DECAY: line}, expected)


def adds(to_gradient: str, sgd: str = "l2", adam: str = "l2 rescaled", **expected: Any) -> Fault:
    """To the gradient, in place of the decay."""
    changes = {DECAY: "pass", "g = p.grad": f"g = p.grad + {to_gradient}"}
    return Fault(changes, {"convention": adam, **expected}, {"convention": sgd})


UNKNOWN = "cannot tell"
FAULTS = {
    "correct": decays(DECAY, convention="torch", factor=1.0),
    # strength and sign
    "sign": decays("p.add_(lr * decay * p)", convention="wrong sign"),
    "sign of a factor": decays("p.mul_(1 + lr * decay)", convention="wrong sign"),
    "twice": decays(f"{DECAY}; {DECAY}", convention="torch", doubled=True, factor=2.0),
    "half": decays("p.sub_(lr * decay / 2 * p)", convention="torch", factor=0.5),
    "a third": decays("p.sub_(lr * decay / 3 * p)", convention="torch", factor=1 / 3),
    "a rate of its own": decays("p.sub_(1e-6 * lr * decay * p)", convention=UNKNOWN),
    "swallowed": Fault({'"decay": decay': '"decay": 0.0'}, {"convention": "none", "only_at_first": False}),
    "exponential": decays("p.mul_(math.exp(-lr * decay))", convention="torch", factor=1.0),
    # what is taken off
    "constant": decays("p.sub_(lr * decay)", convention="constant"),
    "constant, of its sign": decays("p.sub_(lr * decay * p.sign())", convention="constant"),
    "square": decays("p.sub_(lr * decay * p * p.abs())", convention=UNKNOWN),
    "by the norm": decays("p.sub_(lr * decay * p / p.norm().clamp_min(1e-9))", convention=UNKNOWN),
    "after the step": Fault({DECAY: STEP, STEP: DECAY}, {"convention": "torch", "after_step": True}),
    "average of weights": decays("p.sub_(lr * decay * mean)", convention=UNKNOWN, in_buffers=True),
    "towards the start": decays("p.sub_(lr * decay * (p - state['start']))", convention=UNKNOWN, in_buffers=True),
    "by the gradient": decays("p.sub_(lr * decay * p * g.abs())", convention=UNKNOWN),
    "the step": Fault({DECAY: "pass", STEP: "p.sub_(step * (1 + decay))"}, {"convention": UNKNOWN}),
    "the momentum": decays("m.mul_(1 - lr * decay)", convention=UNKNOWN),
    "copy of weights": Fault(
        {DECAY: "p.copy_(state.setdefault('own', p.clone())); " + DECAY, STEP: f"{STEP}; state['own'].copy_(p)"},
        {"convention": UNKNOWN},
    ),
    "trust ratio": Fault(
        {DECAY: "pass", STEP: "u = step + lr * decay * p; p.sub_(u * p.norm() / u.norm().clamp_min(1e-9))"},
        {"convention": UNKNOWN},
    ),
    # through the gradient
    "L2": adds("decay * p", doubled=False, factor=1.0),
    "L2, twice": adds("2 * decay * p", doubled=True),
    "L2 of lr squared": adds("lr * decay * p", sgd=UNKNOWN, adam=UNKNOWN),
    "L2 of the decay's root": adds("decay**0.5 * p", sgd=UNKNOWN, adam=UNKNOWN),
    "L2, wrong sign": adds("-decay * p", sgd="wrong sign", adam="wrong sign"),
    "L2 of an average": adds("decay * self.state[p].get('mean', p)", sgd=UNKNOWN, adam=UNKNOWN),
    "L2 of the sign": adds("decay * p.sign()", sgd=UNKNOWN, adam=UNKNOWN),
    "into the momentum alone": Fault(
        {DECAY: "pass", "into_m = g": "into_m = g + decay * p"},
        {"convention": UNKNOWN, "in_buffers": True}, {"convention": "l2"},
    ),
    "L2, and decoupled, too": Fault({"g = p.grad": "g = p.grad + decay * p"}, {"convention": UNKNOWN}),
    "Lion, L2 in the sign": Fault(
        {DECAY: "pass", "g = p.grad": "g = p.grad + decay * p", STEP: "p.sub_(lr * m.sign())"},
        {"convention": "l2 rescaled", "groups_ignored": None, "in_buffers": True},
    ),
    # which weights, which updates
    "cautious": decays("p.sub_(lr * decay * p * (step * p > 0))", convention="torch", cautious=True),
    "cautious by the gradient": decays("p.sub_(lr * decay * p * (g * p > 0))", convention="torch", cautious=True),
    "incautious": decays("p.sub_(lr * decay * p * (step * p < 0))", convention=UNKNOWN, cautious=False),
    "positive weights": decays("p.sub_(lr * decay * p * (p > 0))", convention=UNKNOWN, cautious=False),
    "first update": decays("p.sub_(lr * decay * p * (t == 1))", convention="none", only_at_first=True),
    "every other update": decays("p.sub_(lr * decay * p * (t % 2))", convention=UNKNOWN),
    "more at each update": decays("p.sub_(lr * decay * p * t / 20)", convention=UNKNOWN),
    "only without gradient": Fault(
        {"continue": "p.sub_(lr * decay * p); continue", DECAY: "pass"},
        {"convention": "none", "without_gradient": True},
    ),
    "without gradient, too": Fault(
        {"continue": "p.sub_(lr * decay * p); continue"}, {"convention": "torch", "without_gradient": True}
    ),
    "not where the gradient is 0": decays(
        "p.sub_(lr * decay * p * (g != 0))", convention="torch", zero_gradient=False
    ),
    "matrices alone": decays("p.sub_(lr * decay * p * (p.ndim > 1))", convention="torch", vectors=False),
    # learning rate, schedule, groups
    "paper": decays("p.sub_(lr / full * decay * p)", convention="paper", factor=1.0),
    "paper, twice": decays("p.sub_(2 * lr / full * decay * p)", convention="paper", doubled=True),
    "paper, cautious": decays("p.sub_(lr / full * decay * p * (step * p > 0))", convention="paper", cautious=True),
    "fixed": decays("p.sub_(decay * p)", convention="fixed", at_lr_zero=True),
    "the largest lr": decays("p.sub_(full * decay * p)", convention="fixed", at_lr_zero=True),
    "corrected": decays("p.sub_(lr * lr / full * decay * p)", convention="corrected"),
    "paper's, corrected": decays("p.sub_((lr / full) ** 2 * decay * p)", convention="corrected"),
    "lr squared": decays("p.sub_(lr * lr * decay * p)", convention=UNKNOWN),
    "root of the decay": decays("p.sub_(lr * decay**0.5 * p)", convention=UNKNOWN),
    "a group's decay ignored": Fault(
        {'group["decay"]': 'self.defaults["decay"]'}, {"convention": "torch", "groups_ignored": True}
    ),
    "first group alone": decays(
        "p.sub_(lr * decay * p * (group is self.param_groups[0]))", convention="torch", groups_ignored=True
    ),
    "once for every dtype": decays(
        "[p.sub_(lr * decay * p) for _ in {q.dtype for q in group['params']}]", convention="torch", two_dtypes=2.0
    ),
    "not in foreach": Fault(
        {'"full": lr': '"full": lr, "foreach": False', DECAY: f"group['foreach'] or {DECAY}"},
        {"convention": "torch", "foreach_differs": True},
    ),
}  # fmt: skip
# What a correct optimizer has, and each of the others unless it says otherwise.
ORDINARY = {
    "cautious": False, "doubled": False, "after_step": False, "only_at_first": False, "without_gradient": False,
    "either": False,
}  # fmt: skip


def built(fault: Fault, base: str) -> Any:
    """make(params, lr, decay) of the changed optimizer."""
    source = CORRECT.replace("MOMENTS", MOMENTS[base])
    for line in fault.changes:
        assert source.count(line) == 1, line
    lines = re.compile("|".join(map(re.escape, fault.changes)))
    names: dict[str, Any] = {"torch": torch, "math": math}
    exec(lines.sub(lambda match: fault.changes[match[0]], source), names)
    return names["Correct"]
