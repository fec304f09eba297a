"""python -m paper_repro.decay: one decay in every convention and in another run, and an optimizer's, measured."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from paper_repro.cli import Parser, UsageError, brief, number, run_command
from paper_repro.decay import CONVENTIONS, convert, laws, named

WORDS = {  # description and example of each verb
    "": ("One decay in every convention, and its timescale.", " 0.05 normalized --lr 0.001"),
    " move": ("A decay in another run, by each law in print.", " move 0.25 torch --lr 0.001 --to-batch-size 512"),
}
ROW = "{:<18} {:>10} {:>12} {:>10} {:>11} {:>10}  {}".format


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the typed command; returns its exit code. A first word that is no verb is a decay to convert."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["measure"]:
        return run_command(named.parser(), words[1:])
    verb = " move" if words[:1] == ["move"] else ""
    return run_command(_parser(verb), words[bool(verb) :])


def _parser(verb: str) -> Parser:
    program, (description, example) = "python -m paper_repro.decay", WORDS[verb]
    epilog = f"example: {program}{example}" + ("" if verb else "; see also: move --help, measure --help")
    parser = Parser(prog=program + verb, description=description, epilog=epilog)
    parser.set_defaults(command=_print, lines=_moved if verb else _converted)
    parser.add_argument("value", type=_number)
    parser.add_argument("convention", choices=CONVENTIONS)
    parser.add_argument("--lr", type=float, required=True, help="initial learning rate alpha")
    parser.add_argument("--momentum", type=float, default=0.9, help="of SGD, for 'l2' (default 0.9)")
    parser.add_argument("--batch-size", type=int, default=128, help="images (default 128)")
    parser.add_argument("--examples", type=int, default=50_000, help="training examples (default 50000)")
    parser.add_argument("--epochs", type=float, default=100, help="of the run (default 100)")
    if verb:
        parser.add_argument("--to-batch-size", type=int, metavar="B", help="of the other run; what is not given stays")
        parser.add_argument("--to-epochs", type=float, metavar="T")
        parser.add_argument("--to-examples", type=int, metavar="D")
        parser.add_argument("--to-lr", type=float, metavar="LR", help="its learning rate, or that of another optimizer")
    return parser


def _number(text: str) -> float:
    """The decay, which is typed first. Raises ArgumentTypeError."""
    with suppress(ValueError):
        return number(text, float)
    expected = "a number and its convention are, as 0.05 torch, or move or measure"
    raise argparse.ArgumentTypeError(f"{brief(text)!r} is not what comes first: {expected}")


def _print(args: argparse.Namespace) -> int:
    try:
        lines = list(args.lines(args, laws.Run(args.batch_size, args.examples, args.epochs)))
    except ValueError as error:
        raise UsageError(str(error)) from None
    except ArithmeticError:
        raise UsageError("these numbers are too large or too small to be converted") from None
    print(*lines, sep="\n")
    return 0


def _converted(args: argparse.Namespace, run: laws.Run) -> Iterator[str]:
    numbers = {"lr": args.lr, "momentum": args.momentum, **run._asdict()}
    for target in CONVENTIONS:
        value = convert(args.value, args.convention, target, **numbers)
        yield f"{target:<11} {value:.6g}{'  (SGD only)' if target == 'l2' else ''}"
    tau = laws.timescale(convert(args.value, args.convention, "paper", **numbers), run)
    words = f"{tau.updates:.6g} updates = {tau.epochs:.4g} epochs = {tau.share:.4g} of the run"
    yield f"timescale   {words if args.value else 'none: no decay'}"
    yield f"the run     {run.epochs:g} epochs of {run.num_examples:,} images at batch size {run.batch_size}"


def _moved(args: argparse.Namespace, now: laws.Run) -> Iterator[str]:
    asked = zip(laws.Run._fields, (args.to_batch_size, args.to_examples, args.to_epochs), strict=True)
    there = now._replace(**{name: value for name, value in asked if value is not None})
    if there == now and args.to_lr is None:
        raise UsageError("give at least one of --to-batch-size, --to-epochs, --to-examples, --to-lr")
    changed = "b" * (there.batch_size != now.batch_size) + "T" * (there.epochs != now.epochs)
    decay = convert(args.value, args.convention, "paper", lr=args.lr, momentum=args.momentum, **now._asdict())
    typed = ("SGD's L2", "l2") if args.convention == "l2" else ("weight_decay", "torch")

    def numbers(decay: float | None, lr: float, run: laws.Run) -> list[str]:
        """A decay per update, as it is typed, the rate of that, and tau in epochs and as a share of the run."""
        if decay is None:
            return ["-", "-", f"{lr:.4g}", "-", "-"]
        tau = laws.timescale(decay, run)
        as_typed = convert(decay, "paper", typed[1], lr=lr, momentum=args.momentum)
        return [f"{x:.4g}".replace("inf", "none") for x in (decay, as_typed, lr, tau.epochs, tau.share)]

    yield ROW("", "lambda", typed[0], "at lr", "tau, epochs", "of the run", "in our records' intervals")
    yield ROW("now", *numbers(decay, args.lr, now), "").rstrip()
    if there == now:
        yield ROW("at the other lr", *numbers(decay, args.to_lr, there), "").rstrip()
        return
    for law, moved in zip(laws.LAWS, laws.move(decay, now, there), strict=True):
        lr = args.lr * (there.batch_size / now.batch_size) ** law.lr if args.to_lr is None else args.to_lr
        held = "; ".join(laws.held_by_records(law, quantity) for quantity in changed)
        yield ROW(law.name, *numbers(moved, lr, there), held).rstrip()
    yield "\nExponents of the best decay in our records (noisy labels, one seed: docs/experiments.md), 95 % intervals;"
    yield "of D there are none:"
    for quantity, measured in laws.MEASURED.items():
        exponents = (f"{who} {at:.2f} [{low:.2f}, {up:.2f}]" for who, (at, low, up) in measured.items())
        yield f"  {quantity}: {', '.join(exponents)}"
    yield f"  {laws.BENT}\n\nThe laws, and their exponents of b, T and D (-: it says nothing):"
    for law in laws.LAWS:
        powers = ("-" if e is None else f"{e:g}" for e in (law.batch, law.epochs, law.examples))
        yield f"  {law.name:<18} {', '.join(powers):<16} {law.source}"


if __name__ == "__main__":
    sys.exit(main())
