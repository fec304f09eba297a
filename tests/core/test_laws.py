"""Timescales, the laws that move a decay to another run, and docs/conventions.md, whose numbers the commands print."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from paper_repro import schedules
from paper_repro.decay import CONVENTIONS, __main__, convert, laws, normalized

ROOT = Path(__file__).parents[2]
EXPERIMENTS = (ROOT / "docs" / "experiments-batch-and-budget.md").read_text()
PAGE = (ROOT / "docs" / "conventions.md").read_text()
CIFAR = laws.Run(128, 50_000, 100)
RUNS = [CIFAR, laws.Run(512, 50_000, 200), laws.Run(512, 1_281_167, 16), laws.Run(32, 4_000, 1.5)]


def by(name: str, decay: float, now: laws.Run, there: laws.Run) -> float | None:
    moved = dict(zip([law.name for law in laws.LAWS], laws.move(decay, now, there), strict=True))
    return moved[name]


def test_torchs_default_hardly_decays() -> None:
    tau = laws.timescale(convert(0.01, "torch", "paper", lr=1e-3), CIFAR)
    assert tau == pytest.approx((1e5, 256, 2.56))
    assert laws.timescale(0.0, CIFAR) == (math.inf,) * 3


def test_the_timescale_is_that_of_an_average() -> None:
    """Of weights that AdamW's steps no longer reach a share of 1/e is left after tau updates at the full rate."""
    decay = 1e-3
    tau = laws.timescale(decay, laws.Run(10, 1000, 20))
    assert (1 - decay) ** tau.updates == pytest.approx(math.exp(-1), rel=1e-3)
    assert (tau.epochs, tau.share) == pytest.approx((10, 0.5))


@pytest.mark.parametrize("there", RUNS)
def test_each_law_keeps_what_its_source_says_it_keeps(there: laws.Run) -> None:
    decay, lr = 3e-4, 1e-3
    root = by("square root", decay, CIFAR, there)
    assert root == pytest.approx(normalized(decay / normalized(1, *CIFAR), *there))  # lambda_norm
    epochs = by("constant timescale", decay, CIFAR, there)
    assert epochs is not None
    assert laws.timescale(epochs, there).epochs == pytest.approx(laws.timescale(decay, CIFAR).epochs)
    # nanochat's two lines, B the batch size and D the tokens of the run
    batch_ratio = there.batch_size / CIFAR.batch_size
    weight_decay = decay / lr * math.sqrt(batch_ratio) * (50_000 * 100) / (there.num_examples * there.epochs)
    nanochat = by("nanochat", decay, CIFAR, there)
    assert nanochat == pytest.approx(lr * batch_ratio**0.5 * weight_decay)
    assert nanochat is not None
    assert laws.timescale(nanochat, there).share == pytest.approx(laws.timescale(decay, CIFAR).share)
    same_data = there[1:] == CIFAR[1:]
    assert by("linear in batch", decay, CIFAR, there) == (pytest.approx(decay * batch_ratio) if same_data else None)
    assert by("no change", decay, CIFAR, there) == decay


def test_linear_in_the_batch_size_at_fixed_data() -> None:
    assert by("linear in batch", 1e-4, CIFAR, CIFAR._replace(batch_size=32)) == pytest.approx(2.5e-5)


