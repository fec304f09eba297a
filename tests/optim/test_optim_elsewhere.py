"""The optimizers in other people's code: schedulers built in any order, rates of 0, other libraries' parameter groups.

What decay does is read from a weight without gradient: decoupled decay alone moves it, by eta * decay.
"""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
from torch.optim import lr_scheduler

from paper_repro import SGD, SGDW, Adam, AdamW, schedules
from paper_repro.cell import Cell
from paper_repro.data import Arrays
from paper_repro.data.split import prepare
from paper_repro.optim import groups
from paper_repro.optim.cautious import Cautious
from paper_repro.optim.corrected import Corrected
from paper_repro.optim.lion import Lion
from paper_repro.training import train
from tests.stepping import ALL, difference, run, start, tensors

ADDED = [Lion, Cautious, Corrected]
DECOUPLED = [SGDW, AdamW, Lion, Cautious]  # whose decay is eta lambda
DECAY = 0.02


def weight() -> Tensor:
    return torch.ones(1, dtype=torch.float64, requires_grad=True)


def etas(optimizer: torch.optim.Optimizer, updates: int = 1, scheduler: Any = None) -> list[float]:
    """The eta of each update, as the first weight of the first group shows it."""
    parameter, found = optimizer.param_groups[0]["params"][0], []
    for _ in range(updates):
        before, parameter.grad = parameter.item(), torch.zeros_like(parameter)
        optimizer.step()
        found.append((1 - parameter.item() / before) / DECAY)
        if scheduler is not None:
            scheduler.step()
    return found


cosine = [0.5 + 0.5 * math.cos(math.pi * t / 10) for t in range(10)]


