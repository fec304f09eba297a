"""The convention of any torch optimizer's weight decay, measured: the optimizer is run, its code is not read.

    measure(lambda params, lr, decay: torch.optim.AdamW(params, lr, weight_decay=decay)).convention == "torch"

Each measurement is the difference between two short runs, without and with decay: "what is taken off". Both are given
the same gradients and, before every update, the same weights, so that nothing but the decay tells them apart:

1. Weights drawn anew for every update show what the decay acts on. If what is taken off is one multiple of the weight
   at each update, it is decoupled. Decay of earlier weights, that comes by way of a momentum or an average, is not, and
   goes on when the weights are set to 0.
2. A run without decay, given gradient + decay * weight instead, shows L2 regularization: it takes off the same if the
   decay is L2, whatever the optimizer makes of a gradient.
3. Weights that are held show the share of a weight that an update takes off, and how it answers to another learning
   rate, to another decay, and to a schedule, which writes group["lr"] later.

What fits nothing within the tolerances (probe.SAME, EXPONENT, FACTOR) is 'cannot tell', and it is said why. A decay
that begins only after 24 updates is not seen.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from paper_repro.decay import wording
from paper_repro.decay.findings import findings
from paper_repro.decay.probe import (
    ETA,
    LAST,
    MIDDLE,
    MOVING,
    NOISE,
    SAME,
    SCALES,
    STEADY,
    Make,
    Probe,
    anything,
    exponent,
    inputs,
    limit,
    misfit,
    multiple,
    near,
)

EXPONENT = 0.05  # an exponent is the whole number that it is so close to
FACTOR = 20  # so many times from its formula, a share has something else in it, as a rate that is estimated


@dataclass(frozen=True)
class Measured:
    """What an optimizer does with its decay. None: nothing is taken off, or the optimizer refuses what is tried."""

    convention: str  # torch, paper, fixed, corrected, l2, l2 rescaled, constant, wrong sign, none, cannot tell
    words: str  # what it does with the decay, for a reader
    faults: tuple[str, ...] = ()  # in words: what a user should know first
    why: str = ""  # it cannot be told
    share: float | None = None  # of a weight, that an update takes off; of L2, when the momentum has settled
    settled: bool = True  # else L2's share is that after 70 updates, and still changes
    lr_exponent: float | None = None  # of the share, in the learning rate that the optimizer is built with,
    decay_exponent: float | None = None  # in the decay,
    schedule_exponent: float | None = None  # in a later change of group["lr"],
    gradient_exponent: float | None = None  # and in the scale of the gradients
    factor: float | None = None  # the share, by the one that the convention's formula gives
    doubled: bool = False  # that factor is 2
    cautious: bool = False  # it falls only on weights that the gradient's step, too, makes smaller
    after_step: bool = False  # it takes its share of the weight that the step has left
    either: bool = False  # L2 and decoupled in torch's convention are one here: SGD without momentum
    in_buffers: bool = False  # it goes on when weights are 0, as decay of earlier ones in a buffer does
    only_at_first: bool = False  # it ends after the first updates
    at_lr_zero: bool | None = None  # it goes on while group["lr"] is 0
    without_gradient: bool | None = None  # it falls on parameters whose gradient is None,
    zero_gradient: bool | None = None  # is 0,
    vectors: bool | None = None  # and on those of one dimension
    groups_ignored: bool | None = None  # a parameter group's own decay has no effect
    foreach_differs: bool | None = None  # group["foreach"] changes what is taken off
    two_dtypes: float | None = None  # what is taken off in a group of float64 and float32, by what should be
    in_bf16: float | None = None  # what is taken off bfloat16 weights in training, on average, by what should be


def measure(make: Make, lr: float = 1e-3, decay: float = 1e-2, seed: int = 0) -> Measured:
    """The convention of the optimizer that make(params, lr, decay) returns; in less than a second.

    lr, decay: at which the share is told and compared with its formula. seed: of the weights and gradients. Raises what
    `make` raises, and ValueError for a lr or decay that is not positive, or an optimizer of other parameters.
    """
    for name, value in (("lr", lr), ("decay", decay)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive, got {value}")
    probe, threads = Probe(make, lr, decay), torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small: threads only wait for each other
    try:
        result = _everything(probe, *inputs(seed))
    finally:
        torch.set_num_threads(threads)
    return Measured(**result, words=wording.paragraph(result, decay), faults=tuple(wording.faults(result)))


def _everything(probe: Probe, weights: Tensor, held: Tensor, gradients: Tensor) -> dict[str, Any]:
    params = [nn.Parameter(held[0, 0].clone())]
    try:
        groups = [probe.make(params, k * probe.lr, probe.decay).param_groups for k in (1.0, 0.5)]
    except TypeError as error:
        raise TypeError(f"make(params, lr, decay), called with these three: {error}") from error
    if [id(p) for group in groups[0] for p in group["params"]] != [id(p) for p in params]:
        raise ValueError("make(params, lr, decay) returns an optimizer of other parameters than params")
    try:
        result = _convention(probe, weights, held, gradients)
    except Exception as error:  # of code that is not ours, so of any kind
        return {"convention": "cannot tell", "why": f"{wording.FAILED} ({type(error).__name__}: {error})"}
    if result["convention"] == "cannot tell" and (lr := groups[0][0].get("lr")) == groups[1][0].get("lr") is not None:
        result["why"] += f" (and the optimizer's lr is {lr:g} whatever lr `make` is given)"
    return result | findings(probe, held, gradients, abs(result["share"]))


def _convention(probe: Probe, weights: Tensor, held: Tensor, gradients: Tensor) -> dict[str, Any]:
    """The fields of Measured that the three measurements tell."""
    moving = gradients[: len(weights)]
    bare = probe.run(weights, moving, decay=0.0)
    taken = bare - probe.run(weights, moving)
    if not anything(taken[STEADY]):
        result: dict[str, Any] = {"convention": "none", "share": 0.0, "only_at_first": anything(taken)}
        if anything((bare - probe.run(weights, moving, decay=max(1e3, 1 / probe.decay)))[STEADY]):
            result |= {"convention": "cannot tell", "why": "the decay is too small to change any weight, a larger does"}
        return result
    shapes = {name: shape[STEADY] for name, shape in _shapes(weights, bare, moving).items()}
    misfits = {name: misfit(taken[STEADY], multiple(taken[STEADY], x) * x) for name, x in shapes.items()}
    shape = min(misfits, key=lambda name: misfits[name])
    is_multiple = misfits[shape] < SAME
    result, settles_at = _numbers(probe, held, gradients, shape if is_multiple else "weight")
    constant = is_multiple and shape in ("one", "sign")
    result["in_buffers"] = not constant and anything(taken[MOVING:] / taken[STEADY].abs().max(), 1e-3)
    convention = _by_exponents(result) if is_multiple else None
    if convention in (None, "torch") and (k := _l2_factor(probe, weights, moving, taken)):
        rescaled = not near(result["gradient_exponent"], 0, EXPONENT)
        result |= {"convention": "l2 rescaled" if rescaled else "l2", "factor": abs(k), "either": is_multiple}
        if not rescaled:
            result |= {"share": settles_at or result["share"], "settled": settles_at is not None}
    elif not is_multiple:
        result |= {"convention": "cannot tell", "why": _why_not(probe, weights, moving, bare, taken, result)}
    elif constant:
        result["convention"] = "constant"
    else:
        formula = probe.decay * probe.lr ** near(result["lr_exponent"], 1, EXPONENT)
        result |= {"convention": convention, "factor": abs(result["share"]) / formula, "cautious": "cautious" in shape}
        result["after_step"] = "after" in shape and misfits[shape] < 0.1 * misfits[shape.replace(", after", "")]
        if convention is None or not 1 / FACTOR < result["factor"] < FACTOR:
            result |= {"convention": "cannot tell", "why": wording.unlike_any(result)}
    twice = 2 * SAME + min(abs(result["share"]), 0.2)  # as two decays of s take off 2 s - s^2
    result["doubled"] = near(result.get("factor"), 2, twice)
    if result["share"] < 0 and shape != "one" and result["convention"] != "cannot tell":
        result |= {"convention": "wrong sign", "either": False}
    return result


def _shapes(weights: Tensor, bare: Tensor, gradients: Tensor) -> dict[str, Tensor]:
    """What the decay may be a multiple of, by name; bare: the weights after the updates without decay."""
    smaller, downhill = (bare - weights) * weights < 0, gradients * weights > 0
    return {
        "weight": weights, "weight, after": bare, "weight, cautious": weights * smaller,
        "weight, cautious, after": bare * smaller, "weight, cautious by the gradient": weights * downhill,
        "sign": weights.sign(), "one": torch.ones_like(weights),
    }  # fmt: skip


def _numbers(probe: Probe, held: Tensor, gradients: Tensor, shape: str) -> tuple[dict[str, Any], float | None]:
    """The share, how it answers to lr, decay, schedule and gradients; and what it nears, as by a momentum of 0.99."""

    def shares(decay: float = 1.0, **settings: Any) -> Tensor:  # (update, parameter)
        bare = probe.run(held, gradients, decay=0.0, **settings)
        of = _shapes(held, bare, gradients)[shape]
        taken = bare - probe.run(held, gradients, decay=decay, **settings)
        return (taken * of).sum((2, 3)) / (of * of).sum((2, 3)).clamp_min(1e-300)

    def settled(of: Tensor, parameter: int = MIDDLE) -> float:
        return float(of[LAST, parameter].mean())

    full, scheduled = shares(), shares(eta=ETA)
    at = [float(full[LAST.start - k : LAST.stop - k, MIDDLE].mean()) for k in (56, 42, 28, 14, 0)]
    share, limits = at[-1], (limit(*at[::2]), limit(*at[2:]))
    numbers = {
        "share": share,
        "lr_exponent": exponent(settled(shares(lr=0.5)) / (share or 1), 0.5),
        "decay_exponent": exponent(settled(shares(decay=0.5)) / (share or 1), 0.5),
        "schedule_exponent": exponent(settled(scheduled) / (share or 1), 0.25),
        "gradient_exponent": exponent(settled(full, -1) / (share or 1), SCALES[-1] / SCALES[MIDDLE]),
        "at_lr_zero": anything(scheduled[LAST.stop :, MIDDLE] / (share or 1), 1e-3),
    }
    return numbers, limits[1] if near(limits[0] / (limits[1] or 1), 1, SAME) else None


def _by_exponents(result: dict[str, Any]) -> str | None:
    """The convention of a decoupled decay, by how its share answers to lr, decay and schedule; None: it has no name."""
    lr, decay, schedule = (result[f"{name}_exponent"] for name in ("lr", "decay", "schedule"))
    if not near(decay, 1, EXPONENT) or not any(near(lr, whole, EXPONENT) for whole in (0, 1)):
        return None
    by_schedule = {0: "fixed", 1: "torch" if near(lr, 1, EXPONENT) else "paper", 2: "corrected"}
    return next((name for whole, name in by_schedule.items() if near(schedule, whole, EXPONENT)), None)


def _l2_factor(probe: Probe, weights: Tensor, gradients: Tensor, taken: Tensor) -> float:
    """The k by which gradient + k * decay * weight, without decay, takes off what the decay does; 0: by none.

    1 for L2 regularization; less than 0 where its sign is wrong, or where the gradients are ascended. It holds at
    another lr and decay, too.
    """

    def as_l2(k: float, scale: float = 1.0) -> Tensor:
        with_l2 = gradients + k * scale * probe.decay * weights
        return (probe.run(weights, gradients, scale, 0.0) - probe.run(weights, with_l2, scale, 0.0))[STEADY]

    k, taken, l2 = 1.0, taken[STEADY], as_l2(1.0)
    if misfit(taken, l2) > SAME:
        large = -1 if anything(taken[:, -1]) else 0  # in large gradients L2 is linear; their sign alone never feels it
        k = float(f"{multiple(taken[:, large], l2[:, large]):.2g}")
        if not 1 / FACTOR < abs(k) < FACTOR or misfit(taken, as_l2(k)) > SAME:
            return 0.0
    halved = probe.run(weights, gradients, 0.5, 0.0) - probe.run(weights, gradients, 0.5, 0.5)
    return k if misfit(halved[STEADY], as_l2(k, 0.5)) < SAME else 0.0


def _why_not(
    probe: Probe, weights: Tensor, gradients: Tensor, bare: Tensor, taken: Tensor, result: dict[str, Any]
) -> str:
    """What keeps the decay from being one multiple of the weights."""
    rest = (taken - bare + probe.run(weights, gradients + probe.decay * weights, decay=0.0))[STEADY]
    if misfit(rest, (share := multiple(rest, weights[STEADY])) * weights[STEADY]) < SAME:
        return f"it is applied in two ways at once: decoupled ({share:.3g} of a weight an update), and as L2"
    changed = torch.cat([weights[:1], -2 * weights[1:]])
    other = probe.run(changed, gradients, decay=0.0)
    again = (other - probe.run(changed, gradients))[STEADY]
    other, bare, taken, weights = (x[STEADY] for x in (other, bare, taken, weights))
    if misfit(other, bare) < SAME:
        return "the optimizer keeps a copy of the weights, and writes it over those that it is given"
    if misfit(other - changed[STEADY], bare - weights) > SAME:
        return (
            "its steps depend on the weights, or on earlier ones, without decay, too (a trust ratio as in LARS and "
            "LAMB, an average of the weights, or a rate estimated from the way gone, as in Prodigy)"
        )
    if misfit(again, taken) < SAME:
        return "what is taken off does not depend on the weights"
    if result["decay_exponent"] is not None and not near(result["decay_exponent"], 1, 0.5):
        return "what is taken off does not grow with the decay: both share a step of one length (as in LARS and LAMB)"
    if result["in_buffers"]:
        return "what is taken off hangs on earlier weights, too (an average, or a momentum), and it is not L2"
    shares = (taken * weights).sum((2, 3), keepdim=True) / (weights * weights).sum((2, 3), keepdim=True)
    if misfit(taken, shares * weights) < SAME:
        return f"the share differs between updates or parameters, from {shares.min():.3g} to {shares.max():.3g}"
    if bool((taken.abs() < NOISE).any()):
        return "some weights are left out, by another rule than the sign of the step"
    return "what is taken off is not a multiple of the weight"
