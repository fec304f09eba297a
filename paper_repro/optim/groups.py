"""Parameter groups by the names of parameters: which are decayed, and which have a learning rate or decay of their own.

    optimizer = AdamW(groups.decay_matrices(model), lr=1e-3, decay=2.5e-4)
    optimizer = AdamW(groups.by_name(model, {"body.*": {"lr": 1e-4}, "head.*": {"decay": 0.0}}), lr=1e-3, decay=2.5e-4)

What a group does not set, the optimizer's own arguments do. The paper's code has a single group: decay falls on biases
and normalisations too.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

Groups = list[dict[str, Any]]


def by_name(model: nn.Module, patterns: Mapping[str, Mapping[str, Any]]) -> Groups:
    """One group for each pattern, in the order given: {"params": [...], **settings}.

    A pattern is a parameter's name as in model.named_parameters(), where * stands for any characters ("head.*",
    "*.bias"); a tied weight goes by any of its names. Every parameter that is trained must match exactly one. Raises
    ValueError naming those that match none or several, and a pattern that matches nothing; settings are checked by the
    optimizer that gets the groups.
    """
    groups = {pattern: {**settings, "params": []} for pattern, settings in patterns.items()}
    problems: list[str] = []
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            names.setdefault(parameter, []).append(name)
    for parameter, tied in names.items():
        matches = [pattern for pattern in groups if any(fnmatchcase(name, pattern) for name in tied)]
        for pattern in matches:
            groups[pattern]["params"].append(parameter)
        if len(matches) != 1:
            problems.append(f"{' = '.join(tied)} matches {' and '.join(matches) or 'no pattern'}")
    problems += [f"{pattern} matches no parameter" for pattern, group in groups.items() if not group["params"]]
    if problems:
        raise ValueError("parameter groups: " + "; ".join(problems))
    return list(groups.values())


def decay_matrices(model: nn.Module) -> Groups:
    """Two groups: weights of two dimensions and more, and the others (biases, normalisations) without decay.

    The second has "decay_scale" 0 as well, by which a sweep multiplies the decay that it sets.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim > 1]},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "decay": 0.0, "decay_scale": 0.0},
    ]


def for_cell(model: nn.Module, decay_on: str) -> Groups:
    """The groups that a Cell's decay_on names: "all" (one group, as in the paper's code) or "matrices"."""
    return decay_matrices(model) if decay_on == "matrices" else [{"params": list(model.parameters())}]