@pytest.mark.parametrize("cls", DECOUPLED)
class TestTheScheduleIsReadInEveryOrder:
    def test_a_rate_changed_before_the_scheduler_is_built_is_the_one_it_scales(self, cls: Any) -> None:
        for changed in (0.5, 0.004):
            optimizer = cls([weight()], lr=0.02, decay=DECAY)
            optimizer.param_groups[0]["lr"] = changed
            scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(10))
            assert optimizer.param_groups[0]["lr"] == changed
            assert etas(optimizer, 10, scheduler) == pytest.approx(cosine, abs=1e-12)

    def test_without_a_scheduler_the_first_rate_is_alpha(self, cls: Any) -> None:
        optimizer = cls([weight()], lr=0.02, decay=DECAY)
        for eta in (1.0, 0.25, 0.0, 0.5):
            optimizer.param_groups[0]["lr"] = 0.02 * eta
            assert etas(optimizer) == pytest.approx([eta], abs=1e-12)

    def test_a_group_added_later_has_its_own_alpha(self, cls: Any) -> None:
        late, optimizer = weight(), cls([weight()], lr=0.02, decay=DECAY)
        scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(10))
        etas(optimizer, 5, scheduler)
        optimizer.add_param_group({"params": [late], "lr": 0.3})
        late.grad = torch.zeros_like(late)
        optimizer.step()
        assert late.item() == pytest.approx(1 - DECAY)

    def test_a_schedule_is_resumed_by_its_state_or_by_last_epoch(self, cls: Any) -> None:
        first = cls([weight()], lr=0.02, decay=DECAY)
        schedule = lr_scheduler.LambdaLR(first, schedules.cosine(10))
        etas(first, 4, schedule)
        by_state = cls([weight()], lr=0.7, decay=0.5)
        scheduler = lr_scheduler.LambdaLR(by_state, schedules.cosine(10))
        scheduler.load_state_dict(schedule.state_dict())
        by_state.load_state_dict(first.state_dict())
        assert etas(by_state, 6, scheduler) == pytest.approx(cosine[4:], abs=1e-12)
        by_number = cls([weight()], lr=0.7, decay=0.5)
        by_number.load_state_dict(first.state_dict())
        scheduler = lr_scheduler.LambdaLR(by_number, schedules.cosine(10), last_epoch=3)
        assert etas(by_number, 6, scheduler) == pytest.approx(cosine[4:], abs=1e-12)

    def test_last_epoch_without_a_state_is_refused_as_by_torch(self, cls: Any) -> None:
        with pytest.raises(KeyError, match="initial_lr"):
            lr_scheduler.LambdaLR(cls([weight()], lr=0.02), schedules.cosine(10), last_epoch=3)

    def test_one_cycle_peaks_at_one(self, cls: Any) -> None:
        """It sets initial_lr to max_lr / div_factor, whatever rate the optimizer was built with."""
        options = {} if cls is SGDW else {"cycle_momentum": True}
        for max_lr, built in ((1e-3, 1e-3), (0.5, 1e-3)):
            optimizer = cls([weight()], lr=built, decay=DECAY)
            scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=max_lr, total_steps=100, **options)
            found = etas(optimizer, 100, scheduler)[:99]
            assert found[0] == pytest.approx(1 / 25)
            assert max(found) == pytest.approx(1)

    def test_an_eta_above_one_is_warned_of_once_and_by_name(self, cls: Any) -> None:
        """CyclicLR and the range tests of finders begin at their smallest rate; setting initial_lr mends it."""
        for repaired in (False, True):
            optimizer = cls([weight()], lr=0.1, decay=DECAY)
            scheduler = lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, step_size_up=5, cycle_momentum=False)
            if repaired:
                optimizer.param_groups[0]["initial_lr"] = 0.1
                assert max(etas(optimizer, 20, scheduler)) == pytest.approx(1)
                continue
            told = rf"{cls.__name__}: lr is .* times alpha .*eta_t .*initial_lr.*CyclicLR"
            with pytest.warns(UserWarning, match=told) as seen:
                etas(optimizer, 20, scheduler)
            assert len(seen) == 1

    def test_at_a_rate_of_zero_nothing_decays(self, cls: Any) -> None:
        """A group that is frozen by its rate, also under a schedule."""
        optimizer = cls([{"params": [weight()], "lr": 0.0}, {"params": [weight()]}], lr=0.02, decay=DECAY)
        scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(10))
        assert etas(optimizer, 10, scheduler) == [0.0] * 10
        optimizer.param_groups[0]["lr"] = torch.tensor(0.0)
        assert etas(optimizer) == [0.0]

    def test_zero_as_a_placeholder_is_warned_of_once(self, cls: Any) -> None:
        optimizer = cls([weight()], lr=0.0, decay=DECAY)

        def at(lr: float) -> float:
            optimizer.param_groups[0]["lr"] = lr
            return etas(optimizer)[0]

        with pytest.warns(UserWarning, match=f"{cls.__name__}: lr was 0 when it was built") as seen:
            found = [at(lr) for lr in (0.0, 1e-3, 5e-4, 0.0)]
        assert len(seen) == 1
        assert found == pytest.approx([0, 1, 1, 0], abs=1e-12)
        optimizer = cls([{"params": [weight()], "initial_lr": 1e-3}], lr=0.0, decay=DECAY)
        optimizer.param_groups[0]["lr"] = 5e-4
        assert etas(optimizer) == pytest.approx([0.5], abs=1e-12)

    def test_asking_for_the_state_leaves_the_weights(self, cls: Any) -> None:
        """torch makes states that do not exist yet by a step with zero gradients at rate 0."""
        model = torch.nn.Linear(2, 2)
        before = copy.deepcopy(model.state_dict())
        optimizer = cls([{"params": [model.weight], "lr": 0.0}, {"params": [model.bias]}], lr=0.1, decay=0.1)
        get_optimizer_state_dict(model, optimizer)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


