"""Words from files, made fit for one line of a terminal: there control characters move, hide and forge what is read."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence

# Control characters, line and paragraph separators, what turns the direction of writing, halves of characters.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LONGEST = 300  # characters of a file's own words in a message


def is_plain(text: str) -> bool:
    """Whether it can be shown as it is, in one line."""
    return not UNPRINTABLE.search(text)


def plain(text: str) -> str:
    """The text in one line, with \\x1b and the like written out."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def brief(text: object, longest: int = LONGEST) -> str:
    """The text in one line that is not too long."""
    words = str(text)
    cut = words if len(words) <= longest else f"{words[: longest // 2]} ... {words[-longest // 2 :]}"
    return plain(cut)


def message(error: Exception) -> str:
    """What an error says, line by line, whatever of a file's or a user's own words is in it."""
    return "\n".join(brief(line, 10 * LONGEST) for line in str(error).splitlines())


def command(*words: object) -> str:
    """A command line that can be pasted into a shell: what holds spaces, quotes and the like is quoted."""
    return shlex.join(map(str, words))


def python_m(*words: object) -> str:
    """`python -m ...` as it can be pasted here: by its path where the `python` of the shell is not this one."""
    ours = sys.executable or "python"
    shells = shutil.which("python")
    if shells and os.path.realpath(os.path.dirname(shells)) == os.path.realpath(os.path.dirname(ours)):
        ours = "python"
    near = os.path.relpath(ours) if os.path.isabs(ours) else ours
    return command(ours if near.startswith(os.pardir) else near, "-m", *words)


def typed(number: float) -> str:
    """A number as people type it: 0.1, 1e-5, 3."""
    return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{number:.12g}")


def price(seconds: float, unit: str = "core") -> str:
    """Time times cores or GPUs: '2.5 core-hours', '3.6 core-minutes'."""
    hours = seconds / 3600
    if seconds < 60:
        return f"{seconds:.2g} {unit}-seconds"
    if hours < 1:
        return f"{60 * hours:.2g} {unit}-minutes"
    return f"{hours:.3g} {unit}-hours" if hours < 100 else f"{hours:,.0f} {unit}-hours"


def duration(seconds: float) -> str:
    """A time in the unit that people would use: '12 s', '3.6 min', '2.5 hours', '4.2 days'; of three digits at most."""
    for limit, unit, name in ((100, 1, "s"), (100 * 60, 60, "min"), (72 * 3600, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / unit:.2g} {name}" if seconds < 10 * unit else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:,.1f} days" if seconds < 100 * 86400 else f"{seconds / 86400:,.0f} days"


def span(values: Sequence[float], words: Callable[[float], str]) -> str:
    """'3 min to 2 hours'; once where both read alike."""
    low, high = words(min(values)), words(max(values))
    return low if low == high else f"{low} to {high}"
