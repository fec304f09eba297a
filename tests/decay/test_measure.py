"""What is measured of optimizers whose decay is known: torch's, the paper's four, and those of faults.py."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import pytest
import torch

from paper_repro import SGD, SGDW, Adam, AdamW
from paper_repro.decay import convert, wording
from paper_repro.decay.measure import measure
from paper_repro.optim.cautious import Cautious
from paper_repro.optim.corrected import Corrected
from paper_repro.optim.lion import Lion
from tests.decay.faults import FAULTS, MOMENTS, ORDINARY, built

EVERY = {(name, base): seed for seed, (name, base) in enumerate(itertools.product(FAULTS, MOMENTS))}


@pytest.mark.parametrize(("name", "base"), EVERY)
def test_what_is_planted_is_found(name: str, base: str) -> None:
    """And nothing else is found of it. Each has other gradients."""
    fault = FAULTS[name]
    expected = {**ORDINARY, **fault.expected, **(fault.sgd if base == "sgd" else {})}
    found = vars(measure(built(fault, base), seed=EVERY[name, base]))
    assert {field: found[field] for field in expected} == {
        field: pytest.approx(value, rel=0.02) if isinstance(value, float) else value
        for field, value in expected.items()
    }
    assert bool(found["why"]) == (found["convention"] == "cannot tell")
    assert found["why"] in found["words"]


@pytest.mark.parametrize(("lr", "weight_decay"), [(0.1, 5e-4), (1e-4, 1e-4), (0.05, 0.1), (1.0, 0.1)])
@pytest.mark.parametrize("name", ["correct", "L2", "L2, twice", "paper", "fixed", "corrected", "sign", "cautious"])
def test_it_does_not_hang_on_the_numbers_tried(name: str, lr: float, weight_decay: float) -> None:
    expected = FAULTS[name].expected["convention"]
    assert measure(built(FAULTS[name], "adam"), lr, weight_decay).convention == expected


def of_torch(cls: Any, **others: Any) -> Any:
    return lambda params, lr, decay: cls(params, lr=lr, weight_decay=decay, **others)


def of_ours(cls: Any, **others: Any) -> Any:
    return lambda params, lr, decay: cls(params, lr=lr, decay=decay, **others)


@pytest.mark.parametrize(
    ("make", "convention", "exponents"),
    [
        (of_ours(SGDW), "paper", (0, 1, 1, 0)),
        (of_ours(AdamW), "paper", (0, 1, 1, 0)),
        (of_ours(Lion), "paper", (0, 1, 1, 0)),
        (of_ours(Cautious), "paper", (0, 1, 1, 0)),
        (of_ours(Corrected), "corrected", (0, 1, 2, 0)),
        (of_ours(SGD), "l2", (1, 1, 1, 0)),
        (of_ours(Adam), "l2 rescaled", (1, 1, 1, -1)),
        (of_torch(torch.optim.AdamW), "torch", (1, 1, 1, 0)),
        (of_torch(torch.optim.AdamW, foreach=True, amsgrad=True), "torch", (1, 1, 1, 0)),
        (of_torch(torch.optim.NAdam, decoupled_weight_decay=True), "torch", (1, 1, 1, 0)),
        (of_torch(torch.optim.Adafactor), "torch", (1, 1, 1, 0)),
        (of_torch(torch.optim.SGD), "l2", (1, 1, 1, 0)),
        (of_torch(torch.optim.SGD, momentum=0.9, nesterov=True), "l2", (1, 1, 1, 0)),
        (of_torch(torch.optim.SGD, momentum=0.9, maximize=True), "l2", (1, 1, 1, 0)),
        (of_torch(torch.optim.Adam), "l2 rescaled", (1, 1, 1, -1)),
        (of_torch(torch.optim.RMSprop), "l2 rescaled", (1, 1, 1, -1)),
    ],
)
def test_real_optimizers_are_as_their_makers_say(make: Any, convention: str, exponents: tuple[int, ...]) -> None:
    found = measure(make)
    assert found.convention == convention
    measured = (found.lr_exponent, found.decay_exponent, found.schedule_exponent, found.gradient_exponent)
    assert measured == pytest.approx(exponents, abs=0.03)
    assert found.factor == pytest.approx(1, rel=1e-6)
    odd = (found.doubled, found.groups_ignored, found.foreach_differs, found.without_gradient)
    assert [finding for finding in odd if finding] == []
    if not convention.endswith("rescaled"):
        momentum = 0.9 if found.in_buffers else 0.0
        theirs = "paper" if convention == "corrected" else convention
        share = convert(0.01, theirs, "paper", lr=1e-3, momentum=momentum)
        assert found.share == pytest.approx(share, rel=0.002)


def left_in_bfloat16(make: Any, lr: float, decay: float, size: float) -> float:
    """Of what decay takes off 20,000 weights in 40 updates, how much arrives in bfloat16, without `measure`."""
    means = {}
    for dtype, number in itertools.product((torch.float32, torch.bfloat16), (0.0, decay)):
        generator = torch.Generator().manual_seed(1)
        weight = (size * 2 ** (torch.rand(20_000, generator=generator) - 0.5)).to(dtype).requires_grad_()
        optimizer = make([weight], lr, number)
        for _ in range(40):
            weight.grad = torch.randn(20_000, generator=generator).to(dtype)
            optimizer.step()
        means[dtype, number] = weight.detach().double().mean().item()
    wide, narrow = (means[dtype, 0.0] - means[dtype, decay] for dtype in (torch.float32, torch.bfloat16))
    return narrow / wide


@pytest.mark.parametrize(
    ("cls", "others", "lr", "decay", "size", "some"),
    [  # size: of weights that an update moves by about 0.2 %
        (torch.optim.SGD, {}, 0.1, 0.01, 50.0, True),
        (torch.optim.SGD, {"momentum": 0.9}, 0.1, 0.001, 120.0, True),
        (torch.optim.Adam, {}, 0.01, 0.1, 1.5, True),
        (torch.optim.AdamW, {"fused": True}, 0.01, 0.1, 1.5, True),
        (torch.optim.AdamW, {"fused": True}, 1e-3, 0.01, 0.15, True),
        (torch.optim.AdamW, {}, 0.01, 0.1, 1.5, False),
        (torch.optim.AdamW, {}, 1e-3, 0.01, 0.15, False),
    ],
)
def test_what_is_left_in_bfloat16_is_that_of_training(
    cls: Any, others: dict[str, Any], lr: float, decay: float, size: float, some: bool
) -> None:
    """Under gradients of ordinary size decay arrives with the step, unless it is a product of its own."""
    found = measure(of_torch(cls, **others), lr, decay)
    assert found.in_bf16 == pytest.approx(left_in_bfloat16(of_torch(cls, **others), lr, decay, size), abs=0.15)
    assert (found.in_bf16 or 0) > 0.5 if some else found.in_bf16 == 0
    share = f"{found.share:.2g} an update, {'about' if some else 'nothing of it is left'}"
    assert share in found.words


def test_of_a_share_that_too_few_weights_could_show_nothing_is_said_about_bfloat16() -> None:
    found = measure(of_torch(torch.optim.AdamW), 1e-4, 1e-4)
    assert found.in_bf16 is None
    assert "bfloat16" not in found.words


def test_in_bfloat16_the_papers_share_arrives() -> None:
    assert measure(of_ours(AdamW), 1e-3, 0.1).in_bf16 == pytest.approx(1, abs=0.2)


def test_a_decay_too_small_to_be_seen_is_not_called_none() -> None:
    """Only the sign counts, and none turns."""
    found = measure(built(FAULTS["Lion, L2 in the sign"], "sgd"), decay=1e-9)
    assert (found.convention, found.faults) == ("cannot tell", ())
    assert "too small to change any weight" in found.words


def test_a_wrong_sign_is_not_the_same_as_decoupled_decay() -> None:
    def ascends(params: Any, lr: float, decay: float) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(params, lr, weight_decay=decay)
        optimizer.param_groups[0]["weight_decay"] = -decay
        return optimizer

    found = measure(ascends)
    assert (found.convention, found.either) == ("wrong sign", False)
    assert "Proposition" not in found.words


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (torch.optim.AdamW, TypeError, r"make\(params, lr, decay\), called with these three: 'float' object"),
        (lambda params, lr: torch.optim.AdamW(params, lr), TypeError, r"make\(params, lr, decay\), called with"),
        (lambda params, lr, decay: torch.optim.SGD([torch.ones(2, requires_grad=True)], lr, weight_decay=decay),
         ValueError, "an optimizer of other parameters than params"),
    ],
)  # fmt: skip
def test_a_make_that_cannot_be_measured_is_refused(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        measure(make)


def test_a_make_that_forgets_the_rate_is_told_so() -> None:
    found = measure(lambda params, lr, decay: torch.optim.AdamW(params, weight_decay=decay), lr=0.1)
    assert found.convention == "cannot tell"
    assert "the optimizer's lr is 0.001 whatever lr `make` is given" in found.words


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.95, 0.99])
def test_the_share_of_l2_is_that_of_a_momentum_that_has_settled(momentum: float) -> None:
    found = measure(of_torch(torch.optim.SGD, momentum=momentum), 0.1, 0.01)
    assert found.share == pytest.approx(convert(0.01, "l2", "paper", lr=0.1, momentum=momentum), rel=1e-4)


def test_the_share_of_l2_that_does_not_settle_is_said_to_be_after_70_updates() -> None:
    """Two momenta, 0.9 and 0.99, as in AggMo: no single one, by which it could be told where they lead."""

    class Two(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    for beta in (0.9, 0.99):
                        moment = self.state[p].setdefault(beta, torch.zeros_like(p))
                        moment.mul_(beta).add_(p.grad + group["weight_decay"] * p)
                    p.sub_(group["lr"] * sum(self.state[p].values()))

    found = measure(of_torch(Two))
    assert (found.convention, found.settled) == ("l2", False)
    assert "After 70 updates" in found.words
    assert 3e-4 < (found.share or 0) < 1.1e-3


def test_sgd_without_momentum_is_both() -> None:
    found = measure(of_torch(torch.optim.SGD))
    assert (found.convention, found.either) == ("l2", True)
    assert not measure(of_torch(torch.optim.SGD, momentum=0.5)).either
    assert measure(of_ours(SGDW, momentum=0.0)).convention == "paper"


def test_it_takes_less_than_a_second_and_leaves_no_trace() -> None:
    measure(of_torch(torch.optim.AdamW))  # which loads the compiler
    state, started = torch.random.get_rng_state(), time.process_time()
    first = measure(of_torch(torch.optim.AdamW))
    assert time.process_time() - started < 1
    assert measure(of_torch(torch.optim.AdamW)) == first
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("lr", "weight_decay"), [(0, 0.1), (-1, 0.1), (math.nan, 0.1), (0.1, 0), (0.1, math.inf)])
def test_numbers_that_measure_nothing_are_refused(lr: float, weight_decay: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        measure(of_torch(torch.optim.SGD), lr, weight_decay)


def test_a_decay_of_the_first_update_alone_is_no_decay_of_parameters_without_gradient() -> None:
    found = measure(built(FAULTS["first update"], "adam"))
    assert wording.faults(vars(found)) == ["Only the first updates decay."]
    assert "After the first updates the weights come out the same" in found.words
    assert "In 24 updates the weights come out the same" in measure(built(FAULTS["swallowed"], "adam")).words


def test_an_optimizer_that_fails_says_so() -> None:
    found = measure(lambda params, lr, decay: torch.optim.LBFGS(params, lr=lr))
    assert found.convention == "cannot tell"
    assert "missing 1 required positional argument: 'closure'" in found.words
    assert "makes weights a little smaller" not in found.words  # of which nothing was seen
    with pytest.raises(TypeError, match="weight_decay"):
        measure(of_torch(torch.optim.LBFGS))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("trust ratio", "its steps depend on the weights"), ("copy of weights", "keeps a copy of the weights"),
        ("average of weights", "hangs on earlier weights"), ("the step", "does not depend on the weights"),
        ("every other update", "between updates or parameters, from 0 to 1e-05"),
        ("positive weights", "some weights are left out"), ("square", "not a multiple of the weight"),
        ("L2, and decoupled, too", "in two ways at once: decoupled (1e-05 of a weight an update), and as L2"),
        ("lr squared", "goes as lr^2.00 decay^1.00 schedule^2.00"), ("a rate of its own", "1e-06 times as strong"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said_why(name: str, why: str) -> None:
    assert why in measure(built(FAULTS[name], "adam")).words
