"""Algorithms 1 and 2 of Loshchilov & Hutter (arXiv:1711.05101) as printed there, line by line, in plain tensor code.

To be read, and to be compared with: any shape, any precision, no kernels, no state; nothing trains with it. tests/optim
compares sgd.py and adam.py with this in float64, and this with an independent transcription in numpy.

The lines around an update are the caller's:

    1  given alpha, the momentum factors, lambda (and epsilon)
    2  t = 0, theta, m = 0 (and v = 0)
    3  repeat
    4    t = t + 1
    5    gradient = that of the batch, at theta
         one update, as below, where eta_t = SetScheduleMultiplier(t): line 7 of Algorithm 1, line 11 of Algorithm 2

    eta     schedule multiplier eta_t            alpha   initial learning rate
    decay   lambda: the L2 factor, or, decoupled, the share of theta that an update takes off at eta = 1
"""

from torch import Tensor


def sgd(
    theta: Tensor, gradient: Tensor, m: Tensor, *,
    eta: float, alpha: float, decay: float, decoupled: bool, beta1: float = 0.9,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One update of Algorithm 1: SGDW where decoupled, else SGD with L2 regularization. Returns theta and m."""
    g = gradient if decoupled else gradient + decay * theta  # line 6, the L2 term
    m = beta1 * m + eta * alpha * g  # line 8
    if decoupled:
        return theta - m - eta * decay * theta, m  # line 9, with the decay term
    return theta - m, m  # line 9


def adam(
    theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, *,
    eta: float, alpha: float, decay: float, decoupled: bool, beta1: float = 0.9, beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """One update of Algorithm 2, the t-th (from 1): AdamW where decoupled, else Adam with L2 regularization.

    Returns theta, m and v. t is never reset, not by a warm restart either.
    """
    g = gradient if decoupled else gradient + decay * theta  # line 6, the L2 term
    m = beta1 * m + (1 - beta1) * g  # line 7
    v = beta2 * v + (1 - beta2) * g**2  # line 8
    m_hat = m / (1 - beta1**t)  # line 9
    v_hat = v / (1 - beta2**t)  # line 10
    step = alpha * m_hat / (v_hat.sqrt() + eps)
    if decoupled:
        return theta - eta * (step + decay * theta), m, v  # line 12, with the decay term
    return theta - eta * step, m, v  # line 12
