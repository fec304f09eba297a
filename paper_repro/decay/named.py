"""python -m paper_repro.decay measure MODULE:NAME: an optimizer by its name, and in words what was measured of it."""

import argparse
import ast
import inspect
import math
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_repro import plugins
from paper_repro.cli import Parser, UsageError, brief, no_such
from paper_repro.decay import CONVENTIONS, convert, wording

if TYPE_CHECKING:  # it loads torch
    from paper_repro.decay.measure import Measured

DECAYS = ("weight_decay", "decay", "wd", "weight_decay_rate", "weightdecay", "lambda_", "l2")  # looked for in turn
RATES = ("lr", "learning_rate", "alpha")
SYMBOLS = {
    "theta": "a weight", "lr_t": "the learning rate of this update", "lr": "the one it is built with",
    "eta_t": "the schedule, lr_t / lr",
}  # fmt: skip
CONVERTED = ("torch", "paper", "fixed", "corrected", "l2")  # those with a number in other conventions
PROPORTIONAL = "at the full rate; a schedule lowers it in proportion"
SCHEDULES = dict.fromkeys(("fixed", "unhalved"), "at the full rate; a schedule does not lower it")
SCHEDULES["corrected"] = "at the full rate; a schedule lowers it by the square"


def parser() -> Parser:
    program = "python -m paper_repro.decay measure"
    made = Parser(
        prog=program,
        description="What any torch optimizer does with its weight decay, measured in seconds by running it.",
        epilog=f"example: {program} torch.optim:SGD --set momentum=0.9 --set weight_decay=5e-4 --set lr=0.1",
    )
    words = "its class, as torch.optim:AdamW or, from its folder, mymodule:MyOptimizer"
    made.add_argument("optimizer", metavar="MODULE:NAME", help=words)
    words = "an argument of it; its learning rate is 0.001 and its decay 0.01 otherwise"
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=words)
    made.instead = {f"--{x.replace('_', '-')}": f"--set {x}=..." for x in (*DECAYS, *RATES, "momentum", "betas")}
    made.set_defaults(command=_measure)
    return made


class Named(NamedTuple):
    """What was measured of an optimizer, and its arguments for the rate ("" for none) and the decay."""

    result: "Measured"
    lr_name: str
    lr: float
    decay_name: str
    decay: float


def measured(name: str, settings: dict[str, Any]) -> Named:
    """Measure the optimizer that MODULE:NAME names, built with these arguments.

    Raises UsageError where there is no such optimizer, it cannot be built, or none of its arguments is its decay.
    """
    cls, settings = _load(name), dict(settings)
    lr_name, decay_name, by_name = _arguments(name, cls, settings)
    python = f"in Python: measure(lambda params, lr, decay: {cls.__name__}(params, lr=lr, NAME=decay))"
    if not decay_name:
        raise UsageError(f"None of its arguments is called {', '.join(DECAYS)}; {python}")
    lr, decay = _positive(lr_name, settings, 1e-3), _positive(decay_name, settings, 1e-2)

    def make(params: Any, lr: float, decay: float) -> Any:
        return cls(params, **({lr_name: lr} if lr_name else {}), **{decay_name: decay}, **settings)

    from paper_repro.decay.measure import measure

    try:
        result = measure(make, lr, decay)
    except Exception as raised:  # of code that is not ours, so of any kind
        error = raised.__cause__ or raised
        raise UsageError(f"{name} cannot be built: {type(error).__name__}: {brief(error)}") from None
    if result.convention == "none" and not by_name:
        ignored = f"{decay_name} is accepted among any other arguments and ignored"
        raise UsageError(f"{ignored}; a decay of its own, by another name, was not tried; {python}")
    return Named(result, lr_name, lr, decay_name, decay)


def _measure(args: argparse.Namespace) -> int:
    result, lr_name, lr, decay_name, decay = measured(args.optimizer, _settings(args.set))
    convention = ", ".join(filter(None, (result.convention, wording.strength(vars(result))[0])))
    print(f"{args.optimizer}: {convention} ({decay_name} {decay:g} at {lr_name or 'lr'} {lr:g})")
    words = textwrap.fill(result.words, min(shutil.get_terminal_size().columns, 100))
    print(*(f"fault: {fault}" for fault in result.faults), "", words, "", sep="\n")
    if line := wording.formula(vars(result), decay_name):
        print(f"formula      {line}")
        symbols = {name: words for name, words in SYMBOLS.items() if re.search(rf"\b{name}\b", line)}
        print(" " * 13 + ", ".join(f"{name}: {words}" for name, words in symbols.items()))
    for line in _conversions(result, lr, decay):
        print(line)
    return 0


