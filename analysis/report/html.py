"""A document as one HTML page that needs nothing else: pictures within it, no script, no outside address loaded."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from analysis.results.document import (
    Block,
    Bullets,
    Cells,
    Code,
    Document,
    Folded,
    Heading,
    Paragraph,
    Picture,
    Table,
    inline,
)

STYLE = Path(__file__).with_name("style.css")
SAFE = re.compile("https?://|#")  # of links: others may run something
OUTCOMES = {"supported", "contradicted", "undecided", "not run"}


def page(document: Document) -> str:
    """The whole page."""
    body = "\n".join(_block(block) for block in document.blocks)
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(document.title)}</h1>\n{_contents(document.blocks)}\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Inline marks as HTML."""
    return "".join(_inline(*part) for part in inline(words))


def _inline(kind: str, words: str, target: str) -> str:
    safe = escape(words)
    if kind == "bold":
        mark = f' class="{words.replace(" ", "-")}"' if words in OUTCOMES else ""
        return f"<strong{mark}>{safe}</strong>"
    if kind == "code":
        return f"<code>{safe}</code>"
    if kind == "link" and SAFE.match(_target(target)):
        return f'<a href="{escape(_target(target))}">{safe}</a>'
    return safe


def _target(target: str) -> str:
    stem, _, record = target.removeprefix("records:").partition("/")
    if not target.startswith("records:"):
        return target
    return f"#r-{record}" if record else f"#records-{stem}"


def _contents(blocks: Sequence[Block]) -> str:
    chapters = [block for block in blocks if isinstance(block, Heading) and block.level == 2]
    links = "\n".join(f'<li><a href="#{chapter.anchor}">{text(chapter.text)}</a></li>' for chapter in chapters)
    return f'<nav aria-label="Contents"><ul>\n{links}\n</ul></nav>'


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{block.anchor}">{text(block.text)}</h{block.level}>'
    if isinstance(block, Paragraph):
        return f"<p>{text(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>\n" + "\n".join(f"<li>{text(item)}</li>" for item in block.items) + "\n</ul>"
    if isinstance(block, Code):
        return f"<pre>{escape(block.text)}</pre>"
    if isinstance(block, Picture):
        data = base64.b64encode(block.png).decode()
        return (
            f'<figure id="{block.name}"><img alt="{escape(block.words)}" src="data:image/png;base64,{data}"></figure>'
        )
    if isinstance(block, Folded):
        inner = _table(block.table)
        return f'<details id="records-{block.stem}"><summary>{text(block.summary)}</summary>\n{inner}</details>'
    return _table(block)


def _table(table: Table) -> str:
    head = "".join(f"<th>{text(cell)}</th>" for cell in table.header)
    anchors = table.anchors or ("",) * len(table.rows)
    rows = "\n".join(_row(table.header, row, anchor) for row, anchor in zip(table.rows, anchors, strict=True))
    caption = f'<p class="caption">{text(table.caption)}</p>\n' if table.caption else ""
    # A region that scrolls by itself, so that on a phone the page does not; a keyboard must be able to reach it.
    inner = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'{caption}<div class="wide" tabindex="0" role="region" aria-label="table"><table>{inner}</table></div>'


def _row(header: Cells, row: Cells, anchor: str) -> str:
    """Each cell names its column: on a phone a row stands as a block, one cell a line."""
    name = f' id="{escape(anchor)}"' if anchor else ""
    cells = (
        f'<td data-column="{escape(column)}">{text(cell)}</td>' if cell else "<td></td>"
        for column, cell in zip(header, row, strict=True)
    )
    return f"<tr{name}>{''.join(cells)}</tr>"
