"""Parameter groups: by name, complete and disjoint, or refused by name."""

import pytest
import torch
from torch import nn

from paper_repro import AdamW
from paper_repro.optim import groups


def _model() -> nn.Module:
    model = nn.Sequential()
    model.add_module("body", nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    model.add_module("head", nn.Linear(4, 2))
    return model


def test_each_group_has_its_own_rate_and_decay_and_the_rest_is_the_optimizers() -> None:
    model = _model()
    made = groups.by_name(model, {"body.*": {"lr": 1e-4}, "head.*": {"decay": 0.0}})
    optimizer = AdamW(made, lr=1e-3, decay=0.1)
    assert [(group["lr"], group["decay"]) for group in optimizer.param_groups] == [(1e-4, 0.1), (1e-3, 0.0)]
    assert [len(group["params"]) for group in optimizer.param_groups] == [4, 2]


def test_a_decoupled_step_shrinks_only_what_is_decayed() -> None:
    model = _model()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: value.clone() for name, value in model.named_parameters()}
    AdamW(groups.decay_matrices(model), lr=1e-3, decay=0.1).step()
    for name, value in model.named_parameters():
        kept = 0.9 if value.ndim > 1 else 1.0
        torch.testing.assert_close(value, kept * before[name])


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ({"body.*": {}}, "head.weight matches no pattern; head.bias matches no pattern"),
        ({"*": {}, "head.bias": {}}, "head.bias matches \\* and head.bias"),
        ({"*": {}, "tail.*": {}}, "tail.\\* matches no parameter"),
    ],
)
def test_leftovers_and_overlaps_are_refused_by_name(patterns, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        groups.by_name(_model(), patterns)


def test_frozen_parameters_need_no_group() -> None:
    model = _model()
    model.get_submodule("body").requires_grad_(False)
    (group,) = groups.by_name(model, {"head.*": {}})
    assert len(group["params"]) == 2
