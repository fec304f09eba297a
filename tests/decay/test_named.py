"""python -m paper_repro.decay measure, on optimizers of torch, of this project, and of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paper_repro.decay import __main__ as decay
from tests.decay.faults import CORRECT, MOMENTS

YOURS = f"""
import torch
{CORRECT.replace("MOMENTS", MOMENTS["sgd"])}
class Named(Correct):
    def __init__(self, params, lr, wd, k, **others): super().__init__(params, lr, wd)

class Swallows(torch.optim.SGD):
    def __init__(self, params, lr, **others): super().__init__(params, lr)
"""


@pytest.fixture(autouse=True)
def yours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder on PYTHONPATH with optimizers of one's own."""
    (tmp_path / "yours.py").write_text(YOURS)
    (tmp_path / "breaks.py").write_text("import torch\n\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("yours", None)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["torch.optim:AdamW", "--set", "weight_decay=0.1"],
         ["torch.optim:AdamW: torch (its argument weight_decay is the decay; weight_decay 0.1 at lr 0.001)",
          "theta -= lr_t * weight_decay * theta", "torch        0.1\n", "paper        0.0001\n"]),
        (["torch.optim:SGD", "--set", "momentum=0.9", "--set", "nesterov=true", "--set", "lr=0.1"],
         ["l2 (", "gradient += weight_decay * theta", "l2           0.01        SGD with momentum 0.9 at lr 0.1\n"]),
        (["torch.optim:Adam"], ["l2 rescaled (", "Proposition 2", "There is no number"]),
        (["paper_repro:AdamW"], ["paper (its argument", "theta -= eta_t * decay * theta", "torch        10\n"]),
        (["torch.optim:Rprop"], ["torch.optim:Rprop: none", "it has no argument for a decay"]),
        (["yours:Named", "--set", "k=x"], ["its argument wd is the decay", "theta -= lr_t * wd * theta"]),
        (["yours:Swallows"], ["none (it takes weight_decay among any others (**)", "No decay was seen"]),
    ],
)  # fmt: skip
def test_the_command_tells_it_in_words(arguments: list[str], parts: list[str], capsys: Any) -> None:
    assert decay.main(["measure", *arguments]) == 0
    printed = capsys.readouterr().out
    assert [part for part in parts if part not in printed] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("yours:Named", "yours:Named needs other arguments: --set k=..."),
        ("yours:Nmed", "yours: no optimizer 'Nmed', did you mean Named? One of Correct, Named, Swallows"),
        ("yours:torch", "yours:torch is not an optimizer: it is no class derived from torch.optim.Optimizer"),
        ("breaks:X", "breaks cannot be imported: breaks.py, line 3: ZeroDivisionError: division by zero"),
    ],
)
def test_your_mistakes_are_refused_in_a_line(name: str, line: str, capsys: Any) -> None:
    assert decay.main(["measure", name]) == 2
    assert capsys.readouterr().err == f"measure: {line}\n"
