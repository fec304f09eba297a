"""What a running sweep shows: a progress bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tqdm import tqdm

from paper_repro.cli import duration

if TYPE_CHECKING:
    from paper_repro.sweep.engine import Outcome

PLAIN_SECONDS = 15  # between two plain lines


class Display:
    """Cells done, diverged and failed, rate and time left, from the share of the work that is done.

    total: cells of the sweep, finished ones included; work: what the missing ones cost, in any unit.
    """

    def __init__(self, total: int, work: int, outcome: Outcome) -> None:
        self._total, self._work, self._outcome = total, work, outcome
        self._before, self._started, self._shown = self._done(), time.monotonic(), 0.0
        self._bar = tqdm(total=total, initial=self._before, unit="cell", bar_format="{percentage:3.0f}% |{bar}| {desc}",
                         disable=not sys.stderr.isatty())  # fmt: skip

    def say(self, text: str) -> None:
        """A line of its own that stays."""
        with suppress(OSError):  # a log on a disk that is full
            tqdm.write(text, file=sys.stderr)

    def show(self, worked: int, last: bool = False) -> None:
        """worked: so much of the work is done."""
        seconds, done = time.monotonic() - self._started, self._done()
        rate = 60 * (done - self._before) / seconds if seconds else 0.0
        left = f"{duration(seconds * (self._work / worked - 1))} left" if worked else "starting"
        counts = f"{len(self._outcome.diverged)} diverged, {len(self._outcome.failed)} failed"
        line = f"{done}/{self._total} done, {counts}, {rate:.1f} cells/min, {left}"
        if not self._bar.disable:
            self._bar.n = done
            self._bar.set_description_str(line)
        elif last or time.monotonic() - self._shown > PLAIN_SECONDS:
            self._shown = time.monotonic()
            self.say(line)
        if last:
            self._bar.close()

    def _done(self) -> int:
        return len(self._outcome.finished) + len(self._outcome.diverged)
