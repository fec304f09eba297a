"""What `measure` finds, in words for a reader who has never seen the paper."""

from typing import Any

Fields = dict[str, Any]  # fields of measure.Measured

LEAD = "Weight decay makes weights a little smaller at each update, beside the gradient's step."
FORMULAS = {  # theta: a weight, lr_t: the learning rate of the update, lr: the full one, eta_t = lr_t / lr
    "torch": "theta -= lr_t * {decay} * theta",
    "paper": "theta -= eta_t * {decay} * theta",
    "fixed": "theta -= {full}{decay} * theta",
    "corrected": "theta -= {full}eta_t^2 * {decay} * theta",
    "l2": "gradient += {decay} * theta",
    "l2 rescaled": "gradient += {decay} * theta, then divided by the size of the gradients",
    "constant": "theta -= a number that does not depend on the size of theta",
    "wrong sign": "theta += share * theta",
}
TOLD = {
    "torch": "Each update takes off {share:.3g} of every weight: the learning rate times the decay. So the number "
    "means something only together with its learning rate: at half the rate, twice the number is the same decay. A "
    "schedule of the rate lowers it with the rate. This is torch's convention.",
    "paper": "Each update takes off {share:.3g} of every weight: the decay itself, at any learning rate. A schedule "
    "of the rate lowers it in proportion. This is the paper's convention.",
    "fixed": "Each update takes off {share:.3g} of every weight, at any point of a schedule: where the learning rate "
    "has been annealed to a hundredth, the decay is as strong as at the start{times_lr}.",
    "corrected": "Each update takes off {share:.3g} of every weight at the full learning rate, and a schedule lowers "
    "it by the square: a quarter of the rate leaves a sixteenth of the decay{times_lr}.",
    "l2": "The decay times the weight is added to the gradient: L2 regularization. In the long run each update takes "
    "off {share:.3g} of every weight, the learning rate times the decay, by one less the momentum.",
    "l2 rescaled": "The decay times the weight is added to the gradient (L2 regularization), and both are divided by "
    "the size of the gradients: weights with large gradients are decayed less. An update takes off about {share:.2g} "
    "of a weight whose gradients are around 1, and another share of others. No number in another convention does the "
    "same (the paper's Proposition 2); decoupled decay, as in AdamW, does not depend on the gradients.",
    "constant": "Each update takes off {share:.3g}, from a large weight as from a small one: that is no weight decay, "
    "under which a weight shrinks in proportion to itself.",
    "wrong sign": "The decay makes weights larger, by {size:.3g} of each at every update: its sign is wrong.",
    "none": "No decay was seen: updates make the same of the weights with it and without it.",
}


def paragraph(result: Fields) -> str:
    """What was measured, in a paragraph."""
    convention, share = result["convention"], result.get("share") or 0.0
    if convention == "cannot tell":
        sentences = [f"The convention of this decay cannot be told: {result['why']}."]
        if share:
            sentences += [f"At the end of the run an update took off {share:.3g} of a weight."]
    else:
        times_lr = ". It grows with the rate that the optimizer is built with" if _with_lr(result) else ""
        sentences = [TOLD[convention].format(share=share, size=abs(share), times_lr=times_lr)]
    return " ".join([LEAD, *sentences, *_besides(result)])


def formula(result: Fields, decay: str) -> str | None:
    """The update in a line; decay: what the optimizer calls it."""
    text = FORMULAS.get(result["convention"])
    return text and text.format(decay=decay, full="lr * " if _with_lr(result) else "")


def unlike_any(result: Fields) -> str:
    """Why a share of the weight is none of the conventions."""
    if result["convention"]:
        return (
            f"it answers to lr, decay and schedule as in the convention {result['convention']!r}, but it is "
            f"{result['factor']:.2g} times as strong: something else is in it, as a rate that the optimizer estimates"
        )
    powers = (f"{name}^{_number(result[f'{name}_exponent'])}" for name in ("lr", "decay", "schedule"))
    return f"the share goes as {' '.join(powers)}, as in none of the conventions"


def _with_lr(result: Fields) -> bool:
    return bool(abs((result.get("lr_exponent") or 0.0) - 1) < 0.5)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _besides(result: Fields) -> list[str]:
    """A sentence for every further finding that is out of the ordinary."""
    convention, factor = result["convention"], result.get("factor")
    decoupled = convention in ("torch", "paper", "fixed", "corrected")
    usual = factor is None or abs(factor - 1) < 0.04 or convention in ("cannot tell", "wrong sign")
    lost, bf16 = result.get("in_bf16"), result.get("share_in_bf16")
    says = {
        "It is applied twice.": result.get("doubled"),
        f"It is {factor or 0:.3g} times what this formula gives.": not usual and not result.get("doubled"),
        "Without momentum this is the same as decoupled decay in torch's convention (the paper's Proposition 1).":
            result.get("either"),
        "It is cautious: it falls only on weights that the gradient's step makes smaller, too.": result.get("cautious"),
        "It acts after the step, on the weight that the step has left.": result.get("after_step"),
        "Only the first updates decay.": result.get("only_at_first"),
        "It goes on while the learning rate is 0.": decoupled and convention != "fixed" and result.get("at_lr_zero"),
        "It falls on parameters that have no gradient (None), too.":
            convention != "none" and result.get("without_gradient"),
        "It falls only on parameters that have no gradient.":
            convention == "none" and (result.get("without_gradient") or result.get("zero_gradient")),
        "It spares weights whose gradient is 0.":
            decoupled and not result.get("cautious") and result.get("zero_gradient") is False,
        "It spares parameters of one dimension, such as biases.": result.get("vectors") is False,
        "A decay of its own in a parameter group has no effect.": result.get("groups_ignored"),
        "With foreach=True another amount is taken off.": result.get("foreach_differs"),
        f"In a group of float64 and float32 parameters {result.get('two_dtypes') or 0:.3g} times as much is taken off.":
            abs((result.get("two_dtypes") or 1.0) - 1) > 0.1,
        f"In bfloat16 parameters {'nothing' if abs(lost or 0.0) < 0.1 else f'only {lost or 0:.0%}'} arrives of a share "
        f"as small as {bf16 or 0:.2g}: they resolve none below 0.002.": lost is not None and lost < 0.5,
    }  # fmt: skip
    return [sentence for sentence, holds in says.items() if holds]