UNKNOWN = {
    "weight_decay": 0.1, "lr_scale": 0.5, "nesterov": True, "fused": True, "alpha": 0.1, "dekay": 0.1, "momentumm": 0.9,
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_what_an_optimizer_does_not_know_is_refused_by_name(cls: Any, name: str) -> None:
    value = UNKNOWN[name]
    told = rf"{cls.__name__} has no '{name}'"
    with pytest.raises(TypeError, match=told):
        cls([weight()], lr=0.1, **{name: value})
    with pytest.raises(ValueError, match=told):
        cls([{"params": [weight()]}, {"params": [weight()], name: value}], lr=0.1)
    optimizer = cls([weight()], lr=0.1)
    with pytest.raises(ValueError, match=told):
        optimizer.add_param_group({"params": [weight()], name: value})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(ValueError, match=told):
        cls(groups.by_name(torch.nn.Linear(2, 2), {"*": {name: value}}), lr=0.1)


def test_the_momentum_of_another_optimizer_is_refused() -> None:
    for cls, theirs in ((AdamW, {"momentum": 0.9}), (SGDW, {"betas": (0.9, 0.99)}), (Lion, {"eps": 1e-8})):
        with pytest.raises(ValueError, match=f"{cls.__name__} has no"):
            cls([{"params": [weight()], **theirs}], lr=0.1)


@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_torchs_weight_decay_is_refused_with_its_conversion(cls: Any) -> None:
    decay = r"lr \* weight_decay" if cls.decoupled else "weight_decay"
    told = rf"decay = {decay} here, or use {cls.__name__}\.from_torch"
    with pytest.raises(TypeError, match=told):
        cls([weight()], lr=0.2, weight_decay=0.1)
    with pytest.raises(ValueError, match=told):
        cls([{"params": [weight()], "lr": 0.2, "weight_decay": 0.1}], lr=0.7)
    optimizer = cls([weight()], lr=0.2)
    optimizer.param_groups[0]["weight_decay"] = 0.1  # as schedules of weight decay do
    with pytest.raises(ValueError, match=told):
        etas(optimizer)


@pytest.mark.parametrize("cls", DECOUPLED)
def test_a_decay_that_would_turn_weights_round_is_refused(cls: Any) -> None:
    for decay in (1.0, 5.0):
        with pytest.raises(ValueError, match=r"decay must be less than 1, got .*torch's weight_decay"):
            cls([weight()], lr=0.1, decay=decay)
        with pytest.raises(ValueError, match="decay must be less than 1"):
            cls([{"params": [weight()], "decay": decay}], lr=0.1)
        optimizer = cls([weight()], lr=0.1)
        optimizer.param_groups[0]["decay"] = decay
        with pytest.warns(UserWarning, match=f"{cls.__name__}: decay is {decay:g}, so that .* each whole weight"):
            etas(optimizer)
    SGD([weight()], lr=0.1, decay=1.0)  # an L2 factor may be


BAD = [
    ("lr", "1e-3"),
    ("decay", (0.9, 0.99)),
    ("lr", torch.ones(2)),
    ("lr", None),
    ("eps", "1e-8"),
    ("initial_lr", "1"),
]
BAD += [("betas[0]", ("a", 0.9)), ("decay", torch.ones(2))]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    """YAML reads 1e-3 as a string; the third argument of torch's AdamW is betas."""
    group = {"params": [weight()], name.partition("[")[0]: value}
    with pytest.raises(ValueError, match=f"{re.escape(name)} must be a number"):
        AdamW([group], lr=1e-3)


@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_numbers_of_numpy_and_of_other_kinds_are_numbers(cls: Any) -> None:
    ends = []
    for number in (float, np.float32, np.float64, np.array, Fraction):
        params = tensors()
        ends.append(run(cls(params, lr=number(0.25), decay=number(0.125)), params, 5))
    assert max(difference(end, ends[0]) for end in ends) == 0


@pytest.mark.parametrize("cls", ALL)
def test_what_is_written_into_a_group_later_is_checked_before_anything_moves(cls: Any) -> None:
    for name, value in (("decay", math.nan), ("decay", -0.1), ("lr", -0.1), ("lr", math.nan)):
        optimizer = cls([{"params": [weight()]}, {"params": [weight()]}], lr=0.1, decay=0.1)
        optimizer.param_groups[1][name] = value
        with pytest.raises(ValueError, match=rf"{name} must be a number in \[0, inf\)"):
            etas(optimizer)
        assert optimizer.param_groups[0]["params"][0].item() == 1


def test_decay_is_named() -> None:
    """The third argument of torch's SGD is the momentum."""
    for cls in (*ALL, *ADDED):
        with pytest.raises(TypeError, match="positional"):
            cls([weight()], 0.1, 0.9)


def test_states_of_other_shapes_or_hyperparameters_are_refused() -> None:
    wide, narrow = torch.ones(4, 3, requires_grad=True), torch.ones(1, 3, requires_grad=True)
    optimizer = AdamW([narrow])
    narrow.grad = torch.ones_like(narrow)
    optimizer.step()
    with pytest.raises(ValueError, match=r"not a state of these parameters: m is of shape \[1, 3\]"):
        AdamW([wide]).load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="not a state of Lion: of other eps"):
        Lion([narrow]).load_state_dict(optimizer.state_dict())


def stepped(optimizer: torch.optim.Optimizer, params: list[Tensor]) -> Any:
    return run(optimizer, params, 50, lr_scheduler.CosineAnnealingLR(optimizer, 50))


