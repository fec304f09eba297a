"""What all command lines here share: one parser, errors of one line, exit codes, and words fit for any terminal."""

import argparse
import difflib
import functools
import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

# In a terminal these move, hide and forge what is read: control characters, line and paragraph separators, what turns
# the direction of writing, halves of characters.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
T = TypeVar("T")
OPTION = re.compile(r"[-\u2010-\u2015\u2212]+(?=[^\W\d_])")  # also with the dashes that word processors make


class UsageError(ValueError):
    """A bad argument, setting or input file: one line (two for data) on stderr and exit code 2."""


class Parser(argparse.ArgumentParser):
    """Takes options by their whole names, each once and not empty; says what an unknown one was meant to be."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.register("action", None, _StoreOnce)
        for kind in (int, float):
            self.register("type", kind, functools.partial(number, kind=kind))
        self.instead: dict[str, str] = {}  # what to type for options that people expect and that there are not

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        namespace, rest = super().parse_known_args(args, namespace)
        known = {option: option for option in self._option_string_actions} | self.instead
        for name in [word.partition("=")[0] for word in rest if OPTION.match(word)]:
            meant = closest(OPTION.sub("--", name, count=1), known)
            self.error(f"no option {name}: " + (f"did you mean {known[meant]}?" if meant else "see --help"))
        return namespace, rest

    def error(self, message: str) -> NoReturn:
        raise UsageError(brief(message))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if not arg_string.strip() and action.nargs != argparse.PARSER:
            raise argparse.ArgumentError(action, "it is empty")
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            kind = "choice" if action.option_strings else "verb" if action.nargs == argparse.PARSER else action.dest
            raise argparse.ArgumentError(action, no_such(kind, str(value), action.choices))


class _StoreOnce(argparse.Action):
    """What is typed twice is refused: argparse would take the last in silence."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        seen = vars(namespace).setdefault("_seen", set())
        if option_string and self.dest in seen:
            raise argparse.ArgumentError(self, "given twice")
        seen.add(self.dest)
        setattr(namespace, self.dest, values)


def run_command(parser: Parser, arguments: Sequence[str] | None) -> int:
    """Run the typed command; its exit code, or 1 for a failing disk, 2 for a bad argument, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal has no letters for is written out, as in \u03b1
            stream.reconfigure(errors="backslashreplace")
    try:
        words = sys.argv[1:] if arguments is None else arguments
        for word in words:
            if not is_plain(word):  # NUL ends a path, a newline a message
                raise UsageError(f"an argument holds characters that cannot be printed: {brief(word)}")
        args = parser.parse_args(words)
        return int(args.command(args))
    except UsageError as error:
        text, code = "\n".join(brief(line, 3000) for line in str(error).splitlines()), 2
    except BrokenPipeError:  # the output went to `head` or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # a sweep has its own way to stop
        text, code = "stopped; what was written is whole", 130
    except OSError as error:  # a disk that filled up, a folder taken away: what is finished is kept
        from paper_repro import files  # here, because declarations load the cell alone

        text, code = brief(files.error_line(error), 1000), 1
    print(f"{parser.prog.split()[-1]}: {text}", file=sys.stderr)
    return code


def number(text: str, kind: Callable[[str], T]) -> T:
    """An int or a float as people write it: not 1_0, which Python takes. Raises ValueError."""
    return kind(text.replace("_", "?"))


def closest(word: str, known: Iterable[str]) -> str | None:
    """What was probably meant; None where nothing comes close."""
    names = {name.lower(): name for name in known}
    return next((names[name] for name in difflib.get_close_matches(word[:80].lower(), names, 1)), None)


def no_such(kind: str, word: str, known: Iterable[str]) -> str:
    """no profile 'dmeo', did you mean demo? One of demo, cpu."""
    known = list(known)
    meant = closest(word, known)
    return f"no {kind} {brief(word)!r}{f', did you mean {meant}? One' if meant else ': one'} of {', '.join(known)}"


def is_plain(text: str) -> bool:
    """Whether it can be shown as it is, in one line."""
    return not UNPRINTABLE.search(text)


def plain(text: str) -> str:
    """The text in one line, with \\x1b and the like written out."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def brief(text: object, longest: int = 300) -> str:
    """The text in one line of so many characters at most."""
    words = str(text)
    return plain(words if len(words) <= longest else f"{words[: longest // 2]} ... {words[-longest // 2 :]}")


def python_m(*words: object) -> str:
    """`python -m ...` to be pasted here: by its path where the `python` of the shell is another."""
    shells, near = shutil.which("python"), os.path.relpath(sys.executable)
    if shells and os.path.samefile(os.path.dirname(shells), os.path.dirname(sys.executable)):
        near = "python"
    return shlex.join([sys.executable if near.startswith(os.pardir) else near, "-m", *map(str, words)])


def typed(number: float) -> str:
    """A number as people type it: 0.1, 1e-5, 3."""
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].strip("+"), f"{number:.12g}")


def price(seconds: float, unit: str = "core") -> str:
    """Time times cores or GPUs: '2.5 core-hours', '3.6 core-minutes'."""
    if seconds < 3600:
        return f"{seconds:.2g} {unit}-seconds" if seconds < 60 else f"{seconds / 60:.2g} {unit}-minutes"
    return f"{seconds / 3600:.3g} {unit}-hours" if seconds < 360_000 else f"{seconds / 3600:,.0f} {unit}-hours"


def duration(seconds: float) -> str:
    """A time in the unit that people would use: '12 s', '3.6 min', '26 hours', '4.2 days'."""
    units = ((100, 1, "s"), (6000, 60, "min"), (72 * 3600, 3600, "hours"), (float("inf"), 86400, "days"))
    amount, name = next((seconds / unit, name) for limit, unit, name in units if seconds < limit)
    return f"{amount:.2g} {name}" if amount < 10 else f"{amount:,.0f} {name}"


def span(values: Sequence[float], words: Callable[[float], str]) -> str:
    """'3 min to 2 hours'; once where both read alike."""
    low, high = words(min(values)), words(max(values))
    return low if low == high else f"{low} to {high}"
