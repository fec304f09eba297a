"""Tables as Markdown (what the commands print, the pages show and the report is made of) and as CSV."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paper_repro.cli import plain

Cells = tuple[str, ...]
MARKS = re.compile(r"[\\`*_\[\]|<>&~]")


@dataclass(frozen=True)
class Table:
    """Rows of Markdown, as long as the header. name: of its LaTeX file; caption: one sentence or two."""

    header: Cells
    rows: tuple[Cells, ...]
    name: str = ""
    caption: str = ""

    def __str__(self) -> str:
        return f"{self.caption}\n\n{self.markdown()}".strip()

    def markdown(self) -> str:
        """Without the caption, ending in a newline."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def literal(text: object) -> str:
    """Words from a file, none of which is to be taken for a mark of Markdown or a tag."""
    return MARKS.sub(lambda mark: f"&#{ord(mark[0])};", plain(str(text)))


def csv_text(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV; None is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
