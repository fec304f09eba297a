"""A document's parts, free of any format. Texts hold **bold**, `code` and [links](target) alone.

A link's target is an address, "#anchor", or "records:STEM" for the records behind a figure, "records:STEM/ID" for one
of them: each format knows where it has those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paper_repro.cli import plain

Cells = tuple[str, ...]
MARKS = re.compile(r"[\[\]*`|]")
INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<link>[^\]]+)\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Table:
    """Rows as long as the header. name: of its file, where it gets one; caption: one sentence or two. anchors: what
    links to single rows name, empty where a row has none."""

    header: Cells
    rows: tuple[Cells, ...]
    name: str = ""
    caption: str = ""
    anchors: Cells = ()

    def markdown(self) -> str:
        """As a table of Markdown, ending in a newline."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


@dataclass(frozen=True)
class Heading:
    """level: 2 for a chapter, 3 for a section. anchor: what links name."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Lines to type, or to paste."""

    text: str


@dataclass(frozen=True)
class Picture:
    """name: of its files, without an ending. words: what it shows, for those who do not see it."""

    name: str
    png: bytes
    words: str


@dataclass(frozen=True)
class Folded:
    """A long table behind its summary: the records of a figure, named by its stem."""

    summary: str
    table: Table
    stem: str


Block = Heading | Paragraph | Bullets | Code | Table | Picture | Folded


@dataclass(frozen=True)
class Document:
    title: str
    blocks: tuple[Block, ...]


def literal(text: object) -> str:
    """Words from a file, none of which is to be taken for a mark: signs that are marks become question marks."""
    return MARKS.sub("?", plain(str(text)))


def inline(text: str) -> Iterator[tuple[str, str, str]]:
    """The parts of a text: kind ("plain", "bold", "code", "link"), words and target."""
    end = 0
    for found in INLINE.finditer(text):
        if found.start() > end:
            yield "plain", text[end : found.start()], ""
        kind = found.lastgroup if found.lastgroup != "target" else "link"
        assert kind is not None
        yield kind, found[kind], found["target"] or ""
        end = found.end()
    if end < len(text):
        yield "plain", text[end:], ""


def markdown(tables: Sequence[Table]) -> str:
    """Tables under each other."""
    return "\n".join(table.markdown() for table in tables)
