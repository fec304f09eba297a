"""What `python -m experiments` and `python -m slurm` have in common: one line for an error, and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from experiments.choosing import UsageError
from paper_repro.texts import brief, is_plain, message


class Parser(argparse.ArgumentParser):
    """One that leaves it to answer() to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(brief(message))


def answer(name: str, parser: Parser, arguments: Sequence[str] | None) -> int:
    """Run the command that was typed. Exit codes: its own, 1 for a disk or folder that fails, 2 for a bad argument, 130
    for Ctrl-C."""
    try:
        typed = sys.argv[1:] if arguments is None else arguments
        if odd := [text for text in typed if not is_plain(text)]:  # NUL ends a path, a newline a message
            raise UsageError(f"an argument holds control characters: {brief(odd[0])}")
        given = parser.parse_args(typed)
        return int(given.command(given))
    except UsageError as error:
        print(f"{name}: {message(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the output went to `head` or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # before or after training, which has its own way to stop
        print("stopped", file=sys.stderr)
        return 130
    except OSError as error:  # a disk that filled up, a folder taken away: finished cells are kept
        from paper_repro import files  # here, because declarations load the cell alone

        print(f"{name}: {files.said(error)}", file=sys.stderr)
        return 1
