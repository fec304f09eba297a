"""A document as Markdown, beside a folder of its pictures and of the records behind them as CSV."""

from __future__ import annotations

from analysis.results.document import Block, Bullets, Code, Document, Folded, Heading, Paragraph, Picture, Table, inline

FIGURES = "figures"


def page(document: Document) -> str:
    """The whole text."""
    return f"# {document.title}\n\n" + "\n\n".join(_block(block).rstrip("\n") for block in document.blocks) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<a id="{block.anchor}"></a>\n\n{"#" * block.level} {_text(block.text)}'
    if isinstance(block, Paragraph):
        return _text(block.text)
    if isinstance(block, Bullets):
        return "\n".join(f"- {_text(item)}" for item in block.items)
    if isinstance(block, Code):
        return "\n".join(f"    {line}" for line in block.text.splitlines())
    if isinstance(block, Picture):
        return f"![{block.words}]({FIGURES}/{block.name}.png)"
    if isinstance(block, Folded):
        return f"{_text(block.summary)}: [{FIGURES}/{block.stem}.csv]({FIGURES}/{block.stem}.csv)"
    return _table(block)


def _table(table: Table) -> str:
    rows = tuple(tuple(_text(cell).replace("|", "\\|") for cell in row) for row in table.rows)
    caption = f"{_text(table.caption)}\n\n" if table.caption else ""
    return caption + Table(table.header, rows).markdown()


def _text(words: str) -> str:
    return "".join(_inline(*part) for part in inline(words))


def _inline(kind: str, words: str, target: str) -> str:
    if kind == "link":
        if target.startswith("#claim-"):  # rows of a table have no anchors here
            target = "#claims"
        stem = target.removeprefix("records:").partition("/")[0]
        return f"[{words}]({f'{FIGURES}/{stem}.csv' if target.startswith('records:') else target})"
    safe = words.replace("<", "&lt;")  # Markdown may hold HTML
    return {"bold": f"**{safe}**", "code": f"`{words}`"}.get(kind, safe)