@pytest.mark.parametrize(("ours", "theirs"), [(AdamW, torch.optim.AdamW), (Adam, torch.optim.Adam)])
def test_from_torch_takes_torchs_number_also_in_groups(ours: Any, theirs: Any) -> None:
    """The dict that exempts biases, as nanoGPT, timm and Hugging Face make it."""
    ends = []
    for make in (ours.from_torch, theirs):
        params = tensors()
        parts = [
            {"params": [params[0]], "weight_decay": 0.3, "lr": 0.05},
            {"params": [params[1]], "weight_decay": 0.0},
            {"params": [params[2]]},
        ]
        ends.append(stepped(make(parts, lr=0.02, weight_decay=0.1, betas=(0.8, 0.99)), params))
    assert difference(*ends) < 1e-12
    for members in (lambda p: p, lambda p: iter(p), lambda p: [(str(i), t) for i, t in enumerate(p)]):
        ends = []
        for make in (ours.from_torch, theirs):
            params = tensors()
            ends.append(stepped(make(members(params), lr=0.02, weight_decay=0.1), params))
        assert difference(*ends) < 1e-12


def test_from_torch_gives_later_groups_the_default_and_swallows_nothing() -> None:
    optimizer = AdamW.from_torch([weight()], lr=0.2, weight_decay=0.1)
    optimizer.add_param_group({"params": [weight()]})
    assert [group["decay"] for group in optimizer.param_groups] == pytest.approx([0.02, 0.02])
    with pytest.raises(TypeError, match="decay"):
        AdamW.from_torch([weight()], lr=0.2, weight_decay=0.1, decay=0.3)
    with pytest.raises(ValueError, match="AdamW has no 'weight_decay'"):
        AdamW.from_torch([{"params": [weight()], "decay": 0.1, "weight_decay": 0.1}], lr=0.2, weight_decay=0.1)
    with pytest.raises(ValueError, match="weight_decay must be a number"):
        AdamW.from_torch([weight()], lr=0.2, weight_decay="0.1")  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", DECOUPLED)
def test_from_torch_at_a_rate_of_zero_needs_the_full_rate(cls: Any) -> None:
    for params in ([weight()], [{"params": [weight()]}]):
        with pytest.raises(ValueError, match='lr is 0: give the group "initial_lr"'):
            cls.from_torch(params, lr=0.0, weight_decay=0.1)
    optimizer = cls.from_torch([{"params": [weight()], "initial_lr": 0.2}], lr=0.0, weight_decay=0.1)
    assert optimizer.param_groups[0]["decay"] == pytest.approx(0.02)
    assert etas(optimizer) == [0.0]
    cls.from_torch([weight()], lr=0.0, weight_decay=0.0)


def test_from_torch_for_sgd_keeps_the_factor_and_for_sgdw_multiplies_it_by_the_rate() -> None:
    sgd = SGD.from_torch([weight()], lr=0.2, weight_decay=0.1, momentum=0.5)
    sgdw = SGDW.from_torch([{"params": [weight()], "lr": 0.5}, {"params": [weight()]}], lr=0.2, weight_decay=0.1)
    assert (sgd.param_groups[0]["decay"], sgd.param_groups[0]["momentum"]) == (0.1, 0.5)
    assert [group["decay"] for group in sgdw.param_groups] == pytest.approx([0.05, 0.02])
    with pytest.raises(TypeError, match="AdamW has no 'amsgrad'"):
        AdamW.from_torch([weight()], lr=0.1, weight_decay=0.1, amsgrad=True)


@pytest.mark.parametrize("cls", ALL)
def test_a_state_is_loaded_again_and_again(cls: Any) -> None:
    """Also into a copy."""
    params = tensors()
    optimizer = cls(params, lr=0.02, decay=0.01)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(40))
    run(optimizer, params, 20, scheduler)
    state = copy.deepcopy(optimizer.state_dict())
    other = copy.deepcopy(
        pickle.loads(pickle.dumps(cls([p.detach().clone().requires_grad_() for p in params], lr=0.3)))
    )
    resumed = lr_scheduler.LambdaLR(other, schedules.cosine(40))
    resumed.load_state_dict(scheduler.state_dict())
    for _ in range(2):
        other.load_state_dict(state)
    copied = run(other, other.param_groups[0]["params"], range(20, 40), resumed)
    assert difference(copied, run(optimizer, params, range(20, 40), scheduler)) == 0


@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_a_rate_in_a_tensor_of_one_element_is_a_rate(cls: Any) -> None:
    ends = []
    for lr in (0.02, torch.tensor([0.02], dtype=torch.float64), torch.tensor(0.02, dtype=torch.float64)):
        params = tensors()
        ends.append(run(cls(params, lr=lr, decay=0.01), params, 20))
    assert max(difference(end, ends[0]) for end in ends) < 1e-12


