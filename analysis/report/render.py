"""The report's Markdown as one HTML page that needs nothing else, and its tables as LaTeX."""

import base64
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from analysis.results.markdown import Table

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
PAGE, STYLE, TABLE, DOCUMENT = (
    Path(__file__).with_name(name).read_text(encoding="utf-8")
    for name in ("page.html", "style.css", "table.tex", "all.tex")
)
RECORDS = re.compile(r"figures/([^#]+)\.csv(?:#(.+))?")  # a link to the rows behind a figure, or to one of them
OUTCOME = re.compile(r"<strong>((holds|true)|(does not hold|slip)|open|premise absent|not run)(?=[ (\w)]*</strong>)")
FOLDED, UNFOLDED = "Further results", "Claims"  # chapters: of what is folded, and in which no table is
MOST_ROWS = 8  # of a table that is not folded
LONGEST = 600  # letters of a value in a table of records
# A region that scrolls by itself, so that on a phone the page does not; a keyboard must be able to reach it.
WIDE = '<div class="wide" tabindex="0" role="region" aria-label="table"><table>'


def page(text: str, folder: Path) -> str:
    """The whole page: images, and the rows of each CSV that the text links to, are read from the folder and put in."""
    tokens = list(_folded(MARKDOWN.parse(text)))
    stems: dict[str, None] = {}
    headings: dict[str, str] = {}
    for token, after in zip(tokens, [*tokens[1:], _html("")], strict=True):
        if token.type == "heading_open":
            token.attrSet("id", anchor := re.sub(r"[^\w -]", "", after.content.lower()).replace(" ", "-"))
            if token.tag == "h2":
                headings[anchor] = after.content
        for part in token.children or []:
            if part.type == "image":
                part.attrs["src"] = _embedded(folder / str(part.attrs["src"]))
            elif part.type == "link_open" and (link := RECORDS.fullmatch(str(part.attrs["href"]))):
                stems[link[1]] = None
                part.attrs["href"] = f"#r-{link[2]}" if link[2] else f"#records-{link[1]}"
    body = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}).replace("<table>", WIDE)
    body = OUTCOME.sub(lambda m: f'<strong class="{"holds" if m[2] else "fails" if m[3] else "open"}">{m[1]}', body)
    return PAGE.format(
        title=escape(tokens[1].content), style=STYLE,
        contents="\n".join(f'<li><a href="#{anchor}">{escape(words)}</a></li>' for anchor, words in headings.items()),
        body=body.replace("</table>", "</table></div>"), records="\n".join(_records(list(stems), folder)),
    )  # fmt: skip


def _folded(tokens: Sequence[Token]) -> Iterator[Token]:
    """With each section below FOLDED behind its title, and long tables of results behind a line: closed, and so in
    print too, until somebody opens them."""
    chapter, is_open = "", False
    for place, token in enumerate(tokens):
        if is_open and token.type == "heading_open":
            yield _html("</details>")
            is_open = False
        if token.type == "heading_open" and token.tag == "h2":
            chapter = tokens[place + 1].content
        is_title = chapter == FOLDED and token.tag == "h3"
        if token.type == "table_open" and chapter not in ("", UNFOLDED):
            end = next(at for at in range(place, len(tokens)) if tokens[at].type == "table_close")
            rows = sum(each.type == "tr_open" for each in tokens[place:end]) - 1
            if rows > MOST_ROWS:
                yield _html(f"<details><summary>{rows} rows</summary>")
                tokens[end].meta["folded"] = True
        if token.type == "heading_open" and is_title:
            yield _html("<details><summary>")
        yield token
        if token.meta.get("folded"):
            yield _html("</details>")
        if token.type == "heading_close" and is_title:
            yield _html("</summary>")
            is_open = True


def _html(text: str) -> Token:
    return Token("html_block", "", 0, content=f"{text}\n")


def _embedded(path: Path) -> str:
    """A PNG as a data: address, in 256 colours of its own, which halves it and changes nothing that is seen."""
    smaller = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(smaller, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(smaller.getvalue()).decode()}"


