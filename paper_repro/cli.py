"""What all command lines here have in common: one parser, one line for an error, exit codes, words for any terminal."""

from __future__ import annotations

import argparse
import difflib
import errno
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from paper_repro.texts import brief, is_plain, message

OPTION = re.compile(r"[-\u2010-\u2015\u2212]+(?=[^\W\d_])")  # also with the dashes that word processors and pages make
CLOSE = 0.6  # how alike, between 0 and 1, as difflib has it
COMMA = re.compile(r"invalid float value: '[+-]?\d+,\d+'")


class UsageError(Exception):
    """A bad argument: one line (two for data) on stderr and exit code 2."""


class Parser(argparse.ArgumentParser):
    """One that takes options by their whole names, each once, and leaves it to answer() to say what is wrong.

    instead: what to type for options that there are not, but that people expect.
    """

    def __init__(self, instead: Mapping[str, str] = {}, **given: Any) -> None:
        super().__init__(allow_abbrev=False, **given)
        self.register("type", int, whole)
        self.register("type", float, number)
        self.instead = dict(instead)
        self.verbs: Any = None  # of add_subparsers, where there are any

    def add_subparsers(self, **given: Any) -> Any:
        self.verbs = super().add_subparsers(**given)
        return self.verbs

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        typed = sys.argv[1:] if args is None else list(args)
        self._check(typed)
        return super().parse_known_args(typed, namespace)

    def error(self, message: str) -> NoReturn:
        raise UsageError(brief(message) + "; a decimal has a point" * bool(COMMA.search(message)))

    def _check(self, typed: Sequence[str]) -> None:
        """Refuse what argparse would overwrite in silence, or refuse without saying what was meant."""
        options, seen = self._option_string_actions, set()
        for before, word in zip(["the first word", *typed], typed, strict=False):
            name, equals, value = word.partition("=")
            if word == "--":
                return
            if not word.strip() or (name in options and equals and not value.strip()):
                self.error(f"{name if equals else before} is empty")
            if not OPTION.match(word):
                if self.verbs is not None:
                    if word not in self.verbs.choices:
                        self.error(no_such("verb", word, self.verbs.choices))
                    return
                if before.endswith(","):
                    self.error(f"{before} {word}: a list has commas and no spaces, or quotes around it")
            elif " " in word:  # argparse takes it for no option either
                continue
            elif name not in options:
                self.error(self._no_option(name))
            elif name in seen and options[name].nargs != 0 and not isinstance(options[name], argparse._AppendAction):
                several = " (with commas between its values)" * (options[name].metavar in ("NAMES", "VALUES"))
                self.error(f"{name} is given twice: pass it once{several}")
            seen.add(name)

    def _no_option(self, name: str) -> str:
        if self.verbs is not None:
            return f"no option {name} before {self.verbs.metavar}: options come after that"
        known = [*self._option_string_actions, *self.instead]
        meant = closest(OPTION.sub("--", name, count=1), known)
        return f"no option {name}" + (f": did you mean {self.instead.get(meant, meant)}?" if meant else " (see --help)")


def whole(text: str) -> int:
    """A whole number as people write it: not 1_0, which Python takes. Raises ValueError."""
    return int(text.replace("_", "?"))


def number(text: str) -> float:
    """A number as people write it, likewise."""
    return float(text.replace("_", "?"))


def closest(word: str, known: Iterable[str]) -> str | None:
    """What was probably meant; None where nothing comes close, or several equally."""
    alike = [(difflib.SequenceMatcher(None, each, word[:80].lower()).ratio(), each) for each in known]
    (best, meant), *others = sorted(alike, reverse=True)
    return meant if best >= CLOSE and best > max((other for other, _ in others), default=0) else None


def no_such(kind: str, word: str, known: Iterable[str]) -> str:
    """no profile 'dmeo', did you mean demo? One of demo, cpu."""
    known = list(known)
    meant = closest(word, known)
    return f"no {kind} {brief(word)!r}{f', did you mean {meant}? One' if meant else ': one'} of {', '.join(known)}"


def answer(name: str, parser: Parser, arguments: Sequence[str] | None) -> int:
    """Run the command that was typed. Exit codes: its own, 1 for a disk or folder that fails, 2 for a bad argument, 130
    for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal has no letters for is written out, as in \u03b1
            stream.reconfigure(errors="backslashreplace")
    try:
        typed = sys.argv[1:] if arguments is None else arguments
        if odd := [text for text in typed if not is_plain(text)]:  # NUL ends a path, a newline a message
            kind = (
                "letters that this locale cannot read" if re.search("[\ud800-\udfff]", odd[0]) else "control characters"
            )
            raise UsageError(f"an argument holds {kind}: {brief(odd[0])}")
        given = parser.parse_args(typed)
        return int(given.command(given))
    except UsageError as error:
        print(f"{name}: {message(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the output went to `head` or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # a sweep has its own way to stop
        print(f"{name}: stopped; what was written is whole", file=sys.stderr)
        return 130
    except OSError as error:  # a disk that filled up, a folder taken away: what is finished is kept
        from paper_repro import files  # here, because declarations load the cell alone

        print(f"{name}: {brief(files.said(error), 1000)}", file=sys.stderr)
        return 2 if error.errno == errno.ENAMETOOLONG else 1
