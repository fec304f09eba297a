"""python -m paper_repro.decay measure, on optimizers of torch, of this project, and of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paper_repro.decay import __main__ as decay
from tests.decay.faults import CORRECT, DECAY, MOMENTS

YOURS = f"""
import torch
{CORRECT.replace("MOMENTS", MOMENTS["sgd"])}
class Named(Correct):
    def __init__(self, params, lr, wd, k, **others): super().__init__(params, lr, wd)

class Renamed(Correct):
    def __init__(self, params, lr, strength=0.01): super().__init__(params, lr, strength)

class Needs(Correct):
    def __init__(self, params, model, lr, weight_decay=0.01): super().__init__(params, lr, weight_decay)

class Swallows(torch.optim.SGD):
    def __init__(self, params, lr, **others): super().__init__(params, lr)
"""
CHANGED = {"Twice": f"{DECAY}; {DECAY}", "Half": "p.sub_(lr * decay / 2 * p)", "Fixed": "p.sub_(decay * p)"}
for name, line in CHANGED.items():
    YOURS += CORRECT.replace("MOMENTS", MOMENTS["sgd"]).replace(DECAY, line).replace("class Correct", f"class {name}")


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
         ["torch.optim:AdamW: torch (weight_decay 0.1 at lr 0.001)",
          "theta -= lr_t * weight_decay * theta", "torch        0.1\n", "paper        0.0001\n"]),
        (["torch.optim:SGD", "--set", "momentum=0.9", "--set", "nesterov=true", "--set", "lr=0.1"],
         ["l2 (", "gradient += weight_decay * theta", "paper        0.01\n", "torch        0.1\n",
          "l2           0.01        the number for SGD with momentum 0.9 at lr 0.1\n"]),
        (["torch.optim:Adam"], ["l2 rescaled (", "Proposition 2", "There is no number"]),
        (["paper_repro:AdamW"], ["paper (decay 0.01 at", "theta -= eta_t * decay * theta", "torch        10\n"]),
        (["torch.optim.AdamW"], ["torch.optim.AdamW: torch ("]),
        (["yours:Twice"],
         ["yours:Twice: torch, applied twice (", ")\nfault: It is applied twice.\n", "2e-05 of every weight: twice the",
          "theta -= 2 * lr_t * decay * theta"]),
        (["yours:Half"], ["torch, half as strong (", "fault: It is half", "half the", "-= 0.5 * lr_t * decay"]),
        (["yours:Fixed"],
         ["fixed (", "paper        0.01        at the full rate; a schedule lowers it in proportion\n",
          "torch        10          at the full rate; a schedule lowers it in proportion\n", "fixed        0.01\n",
          "unhalved     0.005\n", "corrected    10          at the full rate; a schedule lowers it by the square\n"]),
        (["yours:Named", "--set", "k=x"], ["yours:Named: torch (wd 0.01 at lr 0.001)", "theta -= lr_t * wd * theta"]),
    ],
)  # fmt: skip
def test_the_command_tells_it_in_words(arguments: list[str], parts: list[str], capsys: Any) -> None:
    assert decay.main(["measure", *arguments]) == 0
    printed = capsys.readouterr().out
    assert [part for part in parts if part not in printed] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "yours:Needs",
            "yours:Needs needs other arguments: --set model=...; in Python: measure(lambda params, lr, decay: "
            "Needs(...))",
        ),
        (
            "yours:Nmed",
            "yours: no optimizer 'Nmed', did you mean Named? One of Correct, Named, Renamed, Needs, Swallows, Twice, "
            "Half, Fixed",
        ),
        ("yours:torch", "yours:torch is not an optimizer: it is no class derived from torch.optim.Optimizer"),
        ("breaks:X", "breaks cannot be imported: breaks.py, line 3: ZeroDivisionError: division by zero"),
    ],
)
def test_your_mistakes_are_refused_in_a_line(name: str, line: str, capsys: Any) -> None:
    assert decay.main(["measure", name]) == 2
    assert capsys.readouterr().err == f"measure: {line}\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("measure torch.optim:AdamWW", "no optimizer 'AdamWW', did you mean AdamW? One of"),
        ("measure torch.optim:AdamW --lr 0.01", "no option --lr: did you mean --set lr=...?"),
        ("measure torch.optim:AdamW --set weightdecay=1", "no argument 'weightdecay', did you mean weight_decay?"),
        (
            "measur torch.optim:AdamW",
            "'measur' is not what comes first: a number and its convention are, as 0.05 torch, or move or measure",
        ),
        ("torch 0.05 --lr 0.001", "'torch' is not what comes first: a number and its convention are, as 0.05 torch"),
        ("measure torch.optim:Rprop", "None of its arguments is called weight_decay, decay, wd,"),
        ("measure yours:Renamed", "in Python: measure(lambda params, lr, decay: Renamed(params, lr=lr, NAME=decay))"),
        (
            "measure yours:Swallows",
            "weight_decay is accepted among any other arguments and ignored; a decay of its own",
        ),
        ("move 0.1 torch --lr 0.001", "give at least one of --to-batch-size, --to-epochs, --to-examples, --to-lr"),
    ],
)
def test_what_was_probably_meant_is_said(arguments: str, part: str, capsys: Any) -> None:
    assert decay.main(arguments.split()) == 2
    refused = capsys.readouterr().err
    assert part in refused
    assert "Optimizer," not in refused


def test_no_decay_has_no_timescale_and_another_rate_alone_is_one_row(capsys: Any) -> None:
    assert decay.main(["0", "torch", "--lr", "0.001"]) == 0
    assert "timescale   none: no decay\n" in capsys.readouterr().out
    assert decay.main(["move", "0.1", "torch", "--lr", "0.001", "--to-lr", "0.02"]) == 0
    _, now, other = capsys.readouterr().out.splitlines()
    assert (now.split()[1:3], other.split()[4:6]) == (["0.0001", "0.1"], ["0.0001", "0.005"])