def _conversions(result: "Measured", lr: float, decay: float) -> Iterator[str]:
    """The share that was measured as a number in each convention, a line each."""
    if result.convention not in CONVERTED or not result.share or result.share < 0:
        if result.convention != "none" and not wording.failed(vars(result)):
            yield "There is no number that does the same in another convention."
        return
    momentum = 0.9
    if result.convention == "l2":  # its own: once momentum has settled an update takes off 1 / (1 - momentum) as much
        momentum = min(max(0.0, 1 - (result.factor or 1) * lr * decay / result.share), 0.9999)
    of_sgd = f"the number for SGD with momentum {momentum:.3g} at lr {lr:g}"
    of = {"l2": of_sgd, "normalized": "100 epochs of 50,000, batch 128"}
    for target in CONVENTIONS:
        number = convert(
            result.share, "paper", target, lr=lr, momentum=momentum, batch_size=128, num_examples=50_000, epochs=100
        )
        schedule = SCHEDULES.get(target, PROPORTIONAL)
        other = schedule if schedule != SCHEDULES.get(result.convention, PROPORTIONAL) else ""
        yield f"{target:<12} {number:<11.3g} {'; '.join(filter(None, (of.get(target), other)))}".rstrip()


def _settings(typed: list[str]) -> dict[str, Any]:
    """The values of --set; what is no Python value stays text, and true and false are meant."""
    settings: dict[str, Any] = {}
    for setting in typed:
        name, equals, text = setting.partition("=")
        if not (name.isidentifier() and equals and text):
            raise UsageError(f"--set takes NAME=VALUE, as weight_decay=0.1, got {brief(setting)!r}")
        if name in settings:
            raise UsageError(f"--set {name} is given twice")
        try:
            settings[name] = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            settings[name] = text
    return settings


def _positive(name: str, settings: dict[str, Any], default: float) -> float:
    """A number taken out of the settings."""
    value = settings.pop(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise UsageError(f"--set {name}: a positive number is needed, got {brief(value)!r}")
    return float(value)


def _load(name: str) -> type[Any]:
    """The optimizer class that MODULE:NAME names. Raises UsageError where there is none."""
    module_name, _, class_name = name.partition(":") if ":" in name else name.rpartition(".")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise UsageError(f"an optimizer is named MODULE:NAME, as torch.optim:AdamW, got {brief(name)!r}")
    try:
        module = plugins.imported(module_name)
    except plugins.Missing as error:
        raise UsageError(f"{error}, here or on PYTHONPATH") from None
    except (Exception, SystemExit) as error:  # of code that is not ours, so of any kind
        raise UsageError(f"{module_name} cannot be imported: {plugins.in_a_line(error)}") from None
    from torch.optim import Optimizer

    def is_optimizer(value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer

    if not hasattr(module, class_name):
        known = [key for key, value in vars(module).items() if is_optimizer(value)]
        raise UsageError(f"{module_name}: {no_such('optimizer', class_name, known or ['none'])}")
    cls: type[Any] = getattr(module, class_name)
    if cls is Optimizer:
        raise UsageError(f"{name} is the base class of all optimizers: name one that is derived from it")
    if not is_optimizer(cls):
        raise UsageError(f"{name} is not an optimizer: it is no class derived from torch.optim.Optimizer")
    return cls


def _arguments(name: str, cls: type[Any], settings: dict[str, Any]) -> tuple[str, str, bool]:
    """The arguments that the learning rate and the decay go by ("" for none), and whether the decay's has a name there.

    Raises UsageError for an optimizer that needs others.
    """
    arguments = list(inspect.signature(cls).parameters.values())[1:]
    known = [x.name for x in arguments]
    catches_all = any(x.kind is x.VAR_KEYWORD for x in arguments)
    lr = next((x for x in RATES if x in known), "lr" if catches_all else "")
    decay = next((x for x in DECAYS if x in known), "weight_decay" if catches_all else "")
    if unknown := [x for x in settings if x not in known and not catches_all]:
        raise UsageError(f"{name}: {no_such('argument', unknown[0], known)}")
    needed = [
        f"--set {x.name}=..."
        for x in arguments
        if x.default is x.empty and x.kind in (x.POSITIONAL_OR_KEYWORD, x.KEYWORD_ONLY)
        and x.name not in {lr, decay, *settings}
    ]  # fmt: skip
    if needed:
        python = f"in Python: measure(lambda params, lr, decay: {cls.__name__}(...))"
        raise UsageError(f"{name} needs other arguments: {' '.join(needed)}; {python}")
    return lr, decay, decay in known
