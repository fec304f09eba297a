"""python -m paper_repro.decay: one decay in every convention."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from paper_repro.cli import Parser, UsageError, run_command
from paper_repro.decay import CONVENTIONS, convert


def main(arguments: Sequence[str] | None = None) -> int:
    """python -m paper_repro.decay 0.05 normalized --lr 0.001"""
    words = {"description": "One decay in every convention.", "epilog": f"example: {main.__doc__}"}
    parser = Parser(prog="python -m paper_repro.decay", **words)
    parser.set_defaults(command=_print)
    parser.add_argument("value", type=float)
    parser.add_argument("convention", choices=CONVENTIONS)
    parser.add_argument("--lr", type=float, required=True, help="initial learning rate alpha")
    parser.add_argument("--momentum", type=float, default=0.9, help="of SGD, for 'l2' (default 0.9)")
    parser.add_argument("--batch-size", type=int, default=128, help="images (default 128)")
    parser.add_argument("--examples", type=int, default=50_000, help="training examples (default 50000)")
    parser.add_argument("--epochs", type=float, default=100, help="of the run (default 100)")
    return run_command(parser, arguments)


def _print(args: argparse.Namespace) -> int:
    run: dict[str, Any] = {"batch_size": args.batch_size, "num_examples": args.examples, "epochs": args.epochs}
    run |= {"lr": args.lr, "momentum": args.momentum}
    try:
        values = {target: convert(args.value, args.convention, target, **run) for target in CONVENTIONS}
    except ValueError as error:
        raise UsageError(str(error)) from None
    except ArithmeticError:
        raise UsageError("these numbers are too large or too small to be converted") from None
    for name, value in values.items():
        print(f"{name:<11} {value:.6g}{'  (SGD only)' if name == 'l2' else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
