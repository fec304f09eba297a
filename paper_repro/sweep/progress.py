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
    """Cells done, diverged and failed, images a second, and the time left, from the share of the work that is done.

    total: cells of the sweep, finished ones included; work: what the missing ones cost, in any unit.
    """

    def __init__(self, total: int, work: int, outcome: Outcome) -> None:
        self._total, self._work, self._outcome = total, work, outcome
        self._started, self._shown = time.monotonic(), 0.0
        form = "{percentage:3.0f}% |{bar}| {desc}"
        self._bar = tqdm(total=work, bar_format=form, disable=not sys.stderr.isatty())

    def say(self, text: str) -> None:
        """A line of its own that stays."""
        with suppress(OSError):  # a log on a disk that is full
            tqdm.write(text, file=sys.stderr)

    def show(self, worked: int, images: int, last: bool = False) -> None:
        """worked: so much of the work is done. images: on which the network was trained since the start."""
        seconds = time.monotonic() - self._started
        left = f"{duration(seconds * (self._work / worked - 1))} left" if worked else "starting"
        finished, diverged, failed = map(len, (self._outcome.finished, self._outcome.diverged, self._outcome.failed))
        rate = f"{images:,} images; this machine: {images / seconds:,.0f} images/s; " if images and seconds else ""
        line = f"{finished + diverged}/{self._total} cells done, {diverged} diverged, {failed} failed; {rate}{left}"
        if not self._bar.disable:
            self._bar.n = worked
            self._bar.set_description_str(line)
        elif last or time.monotonic() - self._shown > PLAIN_SECONDS:
            self._shown = time.monotonic()
            self.say(line)
        if last:
            self._bar.close()
