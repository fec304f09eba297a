"""What `measure` finds, in words for a reader who has never seen the paper."""

from typing import Any

from paper_repro.decay.probe import MOVING

Fields = dict[str, Any]  # fields of measure.Measured
FAILED = "an update fails"

LEAD = "Weight decay makes weights a little smaller at each update, in addition to the gradient's step."
FORMULAS = {  # theta: a weight, lr_t: the learning rate of the update, lr: the full one, eta_t = lr_t / lr
    "torch": "theta -= {times}lr_t * {decay} * theta",
    "paper": "theta -= {times}eta_t * {decay} * theta",
    "fixed": "theta -= {times}{full}{decay} * theta",
    "corrected": "theta -= {times}{full}eta_t^2 * {decay} * theta",
    "l2": "gradient += {times}{decay} * theta",
    "l2 rescaled": "gradient += {times}{decay} * theta, then rescaled with the gradient",
    "constant": "theta -= a number that does not depend on the size of theta",
    "wrong sign": "theta += {size:.3g} * theta",
}
TOLD = {
    "torch": "Each update takes off {share:.3g} of every weight: {times}the learning rate times the decay. So the "
    "number means something only together with its learning rate: at half the rate, twice the number is the same "
    "decay. A schedule of the rate lowers it with the rate. This is the convention of torch.optim.AdamW{but}.",
    "paper": "Each update takes off {share:.3g} of every weight: {times}the decay itself, at any learning rate. A "
    "schedule of the rate lowers it in proportion. This is the convention of the paper (arXiv:1711.05101){but}.",
    "fixed": "Each update takes off {share:.3g} of every weight, at any point of a schedule: where the learning rate "
    "has been annealed to a hundredth, the decay is as strong as at the start{times_lr}.",
    "corrected": "Each update takes off {share:.3g} of every weight at the full learning rate, and a schedule lowers "
    "it by the square: a quarter of the rate leaves a sixteenth of the decay{times_lr}.",
    "l2": "It adds {times}the decay times the weight to the gradient: L2 regularization. {when} each update takes "
    "off {share:.3g} of every weight; for SGD that is {times}the learning rate times the decay, divided by "
    "(1 - momentum).",
    "l2 rescaled": "It adds {times}the decay times the weight to the gradient (L2 regularization), and rescales the "
    "sum: weights with large gradients are decayed {less}. {about}No number in another convention does the same "
    "(Proposition 2 of arXiv:1711.05101); decoupled decay, as in AdamW, does not depend on the gradients.",
    "constant": "Each update takes off {share:.3g}, from a large weight as from a small one: that is no weight decay, "
    "under which a weight shrinks in proportion to itself.",
    "wrong sign": "The decay makes weights larger: its sign is wrong. An update adds {size:.3g} of {whose}.",
    "none": "{alike} the weights come out the same with a decay of {number:g} and with 0.",
    "cannot tell": "The convention of this decay cannot be told: {why}.{at_end}",
}
DECAYS = ("torch", "paper", "fixed", "corrected", "l2", "l2 rescaled", "cannot tell")  # they make weights smaller


def paragraph(result: Fields, decay: float) -> str:
    """What the decay does, in a paragraph without its faults; decay: the number that was measured."""
    convention, share = result["convention"], result.get("share") or 0.0
    strong, times, _ = strength(result)
    by_gradient = result.get("gradient_exponent") or 0.0
    whose = f"a weight{' whose gradients are around 1' if abs(by_gradient) > 0.05 else ''}"
    told = TOLD[convention].format(
        share=share, size=abs(share), number=decay, why=result.get("why"), times=times, whose=whose,
        when="In the long run" if result.get("settled", True) else "After 70 updates",
        alike="After the first updates" if result.get("only_at_first") else f"In {MOVING} updates",
        but=f", {strong}" if strong else "", less="more" if by_gradient > 0 else "less",
        times_lr=". It grows with the rate that the optimizer is built with" if _with_lr(result) else "",
        about=f"An update takes off about {share:.2g} of {whose}, and another share of others. " if share else "",
        at_end=f" At the end of the run an update took off {share:.3g} of a weight." if share else "",
    )  # fmt: skip
    return " ".join([*[LEAD] * (convention in DECAYS and not failed(result)), told, *_besides(result)])


