"""Inline marks and tables, in every format that a report has."""

import pytest

from analysis.report import html, latex, markdown
from analysis.results.document import Bullets, Code, Document, Folded, Heading, Paragraph, Picture, Table, inline

PIXEL = b"\x89PNG\r\n\x1a\n"
TABLE = Table(
    ("a & b", "λ"), (("**supported**: 1 < 2", "50 %"), ("[row](records:fig/x-1)", "`a_b`")), "one", "About λ*."
)
DOCUMENT = Document(
    "A <title>",
    (
        Heading(2, "First", "first"),
        Paragraph("See [records](records:fig), [there](#first) and [paper](https://arxiv.org/abs/1711.05101)."),
        Bullets(("one", "**two**")),
        Code("python -m analysis <report>"),
        TABLE,
        Picture("fig", PIXEL, 'says "hello"'),
        Folded("fig: 1 record", Table(("id",), (("x-1",),), anchors=("r-x-1",)), "fig"),
    ),
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", [("plain", "plain", "")]),
        ("a **b** `c`", [("plain", "a ", ""), ("bold", "b", ""), ("plain", " ", ""), ("code", "c", "")]),
        ("[d](#e)", [("link", "d", "#e")]),
        ("-0.65 [-0.72, -0.42] (2 rows)", [("plain", "-0.65 [-0.72, -0.42] (2 rows)", "")]),  # an interval is no link
    ],
)
def test_marks(text: str, parts: list[tuple[str, str, str]]) -> None:
    assert list(inline(text)) == parts


def test_a_page_needs_nothing_else_and_escapes_what_it_is_given() -> None:
    page = html.page(DOCUMENT)
    assert "<title>A &lt;title&gt;</title>" in page
    assert "a &amp; b" in page
    assert '<strong class="supported">supported</strong>: 1 &lt; 2' in page
    assert 'alt="says &quot;hello&quot;" src="data:image/png;base64,iVBORw0KGgo="' in page
    assert "<script" not in page
    assert page.count('src="') == page.count('src="data:')


def test_links_lead_to_the_records_within_the_page() -> None:
    page = html.page(DOCUMENT)
    for target in ("records-fig", "r-x-1", "first"):
        assert f'href="#{target}"' in page
        assert f'id="{target}"' in page


def test_markdown_leads_to_the_files_beside_it() -> None:
    page = markdown.page(DOCUMENT)
    assert "[records](figures/fig.csv), [there](#first) and [paper](https://arxiv.org/abs/1711.05101)" in page
    assert "| [row](figures/fig.csv) | `a_b` |" in page
    assert '![says "hello"](figures/fig.png)' in page
    assert "    python -m analysis <report>" in page


def test_latex_is_escaped_and_whole() -> None:
    text = latex.table(TABLE)
    assert r"a \& b" in text
    assert r"\textbf{supported}: 1 $<$ 2 & 50 \% \\" in text
    assert r"\caption{About $\lambda$*.}\label{tab:one}" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert latex.text("About it. ([records](records:fig), [the paper's](records:published))") == "About it."
    assert latex.text("é ™") == "e TM"  # what pdflatex has no sign for is spelt out
    assert r"\input{one}" in latex.document(["one"])
