"""One decay, seven ways to write it down, and the conversion between them. laws.py: what becomes of it in another run.

The quantity they all name is the share of a weight that decay alone takes away in one update at the full learning rate
(schedule multiplier eta = 1). That share is the paper's lambda.

| convention   | where                                 | the number means                | lambda per update           |
|--------------|---------------------------------------|---------------------------------|-----------------------------|
| "paper"      | Algorithms 1 and 2; MosaicML composer | theta -= eta * value * theta    | value                       |
| "torch"      | torch.optim.AdamW, optax, Keras, timm | theta -= eta * lr * value*theta | lr * value                  |
| "l2"         | torch.optim.SGD(weight_decay)         | gradient += value * theta       | lr * value / (1 - momentum) |
| "normalized" | the paper's appendix B.1              | lambda of a run of one update   | value * sqrt(b / (B T))     |
| "unhalved"   | texts that differentiate w^2          | theta -= 2 * value * theta      | 2 * value                   |
| "fixed"      | pytorch_optimizer's fixed_decay       | theta -= value * theta          | value                       |
| "corrected"  | AdamC; timm's corrected_weight_decay  | theta -= eta^2*lr*value * theta | lr * value                  |

`lr` is the initial learning rate alpha. Some hold with a caveat. "l2" is for SGD alone: exact without momentum
(Proposition 1, lambda' = lambda / alpha), the steady state with momentum, and for Adam no such number exists
(Proposition 2). "unhalved" and "fixed" do not follow the schedule, "corrected" follows its square (arXiv:2506.02285;
eta^2 lr is alpha_t^2 / alpha_max): the conversion is for eta = 1. Over a cosine to 0 eta averages 1/2, so the same
number takes off twice as much in all as "fixed" than as "paper", and 3/4 as much as "corrected" than as "torch".
"""

import math

CONVENTIONS = ("paper", "torch", "l2", "normalized", "unhalved", "fixed", "corrected")


def normalized(decay_norm: float, batch_size: int, num_examples: int, epochs: float) -> float:
    """lambda per update = lambda_norm * sqrt(b / (B T)) (appendix B.1).

    b: batch size, B: number of training examples, T: epochs of the run, or of the current cycle with warm restarts
    (footnote 2). B T / b is the number of updates, so lambda_norm is the decay of a run of one update.
    """
    for name, value in (("batch_size", batch_size), ("num_examples", num_examples), ("epochs", epochs)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive, got {value}")
    if not (decay_norm >= 0 and math.isfinite(decay_norm)):
        raise ValueError(f"decay must be zero or positive, got {decay_norm}")
    return decay_norm * math.sqrt(batch_size / (num_examples * epochs))


def convert(
    value: float,
    source: str,
    target: str,
    *,
    lr: float | None = None,
    momentum: float = 0.0,
    batch_size: int | None = None,
    num_examples: int | None = None,
    epochs: float | None = None,
) -> float:
    """A decay written in the convention `source`, written in the convention `target` (the module's table).

    "torch", "corrected" and "l2" need lr (the initial learning rate), "l2" also reads momentum; "normalized" needs
    batch_size, num_examples and epochs. Raises ValueError for an unknown convention, a negative value or a missing
    quantity.
    """
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"decay must be zero or positive, got {value}")

    def share(convention: str) -> float:
        """lambda per update for each unit of `convention`."""
        if convention in ("paper", "fixed"):
            return 1.0
        if convention == "unhalved":
            return 2.0
        if convention in ("torch", "l2", "corrected"):
            if lr is None or not (lr > 0 and math.isfinite(lr)):
                raise ValueError(f"lr (for {convention!r}) must be positive, got {lr}")
            if not 0 <= momentum < 1:
                raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
            return lr / (1 - momentum) if convention == "l2" else lr
        if convention == "normalized":
            if batch_size is None or num_examples is None or epochs is None:
                raise ValueError("'normalized' needs batch_size, num_examples and epochs")
            return normalized(1.0, batch_size, num_examples, epochs)
        raise ValueError(f"unknown decay convention {convention!r}: one of {', '.join(CONVENTIONS)}")

    return value if source == target and share(source) else value * share(source) / share(target)
