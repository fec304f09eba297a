"""A document's parts, free of any format. Texts hold **bold**, `code` and [links](target) alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows as long as the header. name: of its file, where it gets one; caption: one sentence or two."""

    header: Cells
    rows: tuple[Cells, ...]
    name: str = ""
    caption: str = ""

    def markdown(self) -> str:
        """As a table of Markdown, ending in a newline."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def markdown(tables: Sequence[Table]) -> str:
    """Tables under each other."""
    return "\n".join(table.markdown() for table in tables)