@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_compiling_the_step_changes_no_number(cls: Any) -> None:
    ends = []
    for compiled in (False, True):
        params = tensors()
        optimizer = cls(params, lr=0.02, decay=0.01)
        scheduler = lr_scheduler.LambdaLR(optimizer, schedules.cosine(5))
        step = torch.compile(optimizer.step, backend="aot_eager") if compiled else optimizer.step
        for index in range(5):
            for place, (parameter, value) in enumerate(zip(params, start(), strict=True)):
                parameter.grad = torch.tensor(value) * (index + place)
            step()
            scheduler.step()
        ends.append([p.detach().numpy() for p in params])
    assert difference(*ends) == 0


@pytest.mark.parametrize(
    "make", [schedules.fixed, lambda: schedules.cosine(10), lambda: schedules.step_drop([3, 6]),
             lambda: schedules.warm_restarts(3, 2), lambda: schedules.from_spec("warm_restarts:1:2", 4, 5).eta],
)  # fmt: skip
def test_schedules_can_be_pickled(make: Callable[[], schedules.Multiplier]) -> None:
    optimizer = AdamW([weight()])
    scheduler = pickle.loads(pickle.dumps(lr_scheduler.LambdaLR(optimizer, make())))
    assert [scheduler.lr_lambdas[0](step) for step in range(20)] == [make()(step) for step in range(20)]
    state = scheduler.state_dict()  # torch saves objects that can be called, and no functions
    other = lr_scheduler.LambdaLR(AdamW([weight()]), make())
    other.load_state_dict(state)
    assert state["lr_lambdas"] == [vars(make())]
    whole = schedules.from_spec("warm_restarts:1:2", 4, 5)
    assert pickle.loads(pickle.dumps(whole)).cycle(6) == whole.cycle(6)


@pytest.fixture
def alone(tmp_path: Any) -> Any:
    """A process group of one process."""
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("cls", [*ALL, *ADDED])
def test_sharded_parameters_are_stepped_as_plain_ones(cls: Any, alone: None) -> None:
    from torch.distributed.fsdp import fully_shard

    ends = []
    for sharded in ((), (0, 2), (0,)):  # none, all, and one beside plain ones
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        for layer in sharded:
            fully_shard(model[layer], mesh=dist.init_device_mesh("cpu", (1,)))
        optimizer = cls(model.parameters(), lr=0.05, decay=0.01)
        for step in range(4):
            optimizer.zero_grad()
            model(torch.full((3, 6), 0.1 * (step + 1))).square().sum().backward()
            optimizer.step()
        ends.append([(p.full_tensor() if hasattr(p, "full_tensor") else p).detach() for p in model.parameters()])
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=1e-6, atol=1e-7)


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(5, 4)
        self.head = torch.nn.Linear(4, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_a_tied_weight_goes_by_either_name() -> None:
    for patterns in ({"head.*": {"decay": 0.0}}, {"embedding.*": {"decay": 0.0}}, {"*": {}}):
        (group,) = groups.by_name(Tied(), patterns)
        assert len(group["params"]) == 1
    told = r"embedding.weight = head.weight matches embedding.\* and head.\*"
    with pytest.raises(ValueError, match=told):
        groups.by_name(Tied(), {"embedding.*": {}, "head.*": {"decay": 0.0}})


def test_no_optimizer_warns_where_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cls in ALL:
            optimizer = cls([weight()], lr=0.1, decay=DECAY)
            scheduler = lr_scheduler.LambdaLR(optimizer, schedules.warm_restarts(5))
            etas(optimizer, 30, scheduler)


def test_a_normalized_decay_above_one_is_trained_and_one_that_takes_off_the_whole_weight_is_warned_of(
    cell: Cell, arrays: Arrays, tmp_path: Path
) -> None:
    """lambda_norm is the decay of a run of one update; over 21 updates 2 is 0.44 for each, 20 would be 4.4."""
    fits = cell.replace(decay_unit="normalized", decay=2.0)
    assert train.train(fits, prepare(arrays, fits), tmp_path)["status"] in ("finished", "diverged")
    large = fits.replace(decay=20.0)
    with pytest.warns(UserWarning, match=r"decay is 4\.\d"):
        train.train(large, prepare(arrays, large), tmp_path)