def _records(stems: Sequence[str], folder: Path) -> Iterator[str]:
    """Each CSV as a table behind its name. A record that two figures share stands twice; links lead to the first."""
    seen: set[str] = set()
    for stem in stems:
        with open(folder / "figures" / f"{stem}.csv", newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        place = header.index("id") if "id" in header else -1
        yield f'<details class="records" id="records-{escape(stem)}">'
        yield f"<summary>{escape(stem)}: {len(rows)} rows</summary>\n{WIDE}"
        yield f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr></thead>\n<tbody>"
        for row in rows:
            name = row[place] if place >= 0 else ""
            anchor = f' id="r-{escape(name)}"' if name and name not in seen else ""
            seen.add(name)
            yield f"<tr{anchor}>{''.join(f'<td>{escape(_short(value))}</td>' for value in row)}</tr>"
        yield "</tbody></table></div></details>"


def _short(value: str) -> str:
    try:
        return f"{float(value):.6g}" if "." in value else value
    except ValueError:
        return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_\allowbreak{}", "{": r"\{",
    "}": r"\}", "~": r"$\sim$", "^": r"\^{}", "<": r"$<$", ">": r"$>$", "α": r"$\alpha$", "β": r"$\beta$",
    "η": r"$\eta$", "λ": r"$\lambda$", "ρ": r"$\rho$", "±": r"$\pm$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$",
    "·": r"$\cdot$", "–": "--", "−": "$-$", "|": r"$|$", "-": "-", "[": "{[}", "]": "{]}", '"': "''",
}  # fmt: skip
MARKED = {"strong_open": r"\textbf{", "strong_close": "}"}
BREAK = re.compile(r"[\s_-]+")  # where TeX may break a line
LETTER, BESIDE = 0.0105, 0.014  # of the line: a letter of footnote size, and the space beside a column


def latex(table: Table) -> str:
    """A longtable of booktabs: columns wrap, and share the width of the line by what they hold."""
    column = r">{\raggedright\arraybackslash}p{\dimexpr %.4f\linewidth-2\tabcolsep\relax}"
    return TABLE % {
        "columns": "".join(column % share for share in _shares(table)), "caption": tex(table.caption),
        "name": table.name, "head": " & ".join(rf"\textbf{{{tex(cell)}}}" for cell in table.header),
        "rows": "\n".join(" & ".join(map(tex, row)) + r" \\" for row in table.rows),
    }  # fmt: skip


def latex_document(names: Sequence[str]) -> str:
    """A document of its own that takes in the tables of these names."""
    return DOCUMENT % "\n".join(f"\\input{{{name}}}" for name in names)


def tex(text: str) -> str:
    """Inline Markdown as LaTeX. Links lose their target: print has none."""
    parts = []
    for part in _inline(text):
        words = unicodedata.normalize("NFKD", "".join(SPECIAL.get(letter, letter) for letter in part.content))
        words = words.encode("ascii", "ignore").decode()  # of é the e: pdflatex has no sign for all letters
        parts.append(MARKED.get(part.type) or (rf"\texttt{{{words}}}" if part.type == "code_inline" else words))
    return "".join(parts).strip()


def _inline(text: str) -> Sequence[Token]:
    return MARKDOWN.parseInline(text)[0].children or []


def _shares(table: Table) -> list[float]:
    """Every column has room for its longest word; the rest is shared out by how much there is to say."""
    rows = [["".join(part.content for part in _inline(cell)) for cell in row] for row in (table.header, *table.rows)]
    columns = list(zip(*rows, strict=True))
    least = [LETTER * max(len(word) for cell in column for word in BREAK.split(cell)) + BESIDE for column in columns]
    weights = [max(map(len, column)) ** 0.75 for column in columns]
    rest = max(0.0, 1 - sum(least))
    return [low + rest * weight / sum(weights) for low, weight in zip(least, weights, strict=True)]