def failed(result: Fields) -> bool:
    """Whether the optimizer did, so that nothing was seen of its decay."""
    return str(result.get("why")).startswith(FAILED)


def formula(result: Fields, decay: str) -> str | None:
    """The update in a line; decay: what the optimizer calls it."""
    text, full, size = FORMULAS.get(result["convention"]), "lr * " * _with_lr(result), abs(result.get("share") or 0.0)
    return text and text.format(decay=decay, full=full, times=strength(result)[2], size=size)


def strength(result: Fields) -> tuple[str, str, str]:
    """How strong it is beside its convention: for a headline, a sentence, the formula; "" where it is as strong."""
    factor = result.get("factor") or 1.0
    if abs(factor - 1) < 0.04 or result["convention"] not in DECAYS[:-1]:
        return "", "", ""
    number = "2" if result.get("doubled") else f"{factor:.3g}"
    names = {"2": ("applied twice", "twice "), "0.5": ("half as strong", "half ")}
    return *names.get(number, (f"{number} times as strong", f"{number} times ")), f"{number} * "


def unlike_any(result: Fields) -> str:
    """Why a share of the weight is none of the conventions."""
    if result["convention"]:
        return (
            f"it answers to lr, decay and schedule as in the convention {result['convention']!r}, but it is "
            f"{result['factor']:.2g} times as strong: something else is in it, as a rate that the optimizer estimates"
        )
    exponents = {name: result[f"{name}_exponent"] for name in ("lr", "decay", "schedule")}
    powers = (f"{name}^{'?' if value is None else f'{value:.2f}'}" for name, value in exponents.items())
    return f"the share goes as {' '.join(powers)}, as in none of the conventions"


def _with_lr(result: Fields) -> bool:
    return bool(abs((result.get("lr_exponent") or 0.0) - 1) < 0.5)


def faults(result: Fields) -> list[str]:
    """What a user should know first, a sentence each."""
    convention, dtypes, (strong, *_) = result["convention"], result.get("two_dtypes"), strength(result)
    decoupled, none = convention in DECAYS[:4], convention == "none"
    says = {
        f"It is {strong}.": strong,
        "Only the first updates decay.": result.get("only_at_first"),
        "It goes on while the learning rate is 0.": decoupled and convention != "fixed" and result.get("at_lr_zero"),
        "It falls on parameters that have no gradient (None), too.": not none and result.get("without_gradient"),
        "It falls only on parameters that have no gradient.":
            none and not result.get("only_at_first")
            and (result.get("without_gradient") or result.get("zero_gradient")),
        "It ignores a decay set in a parameter group: biases cannot be exempted that way.":
            result.get("groups_ignored"),
        "With foreach=True another amount is taken off.": result.get("foreach_differs"),
        f"In a group of float64 and float32 parameters {dtypes or 0:.3g} times as much is taken off.":
            dtypes is not None and abs(dtypes - 1) > 0.1,
    }  # fmt: skip
    return [sentence for sentence, holds in says.items() if holds]


def _besides(result: Fields) -> list[str]:
    """A sentence for every further finding that is out of the ordinary."""
    decoupled, bf16, share = result["convention"] in DECAYS[:4], result.get("in_bf16"), abs(result.get("share") or 0.0)
    left = "nothing" if abs(bf16 or 0.0) < 0.05 else f"about {10 * round(10 * (bf16 or 0))} %"
    says = {
        "Without momentum this is the same as torch's decoupled decay (Proposition 1 of arXiv:1711.05101).":
            result.get("either"),
        "It is cautious: it falls only on weights that the gradient's step makes smaller, too.": result.get("cautious"),
        "It acts after the step, on the weight that the step has left.": result.get("after_step"),
        "It spares weights whose gradient is 0.":
            decoupled and not result.get("cautious") and result.get("zero_gradient") is False,
        "It spares parameters of one dimension, such as biases.": result.get("vectors") is False,
        f"At {share:.2g} an update, {left} of it is left in bfloat16 weights that an update moves by 0.2 %"
        f"{'' if left == 'nothing' else ', more where it moves them more, less where less'}.":
            bf16 is not None and bf16 < 0.85 and result["convention"] in DECAYS,
    }  # fmt: skip
    return [sentence for sentence, holds in says.items() if holds]