@pytest.mark.parametrize(
    ("decay", "now", "there", "message"),
    [
        (-1.0, CIFAR, CIFAR, "decay must be zero or positive"),
        (0.1, CIFAR, CIFAR._replace(epochs=0), "epochs must be positive, got 0"),
        (0.1, CIFAR._replace(batch_size=0), CIFAR, "batch_size must be positive, got 0"),
    ],
)
def test_what_makes_no_run_is_refused(decay: float, now: laws.Run, there: laws.Run, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        laws.move(decay, now, there)


ROWS = [  # of the tables that `python -m analysis pages` writes
    ("b", "SGDW", "| SGDW, epochs fixed, per update | batch size |"),
    ("b", "AdamW", "| AdamW, epochs fixed, per update | batch size |"),
    ("T", "SGDW", "| SGDW, per update | epochs or updates |"),
    ("T", "AdamW", "| AdamW, per update | epochs or updates |"),
]


@pytest.mark.parametrize(("quantity", "who", "start"), ROWS)
def test_the_exponents_and_verdicts_are_those_of_our_tables(quantity: str, who: str, start: str) -> None:
    (row,) = [line for line in EXPERIMENTS.splitlines() if line.startswith(start)]
    exponent, _, predictions = [cell.strip() for cell in row.split("|")[3:6]]
    at, low, high = laws.MEASURED[quantity][who]
    assert exponent == f"{at:.2f} [{low:.2f}, {high:.2f}]"
    within, _, out = predictions.partition("ruled out: ")
    for law, words in zip(laws.LAWS[:2], ("the paper's square root", "constant per epoch"), strict=True):
        held = laws.held_by_records(law, quantity)
        assert (words in within, words in out) == (f"{who} yes" in held, f"{who} no" in held)


def test_what_is_said_of_the_bend_is_in_our_table() -> None:
    sizes, best = (
        next(line for line in EXPERIMENTS.splitlines() if line.startswith(start)).split("|")[2:-1]
        for start in ("| batch size | 16 |", "| AdamW, 16 epochs |")
    )
    found = {int(size): float(decay) for size, decay in zip(sizes, best, strict=True)}
    assert found[256] / found[16] == 256 / 16 == 16
    assert found[512] < found[256]
    assert "16-fold from b = 16 to 256, in proportion, and falls at 512" in laws.BENT


def test_what_a_schedule_makes_of_the_conventions() -> None:
    """Twice and three quarters, as the table says: what is taken off in all, over a cosine."""
    eta = [schedules.cosine(1000)(step) for step in range(1000)]
    lr, decay, share = 0.01, 0.02, {}
    for name, multiplier in (("paper", eta), ("fixed", [1.0] * 1000), ("corrected", [e * e for e in eta])):
        at_full = convert(decay, name, "paper", lr=lr)
        share[name] = at_full * sum(multiplier)
    share["torch"] = lr * decay * sum(eta)
    assert share["fixed"] / share["paper"] == pytest.approx(2, rel=0.01)
    assert share["corrected"] / share["torch"] == pytest.approx(0.75, rel=0.01)


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "paper_repro.decay"]
    assert __main__.main(words[3:]) == 0
    return capsys.readouterr().out


def commands(text: str) -> list[str]:
    return re.findall(r"^    (python -m paper_repro\.decay [^#\n]*)", text, re.MULTILINE)


ANSWERS = re.split(r"^## ", PAGE.partition("\n# The conventions")[0], flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.splitlines()[0])
def test_the_numbers_of_an_answer_are_what_its_commands_print(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer.partition("\n    python")[0].strip().splitlines()[2:]
    assert len(text) == 3
    numbers = re.findall(r"\*\*([^*]+)\*\*", " ".join(text))
    out = " ".join(printed(command, capsys) for command in commands(answer)).replace(",", " ").split()
    assert numbers
    assert [number for number in numbers if number not in out] == []


def test_there_are_six_answers() -> None:
    assert len(ANSWERS) == 6


def test_the_answer_on_batch_size_gives_each_law_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    answer = next(answer for answer in ANSWERS if "--to-batch-size" in answer)
    both, batch = (printed(command, capsys).splitlines() for command in commands(answer))
    rows = [[line[:18].strip(), *line[18:].split()[1:3]] for line in (*both[2:7], batch[4])]
    assert [row[:2] for row in rows] == [
        ["square root", "0.3536"], ["constant timescale", "1"], ["linear in batch", "-"], ["nanochat", "0.25"],
        ["no change", "0.25"], ["linear in batch", "1"],
    ]  # fmt: skip
    assert rows[3][2] == "0.002"


def test_the_table_of_conventions_is_what_its_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    table = PAGE.partition("\n# The conventions")[2]
    out = dict(line.split()[:2] for line in printed(commands(table)[0], capsys).splitlines())
    assert dict(re.findall(r"^\| `(\w+)` \| ([\d.e-]+) \|", table, re.MULTILINE)) == {
        name: out[name] for name in CONVENTIONS
    }


@pytest.mark.parametrize("how", [{"foreach": False}, {"foreach": True}, {"fused": True}])
def test_no_decay_below_the_stated_bound_arrives_in_bfloat16(how: dict[str, Any]) -> None:
    for decay, arrives in ((0.0019, False), (0.004, True)):
        weight = torch.linspace(1, 2, 129).bfloat16().requires_grad_()
        before, weight.grad = weight.detach().clone(), torch.zeros_like(weight)
        torch.optim.AdamW([weight], lr=1e-3, weight_decay=decay / 1e-3, **how).step()
        assert bool((weight != before).all()) == arrives
        assert arrives or torch.equal(weight, before)


def test_muon_decays_before_it_adjusts_its_rate() -> None:
    """What the page says of torch.optim.Muon; its first release is torch 2.9."""
    muon = getattr(torch.optim, "Muon", None)
    if muon is None:
        pytest.skip("this torch has no Muon")
    weight = torch.ones(64, 2).requires_grad_()
    weight.grad = torch.zeros_like(weight)
    muon([weight], lr=0.02, weight_decay=0.005, adjust_lr_fn="match_rms_adamw").step()
    torch.testing.assert_close(weight.detach(), torch.full((64, 2), 1 - 1e-4))
